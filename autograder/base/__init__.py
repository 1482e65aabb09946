"""What every other package needs, without importing any of them: errors, languages, files, YAML records."""

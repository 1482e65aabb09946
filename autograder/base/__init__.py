"""What every package needs and nothing of ours is needed for: errors, languages, files, YAML records."""

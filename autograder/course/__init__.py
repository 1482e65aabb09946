"""A course on disk: its assignments, their settings, submissions and mutants."""

"""Quizzes for other places. Each exporter says what its target cannot express; nothing is lost silently."""

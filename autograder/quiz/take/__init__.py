"""Taking a quiz: what is released of it, a student's answers, the screens they see."""

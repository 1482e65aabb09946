"""From answer sheets to marks, scores and statistics, without running anybody's code or loading torch."""

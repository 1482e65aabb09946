"""From answer sheets to marks, scores and statistics; nobody's code is run and torch is not loaded."""

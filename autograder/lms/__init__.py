"""Between this course and learning management systems: their downloads come in, scores go out."""

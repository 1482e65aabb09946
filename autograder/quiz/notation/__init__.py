"""How shapes, numbers, expressions and formulas are written, and how they are read."""

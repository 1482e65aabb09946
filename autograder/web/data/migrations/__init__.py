"""How the tables became what they are: a revision per change, in the order of their numbers. None is ever edited."""

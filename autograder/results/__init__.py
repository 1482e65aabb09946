"""Records of what grading found: the packages that find it make them, all others only read them."""

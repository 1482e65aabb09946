"""Lets students check their own work: once, at every save, in a notebook."""

"""Students check their own work: once, at every save, in a notebook."""

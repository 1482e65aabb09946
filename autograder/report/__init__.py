"""Shows results: as tables in terminals, as HTML in notebooks and pages. Only the command line prints."""

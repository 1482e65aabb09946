"""What people see of results: tables for terminals, HTML for notebooks. Only the command line prints."""

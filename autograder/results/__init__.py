"""What grading found, as records: other packages read them, only the packages that find something make them."""

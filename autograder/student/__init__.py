"""A submission as a rubric calls it: its functions, here or in a confined process, and what they raise."""

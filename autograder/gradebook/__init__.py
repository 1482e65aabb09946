"""nbgrader's gradebook, folders and commands around our engine; nbgrader itself is imported when something is done."""

"""The course in a browser: pages of a web server around the same engine, journal and gradebook."""

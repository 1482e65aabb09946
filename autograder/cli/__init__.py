"""The command line: parse, call, show. Nothing below imports it."""

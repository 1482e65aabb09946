"""The pages, by who uses them: a function per page takes a `Visit` and returns the answer."""

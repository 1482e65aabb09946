"""Reads Otter-Grader's master notebooks and writes assignments from them.

What a master notebook means is taken from Otter's documentation (https://otter-grader.readthedocs.io, "Notebook
Format", "Python Format", "Intercell Seeding") of version 7.0, and of 3.3 for the format that came before raw cells.
"""

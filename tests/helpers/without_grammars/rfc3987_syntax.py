"""Stands before the package of this name, which jsonschema uses if it is there; see ``helpers/stock.py``."""

raise ImportError("for every process it builds 38 grammars")

"""What a proof runs for each option, in the confined worker: modules of one function ``probe(code, args, seed)``.

They use only torch and the standard library, since only their text travels; a certificate covers that text.
"""

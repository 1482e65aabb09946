"""What a proof runs for each option, in the confined worker: modules of one function ``probe(code, args, seed)``.

They know nothing but torch, since only their text travels; their text is part of what a certificate is made for.
"""

"""Turns rubrics into verdicts: criteria, checks, the judge, diagnoses, and the pytest sessions that run them."""

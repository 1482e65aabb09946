"""Proofs that the keys are right, by running every option."""

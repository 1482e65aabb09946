"""Grades many submissions under one rubric: sessions, batches, a cluster, regrading, audits."""

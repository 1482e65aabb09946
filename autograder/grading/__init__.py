"""Many submissions under one rubric: sessions, a batch, a cluster, grading again, audits."""

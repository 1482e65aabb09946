"""The databases that a server may have, and marks for tests of pages that cost much and run on one of them."""

import pytest

SQLITE, POSTGRESQL = "sqlite", "postgresql"
ON_SQLITE = pytest.mark.parametrize("address", [SQLITE], indirect=True)
"""Where the database keeps little: checks; there an engine starts for these."""
ON_POSTGRESQL = pytest.mark.parametrize("address", [POSTGRESQL], indirect=True)
"""Where grading writes much, and an engine starts for it; what `test_browser` does is graded from SQLite."""

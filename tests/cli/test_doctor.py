"""What the doctor says of the sandbox is what was tried: the same attempts succeed where nothing is confined."""

import pytest

from autograder.base.i18n import text
from autograder.cli import doctor
from autograder.sandbox import confine


@pytest.mark.skipif(not confine.is_available(), reason="this machine has no Landlock")
def test_every_attempt_is_told_as_blocked_and_is_blocked_by_the_sandbox(tmp_path):
    without = doctor._try_in_worker(confined=False)
    without.pop("limit")  # an ordinary user may not raise it anyway
    assert all(without.values())
    findings = {finding.name.en: finding for finding in doctor.examine(tmp_path)}
    for words in doctor._attempts().values():
        assert findings[words.en].value == text("blocked")
        assert findings[words.en].ok

"""What a rubric's source tells before it runs; what becomes of it is tested where rubrics run."""

import pytest

from autograder.base.errors import ConfigError
from autograder.rubric.source_reading import refuse_replacements

IMPORTS = "import numpy as np\nimport torch.nn.functional as F\nimport helpers\nfrom unittest import mock\n"


@pytest.mark.parametrize(
    ("source", "is_refused"),
    [
        ("monkeypatch.setattr(np.random, 'beta', f)", True),
        ("monkeypatch.delattr(F, 'softmax')", True),
        ("monkeypatch.setattr('builtins.input', f)", True),
        ("with mock.patch('torch.softmax') as softmax: pass", True),
        ("with mock.patch.object(F, 'softmax'): pass", True),
        ("monkeypatch.setattr(net, 'rate', 3)", False),
        ("monkeypatch.setattr(helpers, 'f', g)", False),
        ("monkeypatch.setenv('HOME', '.')", False),
        ("model = mock.Mock(return_value=3)", False),
    ],
)
def test_what_is_replaced_where_no_code_of_theirs_runs_is_refused(tmp_path, source, is_refused):
    file = tmp_path / "test_it.py"
    file.write_text(f"{IMPORTS}def test_it(student, monkeypatch):\n    {source}\n")
    if not is_refused:
        refuse_replacements(file)
        return
    with pytest.raises(ConfigError, match="replaces it on this side only") as refused:
        refuse_replacements(file)
    assert refused.value.line == 6

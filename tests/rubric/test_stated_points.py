"""The points that a rubric's source states, before anything runs."""

import pytest

from autograder.rubric.stated_points import stated_in

HEAD = '"""What students see."""\nimport torch\nfrom test_other import draw\nfrom autograder import checks, criterion\nN = 3\ndef helper(x):\n    return x\n'
ONE = '@criterion("double", points=2, title="t")\ndef test_double_one(student):\n    pass\n'
CASES = '@pytest.mark.parametrize("n", [1, 2])\n@criterion("double", title="t", points=0.5)\ndef test_double_cases(student, n):\n    pass\n'
OTHER = '@criterion("step", points=4, title="t")\ndef test_step_one(student):\n    pass\n'


@pytest.mark.parametrize(
    ("source", "points"),
    [
        (HEAD + ONE + CASES + OTHER, {"double": 2.5, "step": 4.0}),
        (HEAD, {}),
        (HEAD + ONE.replace("points=2", "points=N"), None),  # what these declare is known only when they run
        (HEAD + ONE.replace('"double"', "NAME"), None),
        (HEAD + ONE.replace("@criterion", "@ours"), None),
        (HEAD + f"if N:\n    {ONE.replace(chr(10), chr(10) + '    ')}", None),
        (HEAD + "from test_other import *\n", None),
        (HEAD + "from test_other import test_double_two\n", None),
        (HEAD + "test_double_two = make()\n", None),
        (HEAD + f"class TestDouble:\n    {ONE.replace(chr(10), chr(10) + '    ')}", None),
        (HEAD + "def test_double(:\n", None),
    ],
)
def test_points_are_known_where_every_test_states_them(source, points, tmp_path):
    file = tmp_path / "test_tiny.py"
    file.write_text(source)
    assert stated_in([file]) == points

"""Item analysis, against a published table and against numpy."""

import json
from collections import Counter

import numpy as np
import pytest
import tiny_quiz as tiny
from command_line import run_quiz

from autograder.quiz.scoring.outcomes import QuestionOutcome, SheetOutcome
from autograder.quiz.scoring.statistics import analyse, cronbach_alpha

# Ten students and ten questions, with difficulties, variances and the variance of the totals as published by K. L. Wuensch,
# East Carolina University, "The Kuder-Richardson 20", core.ecu.edu/wuenschk/StatHelp/KR20.txt
ANSWERS = ["1111110110", "1011011101", "1111011001", "0010001000", "0000010010", "1110111111", "1101110111", "1111111101", "0101111101", "1101101110"]  # fmt: skip
TOTALS = [8, 7, 7, 2, 2, 9, 8, 9, 7, 7]
DIFFICULTIES = [0.7, 0.7, 0.6, 0.7, 0.6, 0.8, 0.7, 0.7, 0.5, 0.6]
VARIANCES = [0.21, 0.21, 0.24, 0.21, 0.24, 0.16, 0.21, 0.21, 0.25, 0.24]
VARIANCE_OF_TOTALS = 5.84


def sheet(name, earned, points=1.0, chosen=()):
    questions = tuple(
        QuestionOutcome(f"q{n}", "right" if e else "wrong", points, e, chosen=chosen) for n, e in enumerate(earned)
    )
    return SheetOutcome(name, "tiny", 1, "scored", sum(earned), points * len(earned), questions)


def test_the_published_table():
    analysis = analyse([sheet(f"s{n}", [float(digit) for digit in line]) for n, line in enumerate(ANSWERS)])
    assert [sum(map(int, line)) for line in ANSWERS] == TOTALS
    assert [item.facility for item in analysis.items] == pytest.approx(DIFFICULTIES)
    assert [item.deviation**2 for item in analysis.items] == pytest.approx(VARIANCES)
    assert analysis.deviation**2 == pytest.approx(VARIANCE_OF_TOTALS)
    assert analysis.alpha == pytest.approx(10 / 9 * (1 - sum(VARIANCES) / VARIANCE_OF_TOTALS))
    assert analysis.error == pytest.approx(np.sqrt(VARIANCE_OF_TOTALS * (1 - analysis.alpha)))


def test_numbers_of_another_program():
    """Partial credit and different points, against numpy's covariance and correlation."""
    rng = np.random.default_rng(5)
    ability = rng.normal(size=(60, 1))
    scores = np.clip(np.round((ability + rng.normal(size=(60, 8))) / 4 + 0.5, 2), 0, 1) * 2
    analysis = analyse([sheet(f"s{n}", line.tolist(), points=2.0) for n, line in enumerate(scores)])
    covariance = np.cov(scores.T, bias=True)
    assert analysis.alpha == pytest.approx(8 / 7 * (1 - np.trace(covariance) / covariance.sum()))
    for n, item in enumerate(analysis.items):
        rest = np.delete(scores, n, axis=1).sum(axis=1)
        assert item.discrimination == pytest.approx(np.corrcoef(scores[:, n], rest)[0, 1])
        largest = np.cov(np.sort(scores[:, n]), np.sort(rest), bias=True)[0, 1]
        assert item.efficiency == pytest.approx(np.cov(scores[:, n], rest, bias=True)[0, 1] / largest)


def test_what_never_varies_has_no_correlation():
    analysis = analyse([sheet(name, [1.0, 1.0]) for name in "ab"])
    assert (analysis.alpha, analysis.error, analysis.deviation) == (None, None, 0)
    assert {(item.discrimination, item.efficiency, item.facility) for item in analysis.items} == {(None, None, 1.0)}
    assert cronbach_alpha([[1.0, 0.0]]) is None
    with pytest.raises(ValueError, match="at least two"):
        analyse([sheet("a", [1.0])])


def test_stats_from_the_command_line(tmp_path):
    tiny.make(tmp_path, tiny.SOURCE[: tiny.SOURCE.index("  - id: varied")])
    rows = [("ann", "B", "AC", "3"), ("bob", "A", "A", "3"), ("eve", "C", "ABCD", ""), ("dan", "B", "AC", "三")]
    (tmp_path / "a.csv").write_text(
        "student,one,some,sum\n" + "\n".join(",".join(row) for row in rows), encoding="utf-8"
    )
    out, _ = run_quiz("stats", "tiny", "a.csv", "--lang", "en", cwd=tmp_path)
    assert "4 students" in out
    (one,) = [line for line in out.splitlines() if line.startswith("one ")]
    assert "50%" in one
    for columns in (60, 50):  # narrow: nothing of a heading is lost
        out, _ = run_quiz("stats", "tiny", "a.csv", "--lang", "zh", cwd=tmp_path, COLUMNS=str(columns))
        assert Counter("选择：全体（前27%/后27%）") <= Counter(out)
    found = json.loads(run_quiz("stats", "tiny", "a.csv", "--json", cwd=tmp_path)[0])
    assert found["students"] == 4
    items = {item["id"]: item for item in found["items"]}
    assert items["one"]["chosen"] == {"A": 0.25, "B": 0.5, "C": 0.25}
    assert items["some"]["chosen"]["A"] == 1
    assert items["sum"]["blank"] == 0.5
    assert "at least two scored sheets" in run_quiz("stats", "tiny", "quizzes/tiny.yaml", cwd=tmp_path, code=2)[1]

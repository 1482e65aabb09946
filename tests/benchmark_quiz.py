"""How fast answer sheets are scored: ``python tests/benchmark_quiz.py [SHEETS]`` prints CPU seconds, per format.

100,000 sheets of 10 questions must take less than 60 s of one core, reading them and writing the results included. One
question of every type but `code`, answered by 100,000 different students: right, wrong, blank, malformed.
"""

import csv
import io
import json
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from autograder.quiz.questions.loading import load
from autograder.quiz.scoring.markers import Variant
from autograder.quiz.scoring.scorer import Scorer
from autograder.quiz.scoring.sheets import read_sheets

sys.path.insert(0, str(Path(__file__).with_name("helpers")))
import tiny_quiz as tiny

VARIANTS = {"varied": [Variant({"n": n, "k": 2}, str(n + 2), ((str(n - 2), 0), (str(n * 2), 1))) for n in range(5, 25)]}
POOL = {
    "one": ["A", "B", "C", "b", "Z", ""],
    "some": ["A, C", "ABC", "A", "D", "none", ""],
    "statement": ["true", "错", "maybe", ""],
    "shapes.W": ["8x1", "（8，1）", "1x8", "torch.Size([8, 1])", "eight", ""],
    "shapes.b": ["1x1", "()", "(1,)", "7x1", ""],
    "words.word": ["bias", "偏置", "weight", ""],
    "words.number": ["0.112", "0.224", "1,5", ""],
    "words.choice": ["A", "列", ""],
    "sum": ["3", "3.0", "1.5", "三", ""],
    "varied": ["7", "25", "12", ""],
    "pairs.a": ["X", "Y", ""],
    "pairs.b": ["X", "4", ""],
    "steps": ["a,b,c,d", "d c b a", "abdc", ""],
}
SOURCE = tiny.SOURCE[: tiny.SOURCE.index("  - id: write")] + (
    "  - {id: again, type: truefalse, prompt: {zh: 三大于二, en: three is more than two}, key: true}\n"
)
POOL["again"] = ["true", "false"]


def table(count: int, rng: random.Random) -> str:
    """A form's export of so many students."""
    out = io.StringIO()
    lines = csv.writer(out)
    lines.writerow(["student", *POOL])
    lines.writerows([f"s{n}", *(rng.choice(values) for values in POOL.values())] for n in range(count))
    return out.getvalue()


def sheets(count: int, rng: random.Random) -> Iterator[str]:
    """So many sheets as JSON lines."""
    for n in range(count):
        answers: dict[str, Any] = {}
        for name, values in POOL.items():
            question, _, part = name.partition(".")
            if part:
                answers.setdefault(question, {})[part] = rng.choice(values)
            else:
                answers[question] = rng.choice(values)
        yield json.dumps({"student": f"s{n}", "answers": answers}, ensure_ascii=False)


def main(count: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        quiz = load(tiny.make(Path(folder), SOURCE))
        assert len(quiz.questions) == 10
        as_table, as_lines = Path(folder) / "a.csv", Path(folder) / "a.jsonl"
        as_table.write_text(table(count, random.Random(1)), encoding="utf-8")
        as_lines.write_text("\n".join(sheets(count, random.Random(1))), encoding="utf-8")
        for path in (as_table, as_lines):
            before = time.process_time()
            scorer = Scorer(quiz, VARIANTS)
            with (Path(folder) / "out.jsonl").open("w", encoding="utf-8") as out:
                total = 0.0
                for sheet in read_sheets([path], quiz):
                    outcome = scorer.score(sheet)
                    assert outcome.score is not None
                    total += outcome.score
                    out.write(json.dumps(outcome.to_dict(), ensure_ascii=False) + "\n")
            spent = time.process_time() - before
            print(
                f"{path.suffix}: {count} sheets, mean {total / count:.3f}, {spent:.1f} s CPU, {spent / count * 1e6:.0f} us each"
            )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)

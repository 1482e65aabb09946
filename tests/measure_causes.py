"""How many mistakes get their name, and how many names are right: the tables in ``tests/rubric/causes``.

python tests/measure_causes.py [--keys N] [ASSIGNMENT...]

The random inputs of the criteria depend on the course key, so a cause may be found with one key and not with another.
"""

import argparse
import sys
import tempfile
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).with_name("helpers")))
from cause_versions import KEY, TABLES, CauseVersion, grade, read


def measured(path: Path, key: bytes) -> list[CauseVersion]:
    """The versions of a table, graded."""
    versions = read(path)
    with tempfile.TemporaryDirectory() as folder:
        grade(versions, Path(folder), key)
    return versions


def summary(versions: list[CauseVersion]) -> str:
    """Shares in one line."""
    wrong = [v for v in versions if v.kind == "wrong"]
    verdicts = Counter(v.verdict for v in wrong)
    named = len(wrong) - verdicts["none"]
    right = [v for v in versions if v.kind == "right"]
    return (
        f"wrong: {len(wrong)}, named {named} ({named / len(wrong):.0%}), of these right {verdicts['right']} "
        f"({verdicts['right'] / max(named, 1):.1%}); right: {len(right)}, named {sum(bool(v.named) for v in right)}"
    )


def print_faults(versions: list[CauseVersion]) -> None:
    """Print what is not named as it should be."""
    for v in versions:
        full = v.score[0] == v.score[1]
        if (v.kind == "wrong") == full:
            print(
                f"{v.assignment} {v.exercise} {v.name}: a {v.kind} version gets {v.score[0]} of {v.score[1]} {v.failed}"
            )
        elif v.verdict == "WRONG" or (v.kind == "wrong" and v.verdict == "none"):
            print(f"{v.assignment} {v.exercise} {v.name}: {v.verdict} {v.named or list(v.failed)}")


def main(names: list[str], number_of_keys: int) -> None:
    """Print what is not named as it should be, and the shares, of every table and key."""
    total: list[CauseVersion] = []
    for path in sorted(TABLES.glob("*.txt")):
        if names and path.stem not in names:
            continue
        for number in range(number_of_keys):
            versions = measured(path, KEY + b"%d" % number if number else KEY)
            total += versions
            print_faults(versions)
            print(f"{path.stem:20s} key {number}: {summary(versions)}", flush=True)
    print(f"{'all':20s} {summary(total)}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="ASSIGNMENT")
    parser.add_argument("--keys", type=int, default=1)
    given = parser.parse_args()
    main(given.names, given.keys)

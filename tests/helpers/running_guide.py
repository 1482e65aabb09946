"""The commands of autograder/web/running.md, for those who run a server."""

import re
from pathlib import Path

import autograder.web

_PAGE = Path(autograder.web.__file__).with_name("running.md")


def blocks(heading: str, kind: str = "bash") -> list[str]:
    """Return the blocks of one kind under a heading."""
    section = re.search(
        rf"^## {heading}\n(.*?)(?=^## |\Z)", _PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )
    assert section is not None
    return re.findall(rf"^```{kind}\n(.*?)^```$", section[1], re.MULTILINE | re.DOTALL)


def commands(heading: str, word: str) -> str:
    """Return the one block of commands under a heading in which a word stands."""
    (found,) = [block for block in blocks(heading) if word in block]
    return found

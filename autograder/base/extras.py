"""What only some instructors need is an extra of the package; where it is missing, one line names it."""

from __future__ import annotations

from autograder.base.i18n import Text, text


def needs_extra(what: str, extra: str, reason: ImportError) -> Text:
    """Say which extra of ``pyproject.toml`` is missing.

    >>> print(needs_extra("--to xlsx", "spreadsheets", ImportError("No module named 'openpyxl'")).en)
    --to xlsx needs an extra: pip install 'dl-autograder[spreadsheets]' (No module named 'openpyxl')
    """
    return text(
        "{what} needs an extra: pip install 'dl-autograder[{extra}]' ({reason})", what=what, extra=extra, reason=reason
    )

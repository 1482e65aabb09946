"""What a page gives to its script, and what the script sends back."""

import hashlib
import json
import re
from collections.abc import Mapping

BOUNDARY = "----a-browser-makes-this-up"
AS_FORM = f"multipart/form-data; boundary={BOUNDARY}"
_TOKEN = re.compile(r'name="form_token" value="([^"]+)"')
_BASE = re.compile(r'name="base:([^"]+)" value="([^"]*)"')


def read(page: str) -> tuple[str, dict[str, str]]:
    """Return the token of the forms of an assignment's page, and the versions of the texts in its cells."""
    found = _TOKEN.search(page)
    assert found is not None
    return found[1], dict(_BASE.findall(page))


def form(fields: Mapping[str, str]) -> str:
    """Return a form as a script sends it, of the type `AS_FORM`."""
    parts = [f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{k}"\r\n\r\n{v}\r\n' for k, v in fields.items()]
    return "".join(parts) + f"--{BOUNDARY}--\r\n"


def cells(sources: Mapping[str, str], bases: Mapping[str, str]) -> dict[str, str]:
    """Return the fields that bring texts of cells along, each with the version on which it is based."""
    return {f"cell:{cell}": source for cell, source in sources.items()} | {
        f"base:{cell}": bases[cell] for cell in sources
    }


def answer(question: str, value: str, before: str | None) -> dict[str, str]:
    """Return the fields that answer a question of a quiz whose page had another answer."""
    return {f"a:{question}": value, f"was:{question}": hashlib.sha256(json.dumps(before).encode()).hexdigest()[:16]}


def version(source: str) -> str:
    """Return the version that a text has once it is kept."""
    return hashlib.sha256(source.encode()).hexdigest()[:16]

"""What `quiz prove` leaves behind, so that scoring and taking need neither torch nor time: evidence and variants.

A certificate holds for one question, one probe and one version of torch, and for nothing else.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, Field, ValidationError

from autograder.base.errors import ConfigError, UsageError
from autograder.base.files import write_whole
from autograder.base.i18n import text
from autograder.base.records import Record
from autograder.quiz.questions.fill_in import Number
from autograder.quiz.questions.models import AnyQuestion, Quiz
from autograder.quiz.scoring.markers import Variant

PROBES = Path(__file__).with_name("probes")
_NOT_PROVED = ("why", "explain", "hints", "tags", "points", "attempts", "shuffle", "tests", "weight", "credit", "show")
"""What may change without a new proof."""

State = Literal["proved", "stale", "missing", "unproved"]


class Certificate(Record):
    """The proof of one question.

    Args:
        sha256: of the question and the probe.
        torch: the version it was run with.
        evidence: of the first seed: option, then name, then value.
        variants: the checked sets of parameters.
    """

    sha256: str
    torch: str
    evidence: dict[str, dict[str, Any]] = {}
    variants: list[dict[str, Any]] = []


class Certificates(Record):
    """The contents of a ``<quiz>.proof.json``."""

    schema_: Literal[1] = Field(default=1, alias="schema")
    quiz: str
    questions: dict[str, Certificate] = {}


def path_of(quiz_file: Path) -> Path:
    """Return the path of a quiz file's certificates."""
    return quiz_file.with_name(f"{quiz_file.stem}.proof.json")


def load(quiz_file: Path, quiz: Quiz) -> Certificates:
    """Read the certificates of a quiz file; a missing file holds none.

    Raises:
        ConfigError: the file is damaged.
    """
    path = path_of(quiz_file)
    try:
        return Certificates.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return Certificates(schema=1, quiz=quiz.id)
    except (OSError, ValidationError) as error:
        raise ConfigError(text("is damaged; `autograder quiz prove` writes it anew"), path=path) from error


def save(quiz_file: Path, certificates: Certificates) -> None:
    """Write the certificates beside the quiz."""
    content = json.dumps(certificates.model_dump(by_alias=True), ensure_ascii=False, indent=1, allow_nan=False)
    write_whole(path_of(quiz_file), content + "\n")


def keep(quiz: Quiz, proofs: Certificates) -> str:
    """Return a quiz and its proofs as one line of JSON, so that no line of it can appear in what students get."""
    said = quiz.model_dump(mode="json", by_alias=True, exclude_unset=True)  # as the author wrote it
    return json.dumps([said, proofs.model_dump(mode="json", by_alias=True)])


def load_kept(path: Path) -> tuple[Quiz, Certificates]:
    """Read back from a file what `keep` returned."""
    quiz, proofs = (json.dumps(part) for part in json.loads(path.read_text(encoding="utf-8")))
    return Quiz.model_validate_json(quiz), Certificates.model_validate_json(proofs)


def needs_proof(question: AnyQuestion) -> bool:
    """Return whether there is anything to prove."""
    return question.prove is not None or (isinstance(question, Number) and bool(question.params))


def state_of(question: AnyQuestion, certificates: Certificates) -> State:
    """Return whether a question is proved as it stands now."""
    if not needs_proof(question):
        return "unproved"
    certificate = certificates.questions.get(question.id)
    if certificate is None:
        return "missing"
    fresh = certificate.sha256 == fingerprint(question) and certificate.torch == torch_version()
    return "proved" if fresh else "stale"


def fingerprint(question: AnyQuestion) -> str:
    """Return a hash of everything the proof of a question depends on."""
    content = _without_words(question)
    probe = question.prove.probe if question.prove else "value"
    return hashlib.sha256(
        json.dumps([content, source_of(probe)], sort_keys=True, ensure_ascii=False).encode("utf-8")
    ).hexdigest()


def fingerprint_of_quiz(quiz: Quiz, variants: Mapping[str, Sequence[Variant]]) -> str:
    """Return a hash of everything the points of an answer depend on."""
    digest = hashlib.sha256(quiz.model_dump_json(by_alias=True).encode())
    for name, ones in sorted(variants.items()):
        digest.update(f"{name} {ones[0].params} {ones[0].answer}\n".encode())
    return digest.hexdigest()


def _without_words(value: Any) -> Any:
    """Return plain values; a name that an author chose stays, even if it is ``weight`` or ``show``."""
    if isinstance(value, BaseModel):
        fields = (name for name in type(value).model_fields if name not in _NOT_PROVED)
        return {name: _without_words(getattr(value, name)) for name in fields}
    if isinstance(value, dict):
        return {key: _without_words(inner) for key, inner in value.items()}
    return [_without_words(inner) for inner in value] if isinstance(value, list) else value


def probes() -> list[str]:
    """Return the names of all probes."""
    return sorted(path.stem for path in PROBES.glob("*.py") if path.stem != "__init__")


@cache
def source_of(probe: str) -> str:
    """Return the source of a probe; empty if there is none of that name."""
    return (PROBES / f"{probe}.py").read_text(encoding="utf-8") if probe in probes() else ""


def torch_version() -> str:
    """Return torch's version without importing it; what follows ``+`` only says how it was built."""
    try:
        return version("torch").partition("+")[0]
    except PackageNotFoundError:
        return "none"


def fresh_variants_of(quiz: Quiz, certificates: Certificates) -> Mapping[str, list[Variant]]:
    """Return the checked variants of those questions whose certificate still holds."""
    found: dict[str, list[Variant]] = {}
    for question in quiz.questions:
        try:
            found |= variants_of(quiz.model_copy(update={"questions": [question]}), certificates)
        except UsageError:
            continue
    return found


def variants_of(quiz: Quiz, certificates: Certificates) -> Mapping[str, list[Variant]]:
    """Return the checked variants of every question with parameters.

    Raises:
        UsageError: some were never checked, or the question has changed since.
    """
    found = {}
    for question in quiz.questions:
        if not isinstance(question, Number) or not question.params:
            continue
        certificate = certificates.questions.get(question.id)
        if certificate is None or certificate.sha256 != fingerprint(question):
            raise UsageError(
                text("{id}: its variants are unchecked or out of date; run `autograder quiz prove`", id=question.id)
            )
        found[question.id] = [
            Variant(v["params"], v["answer"], tuple((value, number) for value, number in v["wrong"]))
            for v in certificate.variants
        ]
    return found

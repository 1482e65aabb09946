"""Reviews a quiz: what is missing, which options give themselves away, what guessing earns."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path
from typing import Literal

from autograder.base.errors import SandboxError
from autograder.base.i18n import Language, Text, text
from autograder.quiz.notation import formulas
from autograder.quiz.notation.parsing import Choices, FormatError, parse_number, shown
from autograder.quiz.proofs.certificates import needs_proof
from autograder.quiz.questions.fields import Example, Option
from autograder.quiz.questions.fill_in import Blanks, ChoiceBlank, Code, Number
from autograder.quiz.questions.models import AnyQuestion, Match, Multi, Order, Quiz, Single, TrueFalse
from autograder.quiz.scoring import credit
from autograder.quiz.scoring.markers import Variant, choices_of, is_near, marker_of_blank
from autograder.quiz.scoring.scorer import Scorer

_CHINESE = re.compile("[\u4e00-\u9fff]")
_WORD = re.compile(r"[A-Za-z]{4,}")
_CODE = re.compile(r"`[^`]*`|\{\{[^}]*\}\}")
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)|(https?://\S+)")
_LETTER = re.compile(r"(?<![A-Za-z0-9_(\[])[A-H](?![A-Za-z0-9_)\]])")
_TOO_ALIKE = 0.93
_LONGEST_IS_RIGHT = 0.6
_FEW = 5
"""Fewer questions show no pattern."""

Kind = Literal["error", "advice"]


@dataclass(frozen=True)
class Remark:
    """One thing a reviewer would say.

    Args:
        kind: an ``error`` must be fixed; ``advice`` may be ignored.
        question: the id of the question; empty for the whole quiz.
        words: what is wrong and what would be right.
    """

    kind: Kind
    question: str
    words: Text


@dataclass(frozen=True)
class Guess:
    """What answering without knowledge earns, as shares of a question's points."""

    question: str
    blank: float
    everything: float
    random: float


def lint(quiz: Quiz, folder: Path, variants: Mapping[str, list[Variant]]) -> list[Remark]:
    """Return everything a reviewer would say about a quiz.

    Args:
        quiz: the quiz to review.
        folder: its relative links start here.
        variants: of its questions with parameters; the examples of one without variants are not tried.
    """
    remarks = [remark for question in quiz.questions for remark in _of_question(question, folder, quiz.languages)]
    remarks += _of_examples(quiz, variants)
    remarks += _of_patterns(quiz)
    for guess in guesses(quiz):
        if guess.everything > 0:
            words = text(
                "ticking everything earns {everything}; with credit: balanced it earns nothing",
                everything=f"{guess.everything:.0%}",
            )
            remarks.append(Remark("advice", guess.question, words))
    return remarks


def guesses(quiz: Quiz) -> list[Guess]:
    """Return what leaving blank, ticking everything and guessing at random earn, question by question."""
    return [_guess(quiz, question) for question in quiz.questions]


def _guess(quiz: Quiz, question: AnyQuestion) -> Guess:
    everything, random = 0.0, 0.0
    match question:
        case Single():
            shares = [1.0 if n in question.key else o.score or 0.0 for n, o in question.options.items()]
            random = sum(shares) / len(shares)
        case Multi():
            rule, options = question.credit or quiz.defaults.credit, list(question.options)
            everything = credit.ticked(rule, len(options), question.key, options)
            random = credit.of_guessing(rule, options, question.key)
        case TrueFalse():
            random = 0.5
        case Match():
            random = 1 / len(question.right)
        case Order():
            random = credit.of_shuffling([question.key, *question.accept])
        case Blanks():
            total = sum(blank.weight for blank in question.blanks.values())
            choices = [blank for blank in question.blanks.values() if isinstance(blank, ChoiceBlank)]
            random = sum(blank.weight / len(blank.options) for blank in choices) / total
        case _:
            pass
    return Guess(question.id, 0.0, everything, random)


def _of_question(question: AnyQuestion, folder: Path, languages: Sequence[Language]) -> Iterator[Remark]:
    def advice(words: Text) -> Remark:
        return Remark("advice", question.id, words)

    if question.explain is None:
        yield advice(text("there is no explanation"))
    if not needs_proof(question):
        yield advice(text("nothing proves the key; add prove"))
    for name in _without_why(question):
        yield advice(text("{name}: it is wrong, but nothing says why", name=name))
    for name, words in _texts(question):
        yield from (
            Remark("error", question.id, text("{name}: {problem}", name=name, problem=problem))
            for problem in _languages(words, languages)
        )
        if name == "explain" or name.endswith((".why", "why")) or name.startswith("hints"):
            for letter in _letters_named(words, question) if "zh" in languages else ():
                yield Remark(
                    "error",
                    question.id,
                    text("{name}: mentions option {letter}, but options are shuffled", name=name, letter=letter),
                )
        for link in _links(words):
            if not link.startswith("https://") and not (folder / link.partition("#")[0]).exists():
                what = text("is not encrypted") if link.startswith("http://") else text("leads nowhere")
                yield Remark(
                    "error", question.id, text("{name}: the link {link} {what}", name=name, link=link, what=what)
                )
    yield from _of_options(question)
    yield from (
        Remark("error", question.id, text("{name}: is accepted, so nobody ever sees why it is wrong", name=name))
        for name in _wrong_but_right(question)
    )


def _wrong_but_right(question: AnyQuestion) -> Iterator[str]:
    """Yield known wrong answers that are accepted."""
    if isinstance(question, Number) and not question.params:
        right = parse_number(question.answer)
        yield from (f"wrong.{w.is_}" for w in question.wrong if is_near(parse_number(w.is_), right, question))
    if isinstance(question, Blanks):
        for name, blank in question.blanks.items():
            if not isinstance(blank, ChoiceBlank):
                mark = marker_of_blank(blank)
                yield from (f"{name}.wrong.{w.is_}" for w in blank.wrong if mark(w.is_).share == 1)


def _without_why(question: AnyQuestion) -> Iterator[str | Text]:
    match question:
        case Single() | Multi():
            for name, option in question.options.items():
                if name not in question.key and option.why is None:
                    yield text("option {name}", name=name)
        case TrueFalse() if question.why is None:
            yield "why"
        case Match():
            for name, option in question.left.items():
                if option.why is None:
                    yield name
        case _:
            pass


def _texts(question: AnyQuestion) -> Iterator[tuple[str, Text]]:
    """Yield every text of a question with its key."""
    yield "prompt", question.prompt
    if question.explain is not None:
        yield "explain", question.explain
    for number, hint in enumerate(question.hints):
        yield f"hints.{number}", hint.text
    if isinstance(question, TrueFalse) and question.why is not None:
        yield "why", question.why
    for name, option in _all_options(question):
        if option.text is not None:
            yield f"{name}.text", option.text
        if option.why is not None:
            yield f"{name}.why", option.why
    for name, why in _whys(question):
        yield name, why


def _all_options(question: AnyQuestion) -> Iterator[tuple[str, Option]]:
    yield from question.explained()
    if isinstance(question, Match):
        yield from question.right.items()
    if isinstance(question, Blanks):
        for name, blank in question.blanks.items():
            if isinstance(blank, ChoiceBlank):
                yield from ((f"{name}.{key}", option) for key, option in blank.options.items())


def _whys(question: AnyQuestion) -> Iterator[tuple[str, Text]]:
    if isinstance(question, Number):
        yield from ((f"wrong.{w.is_}", w.why) for w in question.wrong)
        yield from ((f"distractors.{d.expr}", d.why) for d in question.distractors)
    if isinstance(question, Code):
        yield from ((f"wrong.{w.is_}", w.why) for w in question.wrong)
    if isinstance(question, Blanks):
        for name, blank in question.blanks.items():
            if not isinstance(blank, ChoiceBlank):
                yield from ((f"{name}.wrong.{w.is_}", w.why) for w in blank.wrong)


def _languages(words: Text, languages: Sequence[Language]) -> Iterator[Text]:
    said = {language: words.get(language) for language in sorted(languages)}
    if "en" in said and _CHINESE.search(_CODE.sub("", words.en)):
        yield text("the English text is in Chinese")
    if not any(told.strip() for told in said.values()):
        yield text("the text is empty")
    elif {"en", "zh"} <= said.keys():
        yield from _of_ours(words)
    for told in said.values():
        yield from formulas.problems(told)


def _of_ours(words: Text) -> Iterator[Text]:
    en, zh = _CODE.sub("", words.en), _CODE.sub("", words.zh)
    if not words.en.strip():
        yield text("the English text is missing")
    elif not zh.strip() and en.strip():
        yield text("the Chinese text is missing")
    elif en == zh and len(_WORD.findall(en)) > 2:
        yield text("the Chinese text is missing: both languages say the same")


def _letters_named(words: Text, question: AnyQuestion) -> list[str]:
    """Return the options that the Chinese text names by letter; in English, the article A looks like one."""
    if question.shuffle is False or not isinstance(question, Single | Multi):
        return []
    return [name for name in _LETTER.findall(_CODE.sub("", words.zh)) if name in question.options]


def _links(words: Text) -> set[str]:
    return {a or b for told in dict(words).values() for a, b in _LINK.findall(told)}


def _of_options(question: AnyQuestion) -> Iterator[Remark]:
    options = list(question.explained())
    if isinstance(question, Single | Multi):
        for words in _unclear_words(question.options):
            yield Remark("error", question.id, words)
    for position, (name, option) in enumerate(options):
        for other_name, other in options[:position]:
            if option.shown("en") == other.shown("en") or option.shown("zh") == other.shown("zh"):
                yield Remark(
                    "error",
                    question.id,
                    text("options {other_name} and {name} say the same", other_name=other_name, name=name),
                )
            elif option.code is None and other.code is None and _alike(option.shown("en"), other.shown("en")):
                yield Remark(
                    "advice",
                    question.id,
                    text("options {other_name} and {name} are hard to tell apart", other_name=other_name, name=name),
                )
            if option.why is not None and option.why == other.why:
                yield Remark(
                    "error",
                    question.id,
                    text("options {other_name} and {name} have the same explanation", other_name=other_name, name=name),
                )
        if option.text is not None and re.search(r"\b(all|none|both) of (the|these)\b", option.text.en, re.IGNORECASE):
            yield Remark("advice", question.id, text("option {name} refers to others; say what is meant", name=name))


def _unclear_words(options: Mapping[str, Option]) -> Iterator[Text]:
    """Yield which options would be read from a form's table as another option or as several."""
    everyone = choices_of(options)
    languages: tuple[Language, ...] = ("en", "zh")
    for name, option in options.items():
        for language in languages:
            words = option.shown(language)
            others = {k: other for k, other in options.items() if other.shown(language).lower() != words.lower()}
            if sum(other.shown(language) == words for other in options.values()) > 1:
                continue  # they say the same, which is reported already
            if _read(everyone, words) != [name] or _read(choices_of(others), words):
                yield text("the text of option {name} can be read as another answer", name=name)
                break


def _read(choices: Choices, words: str) -> list[str]:
    try:
        return choices.read(words)
    except FormatError:
        return []


def _alike(a: str, b: str) -> bool:
    return len(a) > 20 and SequenceMatcher(None, a, b).ratio() > _TOO_ALIKE


def _of_examples(quiz: Quiz, variants: Mapping[str, list[Variant]]) -> Iterator[Remark]:
    """Score the author's examples, and yield those that earn something else."""
    usable = [q for q in quiz.questions if not (isinstance(q, Number) and q.params and q.id not in variants)]
    scorer = Scorer(quiz.model_copy(update={"questions": usable}), variants)
    for question in usable:
        for number, example in enumerate(question.tests):
            words = _of_example(scorer, question, example, variants)
            if words is not None:
                yield Remark(
                    "error",
                    question.id,
                    text("tests.{number}: {answer} {words}", number=number, answer=shown(example.answer), words=words),
                )


def _of_example(
    scorer: Scorer, question: AnyQuestion, example: Example, variants: Mapping[str, list[Variant]]
) -> Text | None:
    varied = question.id in variants
    if varied and example.variant is not None and not 0 <= example.variant < len(variants[question.id]):
        return text("names variant {variant}, which does not exist", variant=example.variant)
    try:
        if varied and example.variant is not None:
            share = scorer.mark_variant(question, example.answer, example.variant).share
        else:
            verdict = scorer.mark(question, example.answer, "")
            share = verdict.share
            if verdict.malformed and not share:
                return None if example.format_error else text("cannot be read")
    except FormatError:
        return None if example.format_error else text("cannot be read")
    except SandboxError:
        return None  # an answer in code; `prove` runs those
    if example.format_error:
        return text("can be read")
    if example.score is not None and abs(share - example.score) > 1e-6:
        return text("earns {share}, not {score}", share=f"{share:g}", score=f"{example.score:g}")
    return None


def _of_patterns(quiz: Quiz) -> Iterator[Remark]:
    """Yield what a guesser would notice about the whole quiz."""
    singles = [q for q in quiz.questions if isinstance(q, Single)]
    if len(singles) >= _FEW:
        longest = sum(_is_longest(question) for question in singles)
        if longest / len(singles) > _LONGEST_IS_RIGHT:
            words = text(
                "in {longest} of {count} single choices the longest option is right",
                longest=longest,
                count=len(singles),
            )
            yield Remark("advice", "", words)
    names = [name for question in singles for name in question.key]
    for name in sorted(set(names)):
        if len(names) >= _FEW and names.count(name) / len(names) > _LONGEST_IS_RIGHT:
            yield Remark(
                "advice",
                "",
                text(
                    "the right option is {name} in {count} of {all} single choices",
                    name=name,
                    count=names.count(name),
                    all=len(names),
                ),
            )
    for question in quiz.questions:
        if isinstance(question, Order) and sorted(question.items) == question.key:
            yield Remark(
                "error", question.id, text("the items' names, sorted, give the right order, and students see them")
            )
        if isinstance(question, Match) and len(question.left) > 2:
            partners = [question.key[name] for name in sorted(question.left)]
            if partners == sorted(partners):
                yield Remark(
                    "error", question.id, text("the names on both sides run in parallel, and students see them")
                )


def _is_longest(question: Single) -> bool:
    lengths = {name: len(option.shown("en")) for name, option in question.options.items()}
    right = max(lengths[name] for name in question.key)
    return all(length < right for name, length in lengths.items() if name not in question.key)

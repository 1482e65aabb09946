"""Formulas in one line of Unicode, for terminals and screen readers: ``ŷᵢ = xᵢᵀw + b``.

The input is MathML, because latex2mathml has already parsed the LaTeX for the pages. Converters from LaTeX to Unicode
drop the braces of ``e^{a-b}`` or of a fraction, which makes the line another formula.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from itertools import accumulate
from typing import NamedTuple
from xml.etree.ElementTree import Element


class _Kind(Enum):
    ATOM = "stands close to others"
    NUMBER = "a number"
    OPEN = "an opening bracket"
    CLOSE = "a closing bracket"
    COMMA = "a comma"
    BINARY = "an operator between two"
    PREFIX = "a sign before one"
    WORD = "a function's name, a sum sign, words"
    FRACTION = "a fraction"
    MARKED = "ends with an index that Unicode has no small letters for"


class _Token(NamedTuple):
    words: str
    kind: _Kind


_OPEN, _CLOSE, _COMMA = "([{⟨⌊⌈", ")]}⟩⌋⌉", ",;:"
_BINARY = "=+-−±∓×·⋅*∗÷≤≥<>≠≈≡∈∉⊂⊆∪∩→←↦⇒⇔∼∝⊙⊗⊕≪≫∘∖≜"
_BIG = "∑∏∫⋃⋂"
_FENCES = "|‖∥∣"
_BELOW = dict(zip("0123456789+-−=()aehijklmnoprstuvxβγρφχ", "₀₁₂₃₄₅₆₇₈₉₊₋₋₌₍₎ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓᵦᵧᵨᵩᵪ", strict=True))
_ABOVE = dict(
    zip(
        "0123456789+-−=()abcdefghijklmnoprstuvwxyzABDEGHIJKLMNOPRTUVW⊤′*∗†",
        "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁼⁽⁾ᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐⁿᵒᵖʳˢᵗᵘᵛʷˣʸᶻᴬᴮᴰᴱᴳᴴᴵᴶᴷᴸᴹᴺᴼᴾᴿᵀᵁⱽᵂᵀ′**†",
        strict=True,
    )
)
_LETTERS = {"_": _BELOW, "^": _ABOVE}
_SCRIPTS = {"msub": "_", "munder": "_", "msup": "^", "msubsup": "_^", "munderover": "_^"}
_ACCENTS = {
    "^": ("\u0302", "hat"),
    "~": ("\u0303", "tilde"),
    "¯": ("\u0304", "bar"),
    "‾": ("\u0304", "bar"),
    "―": ("\u0304", "bar"),
    "_": ("\u0304", "bar"),
    "˙": ("\u0307", "dot"),
    "→": ("\u20d7", "vec"),
}


def line_of(mathml: Element) -> str:
    """Return a formula in one line.

    Args:
        mathml: its ``math`` element.
    """
    return " ".join(_joined(_tokens(mathml)).split())


def _joined(tokens: Sequence[_Token]) -> str:
    words, before = "", None
    for token in _with_signs(tokens):
        words += (" " if before is not None and _are_apart(before, token.kind) else "") + token.words
        before = token.kind
    return words


def _with_signs(tokens: Iterable[_Token]) -> Iterable[_Token]:
    """Yield the tokens; an operator with no operand on its left, such as the minus of -1, becomes a prefix."""
    before: _Kind | None = None
    for token in tokens:
        alone = before in (None, _Kind.OPEN, _Kind.COMMA, _Kind.BINARY)
        before = _Kind.PREFIX if token.kind is _Kind.BINARY and alone else token.kind
        yield _Token(token.words, before)


def _are_apart(left: _Kind, right: _Kind) -> bool:
    if left in (_Kind.OPEN, _Kind.PREFIX) or right in (_Kind.CLOSE, _Kind.COMMA):
        return False
    if left is _Kind.COMMA or _Kind.BINARY in (left, right) or (left, right) == (_Kind.NUMBER, _Kind.NUMBER):
        return True
    if (left, right) == (_Kind.WORD, _Kind.OPEN):
        return False
    return left in (_Kind.WORD, _Kind.FRACTION, _Kind.MARKED) or right in (_Kind.WORD, _Kind.FRACTION)


def _tokens(element: Element) -> list[_Token]:
    children = list(element)
    match element.tag.rpartition("}")[2]:
        case "mi" | "mo" | "mn" | "mtext" as tag:
            return [_leaf(tag, _plain_letters(element.text or ""))]
        case "msub" | "munder" | "msup" | "msubsup" | "munderover" as tag:
            return [_with_scripts(children[0], dict(zip(_SCRIPTS[tag], children[1:], strict=True)))]
        case "mover":
            return [_accented(*children)]
        case "mfrac":
            return [_Token(f"{_grouped(children[0])}/{_grouped(children[1])}", _Kind.FRACTION)]
        case "msqrt":
            return [_Token(f"√{_in_one(_tokens_of(children))}", _Kind.ATOM)]
        case "mroot":
            return [_Token(f"{_raised(children[1])}√{_grouped(children[0])}", _Kind.ATOM)]
        case "mtable":
            rows = (", ".join(_joined(_tokens(cell)) for cell in row) for row in children)
            return [_Token("; ".join(rows), _Kind.ATOM)]
        case "mspace":
            return [_Token("", _Kind.WORD)]
        case _:
            return _tokens_of(children)


def _tokens_of(elements: Iterable[Element]) -> list[_Token]:
    return [token for element in elements for token in _tokens(element)]


def _plain_letters(words: str) -> str:
    """Replace bold and slanted letters by plain ones: not every terminal has them."""
    return "".join(unicodedata.normalize("NFKC", c) if "\U0001d400" <= c <= "\U0001d7ff" else c for c in words)


def _leaf(tag: str, words: str) -> _Token:
    if tag == "mn":
        return _Token(words, _Kind.NUMBER)
    if tag == "mtext" or words in _BIG or (len(words) > 1 and words.isalpha()):
        return _Token(words, _Kind.WORD)
    signs = ((_OPEN, _Kind.OPEN), (_CLOSE, _Kind.CLOSE), (_COMMA, _Kind.COMMA), (_BINARY, _Kind.BINARY))
    return _Token(words, next((kind for these, kind in signs if words and words in these), _Kind.ATOM))


def _with_scripts(base: Element, scripts: Mapping[str, Element]) -> _Token:
    """Write a base with its index and exponent, in small letters where Unicode has them."""
    tokens = _tokens(base)
    words = tokens[0].words if len(tokens) == 1 else _in_one(tokens)
    kind = tokens[0].kind if len(tokens) == 1 else _Kind.ATOM
    if kind is _Kind.FRACTION:
        words = f"({words})"
    for mark, script in scripts.items():
        small = _small(script, _LETTERS[mark])
        words += small or f"{mark}{_script(script)}"
        if not small and kind is not _Kind.WORD:
            kind = _Kind.MARKED
    return _Token(words, _Kind.ATOM if kind in (_Kind.NUMBER, _Kind.BINARY, _Kind.FRACTION, _Kind.OPEN) else kind)


def _small(script: Element, letters: Mapping[str, str]) -> str:
    """Return a script in small letters, or nothing if Unicode lacks one of them."""
    words = _joined(_tokens(script)).replace(" ", "")
    return "".join(letters[c] for c in words) if all(c in letters for c in words) else ""


def _script(script: Element) -> str:
    """Return a script in full-size letters, in brackets where what follows could seem part of it."""
    words = _joined(_tokens(script))
    return words if (words.isascii() and words.isalnum()) or len(words) == 1 else f"({words})"


def _raised(script: Element) -> str:
    words = _small(script, _ABOVE)
    return "" if words == "²" else words or f"({_joined(_tokens(script))})"


def _grouped(element: Element) -> str:
    return _in_one(_tokens(element))


def _in_one(tokens: Sequence[_Token]) -> str:
    """Join tokens into one unit, in brackets unless there is only one way to read them."""
    words = _joined(tokens)
    kinds = [token.kind for token in tokens]
    fenced = len(tokens) == 3 and tokens[0].words in _FENCES and tokens[2].words[:1] == tokens[0].words
    derived = len(tokens) == 2 and tokens[0].words in ("∂", "∇", "Δ")
    signed = len(tokens) == 2 and kinds[1] is _Kind.NUMBER and kinds[0] is _Kind.BINARY
    single = len(tokens) == 1 and kinds[0] is not _Kind.FRACTION
    return words if single or fenced or derived or signed or _is_bracketed(kinds) else f"({words})"


def _is_bracketed(kinds: Sequence[_Kind]) -> bool:
    """Return whether one pair of brackets encloses everything."""
    depths = list(accumulate((kind is _Kind.OPEN) - (kind is _Kind.CLOSE) for kind in kinds))
    return kinds[0] is _Kind.OPEN and 0 not in depths[:-1] and depths[-1] == 0


def _accented(base: Element, accent: Element) -> _Token:
    words, sign = _joined(_tokens(base)), (accent.text or "").strip()
    if sign not in _ACCENTS:
        return _with_scripts(base, {"^": accent})
    combining, name = _ACCENTS[sign]
    if len(words) == 1:
        return _Token(unicodedata.normalize("NFC", words + combining), _Kind.ATOM)
    return _Token(f"{name}({words})", _Kind.WORD)

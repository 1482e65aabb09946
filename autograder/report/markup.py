"""Markup of others that shows but cannot act: what students and notebooks bring along, for pages of ours."""

from __future__ import annotations

import re
from collections import Counter
from html import unescape

import bleach
from bleach.css_sanitizer import CSSSanitizer

from autograder.report.html import preformatted

_TAGS = frozenset(
    (
        *("a", "abbr", "b", "blockquote", "br", "center", "code", "dd", "del", "details", "div", "dl", "dt", "em"),
        *("font", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "i", "img", "kbd", "li", "ol", "p", "pre", "s", "small"),
        *("span", "strong", "sub", "summary", "sup", "table", "tbody", "td", "th", "thead", "tr", "u", "ul"),
    )
)
_ATTRIBUTES = {
    "*": {"style", "title", "align"},
    "a": {"href"},
    "font": {"color"},
    "img": {"src", "alt", "width", "height"},
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan"},
}
_STYLES = (
    *("background-color", "border-collapse", "border-top", "color", "font-size", "font-weight", "margin-top"),
    *("max-width", "opacity", "padding", "text-align", "vertical-align", "white-space", "width"),
)
_SCHEMES = ("http", "https", "mailto")
_PROTOCOLS = (*_SCHEMES, "data")
_NUMBERS = ("width", "height", "colspan", "rowspan")
_NUMBER = re.compile(r"[0-9]{1,4}(?:\.[0-9]{1,3})?(?:%|px)?", re.ASCII)
_IMAGE = re.compile(r"data:image/[a-z0-9.+-]+[;,]", re.IGNORECASE)
_IGNORED = re.compile(r"[\x00-\x20\x7f-\xa0\u200b\ufeff\ufffd\s]+")
_MAX_DECODED = 8
_MAX_DEPTH = 500
"""So many tags may be open at once: the time to clean them is the square of their number."""
_TAG = re.compile(r"<(/?)([a-z][a-z0-9]*)", re.IGNORECASE)
_EMPTY = {"br", "hr", "img", "input", "wbr", "col"}
_HIGHLIGHTED = ("div", "span")
"""Pygments marks by class what to colour. No other tag may have a class, since the pages' scripts go by them."""


def clean(markup: str) -> str:
    """Return markup that shows but cannot act; other tags become text, so that a person sees what was tried."""
    if is_deep(markup):
        return preformatted(markup)
    styles = CSSSanitizer(allowed_css_properties=_STYLES)
    return str(bleach.clean(markup, _TAGS, _is_allowed, _PROTOCOLS, css_sanitizer=styles))


def is_deep(markup: str) -> bool:
    """Return whether more tags are open at some place than anybody needs."""
    depth, opened = 0, Counter[str]()
    for ends, name in _TAG.findall(markup):
        tag = name.lower()
        if ends and opened[tag]:
            opened[tag] -= 1
            depth -= 1
        elif not ends and tag not in _EMPTY:
            opened[tag] += 1
            depth += 1
        if depth > _MAX_DEPTH:
            return True
    return False


def _is_allowed(tag: str, name: str, value: str) -> bool:
    value = _decoded(value)
    if name in ("href", "src") and (scheme := _scheme(value)) not in ("", *_SCHEMES):
        return tag == "img" and scheme == "data" and _IMAGE.match(value) is not None
    if name in _NUMBERS:
        return name in _ATTRIBUTES.get(tag, ()) and _NUMBER.fullmatch(value) is not None
    if name == "class":
        return tag in _HIGHLIGHTED and (value == "highlight" or len(value) <= 2)
    return name in _ATTRIBUTES["*"] or name in _ATTRIBUTES.get(tag, ())


def _decoded(value: str) -> str:
    """Return an attribute's value as a browser reads it: bleach hands it over with its entities."""
    for _ in range(_MAX_DECODED):
        if (decoded := unescape(value)) == value:
            break
        value = decoded
    return value


def _scheme(address: str) -> str:
    """Return the scheme of an address, which browsers find past blanks and control characters; empty without one."""
    first, colon, _ = _IGNORED.sub("", address).partition(":")
    return first.lower() if colon and not re.search("[/?#]", first) else ""

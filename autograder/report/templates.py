"""Fills in pages: one Jinja2 environment for all templates, which lie in the packages that use them.

A template's name is its path in the package, ``gradebook/templates/feedback.html``. Values are escaped unless they
are `Markup`, and a name without a value is an error. Jinja2 is imported with the first page.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from autograder.base.i18n import Text, text
from autograder.report.tables import points

if TYPE_CHECKING:
    from jinja2 import Environment
    from jinja2.runtime import Context
    from markupsafe import Markup


def render(template: str, **values: Any) -> str:
    """Fill in a whole page.

    Args:
        template: its path in the package.
        values: by name; ``language`` is the language of the filter ``say``.
    """
    return environment().get_template(template).render(values)


def fragment(template: str, macro: str, *values: Any) -> Markup:
    """Call a macro of a template, for HTML that goes into something other than our pages."""
    found: Markup = getattr(environment().get_template(template).module, macro)(*values)
    return found


@cache
def environment() -> Environment:
    """Return the environment that makes every page."""
    from jinja2 import Environment, PackageLoader, StrictUndefined, pass_context

    made = Environment(
        loader=PackageLoader("autograder", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.globals["text"] = text
    made.filters["points"] = points
    made.filters["say"] = pass_context(_say)
    made.policies["json.dumps_kwargs"] = {"ensure_ascii": False}
    return made


def _say(context: Context, words: Text) -> str:
    """Return a text in the language of the page."""
    return words.get(context["language"])

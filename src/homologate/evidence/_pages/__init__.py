"""Facts in, one page of HTML out.

A page is self-contained: styles and charts (SVG) are inside it, it asks for nothing over the network and needs no
script, so it opens from a disk, in a mail, and in the sandboxed frame of the MLflow UI. It says nothing the facts do
not say, and the same facts give the same bytes.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from homologate.errors import DataError

if TYPE_CHECKING:
    from jinja2 import Environment

__all__ = ["KINDS", "highlighted", "moment", "render", "stylesheet"]

SCHEMA = 1
KINDS = {
    "evaluation": "evaluation.html.j2",
    "explanation": "explanation.html.j2",
    "parity": "parity.html.j2",
    "shadow": "shadow.html.j2",
    "comparison": "comparison.html.j2",
    "trace": "trace.html.j2",
    "drift": "drift.html.j2",
    "model-card": "model-card.html.j2",
    "data-card": "data-card.html.j2",
    "responsible-ai": "responsible-ai.html.j2",
}
"""Kinds of facts and the template of each."""


def render(facts: Mapping[str, Any]) -> str:
    """Make one self-contained page from facts of any kind.

    Raises:
        DataError: the facts are of an unknown kind or of another schema, or a field the page shows is missing.
    """
    from jinja2 import UndefinedError

    kind = facts.get("kind")
    if kind not in KINDS:
        raise DataError(f"no page for facts of kind {kind!r}", place="kind", legal=KINDS)
    if facts.get("schema") != SCHEMA:
        raise DataError(
            f"these {kind} facts are of schema {facts.get('schema')!r}",
            place="schema",
            legal=str(SCHEMA),
            next_command="measure again with this version: homologate evaluate, homologate explain",
        )
    try:
        return _templates().get_template(KINDS[kind]).render(facts=facts)
    except (UndefinedError, KeyError, TypeError) as error:
        raise DataError(f"these {kind} facts are incomplete: {error}", place=f"facts of kind {kind}") from error


def stylesheet() -> str:
    """The style sheet inside every page, for pages of other rooms that shall look like these."""
    from importlib.resources import files

    return files(__name__).joinpath("templates", "style.css").read_text(encoding="utf-8")


def highlighted(text: str, words: Sequence[tuple[int, int, float]]) -> str:
    """A text as markup in which each word `(start, end, share)` is marked by how much and which way it weighs."""
    from homologate.evidence._pages._format import highlighted as marked

    return marked({"text": text, "words": words, "shortened": False})


def moment(value: object) -> str:
    """An ISO moment in UTC as people write it, `1 March 2026, 12:00 UTC`; anything else as it is, not escaped."""
    try:
        return f"{datetime.fromisoformat(str(value)):%-d %B %Y, %H:%M} UTC"
    except ValueError:
        return str(value)


@functools.cache
def _templates() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    from homologate.evidence._pages import _charts, _format

    environment = Environment(
        loader=PackageLoader("homologate.evidence._pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= _format.FILTERS
    environment.globals |= _charts.CHARTS
    return environment

"""HTML that is safe against injection: text is escaped unless it is `Html`, and a page runs only its own scripts."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["Html", "aside", "definitions", "join", "page", "section", "tag"]

_VOID = {"img", "input", "link", "meta"}


class Html(str):
    """Markup, which is not escaped again; any other string is text and is escaped."""


def tag(name: str, /, *children: Any, **attributes: Any) -> Html:
    """Return the element <name attributes>children</name>.

    In names of attributes a trailing _ is removed and any other _ becomes -. Children and attributes that are None are
    left out; an attribute that is True has no value.
    """
    given = {key.rstrip("_").replace("_", "-"): value for key, value in attributes.items() if value is not None}
    words = [name, *(key if value is True else f'{key}="{escape(str(value))}"' for key, value in given.items())]
    start = f"<{' '.join(words)}>"
    return Html(start if name in _VOID else f"{start}{join(children)}</{name}>")


def join(children: Iterable[Any]) -> Html:
    """Concatenate pieces of markup and text; None is left out."""
    return Html("".join(c if isinstance(c, Html) else escape(str(c)) for c in children if c is not None))


def page(title: str, *sections: Html | None) -> bytes:
    """Return a whole document that contains its style and its script, and may load nothing else."""
    script = _file("frames.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=policy),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", title),
        tag("style", Html(_file("page.css"))),
    )
    body = tag("body", tag("main", *sections), tag("script", Html(script)))
    return f"<!DOCTYPE html>\n{tag('html', head, body, lang='en')}\n".encode(errors="replace")


def section(heading: str, *children: Any) -> Html | None:
    """Return a section with its heading beside it, or above it on a narrow page; None if there are no children."""
    shown = [child for child in children if child]
    return tag("section", tag("h2", heading), tag("div", *shown)) if shown else None


def aside(*children: Any) -> Html:
    """Return a paragraph in small muted text."""
    return tag("p", *children, class_="aside")


def definitions(pairs: Mapping[str, Any], kind: str = "facts") -> Html:
    """Return a list of {name: text}: in as many columns as fit ("facts"), or one below the other ("rows")."""
    return tag("dl", *(tag("div", tag("dt", name), tag("dd", value)) for name, value in pairs.items()), class_=kind)


@cache
def _file(name):
    return Path(__file__).with_name(name).read_text(encoding="utf-8")

"""HTML that cannot be injected: what is not `Html` already is escaped, and the page allows no script but its own."""

import base64
import hashlib
from functools import cache
from html import escape
from pathlib import Path

_VOID = {"img", "input", "link", "meta"}


class Html(str):
    """Markup, which is left as it is; any other string is text."""


def tag(name, /, *children, **attributes):
    """<name attributes>children</name>: a trailing _ is taken off the names of attributes, and _ becomes -.

    Children and attributes that are None are left out, an attribute of True has no value.
    """
    given = {key.rstrip("_").replace("_", "-"): value for key, value in attributes.items() if value is not None}
    words = [name, *(key if value is True else f'{key}="{escape(str(value))}"' for key, value in given.items())]
    start = f"<{' '.join(words)}>"
    return Html(start if name in _VOID else f"{start}{join(children)}</{name}>")


def join(children):
    """One piece of markup from many, of which those that are None are left out."""
    return Html("".join(c if isinstance(c, Html) else escape(str(c)) for c in children if c is not None))


def page(title, *sections):
    """The bytes of a whole document, with its style and its script inside and everything else forbidden."""
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


def section(heading, *children):
    """A part of the page with its heading beside it, or above it where the page is narrow; None without children."""
    children = [child for child in children if child]
    return tag("section", tag("h2", heading), tag("div", *children)) if children else None


def definitions(pairs, kind="facts"):
    """A list of {name: text}: as many columns as there is room for ("facts"), or one below the other ("rows")."""
    return tag("dl", *(tag("div", tag("dt", name), tag("dd", value)) for name, value in pairs.items()), class_=kind)


@cache
def _file(name):
    return Path(__file__).with_name(name).read_text(encoding="utf-8")

"""The question "did you mean ...?" that ends a message about an unknown name."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = ["nearest"]


def nearest(name: str, names: Iterable[str], phrase: str = "; did you mean {!r}?") -> str:
    """Return a question that names the most similar of `names`, or "" if none is similar to `name`.

    Args:
        name: What the user typed.
        names: What would have been valid.
        phrase: The question, with {!r} where the similar name goes.

    Example:
        >>> nearest("digitz", ["digits", "ring"])
        "; did you mean 'digits'?"
    """
    found = difflib.get_close_matches(name, list(names), n=1)
    return phrase.format(found[0]) if found else ""

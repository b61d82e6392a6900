"""Help in messages about an unknown name: "did you mean ...?", and what to use instead of another library's name."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping

__all__ = ["among", "missing", "nearest"]


def nearest(name: str, names: Iterable[str], phrase: str = "; did you mean {!r}?") -> str:
    """Return a question that names the most similar of `names`, or "" if none is similar to `name`.

    Args:
        name: The name that the user typed.
        names: The valid names.
        phrase: The question, with {!r} in the place of the similar name.

    Example:
        >>> nearest("digitz", ["digits", "ring"])
        "; did you mean 'digits'?"
    """
    found = difflib.get_close_matches(name, list(names), n=1)
    return phrase.format(found[0]) if found else ""


def among(name: str, names: Iterable[str]) -> str:
    """Return the end of a message about an unknown name: the most similar of `names`, if one is similar, and all names.

    Args:
        name: The name that the user typed.
        names: The valid names.

    Example:
        >>> among("digitz", ["digits", "ring"])
        "; did you mean 'digits'? There are: digits, ring"
        >>> among("x", ["digits", "ring"])
        '; there are: digits, ring'
    """
    names = list(names)
    return (nearest(name, names, "; did you mean {!r}? There are: ") or "; there are: ") + ", ".join(names)


def missing(module: str, name: str, elsewhere: Mapping[str, str]) -> AttributeError:
    """Return the error that a module's `__getattr__` raises.

    Args:
        module: The name of the module.
        name: The name that it does not have.
        elsewhere: Names of other libraries, each with the way to do it here.

    Example:
        >>> missing("minigan.ops", "cat", {"cat": "use ops.concatenate"})
        AttributeError("module 'minigan.ops' has no attribute 'cat': use ops.concatenate")
    """
    hint = f": {elsewhere[name]}" if name in elsewhere else ""
    return AttributeError(f"module {module!r} has no attribute {name!r}{hint}")

"""Libraries that only a few features need, imported when such a feature is used."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

__all__ = ["require"]


def require(module: str, needed_by: str, library: str | None = None) -> ModuleType:
    """Import a library that the core of minigan does not need.

    Args:
        module: The name by which Python imports it, such as "PIL".
        needed_by: The feature that needs it, for the error message.
        library: The name by which pip installs it; None if it is the name of the module.

    Raises:
        ImportError: If it is not installed; the message has the command that installs it.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if not f"{module}.".startswith(f"{error.name}."):  # it is installed, and one of its own imports is missing
            raise
        library = library or module
        raise ImportError(f"{needed_by} needs {library}: pip install {library}", name=module) from error

"""The command line: `minigan COMMAND`, see `minigan.commands` for the table of commands."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from . import __version__
from .backend import DeviceError
from .commands import COMMANDS
from .runs.errors import RunError
from .suggest import nearest

__all__ = ["main", "usage"]

_PACKAGES = {"PIL": "pillow"}  # modules whose package has another name


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; an error that the user can correct becomes one sentence on stderr.

    Args:
        arguments: The words after `minigan`; None takes the arguments of the process.

    Returns:
        The exit status: 0 for success, 2 for an error of the user, 130 after an interruption.
    """
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(usage())
        return 0
    if arguments[0] in ("-V", "--version"):
        print(__version__)
        return 0
    name, *others = arguments
    if name not in COMMANDS:
        return _failed(f"unknown command {name!r}; there are {', '.join(COMMANDS)}{nearest(name, COMMANDS)}")
    try:
        return COMMANDS[name].run(others)
    except (ValueError, RunError, OSError, DeviceError) as error:
        return _failed(_sentence(error))
    except ImportError as error:
        if (error.name or "").partition(".")[0] == "minigan":
            raise
        return _failed(_missing(name, error))
    except KeyboardInterrupt:
        print("\nminigan: interrupted", file=sys.stderr)
        return 130


def usage() -> str:
    """Return the text of `minigan --help`."""
    lines = "\n".join(f"  {command}" for command in COMMANDS.values())
    return (
        f"minigan {__version__}: GANs from nothing but arrays\n\n{lines}\n\n"
        "minigan COMMAND --help explains the arguments and lists the options of a command."
    )


def _failed(sentence):
    print(f"minigan: {sentence}", file=sys.stderr)
    return 2


def _missing(command, error):
    """Return a sentence that names the missing package; the library's own ImportErrors name it already."""
    if not isinstance(error, ModuleNotFoundError) or error.name is None:
        return str(error)
    module = error.name.partition(".")[0]
    package = _PACKAGES.get(module, module)
    return f"`minigan {command}` needs {package}, which is not installed: pip install {package}"


def _sentence(error):
    """Return the message of an error; for an OSError the name of the file and the reason, without the error number."""
    if isinstance(error, OSError) and error.filename and error.strerror:
        return f"{error.filename}: {error.strerror}"
    return str(error)


if __name__ == "__main__":
    sys.exit(main())

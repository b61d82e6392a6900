"""Parsing of options, and other functions that several commands share."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, TypeAlias, TypeVar

import tyro
from tyro.conf import Positional, arg

from ..runs import Run

__all__ = ["RunFolder", "parse", "try_to_write"]

RunFolder: TypeAlias = Annotated[Positional[Path], arg(metavar="RUN")]
"""Type of the argument that names a run folder."""

Options = TypeVar("Options")


def parse(options: type[Options], command: str, arguments: list[str], default: Options | None = None) -> Options:
    """Parse the arguments of a command, or print an explanation and exit.

    Args:
        options: A dataclass; the docstrings of its fields are the texts of `--help`.
        command: The name of the command.
        arguments: The words after the command's name.
        default: The values of options that are not given; None takes the defaults of the dataclass.

    Raises:
        SystemExit: With status 2 for wrong arguments, and with 0 after `--help`.
    """
    given: dict[str, Any] = {} if default is None else {"default": default}
    return tyro.cli(options, prog=f"minigan {command}", args=arguments, **given)


def try_to_write(write: Callable[..., Any], run: Run, *arguments: Any) -> None:
    """Call `write(run, *arguments)`, and only print an error on stderr: a run is complete without its report."""
    try:
        write(run, *arguments)
    except (Exception, KeyboardInterrupt) as error:
        print(f"minigan: nothing written about {run.folder}: {error}", file=sys.stderr)

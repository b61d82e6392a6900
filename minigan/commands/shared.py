"""Parsing of options, and other functions that several commands share."""

import dataclasses
import shutil
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, TypeAlias, TypeVar

import tyro
from tyro.conf import Positional, arg
from tyro.constructors import ConstructorRegistry, StructConstructorSpec, StructTypeInfo

from ..runs import Run

__all__ = ["OptionalCount", "OptionalPath", "RunFolder", "parse", "parse_known", "try_to_write"]

RunFolder: TypeAlias = Annotated[Positional[Path], arg(metavar="RUN")]
"""Type of the argument that names a run folder."""

OptionalPath: TypeAlias = Annotated[Path | None, arg(metavar="PATH", help_behavior_hint="")]
"""Type of an option that takes a path; its help says what happens without it."""

OptionalCount: TypeAlias = Annotated[int | None, arg(metavar="INT", help_behavior_hint="")]
"""Type of an option that takes an integer; its help says what happens without it."""

Options = TypeVar("Options")

_rules = ConstructorRegistry()
_underway: list[Any] = []  # dataclasses that tyro's own rule is reading


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
    if {"-h", "--help"} & set(arguments):
        print(_wrapped(options.__doc__ or ""), end="\n\n")  # tyro would not wrap it
    with _rules:
        return tyro.cli(options, prog=f"minigan {command}", description="", args=arguments, **given)


def parse_known(options: type[Options], command: str, arguments: list[str]) -> tuple[Options, list[str]]:
    """Parse those arguments of a command that it knows, and return the options and the other words.

    Args:
        options: A dataclass, as for `parse`.
        command: The name of the command.
        arguments: The words after the command's name, without `--help`.

    Raises:
        SystemExit: With status 2 if an option has a wrong value.
    """
    return tyro.cli(options, prog=f"minigan {command}", args=arguments, return_unknown_args=True)


def try_to_write(write: Callable[..., Any], run: Run, *arguments: Any) -> None:
    """Call `write(run, *arguments)`, and only print an error on stderr: a run is complete without its report."""
    try:
        write(run, *arguments)
    except (Exception, KeyboardInterrupt) as error:
        print(f"minigan: nothing written about {run.folder}: {error}", file=sys.stderr)


def _wrapped(text):
    """Wrap each paragraph of a docstring to the width of the terminal."""
    width = shutil.get_terminal_size().columns
    return "\n\n".join(textwrap.fill(" ".join(part.split()), width) for part in text.split("\n\n"))


@_rules.struct_rule
def _reflowed(info: StructTypeInfo) -> StructConstructorSpec | None:
    """Describe a dataclass as tyro does, except that the lines of a help text are joined, to be wrapped again."""
    if not dataclasses.is_dataclass(info.type) or info.type in _underway:
        return None
    _underway.append(info.type)
    try:
        spec = ConstructorRegistry.get_struct_spec(info)
    finally:
        _underway.pop()
    if not isinstance(spec, StructConstructorSpec):  # an error, which tyro's own rule reports
        return None
    fields = [dataclasses.replace(field, helptext=_joined(field.helptext)) for field in spec.fields]
    return dataclasses.replace(spec, fields=tuple(fields))


def _joined(text):
    """Join the lines of a help text, which some versions of tyro give as a function."""
    if callable(text):
        return lambda: _joined(text())
    return text and " ".join(text.split())

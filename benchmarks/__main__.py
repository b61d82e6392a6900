"""Entry point of `python -m benchmarks`."""

import sys

import tyro

from . import command

sys.exit(command.main(tyro.cli(command.Options, prog="python -m benchmarks")))

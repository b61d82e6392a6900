"""`python -m benchmarks`: minigan beside other libraries on this machine."""

import sys

import tyro

from . import command

sys.exit(command.main(tyro.cli(command.Options, prog="python -m benchmarks")))

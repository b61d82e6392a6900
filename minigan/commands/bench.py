"""`minigan bench`: run the benchmarks of a clone, `python -m benchmarks`, which are not part of the package."""

from .shared import parse


def main(arguments: list[str]) -> int:
    """Run the benchmarks if they can be imported.

    Raises:
        ValueError: If the benchmarks cannot be imported, because this is not a clone.
    """
    try:
        from benchmarks import command
    except ModuleNotFoundError as error:
        if error.name != "benchmarks":
            raise
        raise ValueError(
            "the benchmarks are not installed with the package: run `python -m benchmarks` in a clone"
        ) from error
    return command.main(parse(command.Options, "bench", arguments))

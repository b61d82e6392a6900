"""Verification of the tutorials, `minigan verify`: every claim is computed again."""

from __future__ import annotations

import dataclasses
import io
import runpy
import time
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from .check.claims import collecting
from .files import as_json

if TYPE_CHECKING:
    from .check.claims import Result
    from .types import PathLike

__all__ = ["Chapter", "chapters", "find", "main", "run"]


def __dir__() -> list[str]:
    return sorted(__all__)


@dataclass(repr=False)
class Chapter:
    """Outcome of running one chapter.

    Attributes:
        name: Name of the script, such as "ch04_optimal_discriminator".
        results: One result for each claim that was checked, in order.
        error: The exception that ended the chapter, as text; None if it ran to its end.
        seconds: Time that the chapter took.
    """

    name: str
    results: list[Result] = field(default_factory=list)
    error: str | None = None
    seconds: float = 0.0

    @property
    def holds(self) -> bool:
        """Return whether the chapter ran to its end, checked at least one claim, and every claim holds."""
        return self.error is None and bool(self.results) and all(result.holds for result in self.results)

    def __repr__(self) -> str:
        return f"<{self.name}: {self.error or _summary([self])}>"


def find(folder: PathLike | None = None) -> Path:
    """Find the folder of the tutorials.

    Args:
        folder: The folder to look in; None looks in ./tutorials and in the repository from which minigan runs.

    Raises:
        FileNotFoundError: If there are no chapters, because an installed package has no tutorials.
    """
    places = [Path(folder)] if folder else [Path("tutorials"), Path(__file__).parents[1] / "tutorials"]
    for place in places:
        if _scripts(place):
            return place
    raise FileNotFoundError(
        f"no chapters in {' or '.join(map(str, places))}: the tutorials come with a clone of the repository, "
        "not with the package; give their folder with --folder"
    )


def chapters(folder: PathLike, wanted: Sequence[str] = ()) -> list[Path]:
    """Return the scripts of chapters.

    Args:
        folder: The folder of the tutorials, as `find` returns it.
        wanted: Names of chapters, such as "4", "ch04" or "errata"; all chapters if empty.

    Raises:
        ValueError: If there is no chapter with one of these names.
    """
    scripts = _scripts(Path(folder))
    names = {name: script for script in scripts for name in _names(script)}
    if unknown := [name for name in wanted if name not in names]:
        raise ValueError(f"no chapter {unknown[0]!r}; there are {', '.join(_names(s)[0] for s in scripts)}")
    return [names[name] for name in wanted] or scripts


def run(script: Path) -> Chapter:
    """Run a chapter, without its prints and pictures, and collect the results of its checks."""
    chapter, started = Chapter(script.stem), time.perf_counter()
    with collecting() as results, redirect_stdout(io.StringIO()):
        try:
            runpy.run_path(str(script), run_name="__main__")
        except Exception as error:  # of any kind: the other chapters must still be verified
            chapter.error = f"{type(error).__name__}: {error}"
    chapter.results, chapter.seconds = results, time.perf_counter() - started
    return chapter


def main(wanted: Sequence[str], folder: PathLike | None = None, json: bool = False) -> int:
    """Verify chapters, print the results, and return the exit status: 0 if every claim holds, else 1.

    Args:
        wanted: Names of chapters, as in `chapters`.
        folder: The folder of the tutorials; None searches for it, as `find` does.
        json: Print JSON instead of text.

    Raises:
        FileNotFoundError: If there are no chapters.
        ValueError: If there is no chapter with one of these names.
    """
    found = []
    for script in chapters(find(folder), wanted):
        found.append(run(script))
        if not json:
            print(*_lines(found[-1]), sep="\n", flush=True)
    if json:
        print(as_json([_record(chapter) for chapter in found]))
    else:
        print(_summary(found))
    return 0 if all(chapter.holds for chapter in found) else 1


def _scripts(folder):
    return [*sorted(folder.glob("ch[0-9][0-9]_*.py")), *folder.glob("errata.py")]


def _names(script):
    """Return the names by which a chapter can be given: "4", "04", "ch04" and "ch04_optimal_discriminator"."""
    head = script.stem.split("_")[0]
    return [script.stem] if head == script.stem else [str(int(head[2:])), head[2:], head, script.stem]


def _lines(chapter):
    yield f"{chapter.name}  ({chapter.seconds:.1f} s)"
    for r in chapter.results:
        verdict = "holds" if r.holds else "FAILS"
        yield f"  {verdict}  {r.number:6} {r.distance:8.1e} <= {r.tolerance:.0e} {_unit(r):7} {r.statement}"
        if not r.holds:
            yield from (f"  {line}" for line in r.lines())
    if chapter.error:
        yield f"  FAILS  {chapter.error}"
    elif not chapter.results:
        yield "  FAILS  it checks nothing"


def _unit(result):
    """Return the measure of a claim's distance in at most 7 letters; "" for the usual measure, "relative"."""
    return {"relative": "", "absolute": "abs."}.get(result.measure, result.measure)


def _summary(found):
    results = [result for chapter in found for result in chapter.results]
    rejected = sum(len(r.controls) - len(r.missed) for r in results)
    bad = sum(not r.holds for r in results) + sum(not c.results or c.error is not None for c in found)
    verdict = "all hold" if not bad else f"{bad} FAIL"
    seconds = sum(chapter.seconds for chapter in found)
    return f"{len(results)} claims, {verdict}; {rejected} wrong variants rejected; {seconds:.0f} s"


def _record(chapter):
    results = [dataclasses.asdict(r) | {"holds": r.holds} for r in chapter.results]
    return {"chapter": chapter.name, "seconds": chapter.seconds, "error": chapter.error, "claims": results}

"""`minigan verify`: all claims of the tutorials, computed anew."""

import dataclasses
import io
import runpy
import time
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path

from .check.claims import collecting
from .files import as_json


@dataclass
class Chapter:
    """What running a chapter gave: the `Result` of each check, and the error that ended it, or None."""

    name: str
    results: list = field(default_factory=list)
    error: str | None = None
    seconds: float = 0.0

    @property
    def holds(self):
        """Did it run to its end, check something, and find nothing wrong?"""
        return self.error is None and bool(self.results) and all(result.holds for result in self.results)


def find(folder=None):
    """The folder of the tutorials: the given one, ./tutorials, or that of the checkout that minigan runs from.

    FileNotFoundError if there is none: an installed package has no tutorials.
    """
    places = [Path(folder)] if folder else [Path("tutorials"), Path(__file__).parents[1] / "tutorials"]
    for place in places:
        if _scripts(place):
            return place
    raise FileNotFoundError(
        f"no chapters in {' or '.join(map(str, places))}: the tutorials come with a clone of the repository, "
        "not with the package; give their folder with --folder"
    )


def chapters(folder, wanted=()):
    """The paths of the chapters `wanted`, such as "4" or "errata", or of all.  ValueError for one that is not there."""
    scripts = _scripts(folder)
    names = {name: script for script in scripts for name in _names(script)}
    if unknown := [name for name in wanted if name not in names]:
        raise ValueError(f"no chapter {unknown[0]!r}; there are {', '.join(_names(s)[0] for s in scripts)}")
    return [names[name] for name in wanted] or scripts


def run(script):
    """The `Chapter` of a script, which prints nothing and draws nothing."""
    chapter, started = Chapter(script.stem), time.perf_counter()
    with collecting() as results, redirect_stdout(io.StringIO()):
        try:
            runpy.run_path(str(script), run_name="__main__")
        except Exception as error:  # whatever it is, the other chapters are still to be verified
            chapter.error = f"{type(error).__name__}: {error}"
    chapter.results, chapter.seconds = results, time.perf_counter() - started
    return chapter


def main(wanted, folder=None, json=False):
    """Verify chapters, print what was found, and return the exit status: 1 if anything does not hold."""
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
    """What a chapter is called: "4", "04", "ch04" or "ch04_optimal_discriminator"."""
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
    return "" if result.measure == "relative" else result.measure[:7]


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

"""`minigan protocol NAME`: run, print, write."""

import sys
from pathlib import Path

from ..files import replacing, write_json
from ..scale import results
from . import dirac, harness, load


def main(name, *, out=None, processes=None, seeds=None, steps=None):
    """Run the named protocol and print its tables.  Returns the exit status.

    out: a folder, by default runs/protocol-`name`; see `harness.run`.  Each protocol of that name has its own subfolder
    with results.json, table.txt and figure.png.  ValueError for an unknown name or a setting out of range.
    """
    if name == "dirac":
        return _dirac(out)
    if steps is not None and steps < 1:
        raise ValueError(f"steps must be at least 1, got {steps}")
    protocols = [protocol.scaled(steps) for protocol in load(name)]
    folder = Path("runs") / f"protocol-{name}" if out is None else out
    try:
        for protocol in protocols:
            _run(protocol, folder / protocol.name, processes, seeds)
    except KeyboardInterrupt:
        print("\nstopped; the same command goes on with what is not finished", file=sys.stderr)
        return 130
    return 0


def _run(protocol, folder, processes, seeds):
    records = harness.run(protocol, folder, processes=processes, seeds=seeds)
    lines = results.table(protocol, records)
    with replacing(folder / "table.txt") as file:
        file.write("".join(line + "\n" for line in lines).encode())
    results.figure(folder / "figure.png", protocol, records)
    print(*lines, f"written: {folder}", "", sep="\n")


def _dirac(out):
    rows = dirac.run()
    cells = [[f"{v:.4g}" if isinstance(v, float) else v for v in row.values()] for row in rows]
    print(*results.aligned([list(rows[0]), *cells]), sep="\n")
    if out is not None:
        write_json(out, rows)
    return 0

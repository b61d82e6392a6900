"""`minigan protocol NAME`: run a protocol, print its table and write its results."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..files import replacing, write_json
from ..scale import results
from . import dirac, harness, load

if TYPE_CHECKING:
    from ..scale.protocol import Protocol


def main(
    name: str,
    *,
    out: Path | None = None,
    processes: int | None = None,
    seeds: Sequence[int] | None = None,
    steps: int | None = None,
) -> int:
    """Run the named protocol, print its tables, and return the exit status.

    Args:
        name: The name of a protocol.
        out: A folder, by default runs/protocol-NAME; see `harness.run`. Each protocol of that name gets a subfolder
            with results.json, table.txt and figure.png.
        processes: The number of seeds at a time; by default one for each core.
        seeds: The seeds to run; None takes the protocol's own.
        steps: The number of generator updates; None takes the protocol's own.

    Raises:
        ValueError: If the name is unknown, or a setting is out of range.
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


def _run(protocol: Protocol, folder: Path, processes: int | None, seeds: Sequence[int] | None) -> None:
    records = harness.run(protocol, folder, processes=processes, seeds=seeds)
    lines = results.table(protocol, records)
    with replacing(folder / "table.txt") as file:
        file.write("".join(line + "\n" for line in lines).encode())
    results.figure(folder / "figure.png", protocol, records)
    print(*lines, f"written: {folder}", "", sep="\n")


def _dirac(out: Path | None) -> int:
    rows = dirac.run()
    cells = [[f"{v:.4g}" if isinstance(v, float) else str(v) for v in row.values()] for row in rows]
    print(*results.aligned([list(rows[0]), *cells]), sep="\n")
    if out is not None:
        write_json(out, rows)
    return 0

"""One table and one picture of several results, such as those on one core and on two, for docs/speed.md.

python -m benchmarks.summary PICTURE RESULTS.json ...
"""

import json
import sys
from pathlib import Path

from . import figures, peers
from .tables import ratios

COLUMNS = {  # the peer, and the one that it is compared with
    "minigan_loop": peers.REFERENCE,
    "minigan_loop_captured": "jax_jit",
}


def markdown(results):
    """Return the lines of a table: for each workload the milliseconds of both peers of `COLUMNS`, and their ratio."""
    heads = [f"{peers.NAMES[a]} / {peers.NAMES[b]}, ms" for a, b in COLUMNS.items()]
    lines = [
        "| | cores | " + " | ".join(f"{head} | ratio" for head in heads) + " |",
        "|---|---|" + "---|---|" * len(heads),
    ]
    for found, cores in _rows(results):
        cells = [cell for pair in COLUMNS.items() for cell in _pair(found["peers"], *pair)]
        lines.append(f"| {found['about']} | {cores} | " + " | ".join(cells) + " |")
    return lines


def merged(results):
    """Return results whose workloads are those of all `results`, named with their numbers of cores, for a picture."""
    rows = [found | {"name": f"{found['name']}, {cores} core{'s' * (cores > 1)}"} for found, cores in _rows(results)]
    return results[0] | {"workloads": rows}


def main(arguments):
    picture, *paths = map(Path, arguments)
    results = [json.loads(path.read_text()) for path in paths]
    print(*markdown(results), sep="\n")
    figures.bars(picture, merged(results))


def _rows(results):
    """Return (summary of a workload, number of cores) pairs: each workload on few cores, then on more."""
    names = list(dict.fromkeys(w["name"] for one in results for w in one["workloads"]))
    rows = [(w, one["about"]["cores"]) for one in results for w in one["workloads"] if len(ratios(w)) > 1]
    return sorted(rows, key=lambda row: (names.index(row[0]["name"]), row[1]))


def _pair(records, ours, theirs):
    medians = [records.get(peer, {}).get("seconds", {}).get("median") for peer in (ours, theirs)]
    if None in medians:
        return "", ""
    a, b = medians
    return f"{_rounded(1e3 * a)} / {_rounded(1e3 * b)}", f"**{a / b:.2f}**"


def _rounded(x):
    return f"{x:.3g}" if x < 100 else f"{x:.0f}"


if __name__ == "__main__":
    main(sys.argv[1:])

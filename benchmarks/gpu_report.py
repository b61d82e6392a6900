"""Text of the results on a GPU, which are the dict that results.json holds; see `gpu`."""

from minigan.scale.results import aligned

from . import gpu_roofline
from .gpu_race import PARTS, PEERS
from .peers import REFERENCE

_MIB = 1 << 20
_TERA = 1e12


def table(results):
    """Return the lines to print: the device, its limits, products, convolutions, whole steps, and failures."""
    lines = [*_header(results), ""]
    for title, key in (("products of matrices", "products"), ("convolutions", "convolutions")):
        if results[key]:
            lines += [*_parts(title, results[key], results["limits"]), ""]
    lines += [line for found in results["steps"] for line in [*_step(found, results["limits"]), ""]]
    lines += [f"not usable: {PEERS[peer]}: {reason}" for peer, reason in results["missing"].items()]
    return lines + _failures([*results["products"], *results["convolutions"]])


def ratios(found):
    """Return {peer: its median divided by PyTorch eager's}; empty without PyTorch."""
    medians = {p: r["seconds"]["median"] for p, r in found["peers"].items() if "seconds" in r}
    reference = medians.get(REFERENCE)
    return {p: m / reference for p, m in medians.items()} if reference else {}


def _header(results):
    about, libraries = results["about"], results["libraries"]
    versions = [f"{PEERS[p]} {about['version']}" for p, about in libraries.items()]
    quick = "  QUICK: the times mean nothing." * about["quick"]
    yield f"{about['device']}, driver {about['driver']}; {', '.join(versions)}.{quick}"
    limits = results["limits"]
    rates = [f"{precision} {rate / _TERA:.1f} TFLOP/s" for precision, rate in limits["flops"].items()]
    rates += [f"copy {limits['bytes'] / 1e9:.0f} GB/s"] if limits["bytes"] else []
    yield "measured limits: " + (", ".join(rates) or "none")


def _parts(title, parts, limits):
    """Return a table with a row for each part, and the columns of both precisions side by side."""
    rates = {p: limits["flops"].get(p) for p in dict.fromkeys(part["precision"] for part in parts)}
    head = [title]
    for precision in rates:
        for peer in PARTS:
            head += [f"{precision} {'ours' if peer == PARTS[0] else 'PyTorch'} us", "TFLOP/s", "of best"]
        head += ["ratio"]
    rows = {}
    for part in parts:
        rows.setdefault(part["name"], {})[part["precision"]] = part
    cells = [[name, *(c for p, rate in rates.items() for c in _part(of.get(p), rate))] for name, of in rows.items()]
    return aligned([head, *cells])


def _part(found, rate):
    """Return the cells of a part in one precision."""
    cells = []
    for peer in PARTS:
        seconds = found and found["peers"].get(peer, {}).get("seconds")
        if not seconds:
            cells += ["", "", ""]
            continue
        speed = found["flops"] / seconds["median"]
        cells += [f"{1e6 * seconds['median']:.1f}", f"{speed / _TERA:.2f}", f"{speed / rate:.0%}" if rate else ""]
    ratio = ratios(found).get(PARTS[0]) if found else None
    return [*cells, f"{ratio:.2f}" if ratio else ""]


def _step(found, limits):
    title = f"{found['about']}, {found['precision']}, ms"
    rows = [[title, "median", "quartiles", "ratio", "roofline", "MiB"]]
    rows += [_row(found, peer, record, limits) for peer, record in found["peers"].items() if "seconds" in record]
    return aligned(rows) + [f"  {PEERS[p]}: {r['failed']}" for p, r in found["peers"].items() if "failed" in r]


def _row(found, peer, record, limits):
    seconds, ratio = record["seconds"], ratios(found).get(peer)
    least = gpu_roofline.least_seconds(found, limits)
    low, median, high = (f"{1e3 * seconds[key]:.4g}" for key in ("low", "median", "high"))
    return [
        f"  {PEERS[peer]}", median, f"{low} to {high}", f"{ratio:.2f}" if ratio else "",
        f"{least / seconds['median']:.0%}" if least else "", f"{record['memory'] / _MIB:.0f}",
    ]  # fmt: skip


def _failures(parts):
    return [
        f"{part['name']}, {part['precision']}: {PEERS[p]}: {r['failed']}"
        for part in parts
        for p, r in part["peers"].items()
        if "failed" in r
    ]

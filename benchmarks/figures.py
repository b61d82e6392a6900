"""Two pictures of the results: ratios of times, and growth of the time of a step."""

import numpy as np

from minigan.viz import style
from minigan.viz.style import BLACK, MUTED, SMALL, WIDTH, Page, legend, number_axis, save

from . import peers
from .tables import ratios

_COLOURS = {
    "minigan_eager": style.BLUE,
    "minigan_captured": style.SKY,
    "minigan_loop": style.BLUE,
    "minigan_loop_captured": style.SKY,
    "torch_eager": BLACK,
    "torch_compiled": MUTED,
    "jax_jit": style.VERMILLION,
    "chainer_eager": style.GREEN,
    "dezero_eager": style.ORANGE,
    "hips_autograd": style.PURPLE,
}
_LOOP = {"minigan_loop", "minigan_loop_captured"}  # hatched, in the colours of the `Game`
_BAR, _BETWEEN, _LEFT, _RIGHT, _TOP, _BELOW = 0.08, 0.12, 1.15, 0.25, 0.3, 0.3  # inches
_PANEL, _GAP, _LETTER = 2.2, 0.6, 0.06


def bars(path, results):
    """Draw every library's time relative to the reference's, one bar per workload that the library can run.

    Returns the Figure, or None if no workload has both the reference and another library.
    """
    found = {w["name"]: of for w in results["workloads"] if len(of := ratios(w)) > 1}
    if not found:
        return None
    shown = [p for p in peers.NAMES if p != peers.REFERENCE and any(p in of for of in found.values())]
    row = len(shown) * _BAR + _BETWEEN
    caption = "Median time of a step relative to PyTorch eager's, in turns on one machine. Left of the line is faster."
    page = Page(_TOP + len(found) * row + _BELOW, "Time beside PyTorch eager", caption)
    left = max(_LEFT, _LETTER * max(map(len, found)))
    axes = page.axes(left, _TOP, WIDTH - left - _RIGHT, len(found) * row)
    for k, peer in enumerate(shown):
        _bars_of(axes, peer, k + 0.5 - len(shown) / 2, _BAR / row, found)
    axes.axvline(1, color=BLACK, linewidth=0.8)
    axes.set_yticks(range(len(found)), found)
    axes.set_ylim(len(found) - 0.5, -0.5)
    axes.grid(False, axis="y")
    axes.tick_params(axis="y", length=0)
    number_axis(axes.xaxis, log=True)
    legend(axes, columns=4)
    return save(path, page.figure)


def growth(path, results):
    """Draw the seconds of a step over the batch and the pixels, beside linear growth, on logarithmic axes."""
    page = Page(_TOP + _PANEL + 0.45, "DCGAN critic step with gradient penalty, seconds", "Dotted: in proportion.")
    width = (WIDTH - 2 * _GAP - _RIGHT) / 2
    for i, (axis, found) in enumerate(results["scaling"].items()):
        left = _GAP + i * (width + _GAP)
        axes = page.axes(left, _TOP, width, _PANEL)
        for peer, seconds in found.items():
            _line(axes, peer, np.array([float(size) for size in seconds]), np.array(list(seconds.values())))
        number_axis(axes.xaxis, log=True)
        number_axis(axes.yaxis, log=True)
        sizes = list(next(iter(found.values())))
        axes.set_xticks([float(size) for size in sizes], sizes)
        page.text(left + width / 2, _TOP + _PANEL + 0.25, axis, SMALL, MUTED, ha="center")
    legend(axes, columns=2)
    return save(path, page.figure)


def _bars_of(axes, peer, position, thickness, found):
    """Draw the bars of one library, `position` thicknesses below the middles of the rows."""
    rows = [i + position * thickness for i, of in enumerate(found.values()) if peer in of]
    lengths = [of[peer] - 1 for of in found.values() if peer in of]
    look = {"color": _COLOURS[peer], "linewidth": 0} | (
        {"hatch": "////", "edgecolor": "white"} if peer in _LOOP else {}
    )
    axes.barh(rows, lengths, thickness, left=1, label=peers.NAMES[peer], **look)


def _line(axes, peer, sizes, seconds):
    look = {"color": _COLOURS[peer], "markersize": 3, "linewidth": 1}
    axes.plot(sizes, seconds, "o-", label=peers.NAMES[peer], **look)
    axes.plot(sizes, seconds[0] * sizes / sizes[0], ":", **look)

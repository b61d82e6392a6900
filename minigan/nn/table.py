"""Table of a network's layers with their output shapes and numbers of parameters."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

import numpy as np

from .. import backend
from ..op import no_grad

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..types import Shape
    from .module import Module

_BATCH = 2  # layers that compare the samples of a batch need more than one
_HEADS = ("layer", "kind", "output", "parameters")


@dataclass(frozen=True)
class Summary:
    """Table of a network's layers, in the order in which they run; made by `summary`.

    Attributes:
        rows: (dotted path, class, output shape without the batch axis, number of parameters) of each layer; the shape
            is None for an output that is not a single array.
        total: Number of parameters of the whole network.
    """

    rows: tuple[tuple[str, str, Shape | None, int], ...]
    total: int

    def __repr__(self) -> str:
        lines = [_HEADS, *self._cells(), ("total", "", "", f"{self.total:,}")]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        lines = ["  ".join([*map(str.ljust, line[:3], widths), line[3].rjust(widths[3])]) for line in lines]
        rule = "-" * len(lines[0])
        return "\n".join([lines[0], rule, *lines[1:-1], rule, lines[-1]])

    def _repr_html_(self) -> str:
        total = ("total", "", "", f"{self.total:,}")
        rows = [_row("th", _HEADS), *(_row("td", cells) for cells in self._cells()), _row("th", total)]
        return f"<table>{''.join(rows)}</table>"

    def _cells(self):
        return [(path, kind, _batch_of(shape), f"{count:,}") for path, kind, shape, count in self.rows]


def _row(tag, cells):
    return "<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in cells) + "</tr>"


def _batch_of(shape):
    return "-" if shape is None else f"({', '.join(['N', *map(str, shape)])})"


def summary(net: Module, input_shape: int | Sequence[int]) -> Summary:
    """Run a network once, on zeros, and return the table of its layers.

    The network runs in evaluation mode and is left as it was. Containers without parameters of their own get no row.

    Args:
        net: A module that takes one array of floating-point numbers.
        input_shape: Shape of one sample, without the batch axis: (28, 28, 1) for images, 100 for a noise vector.

    Returns:
        A `Summary`, which a notebook and `print` show as a table.

    Example:
        print(mg.nn.summary(mg.models.dcgan.generator(rng=rng), 100))
    """
    like = next(iter(net.parameters()), None)
    x = np.zeros((_BATCH, *np.atleast_1d(input_shape)), like.dtype if like is not None else np.float32)
    with _evaluating(net), _recording(net) as shapes, no_grad():
        net(backend.move(x, like.device) if like is not None else x)
    counts: Counter[str] = Counter()
    for path, parameter in net.named_parameters():
        counts[_innermost(path, shapes)] += parameter.size
    kinds = {path: type(module).__name__ for path, module in net.named_modules()}
    parents = {_innermost(path, shapes) for path in shapes if path}
    rows = [(path, kinds[path], shape and shape[1:], counts[path]) for path, shape in shapes.items()
            if counts[path] or path not in parents]  # fmt: skip
    return Summary(tuple(rows), net.num_parameters())


@contextmanager
def _evaluating(net):
    modes = [(module, module.training) for module in net.modules()]
    net.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


@contextmanager
def _recording(net):
    """Collect the shape of the first output of every module that is called inside the context, by dotted path."""
    shapes: dict[str, Shape | None] = {}
    modules = net.named_modules()

    def recorder(path, forward):
        def record(*args, **kwargs):
            y = forward(*args, **kwargs)
            shapes.setdefault(path, getattr(y, "shape", None))
            return y

        return record

    for path, module in modules:
        vars(module)["forward"] = recorder(path, module.forward)
    try:
        yield shapes
    finally:
        for _, module in modules:
            del vars(module)["forward"]


def _innermost(path, shapes):
    """Return the path of the innermost module that was called and contains `path`."""
    while path:
        path = path.rpartition(".")[0]
        if path in shapes:
            break
    return path

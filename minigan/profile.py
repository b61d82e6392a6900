"""Profile of a step: the time and the memory that each operation takes.

    with mg.profile() as p:
        game.critic_step(real, z)

A row is an operation that the forward calls. Its derivatives are counted in the same row: the operations that its vjp
runs in the backward and, under `create_graph`, the derivatives of these operations in a later backward.
"""

from __future__ import annotations

from bisect import bisect
from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain
from threading import get_ident
from time import perf_counter
from typing import TYPE_CHECKING, Any

from .autodiff import ancestors
from .backend import ndarray
from .capture.placement import arrays, owner
from .op import Watch, current_watch, watching
from .tensor import Leaf, leaf_owning, tick

if TYPE_CHECKING:
    from .op import Op
    from .tensor import Node

__all__ = ["SWEEP", "Profile", "Row", "layer_of", "profile", "table"]

SWEEP: str = "(sweep)"
"""Name of the row for the work of a reverse sweep between two vjps."""

OUTSIDE, SWEEPING, PULLING = 0, 1, 2  # states of the profiled thread: outside of a sweep, between vjps, in a vjp


def __dir__() -> list[str]:
    return sorted(__all__)


@contextmanager
def profile(output: Callable[[str], object] | None = print) -> Iterator[Profile]:
    """Profile the operations of this thread inside a `with` block.

    Results stay the same to the bit. Profiling costs a few microseconds per operation, nearly all of which are left
    out of the times that it reports.

    Args:
        output: Called with the table as text when the block ends, also when an exception ends it; None for no output.

    Raises:
        RuntimeError: If a profile is running already.

    Example:
        with mg.profile() as p:
            game.critic_step(real, z)
        p.rows[0].op  # the name of the operation that takes most of the time
    """
    if current_watch() is not None:
        raise RuntimeError("profile: one is running already, around this one or in another thread")
    profiled = Profile()
    try:
        with watching(profiled):
            yield profiled
    finally:
        profiled.stop()
        if output is not None:
            output(profiled.table())


@dataclass(eq=False)
class Row:
    """Measurements of one operation in one layer.

    Attributes:
        op: Name of the operation.
        layer: Dotted path of the module whose parameter is among its arguments; "" if there is none.
        calls: Number of calls in the forward.
        forward_ms: Milliseconds in its kernel, for calls outside of a sweep.
        backward_ms: Milliseconds in its vjps.
        double_ms: Milliseconds in its vjps under `create_graph`, and in the vjps of the operations that these ran.
        kept: Bytes that the operation held for the backward when the sweep of the largest graph began, by argument,
            "out" or keyword. An array counts once, for the first operation that holds it; parameters do not count.
            Arrays held by the operations that its vjps ran are named "operation.argument".
    """

    op: str
    layer: str
    calls: int = 0
    forward_ms: float = 0.0
    backward_ms: float = 0.0
    double_ms: float = 0.0
    kept: dict[str, int] = field(default_factory=dict)

    @property
    def total_ms(self) -> float:
        """Milliseconds in the forward and in all derivatives."""
        return self.forward_ms + self.backward_ms + self.double_ms

    @property
    def kept_bytes(self) -> int:
        """Bytes held for the backward."""
        return sum(self.kept.values())


class Profile(Watch):
    """Result of `profile`; printing it shows the table.

    Attributes:
        kept_bytes: Bytes that the largest graph held for the backward.
    """

    def __init__(self):
        self.kept_bytes: int = 0
        self._rows: dict[tuple[str, str], Row] = {}
        self._thread = get_ident()
        self._where = OUTSIDE
        # Nodes made since _ticks[k] belong to _makers[k]: (row, whether they are part of its derivative).
        self._ticks, self._makers = [], []
        self._pulled = self._own = 0.0  # seconds in vjps, and in this class
        self._started, self._stopped = perf_counter(), None

    def __repr__(self) -> str:
        return table(self)

    def stop(self) -> None:
        """End the measurement; `profile` does so when its block ends."""
        self._stopped = perf_counter()
        self._ticks, self._makers = [], []

    @property
    def rows(self) -> list[Row]:
        """One row for each operation and layer, the slowest first.

        The row "(sweep)" is the work of reverse sweeps between vjps: ordering the graph and summing gradients.
        """
        return sorted(self._rows.values(), key=lambda row: -row.total_ms)

    @property
    def total_ms(self) -> float:
        """Milliseconds that the block took, without the cost of profiling."""
        return 1e3 * ((self._stopped or perf_counter()) - self._started - self._own)

    @property
    def outside_ms(self) -> float:
        """Milliseconds of the block that belong to no row: Python, the engine and the optimizer."""
        return self.total_ms - sum(row.total_ms for row in self._rows.values())

    def table(self) -> str:
        """Return the rows as text of at most 100 columns.

        Rows with less than half a percent of the time and of the memory are summed up in one line.
        """
        return table(self)

    def run(self, op: Op, arrays: Sequence[Any], attrs: Mapping[str, Any]) -> Any:
        """Run a kernel, and measure it if it belongs to the forward."""
        if self._where != OUTSIDE or get_ident() != self._thread:
            return super().run(op, arrays, attrs)
        started = perf_counter()
        result = super().run(op, arrays, attrs)
        stopped = perf_counter()
        row = self._row(op.name, layer_of(arrays))
        row.calls += 1
        row.forward_ms += 1e3 * (stopped - started)
        self._makes_nodes(row, False)
        self._own += perf_counter() - stopped
        return result

    def sweep(
        self, sweep: Callable[..., Any], roots: Any, cotangents: Any, wanted: Any, create_graph: bool,
        *args: Any, **kwargs: Any,
    ) -> Any:  # fmt: skip
        """Run a reverse sweep, and measure its work between vjps."""
        if self._where != OUTSIDE or get_ident() != self._thread:
            return super().sweep(sweep, roots, cotangents, wanted, create_graph, *args, **kwargs)
        began = perf_counter()
        self._take_stock(roots)
        row = self._row(SWEEP)
        self._makes_nodes(row, True)
        self._where = SWEEPING
        started = perf_counter()
        self._own += started - began
        elsewhere = self._pulled + self._own
        try:
            return super().sweep(sweep, roots, cotangents, wanted, create_graph, *args, **kwargs)
        finally:
            self._add(row, create_graph, perf_counter() - started - (self._pulled + self._own - elsewhere))
            self._makes_nodes(None, False)
            self._where = OUTSIDE

    def pull(self, node: Node, g: Any, path: Container[Node], create_graph: bool) -> Any:
        """Run the vjps of a node, and measure them."""
        if self._where != SWEEPING or get_ident() != self._thread:
            return super().pull(node, g, path, create_graph)
        began = perf_counter()
        row, derived = self._maker(node)
        between = self._makers[-1]
        self._makes_nodes(row, True)
        self._where = PULLING
        started = perf_counter()
        try:
            return super().pull(node, g, path, create_graph)
        finally:
            stopped = perf_counter()
            self._add(row, create_graph or derived, stopped - started)
            self._pulled += stopped - started
            self._where = SWEEPING
            self._makes_nodes(*between)
            self._own += perf_counter() - stopped + started - began

    def _add(self, row, double, seconds):
        if double:
            row.double_ms += 1e3 * seconds
        else:
            row.backward_ms += 1e3 * seconds

    def _row(self, op, layer=""):
        key = op, layer
        if key not in self._rows:
            self._rows[key] = Row(*key)
        return self._rows[key]

    def _makes_nodes(self, row, derived):
        self._ticks.append(tick())
        self._makers.append((row, derived))

    def _maker(self, node):
        """Return the row of a node, and whether the node is part of the derivative of that row's operation."""
        k = bisect(self._ticks, node.id) - 1
        row, derived = self._makers[k] if k >= 0 else (None, False)
        if row is None or (not derived and row.op != node.op.name):  # made before the block, or by no operation
            row = self._row(node.op.name, layer_of(node.saved, node.parents))
        return row, derived

    def _take_stock(self, roots):
        """Record the memory that the graph of `roots` holds, if it is the largest graph so far."""
        nodes = set().union(*[ancestors(root) for root in roots if root is not None])
        kept: defaultdict[tuple[str, str], defaultdict[str, int]] = defaultdict(lambda: defaultdict(int))
        counted: set[int] = set()
        for node in sorted(nodes, key=lambda node: node.id):
            for name, memory in _held(node):
                if id(memory) not in counted and leaf_owning(memory) is None:
                    counted.add(id(memory))
                    row, derived = self._maker(node)
                    kept[row.op, row.layer][f"{node.op.name}.{name}" if derived else name] += memory.nbytes
        total = sum(sum(held.values()) for held in kept.values())
        if total > self.kept_bytes:
            self.kept_bytes = total
            for key, row in self._rows.items():
                row.kept = dict(kept[key])


def layer_of(arrays: Iterable[Any], leaves: Iterable[Node | None] = ()) -> str:
    """Return the dotted path of the layer whose parameter is among the arrays or leaves; "" if there is none."""
    leaves = [leaf_owning(a) for a in arrays if hasattr(a, "base")] + [n for n in leaves if isinstance(n, Leaf)]
    names = [leaf.name.rpartition(".")[0] or leaf.name for leaf in leaves if leaf is not None and leaf.name]
    return names[0] if names else ""


def _held(node):
    """Yield (name, array) for all memory that a node keeps alive."""
    if node.op is None or node.saved is None:  # a leaf, or freed by a sweep
        return
    for name, value in chain(zip(node.op.labels, node.saved, strict=True), (node.attrs or {}).items()):
        for array in arrays(value):
            memory = owner(array)
            yield name, memory if isinstance(memory, ndarray) else array  # bytes or a file: only the part in use counts


# The table.

WIDTH, NAME = 100, 20  # columns of the table, and the most for a layer's path
HEAD = ("op", "layer", "calls", "forward", "backward", "double", "%")


def table(p: Profile) -> str:
    """Return the rows of a profile as text of at most 100 columns, with sums below."""
    if not p.rows:
        return (
            f"profile: no operation ran in these {p.total_ms:.1f} ms. A step that mg.capture replays runs none: "
            "profile the step itself"
        )
    rows = _shortened(p)
    cells = [HEAD, *[_cells(row, p.total_ms) for row in rows]]
    used = [k for k in range(len(HEAD)) if any(line[k] for line in cells[1:])]
    widths = {k: max(len(line[k]) for line in cells) for k in used}
    lines = ["  ".join([f"{line[k]:{'<' if k < 2 else '>'}{widths[k]}}" for k in used]) for line in cells]
    kept = [_listed(row.kept, WIDTH - len(lines[0]) - 2) for row in rows]
    lines = [f"{line}  {end}" for line, end in zip(lines, ["kept" if any(kept) else "", *kept], strict=True)]
    return "\n".join([line.rstrip() for line in [*lines, "", *_sums(p)]])


def _shortened(p):
    """Return the rows of p, with the small ones summed up in one."""
    small = [r for r in p.rows if r.total_ms < 0.005 * p.total_ms and r.kept_bytes <= 0.005 * p.kept_bytes]
    if len(small) < 2:
        return p.rows
    rest = Row(f"({len(small)} more)", "", sum(r.calls for r in small))
    rest.forward_ms, rest.backward_ms, rest.double_ms = map(
        sum, zip(*[(r.forward_ms, r.backward_ms, r.double_ms) for r in small], strict=True)
    )
    if kept := sum(r.kept_bytes for r in small):
        rest.kept = {"all": kept}
    return [r for r in p.rows if r not in small] + [rest]


def _cells(row, total):
    times = [f"{t:.2f}" if t else "" for t in (row.forward_ms, row.backward_ms, row.double_ms)]
    layer = row.layer if len(row.layer) <= NAME else "…" + row.layer[1 - NAME :]
    return row.op, layer, str(row.calls or ""), *times, f"{100 * row.total_ms / total:.0f}"


def _listed(kept, width):
    """Return text such as 'x 3.1 MB, out 0.8 MB', the largest first, as far as there is room.

    The memory of the operations that vjps ran is one item, "double".
    """
    sizes: defaultdict[str, int] = defaultdict(int)
    for name, size in kept.items():
        sizes["double" if "." in name else name] += size
    listed = ""
    for name, size in sorted(sizes.items(), key=lambda item: -item[1]):
        more = f"{listed}, {name} {_bytes(size)}" if listed else f"{name} {_bytes(size)}"
        if len(more) > width:
            return f"{listed} …"[-width:]
        listed = more
    return listed


def _sums(p):
    total, outside = p.total_ms, p.outside_ms
    double = sum(row.double_ms for row in p.rows)
    yield f"{total - outside:.2f} ms in operations + {outside:.2f} ms outside (Python, optimizer) = {total:.2f} ms"
    if p.kept_bytes:
        yield f"{_bytes(p.kept_bytes)} kept for the backward, each array once, parameters not counted"
    if double:
        yield f"{double / total:.0%} for double backprop; mg.gan.penalty_cost(game, real, z) measures a penalty's cost"


def _bytes(n):
    for unit in ("B", "kB", "MB"):
        if n < 999.5:
            return f"{n:.3g} {unit}"
        n /= 1000
    return f"{n:.3g} GB"

"""A watch that stops at the first operation whose value or gradient is not finite."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from .op import Watch, current_watch, describe, watching
from .profile import layer_of
from .tensor import Leaf, Tensor

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterator, Mapping, Sequence
    from typing import Any

    from .op import Op
    from .tensor import Node


@contextmanager
def detect_anomaly() -> Iterator[None]:
    """Open a context in which the first NaN or infinity raises an error that names the operation that made it.

    Values are checked after every operation, and gradients after every vjp, in all threads. Keep `mg.grad` inside of
    the context as well. The checks cost time, and steps that `mg.capture` replays run no operation that could be
    checked.

    Raises:
        FloatingPointError: If a value or gradient in the context is not finite; the message has the operation, the
            shapes of its arguments and the nearest layer.

    Example:
        with mg.detect_anomaly():
            loss = losses.hinge.critic(critic(real), critic(fake))
            gradients = mg.grad(loss, critic.parameters())
    """
    with watching(_Anomaly(current_watch() or Watch())), np.errstate(all="ignore"):
        yield


class _Anomaly(Watch):
    """Watch that adds the checks to `inner`, the watch that was in place before."""

    def __init__(self, inner: Watch) -> None:
        self.inner = inner
        self.layer = ""

    def sweep(self, sweep: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        return self.inner.sweep(sweep, *args, **kwargs)

    def run(self, op: Op, arrays: Sequence[Any], attrs: Mapping[str, Any]) -> Any:
        self.layer = layer_of(arrays) or self.layer
        result = self.inner.run(op, arrays, attrs)
        if not _finite(result):
            given = ", ".join(f"{name}: {describe(a)}" for name, a in op.named(arrays).items())
            wrong = [name for name, a in op.named(arrays).items() if not _finite(a)]
            cause = f"{wrong[0]} was not finite already" if wrong else f"its arguments were finite{_ranges(arrays)}"
            where = f", in or after the layer {self.layer!r}," if self.layer else ""
            raise FloatingPointError(f"detect_anomaly: {op.name}({given}){where} gave {_described(result)}; {cause}")
        return result

    def pull(self, node: Node, g: Any, path: Container[Any], create_graph: bool) -> Any:
        name, layer = node.op.name, layer_of(node.saved)  # a sweep frees them
        pulled = list(self.inner.pull(node, g, path, create_graph))
        for parent, gradient in pulled:
            if not _finite(gradient):
                cause = "was finite" if _finite(g) else "was not finite already"
                leaf = f" of {parent.name}" if isinstance(parent, Leaf) and parent.name else ""
                where = f" in the layer {layer!r}" if layer else ""
                raise FloatingPointError(
                    f"detect_anomaly: the derivative of {name}{where}, whose output has shape {node.shape}, gave a "
                    f"gradient{leaf} of shape {gradient.shape} with {_described(gradient)}; the gradient of the output "
                    f"{cause}"
                )
        return pulled


def _finite(x):
    x = x.data if isinstance(x, Tensor) else x
    return getattr(x, "dtype", np.dtype(float)).kind not in "fc" or bool(np.isfinite(x).all())


def _described(x):
    x = x.data if isinstance(x, Tensor) else x
    return f"{int(np.isnan(x).sum())} NaN and {int(np.isinf(x).sum())} infinite of {x.size} elements"


def _ranges(arrays):
    filled = [a.real for a in arrays if getattr(a, "size", 0)]
    return "".join(f", from {float(a.min()):.3g} to {float(a.max()):.3g}" for a in filled)

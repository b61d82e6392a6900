"""Fused operations that are correct at every order of differentiation.

A pair of hand-written kernels gives the value and the first derivative. Higher derivatives are those of a reference
written in `mg.ops`, which also documents and tests the kernels. So an intermediate result of a kernel (a mean, an
inverse standard deviation) cannot enter a second derivative without its history.
"""

from __future__ import annotations

import inspect
from operator import itemgetter
from typing import TYPE_CHECKING

from .autodiff import grad
from .op import Op, apply_rule, identity, refuse_stale, traced
from .tensor import Tensor, changed_since

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, ParamSpec

    from .types import Operation

    P = ParamSpec("P")


def fused(
    *, reference: Callable[..., Any], gradients: Callable[..., Any], couples_samples: bool = False
) -> Callable[[Callable[P, Any]], Operation[P]]:
    """Declare a fused operation: return a decorator for its forward kernel.

    The kernel's positional parameters are the differentiable arguments, its keyword-only parameters the attributes.

    Args:
        reference: reference(*arguments, **attributes), the same function written in operations of `mg.ops`; it
            receives only the attributes that it names.
        gradients: gradients(g, ...), a kernel that returns the gradients of all arguments at once; like a vjp, it names
            the arguments and attributes that it needs.
        couples_samples: Whether a row of the output depends on other rows of the batch.

    Example:
        @mg.fused(reference=lambda x: x * ops.sigmoid(x), gradients=swish_gradients)
        def swish(x):
            return swish_kernel(x)
    """

    def declare(kernel):
        return apply_rule(_Fused(kernel, reference, gradients, couples_samples))

    return declare


class _Fused(Op):
    def __init__(self, kernel, reference, gradients, couples_samples):
        arguments = [p.name for p in inspect.signature(kernel).parameters.values() if p.kind is not p.KEYWORD_ONLY]
        super().__init__(kernel, dict.fromkeys(arguments, gradients))
        self.couples_samples = couples_samples
        self.reference = reference
        self.reference_takes = [n for n in inspect.signature(reference).parameters if n in self.attributes]
        self.gradients = gradients
        self.gradients_take = list(inspect.signature(gradients).parameters)[1:]

    def plan(self, active):
        self.plans[active] = plan = _FusedPlan(self)
        return plan


class _FusedPlan:
    """Plan of a node of a fused operation: it keeps all arguments, so that the reference can be computed from them."""

    __slots__ = ("op", "name", "keep", "kept", "labels", "couples_samples")

    def __init__(self, op):
        self.op = op
        self.name = op.name
        self.kept = range(len(op.arguments))
        self.labels = op.arguments
        self.keep = itemgetter(slice(len(op.arguments)))
        self.couples_samples = op.couples_samples

    def pull(self, node, g, path, create_graph):
        if changed_since(node):
            refuse_stale(node.saved, node)
        pulled = self._differentiate_reference if create_graph else self._run_kernel
        wanted = [k for k, parent in enumerate(node.parents) if parent in path]
        return zip([node.parents[k] for k in wanted], pulled(node, g, wanted), strict=True)

    def _run_kernel(self, node, g, wanted):
        known = dict(zip(self.op.arguments, node.saved, strict=True)) | node.attrs
        results = self.op.gradients(g, *[known[name] for name in self.op.gradients_take])
        return [results[k] for k in wanted]

    def _differentiate_reference(self, node, g, wanted):
        # New aliases, because a partial derivative must not flow through one argument's dependence on another.
        aliases = [identity(s) if isinstance(s, Tensor) else s for s in traced(node)]
        y = self.op.reference(*aliases, **{name: node.attrs[name] for name in self.op.reference_takes})
        return grad(y, [aliases[k] for k in wanted], g, create_graph=True)

"""Fused operations that never lie at higher order.

A hand-written pair of kernels gives the value and the first derivative.  Every higher order is the autodiff of a
reference written in ops, which is also the documentation and the test oracle.  So nothing that a kernel computed on the
side (a mean, an inverse deviation) can enter a second derivative without its history.
"""

import inspect
from operator import itemgetter

from .autodiff import grad
from .op import Op, apply_rule, identity, refuse_stale, traced
from .tensor import Tensor, changed_since


def fused(*, reference, gradients, couples_samples=False):
    """Declare a fused operation; a decorator for its forward kernel, whose keyword-only parameters are attributes.

    reference(*arguments, **attributes) is the same function written in ops; it takes those attributes that it names.
    gradients(g, ...) is a kernel that returns the gradients of all arguments at once; like a vjp,
    it names what it needs.
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
    """A fused operation as a node sees it: it keeps its arguments, from which the reference can start again."""

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
        # Fresh aliases: a partial derivative must not flow through one argument's dependence on another.
        aliases = [identity(s) if isinstance(s, Tensor) else s for s in traced(node)]
        y = self.op.reference(*aliases, **{name: node.attrs[name] for name in self.op.reference_takes})
        return grad(y, [aliases[k] for k in wanted], g, create_graph=True)

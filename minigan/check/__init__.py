"""Checks of derivatives: each confirms the derivative of a function, or names the element at which it is wrong.

| check | compares | accuracy |
|---|---|---|
| `gradcheck`, `gradgradcheck` | every vjp with central differences, at any order | about 1e-7 |
| `create_graph_check` | the gradient recorded with the gradient not recorded | round-off |
| `complex_step` | (returns a directional derivative to compare with, for analytic code) | round-off |
| `taylor_test` | the remainder of Taylor's formula with the power of h it must follow | powers 1, 2, 3 |
| `adjoint_test` | <A x, y> with <x, At y>, for linear maps | round-off |
| `kinks` | five points on a line with a parabola, to find points without a derivative | |

`claim` states that the two sides of a formula are equal; `check` computes both sides, and both sides of wrong variants,
which must differ.
"""

from .adjoint import AdjointError, adjoint_test
from .claims import Claim, ClaimError, answer, check, claim, collecting
from .comparison import Comparison, GradcheckError, GradcheckReport
from .complexstep import complex_step
from .conditions import create_graph_check
from .gradients import gradcheck, gradgradcheck
from .kink import kinks
from .taylor import TaylorReport, TaylorTestError, taylor_test

__all__ = [
    "AdjointError",
    "Claim",
    "ClaimError",
    "Comparison",
    "GradcheckError",
    "GradcheckReport",
    "TaylorReport",
    "TaylorTestError",
    "adjoint_test",
    "answer",
    "check",
    "claim",
    "collecting",
    "complex_step",
    "create_graph_check",
    "gradcheck",
    "gradgradcheck",
    "kinks",
    "taylor_test",
]


def __dir__() -> list[str]:
    return sorted(__all__)

"""Symptoms of a failing training run: for each a test of the measurements, the evidence in words, and a remedy.

A symptom is a function of the latest `probe.Vitals` and of the list of the earlier ones. It returns the evidence, or
"" if the symptom is absent. Thresholds are ratios without units unless they say otherwise; each is about a factor of
two or more away from the values of healthy games. A slow test measures how many faults are found and how many alarms
are false.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .probe import Vitals

__all__ = ["DISEASES", "Disease"]

ALIKE = 0.1  # spread of the samples relative to the spread of the data, below which they all look the same
REPEATS = 0.2  # fraction of near pairs of samples: 0.001 for real data, 0.2 for five samples repeated equally often
LOOKS_REAL = 0.7  # fraction of samples near real data, above which the generator has learned at least a part of them
FEW = 0.3  # fraction of the data near a sample, below which most modes are missing
NO_OVERLAP = 0.999  # fraction of (real, fake) pairs ranked correctly, above which the logits hardly overlap
FOOLED = 0.1  # fraction of pairs ranked correctly, below which the critic prefers nearly every fake
TOLD_APART = 0.9  # fraction of pairs ranked correctly, above which the generator can still learn from the critic
NO_SIGNAL = 0.02  # derivative of a loss relative to that at logits 0; a cross-entropy reaches it where D is 99 % sure
BELOW_ADAM = 1e-8  # gradient per weight: the eps of Adam, below which its steps shrink with the gradient
FADED = 1e-3  # gradient norm relative to its median so far
CLIFF = 300.0  # logits per spread of the data: from surely fake to surely real within a thirtieth of the spread
STEEPER = 30.0  # gradient norm relative to the first examination
SHIFTED = 0.05  # shift relative to the variance of the data; running statistics that keep up stay below 0.01
COPYING = 4.0  # standard deviations; by chance one examination in 30,000 exceeds it
OUTGROWN = 10.0  # norm of the weights relative to the initial one
UNMOVED = 1e-7  # relative change of the norm of the weights: the rounding of float32


@dataclass(frozen=True)
class Disease:
    """A fault of a training run.

    Args:
        symptom: A function (now, past) that returns the evidence for the fault, or "". It is `unseen` for faults that
            the measurements do not show and that `Diagnosis` finds in another way.
        remedy: The usual remedy, as a sentence without its full stop.
    """

    symptom: Callable[[Vitals, Sequence[Vitals]], str]
    remedy: str


def collapse(now: Vitals, past: Sequence[Vitals]) -> str:
    """Report samples that hardly differ, or that cover a small part of the data."""
    if now.spread < ALIKE:
        return f"the samples have {now.spread:.2%} of the spread of the data"
    if now.repeats > REPEATS:
        return f"{now.repeats:.0%} of all pairs of samples are as near as the nearest 0.1% of the pairs of data"
    if now.precision > LOOKS_REAL and now.coverage < FEW:
        return (
            f"{now.precision:.0%} of the samples are near real data, but only {now.coverage:.0%} of the real data are "
            "near a sample"
        )
    return ""


def critic_has_won(now: Vitals, past: Sequence[Vitals]) -> str:
    """Report a critic that separates real from fake so well that its own loss has no gradient left.

    It never applies to the Wasserstein loss, whose derivative with respect to the logits is constant.
    """
    if now.apart > NO_OVERLAP and now.critic_signal < NO_SIGNAL:
        return (
            f"the critic ranks {now.apart:.2%} of all pairs of a real and a generated sample correctly, and its loss "
            f"{_left(now.critic_signal)}, so it stops learning"
        )
    return ""


def critic_has_lost(now: Vitals, past: Sequence[Vitals]) -> str:
    """Report a critic that gives nearly every generated sample a higher score than the real ones."""
    if now.apart < FOOLED:
        return (
            f"the critic ranks only {now.apart:.1%} of all pairs of a real and a generated sample correctly, "
            "where guessing reaches 50%"
        )
    return ""


def gradient_vanished(now: Vitals, past: Sequence[Vitals]) -> str:
    """Report a generator that gets no gradient although the critic tells its samples from real ones.

    If the critic cannot tell real from fake, a small gradient means convergence, not a fault.
    """
    if now.apart < TOLD_APART:
        return ""
    told = f"although the critic ranks {now.apart:.1%} of all pairs of a real and a generated sample correctly"
    if now.generator_signal < NO_SIGNAL:
        return f"the generator's loss {_left(now.generator_signal)}, {told}"
    if now.gradient_rms < BELOW_ADAM:
        return f"the generator's gradient is {now.gradient_rms:.1e} per weight (root mean square), {told}"
    if past and now.gradient < FADED * (usual := median(v.gradient for v in past)):
        return f"the norm of the generator's gradient is {now.gradient:.1e}, and its median was {usual:.1e}, {told}"
    return ""


def gradient_explodes(now: Vitals, past: Sequence[Vitals]) -> str:
    """Report a critic whose gradient with respect to its input has become very large at generated samples."""
    norm = now.fake_gradient_norm
    if past and norm > CLIFF and norm > STEEPER * past[0].fake_gradient_norm:
        return (
            f"over a distance as long as the spread of the data the logits change by {norm:.3g} at generated samples "
            f"and by {now.real_gradient_norm:.3g} at real ones; at step {past[0].step} it was "
            f"{past[0].fake_gradient_norm:.3g} at generated samples"
        )
    return ""


def evaluation_differs(now: Vitals, past: Sequence[Vitals]) -> str:
    """Report a generator whose samples in evaluation mode are distributed differently from those in training mode."""
    if now.shift > SHIFTED:
        return (
            "the samples of the generator in evaluation mode differ from those in training mode: their means and "
            f"standard deviations differ by {now.shift:.0%} of the variance of the data"
        )
    return ""


def memorising(now: Vitals, past: Sequence[Vitals]) -> str:
    """Report samples that are closer to the training data than to as many unseen data, more often than by chance."""
    if now.copying > COPYING:
        return (
            "the number of samples that are closer to training data than to unseen data is "
            f"{now.copying:.1f} standard deviations above chance"
        )
    return ""


def diverged(now: Vitals, past: Sequence[Vitals]) -> str:
    """Report weights that have grown to many times their initial size."""
    sizes = {"generator": now.generator_weights, "critic": now.critic_weights}
    player, size = max(sizes.items(), key=lambda item: item[1])
    return f"the norm of the {player}'s weights is {size:.0f} times what it was at first" if size > OUTGROWN else ""


def does_not_move(now: Vitals, past: Sequence[Vitals]) -> str:
    """Report a generator whose weights stay the same."""
    if past and abs(now.generator_weights - past[-1].generator_weights) < UNMOVED * now.generator_weights:
        return (
            f"since step {past[-1].step} the norm of the generator's weights has not changed by more than a fraction "
            f"of {UNMOVED:g}"
        )
    return ""


def unseen(now: Vitals, past: Sequence[Vitals]) -> str:
    """Report nothing: the measurements do not show this fault."""
    return ""


def _left(signal):
    return f"has only {signal:.1e} of its slope left (derivative with respect to the logits, relative to logits 0)"


DISEASES: dict[str, Disease] = {
    "collapse": Disease(
        collapse,
        "Pair the losses (the relativistic loss with the penalties r1 and r2), pack samples, lower the generator's "
        "learning rate, and check that z differs from sample to sample",
    ),
    "critic has won": Disease(
        critic_has_won,
        "Lower the critic's learning rate or its number of steps, penalise its gradient (r1, gradient_penalty), or "
        "blur real and generated samples in the same way (instance noise, augmentation)",
    ),
    "critic has lost": Disease(
        critic_has_lost,
        "Give the critic more steps, a higher learning rate or a weaker penalty, and check that it is trained at all",
    ),
    "generator gradient vanished": Disease(
        gradient_vanished,
        "Use the non-saturating or the relativistic loss instead of minimax, slow the critic down, and look for dead "
        "units and saturated outputs in the generator",
    ),
    "fake-side gradient explodes": Disease(
        gradient_explodes,
        "Penalise the critic's gradient at generated samples too (r2, gradient_penalty), use spectral normalisation, "
        "or clip the critic's weights",
    ),
    "evaluation differs from training": Disease(
        evaluation_differs,
        "Check that the running statistics of batch norm are updated: its momentum (swapped with eps?), frozen "
        "layers, buffers left out of a copy",
    ),
    "memorising": Disease(memorising, "Use more data or augmentation, fewer steps, or smaller networks"),
    "diverged": Disease(diverged, "Lower the learning rates, or penalise the critic's gradient"),
    "generator does not move": Disease(
        does_not_move, "Check the generator's learning rate, and that its optimizer holds the generator's parameters"
    ),
    "not a number": Disease(
        unseen,
        "Load the last checkpoint; if weights have grown, lower the learning rate; write roots, quotients and "
        "logarithms in a form that is safe at 0 (ops.norm, log_sigmoid, softplus)",
    ),
    "batch norm in a penalised critic": Disease(unseen, "Use layer norm or no normalisation in the critic"),
    "optimizer of other weights": Disease(
        unseen, "Make the optimizer from the parameters of the network that plays, not from those of a copy"
    ),
}
"""Every fault by its name, which is the `name` of its `Finding`."""

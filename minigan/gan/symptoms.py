"""What a sick game looks like: for every disease a test of the vital signs, in words, and a remedy.

A symptom is a function of the latest `probe.Vitals` and the list of the earlier ones; it returns the evidence, or "".
Thresholds are ratios without units where nothing else is said.  Between them and what healthy games show lies a factor
of about two or more; a slow test measures recall and false alarms.
"""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

ALIKE = 0.1  # of the spread of the data: all samples look the same
REPEATS = 0.2  # of the pairs of samples, where the data have a thousandth: as from five different samples
LOOKS_REAL = 0.7  # of the fakes have real neighbours: the generator has learned something, if not everything
FEW = 0.3  # of the reals have fake neighbours: the share of the modes that is left
NO_OVERLAP = 0.999  # of the pairs ranked rightly, chance being .5
FOOLED = 0.1  # of the pairs ranked rightly: the critic prefers nearly every fake
TOLD_APART = 0.9  # of the pairs ranked rightly: there is still something to learn from the critic
NO_SIGNAL = 0.02  # of the derivative of a loss at logits 0; a cross-entropy has it where D is 99 % sure
BELOW_ADAM = 1e-8  # per weight: the eps of Adam, under which its steps shrink with the gradient
FADED = 1e-3  # of the median so far
CLIFF = 300.0  # logits per spread of the data: from surely fake to surely real within a thirtieth of it
STEEPER = 30.0  # times the slope at the first examination
SHIFTED = 0.05  # of the variance of the data; running statistics that keep up leave less than .01
COPYING = 4.0  # standard deviations: chance has it once in 30,000 examinations
OUTGROWN = 10.0  # times the norm of the initial weights
UNMOVED = 1e-7  # relative change of the norm of the weights: the rounding of float32


@dataclass(frozen=True)
class Disease:
    """symptom(now, past) -> evidence or ""; `unseen` where the vital signs show nothing and something else does."""

    symptom: Callable
    remedy: str


def collapse(now, past):
    if now.spread < ALIKE:
        return f"the samples have {now.spread:.2%} of the spread of the data"
    if now.repeats > REPEATS:
        return f"{now.repeats:.0%} of all pairs of samples are as near as the nearest 0.1% of the pairs of data"
    if now.precision > LOOKS_REAL and now.coverage < FEW:
        return (
            f"{now.precision:.0%} of the samples look real, but only {now.coverage:.0%} of the data have a sample near"
        )
    return ""


def critic_has_won(now, past):
    """A Wasserstein critic cannot: its loss keeps its slope however far apart the logits are."""
    if now.apart > NO_OVERLAP and now.critic_signal < NO_SIGNAL:
        return (
            f"its logits rank {now.apart:.2%} of all real-fake pairs rightly, and its loss has "
            f"{now.critic_signal:.1e} of its slope left, so it stops learning"
        )
    return ""


def critic_has_lost(now, past):
    if now.apart < FOOLED:
        return f"its logits rank {now.apart:.1%} of all real-fake pairs rightly, where guessing has 50%"
    return ""


def gradient_vanished(now, past):
    """Where the critic cannot tell fakes, a small gradient is no disease but the end."""
    if now.apart < TOLD_APART:
        return ""
    while_told = f"although the critic ranks {now.apart:.1%} of all real-fake pairs rightly"
    if now.generator_signal < NO_SIGNAL:
        return f"the generator's loss has {now.generator_signal:.1e} of its slope left, {while_told}"
    if now.gradient_rms < BELOW_ADAM:
        return f"the generator's gradient is {now.gradient_rms:.1e} per weight, {while_told}"
    if past and now.gradient < FADED * (usual := median(v.gradient for v in past)):
        return f"the norm of the generator's gradient is {now.gradient:.1e} and was {usual:.1e}, {while_told}"
    return ""


def slope_explodes(now, past):
    if past and now.fake_slope > CLIFF and now.fake_slope > STEEPER * past[0].fake_slope:
        return (
            f"over the spread of the data the logits change by {now.fake_slope:.3g} at generated samples and by "
            f"{now.real_slope:.3g} at real ones; it was {past[0].fake_slope:.3g} at step {past[0].step}"
        )
    return ""


def evaluation_differs(now, past):
    if now.shift > SHIFTED:
        return (
            f"mean and deviation of the samples differ between the generator's two modes by {now.shift:.0%} "
            "of the variance of the data"
        )
    return ""


def memorising(now, past):
    if now.copying > COPYING:
        return f"the samples are nearer to training data than to unseen data, by {now.copying:.1f} standard deviations"
    return ""


def diverged(now, past):
    sizes = {"generator": now.generator_weights, "critic": now.critic_weights}
    player, size = max(sizes.items(), key=lambda item: item[1])
    return f"the norm of the {player}'s weights is {size:.0f} times what it was" if size > OUTGROWN else ""


def does_not_move(now, past):
    if past and abs(now.generator_weights - past[-1].generator_weights) < UNMOVED * now.generator_weights:
        return f"the norm of its weights has not changed by {UNMOVED:g} of itself since step {past[-1].step}"
    return ""


def unseen(now, past):
    return ""


DISEASES = {
    "collapse": Disease(
        collapse,
        "Pair the losses (relativistic) with r1 and r2, pack samples, lower the generator's learning rate, and look "
        "whether z differs within a batch",
    ),
    "critic has won": Disease(
        critic_has_won,
        "Lower the critic's learning rate or number of steps, penalise its gradient (r1, gradient_penalty), or blur "
        "both sides (instance noise, augmentation)",
    ),
    "critic has lost": Disease(
        critic_has_lost,
        "Give the critic more steps, a higher learning rate or a weaker penalty, and look whether it is trained at all",
    ),
    "generator gradient vanished": Disease(
        gradient_vanished,
        "Use the non-saturating or relativistic loss instead of minimax, hold the critic back, and look for dead "
        "units and saturated outputs",
    ),
    "fake-side gradient explodes": Disease(
        slope_explodes,
        "Penalise the gradient at generated samples too (r2, gradient_penalty), use spectral normalisation, or clip",
    ),
    "evaluation differs from training": Disease(
        evaluation_differs,
        "Look whether the running statistics of batch norm are updated: the momentum (not swapped with eps), frozen "
        "layers, buffers left out of a copy",
    ),
    "memorising": Disease(memorising, "Take more data or augmentation, fewer steps, or smaller networks"),
    "diverged": Disease(diverged, "Lower the learning rates, or penalise the critic's gradient"),
    "generator does not move": Disease(
        does_not_move, "Look at the generator's learning rate and at whether its optimizer holds its parameters"
    ),
    "not a number": Disease(
        unseen,
        "Load the last checkpoint; if weights have grown, lower the learning rate; give a root, quotient or logarithm "
        "a form that is safe at 0 (ops.norm, log_sigmoid, softplus)",
    ),
    "batch norm in a penalised critic": Disease(unseen, "Use layer norm or no normalisation in the critic"),
    "optimizer of other weights": Disease(
        unseen, "Make the optimizer from the parameters of the network that plays, not from those of a copy"
    ),
}

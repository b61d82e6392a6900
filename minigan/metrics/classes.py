"""Balance and legibility of generated classes, as a classifier of real data reads them."""

import numpy as np

from . import inputs
from .mixture import kl_divergence
from .report import measure


def class_balance(
    probabilities, real_probabilities, rng,
    *, frequencies=None, minimum_mass=None, confidence=0.9, draws=100, halves=50,
):  # fmt: skip
    """{name: Measurement} of class probabilities of samples (N, K), beside those of real data (R, K).

    class_coverage: the number of classes that hold at least `minimum_mass` of the samples; by default .1 / K, a tenth
        of an even share, since a classifier's errors alone would fill every class of a collapsed generator.
    class_tv: total variation 1/2 sum |q - p| between the shares of the predicted classes and `frequencies` (K,), by
        default those predicted for the real data; 0 to 1, biased upwards by about sqrt(K / 2 pi N).
    acceptance: the share of samples whose most probable class has at least `confidence`.
    The floor: N rows drawn from the real ones, with repetition, which is a perfect sampler of those R images.
    """
    p = inputs.probabilities("probabilities", probabilities)
    real = inputs.probabilities("real_probabilities", real_probabilities)
    count = p.shape[1]
    if real.shape[1] != count:
        raise ValueError(f"real_probabilities has {real.shape[1]} classes, probabilities {count}: expected the same")
    target = shares(real) if frequencies is None else inputs.frequencies("frequencies", frequencies, count)
    least = 0.1 / count if minimum_mass is None else _share("minimum_mass", minimum_mass)
    _share("confidence", confidence)

    def statistic(x):
        return class_statistics(x, target, least, confidence)

    def perfect(rng):
        return (real[rng.integers(0, len(real), len(p))],)

    note = f"a class counts from {least:.3g} of the samples, confidence {confidence:g}"
    return measure(statistic, (p,), perfect, rng, draws=draws, halves=halves, note=note)


def class_statistics(p, frequencies, minimum_mass, confidence=0.9):
    """The numbers of `class_balance`, without floor or error."""
    q = shares(p)
    return {
        "class_coverage": np.count_nonzero(q >= minimum_mass),
        "class_tv": 0.5 * abs(q - frequencies).sum(),
        "acceptance": (p.max(axis=1) >= confidence).mean(),
    }


def shares(p):
    """How often each class is the most probable one, (N, K) -> (K,), sum 1."""
    return np.bincount(p.argmax(axis=1), minlength=p.shape[1]) / len(p)


def mode_histogram(labels, count, rng, *, frequencies=None, minimum=1, draws=50, halves=50):
    """{name: Measurement} of discrete modes (N,), integers in [0, count), as in stacked MNIST with 1,000 of them.

    modes: how many occur at least `minimum` times.
    kl: KL(q || uniform) of their shares, biased upwards by (count - 1) / 2N; with all modes of equal mass that is all.
    The floor: N labels drawn from `frequencies` (count,), by default uniform.  On stacked MNIST a uniform sampler has
    .0193 and real digits, which are not uniform, .0236 at N = 26,000.
    Source: L. Metz et al., "Unrolled generative adversarial networks", 2017; Z. Lin et al. 2018 (PacGAN), section 4.2.
    """
    labels = inputs.labels("labels", labels, count)
    even = np.full(count, 1 / count)
    p = even if frequencies is None else inputs.frequencies("frequencies", frequencies, count)
    edges = np.cumsum(p) / p.sum()

    def statistic(x):
        counts = np.bincount(x, minlength=count)
        return {"modes": np.count_nonzero(counts >= minimum), "kl": kl_divergence(counts, even)}

    def perfect(rng):
        return (np.searchsorted(edges, rng.uniform(len(labels), dtype=np.float64), side="right"),)

    note = f"{count:,} modes, against uniform"
    return measure(statistic, (labels,), perfect, rng, draws=draws, halves=halves, note=note)


def stack_labels(labels, classes=10):
    """Digits (N, 3) -> one mode each, (N,): 100 a + 10 b + c for ten classes."""
    labels = inputs.array(labels)
    if labels.ndim != 2:
        raise ValueError(f"labels must have shape (N, channels), got {labels.shape}")
    inputs.labels("labels", labels.reshape(-1), classes)
    return labels @ classes ** np.arange(labels.shape[1])[::-1]


def _share(name, x):
    if not 0 < x <= 1:
        raise ValueError(f"{name} must lie in (0, 1], got {x}")
    return x

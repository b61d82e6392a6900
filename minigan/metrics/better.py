"""The values of each metric that are better: higher ones, lower ones, or those nearer to the score of real data.

docs/metrics.md says what each metric means.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Literal, TypeAlias

    Better: TypeAlias = Literal["higher", "lower", "as real"]

__all__ = ["BETTER"]


def __dir__() -> list[str]:
    return sorted(__all__)


BETTER: dict[str, Better] = {
    "modes": "higher",
    "high_quality": "as real",
    "reverse_kl": "lower",
    "off_mode_kl": "lower",
    "width_min": "as real",
    "width_max": "as real",
    "class_coverage": "higher",
    "class_tv": "lower",
    "acceptance": "higher",
    "kl": "lower",
    "frechet": "lower",
    "kid": "lower",
    "mmd": "lower",
    "sliced_w2": "lower",
    "precision": "higher",
    "recall": "higher",
    "density": "as real",
    "coverage": "higher",
    "nn_accuracy": "as real",
    "nn_accuracy_real": "as real",
    "nn_accuracy_samples": "as real",
    "near_pairs": "as real",
    "nearer_to_train": "as real",
    "train_distance_ratio": "as real",
    "sharpness": "as real",
}
"""The direction in which a metric is better, by the name that `minigan evaluate` prints."""

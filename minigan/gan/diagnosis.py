"""Diagnosis of a training run: the name of what is going wrong, the evidence, and the remedy.

    diagnosis = gan.Diagnosis()
    findings = diagnosis.examine_setup(game)                    # before the first step
    findings = diagnosis.examine(game, real, z, labels, step=t)   # every k-th step, with the batch of that step

An examination measures a few ratios without units (`probe.Vitals`) and compares them with thresholds. A symptom has to
last for several examinations before it becomes a finding, and is reported once until it goes away. Nothing in the game
changes: a run with a diagnosis equals one without, to the bit.
"""

from __future__ import annotations

from collections import deque
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import backend, nn, ops
from ..tensor import Tensor
from .nan import explain_nan
from .probe import Vitals, measure, rows, weight_norms
from .symptoms import DISEASES

if TYPE_CHECKING:
    from ..types import Array
    from .game import Game

__all__ = ["Diagnosis", "Finding"]

PATIENCE = 4  # examinations in a row that must show a symptom: one bad batch proves nothing
PROBES = 256  # samples at most, or one batch: a fraction of 0.1 among them has a standard error of 0.02
FEWEST = 8  # samples needed for a measurement; smaller batches are collected over several examinations
REFERENCE = 2000  # training samples, and as many unseen ones, among which to look for copies


@dataclass(frozen=True)
class Finding:
    """A fault of a training run; `print` shows it as a sentence.

    Attributes:
        name: One of the names of `symptoms.DISEASES`, such as "collapse".
        evidence: The measurement that shows it, in words and numbers.
        remedy: The usual remedy.
        step: The step at which the fault became certain.
    """

    name: str
    evidence: str
    remedy: str
    step: int

    def __str__(self) -> str:
        return f"step {self.step}: {self.name}: {self.evidence}. {self.remedy}."


class Diagnosis:
    """Repeated examination of one game during its training.

    Args:
        train, held_out: Training samples and unseen samples (N, ...), scaled as the critic sees them, with which to
            test for memorising. Without them there is no such test: only unseen data tell a copy from a good sample.
        patience: The number of examinations in a row that must show a symptom.

    Attributes:
        course: The measurements so far, one `probe.Vitals` per examination.

    Raises:
        ValueError: If only one of train and held_out is given, or patience is less than 1.
        TypeError: If the samples are integers.
    """

    patience: int
    course: list[Vitals]

    def __init__(
        self,
        *,
        train: Tensor | Array | None = None,
        held_out: Tensor | Array | None = None,
        patience: int = PATIENCE,
    ) -> None:
        if (train is None) != (held_out is None):
            raise ValueError("Diagnosis: memorising is judged by both train and held_out samples; give both or neither")
        if patience < 1:
            raise ValueError(f"Diagnosis: patience must be at least 1, got {patience}")
        self.patience = patience
        self.course = []
        self._known = None if train is None or held_out is None else _equally_many(rows(train), rows(held_out))
        self._first: list[float] | None = None  # the initial norms of the weights
        self._batches: deque[list[Any]] = deque()
        self._lasting = dict.fromkeys(DISEASES, 0)

    def examine_setup(self, game: Game) -> list[Finding]:
        """Return the faults that are visible before the first step, and store the norms of the initial weights."""
        self._first = weight_norms(game)
        return [_finding(name, evidence, 0) for name, evidence in _setup_faults(game)]

    def examine(
        self,
        game: Game,
        real: Tensor | Array,
        z: Tensor | Array,
        labels: Array | None = None,
        *,
        step: int | None = None,
    ) -> list[Finding]:
        """Return the findings that become certain at this step; each is returned once until its symptom goes away.

        Args:
            game: The game, which does not change.
            real, z, labels: The batch of the latest step: real samples (N, ...), noise (N, latent), and classes (N,) or
                None. No random number is drawn.
            step: The number of the step, for the findings; by default the number of this examination.
        """
        step = len(self.course) + 1 if step is None else step
        self._first = self._first or weight_norms(game)
        self._remember(real, z, labels)
        real, z, labels = self._pooled()
        if len(real) < FEWEST:
            return []
        vitals = measure(game, real, z, labels, step, self._first, self._known)
        seen = {}
        if not np.isfinite([x for name, x in asdict(vitals).items() if name != "copying"]).all():
            seen["not a number"] = explain_nan(game, real, z, labels) or f"not finite: {vitals}"
        else:
            seen = {name: disease.symptom(vitals, self.course) for name, disease in DISEASES.items()}
            self.course.append(vitals)
        return [_finding(name, seen[name], step) for name in self._certain(seen)]

    def failed(
        self,
        game: Game,
        real: Tensor | Array,
        z: Tensor | Array,
        labels: Array | None = None,
        *,
        step: int | None = None,
    ) -> Finding:
        """Return the finding for a step of the game that raised FloatingPointError on this batch.

        Args:
            game, real, z, labels, step: As in `examine`.
        """
        evidence = explain_nan(game, real, z, labels) or "the step is finite when run again: it depends on random draws"
        return _finding("not a number", evidence, len(self.course) if step is None else step)

    def _certain(self, seen):
        """Return the names of the symptoms that have now lasted long enough."""
        self._lasting = {name: count + 1 if seen.get(name) else 0 for name, count in self._lasting.items()}
        needed = {"not a number": 1}  # weights that are NaN stay NaN, so there is nothing to wait for
        return [name for name, count in self._lasting.items() if count == needed.get(name, self.patience)]

    def _remember(self, *batch):
        self._batches.append([x if x is None else _copied(x) for x in batch])
        while len(self._batches) > 1 and sum(len(b[0]) for b in self._batches) > PROBES:
            self._batches.popleft()

    def _pooled(self) -> list[Any]:
        """Return the remembered batches as one: (real, z, labels)."""
        return [None if part[0] is None else ops.concatenate(list(part)) for part in zip(*self._batches, strict=True)]


def _copied(x):
    return (x.data if isinstance(x, Tensor) else backend.as_array(x)).copy()


def _finding(name, evidence, step):
    return Finding(name, evidence, DISEASES[name].remedy, step)


def _setup_faults(game):
    """Yield the name of each fault and its evidence."""
    norms = [path for path, layer in game.critic.named_modules() if isinstance(layer, nn.BatchNorm)]
    if norms and game.penalty is not None:
        yield (
            "batch norm in a penalised critic",
            f"batch norm ({', '.join(norms)}) makes the critic's score of a sample depend on the rest of the batch, "
            "so the penalised gradient is not the gradient of D at one sample",
        )
    for player, network, optimizer in (
        ("generator", game.generator, game.generator_optimizer),
        ("critic", game.critic, game.critic_optimizer),
    ):
        own = set(network.parameters())
        if strange := [p for p in optimizer.parameters if p not in own]:
            yield (
                "optimizer of other weights",
                f"{len(strange)} of the {len(optimizer.parameters)} parameters of the {player}'s optimizer are not "
                f"those of the {player}, such as {strange[0]!r}",
            )


def _equally_many(train, held_out):
    """Return the first m rows of both, since `copying_z` needs sets of equal size; m is at most REFERENCE."""
    m = min(len(train), len(held_out), REFERENCE)
    return train[:m], held_out[:m]

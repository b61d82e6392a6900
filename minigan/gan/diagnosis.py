"""What is going wrong in a training run: a name for it, the evidence, and the remedy.

    diagnosis = gan.Diagnosis()
    findings = diagnosis.examine_setup(game)                    # before the first step
    findings = diagnosis.examine(game, real, z, labels, step=t)   # every k-th step, with the batch of that step

An examination measures a few ratios without units (`probe.Vitals`) and compares them with what a game needs to go on.
A symptom has to last for several examinations before it is a finding, and is reported once until it goes away.
Nothing in the game changes: a run with a diagnosis equals one without to the bit.
"""

from collections import deque
from dataclasses import asdict, dataclass

import numpy as np

from .. import nn, ops
from .nan import explain_nan
from .probe import measure, rows, weight_norms
from .symptoms import DISEASES
from .game import _constant

PATIENCE = 4  # examinations in a row: one bad batch is no disease
PROBES = 256  # samples at most, or one batch: a share of .1 among them has a standard error of .02
FEWEST = 8  # samples to say anything about; smaller batches add up over examinations
REFERENCE = 2000  # training samples, and as many unseen ones, among which to look for copies


@dataclass(frozen=True)
class Finding:
    """What is going wrong, by name; why we think so, with numbers; what usually helps; since which step it is certain.

    The names are those of `symptoms.DISEASES`.
    """

    name: str
    evidence: str
    remedy: str
    step: int

    def __str__(self):
        return f"step {self.step}: {self.name}: {self.evidence}. {self.remedy}."


class Diagnosis:
    """Follows one game.  train, held_out: (N, ...) samples scaled as the critic sees them, to look for memorising.

    Without them memorising is not looked for: only unseen data tell a copy from a good sample.
    patience: how many examinations in a row must show a symptom.
    """

    def __init__(self, *, train=None, held_out=None, patience=PATIENCE):
        if (train is None) != (held_out is None):
            raise ValueError("Diagnosis: memorising is judged by both train and held_out samples; give both or neither")
        if patience < 1:
            raise ValueError(f"Diagnosis: patience must be at least 1, got {patience}")
        self.patience = patience
        self.course = []  # the Vitals so far
        self._known = None if train is None else _equally_many(rows(train), rows(held_out))
        self._first = None  # the norms of the weights
        self._batches = deque()
        self._lasting = dict.fromkeys(DISEASES, 0)

    def examine_setup(self, game):
        """What is wrong before the first step: a list of `Finding`.  Also notes how large the weights are."""
        self._first = weight_norms(game)
        return [_finding(name, evidence, 0) for name, evidence in _setup_faults(game)]

    def examine(self, game, real, z, labels=None, *, step=None):
        """What has become certain at this step: a list of `Finding`, each given once until its symptom goes away.

        real (N, ...), z (N, latent), labels (N,) or None: the batch of the latest step; so no random number is drawn.
        step: for the report; by default the number of this examination.
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

    def failed(self, game, real, z, labels=None, *, step=None):
        """The `Finding` to report when a step of the game raised FloatingPointError on this batch."""
        evidence = explain_nan(game, real, z, labels) or "the step is finite when run again, so a random draw decides"
        return _finding("not a number", evidence, len(self.course) if step is None else step)

    def _certain(self, seen):
        """The names of those symptoms that have lasted just long enough."""
        self._lasting = {name: count + 1 if seen.get(name) else 0 for name, count in self._lasting.items()}
        needed = {"not a number": 1}  # the first is the last
        return [name for name, count in self._lasting.items() if count == needed.get(name, self.patience)]

    def _remember(self, *batch):
        self._batches.append([x if x is None else _constant(x).data.copy() for x in batch])
        while len(self._batches) > 1 and sum(len(b[0]) for b in self._batches) > PROBES:
            self._batches.popleft()

    def _pooled(self):
        """The remembered batches as one: (real, z, labels)."""
        return [None if part[0] is None else ops.concatenate(list(part)) for part in zip(*self._batches, strict=True)]


def _finding(name, evidence, step):
    return Finding(name, evidence, DISEASES[name].remedy, step)


def _setup_faults(game):
    """(name, evidence) pairs."""
    norms = [path for path, layer in game.critic.modules() if isinstance(layer, nn.BatchNorm)]
    if norms and game.penalty is not None:
        yield (
            "batch norm in a penalised critic",
            f"{', '.join(norms)} of the critic makes its score of a sample depend on the rest of the batch, "
            "so the gradient that is penalised is not that of D at a sample",
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
    """The first rows of both, as many of each, at most REFERENCE; `copying_z` asks for that."""
    m = min(len(train), len(held_out), REFERENCE)
    return train[:m], held_out[:m]

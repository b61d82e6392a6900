"""The search for the operation that made NaN or infinity: a failed step runs again, and every operation is watched."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from .. import backend
from ..autodiff import ancestors, sweep
from ..op import observing
from ..profile import layer_of
from ..tensor import Leaf, Tensor
from .inputs import constant
from .undisturbed import undisturbed

if TYPE_CHECKING:
    from ..types import Array
    from .game import Game

__all__ = ["explain_nan"]


def explain_nan(game: Game, real: Tensor | Array | None, z: Tensor | Array, labels: Array | None = None) -> str | None:
    """Name the first operation of a failed step that made NaN or infinity from finite numbers.

    The weights and the batch are examined first, then the forward and the backward of the critic's step, and then of
    the generator's step. Nothing changes, except the state of a random generator that the penalty owns.

    Args:
        game: The game, with the weights with which the failed step began: `Game.critic_step` and `Game.generator_step`
            have not changed them when they raise FloatingPointError.
        real, z, labels: The arguments of the failed step, which `Game.refused` holds; real is None for a generator
            step without real samples.

    Returns:
        One sentence, or None if all numbers are finite.
    """
    if given := _already_wrong(game, real, z):
        return given
    with undisturbed(game.generator, game.critic), np.errstate(all="ignore"):
        steps = {"generator": partial(game.generator_terms, z, None if real is None else constant(real, "real"))}
        if real is not None:
            steps = {"critic": partial(game.critic_terms, constant(real, "real"), z)} | steps
        for player, terms in steps.items():
            if found := _replay(player, lambda terms=terms: terms(labels)):
                return found
    return None


def _already_wrong(game, real, z):
    networks = {"generator": game.generator, "critic": game.critic}
    named = {f"{who}.{path}": x for who, net in networks.items() for path, x in _state(net)}
    for what, x in ({"the real batch": real, "the noise z": z} | named).items():
        if x is None:
            continue
        data = _array(x)
        if wrong := data.size - np.count_nonzero(np.isfinite(data)):
            return f"{what} {data.shape} already holds {wrong} of {data.size} numbers as NaN or infinity"
    return None


def _state(network):
    return network.named_parameters() + network.named_buffers()


def _replay(player, forward):
    watch = _Watch()
    with observing(watch):
        first, *others = forward().values()
        loss = sum(others, first)
    return watch.found(player) or (_first_bad_pull(player, loss) if loss.requires_grad else None)


class _Watch:
    """An observer that remembers the first operation to make a number that is not finite, and the layer it was in."""

    def __init__(self):
        self.layer, self.broken = "", None

    def __call__(self, op, arrays, result):
        if self.broken is not None:
            return
        self.layer = layer_of(arrays) or self.layer
        if not _finite(result) and all(map(_finite, arrays)):
            self.broken = op.name, [np.shape(a) for a in arrays], _extremes(arrays), self.layer

    def found(self, player):
        if self.broken is None:
            return None
        name, shapes, extremes, layer = self.broken
        where = f", in or after the layer {layer!r}" if layer else ""
        return (
            f"in the forward of the {player}'s step the operation {name!r} on shapes {_spoken(shapes)}{where} made NaN "
            f"or infinity from finite numbers of magnitudes {extremes}"
        )


def _first_bad_pull(player, loss):
    """Describe the first operation of the reverse sweep that takes a finite gradient and returns one that is not."""
    nodes = sorted(ancestors(loss.node), key=lambda node: -node.id)
    saved = {node: (node.op.name, node.shape, list(node.parents), layer_of(node.saved)) for node in nodes if node.op}
    gradients = sweep([loss.node], [np.ones_like(loss.data)], nodes, False, retain_graph=False)
    for node, (name, shape, parents, layer) in saved.items():
        wrong = [p for p in parents if p in gradients and not _finite(gradients[p])]
        if wrong and _finite(gradients[node]):
            names = [p.name for p in wrong if isinstance(p, Leaf) and p.name]
            where = layer or _nearest_layer(node, saved)
            return (
                f"in the backward of the {player}'s step the derivative of the operation {name!r}, whose output has "
                f"shape {shape}{f', in the layer {where!r}' if where else ''}, made NaN or infinity from a finite "
                f"gradient" + (f": the gradient of {', '.join(names)} is not finite" if names else "")
            )
    return None


def _nearest_layer(node, saved):
    """Return the layer of the latest ancestor that kept a parameter."""
    for ancestor in sorted(ancestors(node), key=lambda n: -n.id):
        if isinstance(ancestor, Leaf) and ancestor.name:
            return ancestor.name.rpartition(".")[0]
        if ancestor in saved and saved[ancestor][3]:
            return saved[ancestor][3]
    return ""


def _finite(x):
    x = _array(x)
    return x.dtype.kind not in "fc" or bool(np.isfinite(x).all())


def _array(x):
    x = x.data if isinstance(x, Tensor) else x
    return np.asarray(backend.of(x).to_numpy(x))


def _extremes(arrays):
    arrays = [abs(a) for a in map(_array, arrays) if a.size]
    return ", ".join(f"{a.min():.3g} to {a.max():.3g}" for a in arrays)


def _spoken(shapes):
    return " and ".join(map(str, shapes))

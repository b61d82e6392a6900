"""The critic's evaluation of the real and the generated samples of a step, in one batch.

One matrix product with twice the rows costs less than two products, and half as many operations have to be dispatched.
A penalty at the same samples can then reuse the logits of the loss.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import ops
from ..autodiff import grad
from ..tensor import Tensor

if TYPE_CHECKING:
    from ..nn import Module
    from ..types import Array, TensorFunction

__all__ = ["OneBatch", "couples_samples"]


class OneBatch:
    """A critic that has evaluated real and generated samples in one batch, and remembers the result.

    Called with `samples` it returns the known logits; called with other samples it evaluates the critic.

    Args:
        critic: The critic as a function of N samples.
        twice: The same critic as a function of 2 N samples; it differs from `critic` in its labels.
        real, fake: The samples (N, ...), Tensors.

    Attributes:
        samples: The leaf Tensor (2 N, ...) that holds the real samples and then the generated ones.
        logits, real_logits, fake_logits: The critic's outputs at all samples, and at each kind.
    """

    critic: TensorFunction
    real: Tensor
    fake: Tensor
    samples: Tensor
    logits: Tensor
    real_logits: Tensor
    fake_logits: Tensor

    def __init__(self, critic: TensorFunction, twice: TensorFunction, real: Tensor, fake: Tensor) -> None:
        self.critic, self.real, self.fake = critic, real, fake
        self.samples = Tensor(ops.concatenate([real.data, fake.data]), requires_grad=True)
        self.logits = twice(self.samples)
        n = len(real)
        self.real_logits, self.fake_logits = self.logits[:n], self.logits[n:]

    def holds(self, real: object, fake: object) -> bool:
        """Return whether these are the same Tensors that were evaluated."""
        return real is self.real and fake is self.fake

    def __call__(self, x: Tensor | Array) -> Tensor:
        return self.logits if x is self.samples else self.critic(x)

    def refuse_coupling(self) -> None:
        """Raise ValueError if the critic couples the samples of a batch although none of its modules declares it."""
        (across,) = grad(self.real_logits.sum(), [self.samples], retain_graph=True, allow_unused=True)
        if across is not None and (abs(across.data[len(self.real_logits) :]) > 0).any():
            raise ValueError(
                "the critic's score of a real sample depends on the generated ones in its batch, because of a module "
                "that does not declare it: set `couples_samples = True` in its class, and real and generated samples "
                "are evaluated in separate batches"
            )


def couples_samples(network: Module) -> bool:
    """Return whether the network's output for a sample depends on the other samples of its batch.

    If it does, real and generated samples must be evaluated in separate batches.
    """
    return any(module.couples_samples for module in network.modules())

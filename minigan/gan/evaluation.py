"""The critic's view of the real and the generated samples of a step, in one batch.

One product of matrices with twice the rows costs less than two, and half as many operations have to be dispatched; a
penalty at those samples then starts from what the loss has evaluated already.
"""

from .. import ops
from ..autodiff import grad
from ..tensor import Tensor


class OneBatch:
    """A critic that was asked about real and fake samples (N, ...) at once, and remembers the answer.

    critic: as a function of other samples (N, ...); twice: the same critic as a function of (2 N, ...).
    samples: the leaf Tensor (2 N, ...) that holds both; called with it, this object does not compute it again.
    """

    def __init__(self, critic, twice, real, fake):
        self.critic, self.real, self.fake = critic, real, fake
        self.samples = Tensor(ops.concatenate([real.data, fake.data]), requires_grad=True)
        self.logits = twice(self.samples)
        n = len(real)
        self.real_logits, self.fake_logits = self.logits[:n], self.logits[n:]

    def holds(self, real, fake):
        """Are these the samples that were evaluated?"""
        return real is self.real and fake is self.fake

    def __call__(self, x):
        return self.logits if x is self.samples else self.critic(x)

    def refuse_coupling(self):
        """ValueError if the critic mixes the samples of a batch although none of its modules says so."""
        (across,) = grad(self.real_logits.sum(), [self.samples], retain_graph=True, allow_unused=True)
        if across is not None and (abs(across.data[len(self.real_logits) :]) > 0).any():
            raise ValueError(
                "the critic's score of a real sample depends on the generated ones in its batch, in a module that does "
                "not say so: give its class `couples_samples = True`, or real and generated samples get mixed"
            )


def couples_samples(network):
    """Does one sample of a batch change what `network` says of another, so that real and fake must not be mixed?"""
    return any(module.couples_samples for module in network.modules())

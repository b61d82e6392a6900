"""The critic's view of the real and the generated samples of a step, in one batch.

One product of matrices with twice the rows costs less than two, and half as many operations have to be dispatched; a
penalty at those samples then starts from what the loss has evaluated already.
"""

from .. import ops
from ..autodiff import ancestors
from ..tensor import Tensor


class OneBatch:
    """A critic that was asked about real and fake samples (N, ...) at once, and remembers the answer.

    critic: as a function of other samples (N, ...); twice: the same critic as a function of (2 N, ...).
    samples: the leaf Tensor (2 N, ...) that holds both; called with it, this object does not compute it again.
    """

    def __init__(self, critic, twice, real, fake):
        self.critic = critic
        self.samples = Tensor(ops.concatenate([real.data, fake.data]), requires_grad=True)
        self.logits = twice(self.samples)
        n = len(real)
        self.real_logits, self.fake_logits = self.logits[:n], self.logits[n:]

    def __call__(self, x):
        return self.logits if x is self.samples else self.critic(x)

    def refuse_coupling(self):
        """ValueError if the critic mixes the samples of a batch although none of its modules says so."""
        coupling = {node.op.name for node in ancestors(self.logits.node) if node.op and node.op.couples_samples}
        if coupling:
            raise ValueError(
                f"the critic uses {', '.join(sorted(coupling))}, which couples the samples of a batch, in a module "
                "that does not say so: give its class `couples_samples = True`, or real and generated samples get mixed"
            )


def couples_samples(network):
    """Does one sample of a batch change what `network` says of another, so that real and fake must not be mixed?"""
    return any(module.couples_samples for _, module in network.modules())

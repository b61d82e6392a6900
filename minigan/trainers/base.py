"""What `train` and `draw` need of a trainer, whatever it trains."""

from dataclasses import replace

SLOWER = 0.5  # by which a rollback multiplies the learning rates: exact in binary, however often


class BaseTrainer:
    """Everything that changes during a run.  All randomness comes from `config.seed`, in separate streams.

    A subclass defines `step`, `picture`, `samples` and, for the state, `parts` and `generators`; it sets

    config: the Config, checked.
    device: where it computes.
    loader: the `data.Loader` or `data.Stream` of its batches.
    unit: what a sample is called in the progress bar.
    rollbacks: how often training went back and slowed down; the learning rates of `config` say so.
    """

    step_count = 0
    rollbacks = 0
    unit = "img"

    def step(self):
        """One update of every network.  Returns {name: number}, of which none may be NaN; adds 1 to `step_count`."""
        raise NotImplementedError

    def gradient_norms(self):
        """{"NAME_gradient": number}: the norms of the gradients of the latest step; {} before the first."""
        return {}

    def test(self):
        """Losses on held-out data, {name: number}, {} if there are none.  Changes no weight, buffer or generator."""
        return {}

    def diagnose(self):
        """What has become certain to go wrong by now: a list of `gan.Finding`.  Changes nothing."""
        return []

    def cause(self):
        """Why the latest step ended in FloatingPointError, in a sentence; "" if nobody knows."""
        return ""

    def picture(self, path):
        """Write what the networks make of fixed noise, or fixed inputs, as a PNG."""
        raise NotImplementedError

    def draw(self, z, labels=None):
        """Samples for the noise z (N, latent) and, if conditional, labels (N,), in the units of the data.

        NotImplementedError where samples do not come from noise.
        """
        raise NotImplementedError

    @staticmethod
    def samples(config, arrays, state, n, rng, label=None):
        """n new samples, float32 (n, ...), from what `state` gave: (n, H, W, C) in [-1, 1], or points (n, 2).

        label: the class to draw; ValueError if there is no such class.
        """
        raise NotImplementedError

    def parts(self):
        """{name: what has `state_dict` and `load_state_dict`}: networks, optimizers, averages."""
        raise NotImplementedError

    def generators(self):
        """The `random.Generator`s that training draws from, but those of the loader, in a fixed order."""
        raise NotImplementedError

    def slow_down(self, rollbacks):
        """Set the learning rates to those after so many rollbacks."""
        factor = SLOWER ** (rollbacks - self.rollbacks)
        rates = {name: getattr(self.config, name) * factor for name in ("generator_lr", "critic_lr")}
        self.config, self.rollbacks = replace(self.config, **rates), rollbacks

    def state(self):
        """({name: array}, JSON-able dict): all that `load_state` needs to go on as if nothing had happened."""
        arrays = {
            f"{part}.{name}": array
            for part, owner in self.parts().items()
            for name, array in owner.state_dict().items()
        }
        return arrays, {
            "step": self.step_count,
            "rollbacks": self.rollbacks,
            "loader": self.loader.state_dict(),
            "generators": [rng.state for rng in self.generators()],
        }

    def load_state(self, arrays, state):
        """Restore what `state` gave.  ValueError if it belongs to another configuration."""
        for part, owner in self.parts().items():
            owner.load_state_dict(part_of(arrays, part))
        self.step_count = state["step"]
        self.slow_down(state["rollbacks"])
        self.loader.load_state_dict(state["loader"])
        for rng, saved in zip(self.generators(), state["generators"], strict=True):
            rng.set_state(saved)


def part_of(arrays, part):
    """The arrays of one of `parts`, under the names that it gave them."""
    return {name.removeprefix(f"{part}."): array for name, array in arrays.items() if name.startswith(f"{part}.")}

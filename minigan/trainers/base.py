"""Interface of a trainer: the methods that the training loop, checkpoints and `minigan sample` use for every model."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from .. import nn
from .device import chosen

if TYPE_CHECKING:
    from ..gan import Finding
    from ..presets import Config
    from ..types import Array, Generator, NDArray, PathLike

__all__ = ["SLOWER", "BaseTrainer", "part_of"]

SLOWER = 0.5
"""Factor of the learning rates at each rollback; a power of two, so that it is exact however often it is applied."""


class Batches(Protocol):
    """The interface of what hands out a trainer's batches, such as a `data.Loader`."""

    def next_batch(self) -> tuple[Array, ...]:
        """Return the next batch: arrays whose rows belong together."""
        ...

    def state_dict(self) -> Any:
        """Return the state, for a checkpoint."""
        ...

    def load_state_dict(self, state: Any) -> None:
        """Restore what `state_dict` returned."""
        ...


class BaseTrainer:
    """Base class of trainers, which hold everything that changes during a run.

    All randomness comes from `config.seed`, in separate streams. A subclass is made as `Trainer(config, dataset)`; it
    defines `step`, `picture`, `samples`, `parts` and
    `generators`, and sets `loader`.

    Args:
        config: The configuration.

    Attributes:
        config: The checked configuration; after a rollback its learning rates are lower.
        device: The device of the computation, "cpu" or "cuda".
        loader: The source of its batches.
        unit: Short name of a sample in the progress bar.
        step_count: The number of steps taken.
        rollbacks: The number of times that training went back to a checkpoint and lowered the learning rates.

    Raises:
        ValueError: If settings contradict each other.
        DeviceError: If the configuration asks for a GPU and none works.
    """

    config: Config
    device: str
    loader: Batches
    unit: str = "img"
    step_count: int = 0
    rollbacks: int = 0

    def __init__(self, config: Config) -> None:
        config.check()
        self.config, self.device = config, chosen(config)

    def step(self) -> dict[str, float]:
        """Update every network once and add 1 to `step_count`.

        Returns:
            Losses by name.

        Raises:
            FloatingPointError: If a loss or a gradient is not finite.
        """
        raise NotImplementedError

    def settle(self) -> None:
        """Wait until all steps are computed; a step whose outcome is read later raises its FloatingPointError here."""

    def gradient_norms(self) -> dict[str, float]:
        """Return {"NAME_gradient": norm of the gradient at the latest step}; {} before the first step."""
        return {}

    def test(self) -> dict[str, float]:
        """Return losses on held-out data, {} if there are none, without changing any weight, buffer or generator."""
        return {}

    def diagnose(self) -> list[Finding]:
        """Return new findings about problems of the training, without changing it."""
        return []

    def cause(self) -> str:
        """Return the reason, in a sentence, why the latest step raised FloatingPointError; "" if it is not known."""
        return ""

    def picture(self, path: PathLike) -> None:
        """Write a PNG of the networks' outputs for noise or inputs that are the same at every call."""
        raise NotImplementedError

    def draw(self, z: Array, labels: Array | None = None) -> NDArray[Any]:
        """Draw samples in the units of the data.

        Args:
            z: Noise (N, latent).
            labels: Classes (N,) for a conditional generator.

        Returns:
            Samples (N, ...), float32.

        Raises:
            NotImplementedError: If the samples of this trainer do not come from noise.
        """
        raise NotImplementedError

    @staticmethod
    def samples(
        config: Config,
        arrays: dict[str, NDArray[Any]],
        state: dict[str, Any],
        n: int,
        rng: Generator,
        label: int | None = None,
    ) -> NDArray[Any]:
        """Draw new samples from a saved state, without a trainer.

        Args:
            config: The configuration of the run.
            arrays, state: What `state` returned.
            n: The number of samples.
            rng: The generator of the noise.
            label: The class to draw, for a conditional generator; None draws the classes of the data.

        Returns:
            Images (n, H, W, C) in [-1, 1] or points (n, 2), float32.

        Raises:
            ValueError: If there is no such class.
        """
        raise NotImplementedError

    def parts(self) -> dict[str, Any]:
        """Return networks, optimizers and averages by name: objects with `state_dict` and `load_state_dict`."""
        raise NotImplementedError

    def generators(self) -> list[Generator]:
        """Return all random generators used in training except the loader's, always in the same order."""
        raise NotImplementedError

    def slow_down(self, rollbacks: int) -> None:
        """Set the learning rates to their values after the given number of rollbacks."""
        factor = SLOWER ** (rollbacks - self.rollbacks)
        rates = {name: getattr(self.config, name) * factor for name in ("generator_lr", "critic_lr")}
        self.config, self.rollbacks = replace(self.config, **rates), rollbacks

    def state(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """Return all that `load_state` needs to continue exactly: arrays by name, and a dict that JSON can hold.

        Raises:
            FloatingPointError: If a step whose outcome had not been read was not finite.
        """
        self.settle()
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

    def load_state(self, arrays: dict[str, NDArray[Any]], state: dict[str, Any]) -> None:
        """Restore what `state` returned.

        Raises:
            ValueError: If the state belongs to another configuration.
        """
        for part, owner in self.parts().items():
            owner.load_state_dict(part_of(arrays, part))
        self.step_count = state["step"]
        self.slow_down(state["rollbacks"])
        self.loader.load_state_dict(state["loader"])
        for rng, saved in zip(self.generators(), state["generators"], strict=True):
            rng.set_state(saved)

    def __repr__(self) -> str:
        config = self.config
        networks = {name: part for name, part in self.parts().items() if isinstance(part, nn.Module)}
        sizes = [f"{name} {sum(p.size for p in network.parameters()):,}" for name, network in networks.items()]
        return (
            f"<{type(self).__name__}: {config.model} on {config.data}, step {self.step_count:,} of {config.steps:,} "
            f"on {self.device}; parameters: {', '.join(sizes)}>"
        )


def part_of(arrays: dict[str, NDArray[Any]], part: str) -> dict[str, NDArray[Any]]:
    """Return the arrays of one of a trainer's `parts`, under the names that the part gave them."""
    return {name.removeprefix(f"{part}."): array for name, array in arrays.items() if name.startswith(f"{part}.")}

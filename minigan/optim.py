"""Optimizers, which update parameters in place, averages of weights, and schedules."""

from __future__ import annotations

import copy
import math
from functools import partial
from typing import TYPE_CHECKING, Generic, TypeVar

import numpy as np

from .backend import device_of, fill, of
from .backend.recording import changing, repeated
from .tensor import Parameter, Tensor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Any

    from .nn import Module
    from .types import Array, ArrayLike

M = TypeVar("M", bound="Module")

__all__ = [
    "EMA",
    "SGD",
    "Adam",
    "Optimizer",
    "RMSprop",
    "burn_in",
    "clip_grad_norm",
    "cosine",
    "geometric",
    "linear",
]

# Names of PyTorch's optimizers and tools, with the way to do it here.
_ELSEWHERE = {
    "AdamW": "use optim.Adam, and add a penalty on the weights to the loss for weight decay",
    "Adagrad": "use optim.RMSprop",
    "Adadelta": "use optim.RMSprop",
    "Adamax": "use optim.Adam",
    "NAdam": "use optim.Adam",
    "RAdam": "use optim.Adam",
    "clip_grad_norm_": "use gradients, norm = optim.clip_grad_norm(gradients, max_norm); optimizer.step(gradients)",
    "lr_scheduler": "set optimizer.lr before each step, for example to lr * optim.cosine(step, steps)",
    "swa_utils": "use optim.EMA",
}


class Optimizer:
    """Base class of optimizers.

    It checks parameters and gradients and hands them to `update`, on the CPU in blocks that fit into the cache.

    Args:
        parameters: The Parameters to update, such as `module.parameters()`.
        lr: Learning rate, positive.

    Attributes:
        lr: Learning rate; may be changed between steps.
        steps: Number of steps of each parameter. A gradient of None does not count as a step.
        pool: Function that averages the losses and gradients of a step over several processes, called by
            `gan.descent.descend`; None for a single process.
        slots: Number of arrays of state for each parameter; a subclass sets it.

    Raises:
        TypeError: If there are no parameters, one is not a Parameter, or an option is not a number.
        ValueError: If a parameter is given twice, or the learning rate is not positive.
    """

    pool: Callable[..., Any] | None = None
    slots: int = 0
    _kernel: str = ""  # that updates many arrays at once, on a GPU, as `update` does
    _options: tuple[str, ...] = ()  # attributes that `repr` shows
    lr: float
    parameters: list[Parameter]
    steps: list[int]
    state: list[list[Array]]

    def __init__(self, parameters: Iterable[Parameter], lr: float) -> None:
        self.parameters = list(parameters)
        wrong = [type(p).__name__ for p in self.parameters if not isinstance(p, Parameter)]
        if wrong or not self.parameters:
            hint = "" if wrong else ", and in your own modules assign mg.Parameter(...), not mg.tensor(...)"
            given = wrong or "none at all"
            raise TypeError(f"an optimizer needs Parameters, got {given}; pass module.parameters(){hint}")
        if len({id(p) for p in self.parameters}) < len(self.parameters):
            raise ValueError("an optimizer was given the same Parameter twice")
        _check_numbers(lr=lr)
        if not lr > 0:
            raise ValueError(f"lr must be positive, got {lr}")
        self.lr = lr
        self.steps = [0] * len(self.parameters)
        self.state = [[np.zeros_like(p.data, order="C") for _ in range(self.slots)] for p in self.parameters]

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "update" in vars(cls) and "_kernel" not in vars(cls):
            cls._kernel = ""  # the kernel of the parent class would not compute this update

    def step(
        self,
        grads: Iterable[Tensor | Array | None] | None = None,
        *,
        check: bool = False,
        finite: Array | None = None,
    ) -> None:
        """Update every parameter by one gradient step; if a gradient is refused, no parameter has changed.

        Args:
            grads: One gradient for each parameter, in order, as `mg.grad(loss, parameters)` returns them. A gradient of
                None leaves its parameter alone. Without `grads` the step uses each parameter's `.grad`, as `backward()`
                left it.
            check: Whether to refuse gradients with NaN or infinity. The check makes the CPU wait for a GPU, so a
                captured step cannot contain it.
            finite: For an optimizer that `repeats`, an integer of shape () on the GPU; where it is 0 the step changes
                no parameter.

        Raises:
            ValueError: If the gradients differ from the parameters in number, shape, dtype or device, or all are None;
                or if `finite` is given to an optimizer that does not repeat.
            FloatingPointError: If `check` is set and a gradient is not finite; the message names the parameter.
        """
        given = [p.grad for p in self.parameters] if grads is None else list(grads)
        if len(given) != len(self.parameters):
            single = f"; a single {type(grads).__name__} was given: pass all gradients, in a list or tuple"
            hint = single if isinstance(grads, Tensor | np.ndarray) else ""
            raise ValueError(f"step: {len(given)} gradients for {len(self.parameters)} parameters{hint}")
        if all(g is None for g in given):
            raise ValueError("step: no gradient at all; call backward() first, or pass mg.grad(loss, parameters)")
        pairs = list(zip(self.parameters, map(_array, given), strict=True))
        for p, g in pairs:
            if g is not None and (g.shape, g.dtype) != (p.shape, p.dtype):
                raise ValueError(f"step: {p!r} got a gradient of shape {g.shape} and dtype {g.dtype}")
            if g is not None and g.__class__ is not p.data.__class__ and device_of(g) != p.device:
                raise ValueError(f"step: {p!r} is on {p.device!r}, its gradient on {device_of(g)!r}: move one")
        if check:
            _refuse_not_finite(pairs)
        which = [i for i, (_, g) in enumerate(pairs) if g is not None]
        for i in which:
            self._refuse_left_behind(self.parameters[i], self.state[i])
        columns = [[self.parameters[i].data, pairs[i][1], *self.state[i]] for i in which]
        together = _together(self._kernel, columns, finite)
        repeated(partial(self._count, which, 1), partial(self._count, which, -1))
        if together:
            self._move_together(which, columns, finite)
            return
        blocks: list[tuple[Any, ...]] = [
            (self.steps[i], *block)
            for i, arrays in zip(which, columns, strict=True)
            for block in of(arrays[0]).blocks(*arrays)
        ]
        if self._kernel:
            of(columns[0][0]).each(self.update, blocks)
        else:  # the update of a user's class may not be made for threads
            for block in blocks:
                self.update(*block)

    def _move_together(self, which, columns, finite):
        """Update all parameters that have made equally many steps by one call of a kernel."""
        for steps in dict.fromkeys(self.steps[i] for i in which):
            together = [k for k, i in enumerate(which) if self.steps[i] == steps]
            numbers = partial(self._numbers_of, which[together[0]])
            _update_together(self._kernel, [columns[k] for k in together], numbers, finite)

    def _count(self, which, change):
        for i in which:
            self.steps[i] += change
            self.parameters[i].touch()

    def take_back(self) -> None:
        """Uncount the latest step of all parameters, which has changed nothing."""
        self._count(range(len(self.parameters)), -1)

    def _numbers_of(self, i):
        return self._numbers(self.steps[i])

    def _numbers(self, t):
        """Return the numbers that the kernel takes at the t-th step of a parameter."""
        raise NotImplementedError

    def repeats(self) -> bool:
        """Return whether a GPU can repeat the steps of this optimizer without Python, as `gan.Game` does."""
        arrays = [[p.data, p.data, *state] for p, state in zip(self.parameters, self.state, strict=True)]
        return self.pool is None and type(self).step is Optimizer.step and _together(self._kernel, arrays)

    @staticmethod
    def _refuse_left_behind(p, state):
        for s in state:
            if s.__class__ is not p.data.__class__:
                raise ValueError(
                    f"step: {p!r} is on {p.device!r}, the state that this optimizer keeps for it on {device_of(s)!r}; "
                    "make the optimizer after moving the parameters"
                )

    def update(self, t: int, p: Array, g: Array, *state: Array) -> None:
        """Update one parameter in place; a subclass defines how.

        Args:
            t: Number of this step of the parameter, counted from 1.
            p: Values of the parameter, or a block of them, to be changed in place.
            g: Gradient, of the same shape, to be left alone.
            *state: `slots` arrays of the same shape, to be changed in place.
        """
        raise NotImplementedError

    def zero_grad(self) -> None:
        """Remove the gradients that `backward()` has accumulated in `.grad`."""
        for p in self.parameters:
            p._leaf.grad = None  # type: ignore[attr-defined,union-attr]  # a frozen parameter has no node

    def __repr__(self) -> str:
        size = sum(p.size for p in self.parameters)
        options = "".join(f", {name}={getattr(self, name)}" for name in self._options)
        return f"{type(self).__name__}({size:,} parameters, lr={self.lr:g}{options}, step={max(self.steps)})"

    def state_dict(self) -> dict[str, Any]:  # arrays; NDArray would make `np.savez(path, **state)` an error
        """Return the step counts and the state, as NumPy arrays under the names "steps", "0.0", "0.1", ..."""
        slots = {f"{i}.{k}": s for i, state in enumerate(self.state) for k, s in enumerate(state)}
        return {"steps": np.array(self.steps)} | {name: np.array(of(s).to_numpy(s)) for name, s in slots.items()}

    def load_state_dict(self, state: Mapping[str, ArrayLike]) -> None:
        """Restore the state of an optimizer of the same kind with parameters of the same shapes.

        Args:
            state: Arrays by name, as `state_dict` returns them.

        Raises:
            ValueError: If names or shapes differ; nothing is changed then.
        """
        own = self.state_dict()
        if {k: v.shape for k, v in own.items()} != {k: np.shape(v) for k, v in state.items()}:
            raise ValueError("load_state_dict: the optimizer state belongs to other parameters or another optimizer")
        self.steps = [int(n) for n in np.asarray(state["steps"])]
        for i, slots in enumerate(self.state):
            for k, s in enumerate(slots):
                fill(s, state[f"{i}.{k}"])


class SGD(Optimizer):
    """Gradient descent: p -= lr * g, or with momentum b <- momentum * b + g, p -= lr * b.

    Args:
        parameters: The Parameters to update, such as `module.parameters()`.
        lr: Learning rate, positive.
        momentum: Weight of the past gradients.

    Raises:
        TypeError: If there are no parameters, one is not a Parameter, or an option is not a number.
        ValueError: If a parameter is given twice, or the learning rate is not positive.
    """

    slots = 1
    _kernel = "sgd"
    _options = ("momentum",)
    momentum: float

    def __init__(self, parameters: Iterable[Parameter], lr: float, momentum: float = 0.0) -> None:
        _check_numbers(momentum=momentum)
        self.momentum = momentum
        super().__init__(parameters, lr)

    def update(self, t: int, p: Array, g: Array, *state: Array) -> None:
        """Update one parameter in place; see `Optimizer.update`."""
        (velocity,) = state
        velocity *= self.momentum
        velocity += g
        p -= self.lr * velocity

    def _numbers(self, t):
        return self.momentum, self.lr


class Adam(Optimizer):
    """Adam (Kingma and Ba 2015, algorithm 1), with PyTorch's placement of eps.

    m <- b1 m + (1 - b1) g,  v <- b2 v + (1 - b2) g^2,  p -= lr m^ / (sqrt(v^) + eps),
    where m^ = m / (1 - b1^t) and v^ = v / (1 - b2^t).

    There is no weight_decay: add a penalty on the weights to the loss.

    Args:
        parameters: The Parameters to update, such as `module.parameters()`.
        lr: Learning rate, positive.
        betas: (b1, b2), the weights of the past in the averages of the gradient and of its square, in [0, 1). GANs
            often use (0.5, 0.999) or (0.0, 0.9).
        eps: Added to the denominator.

    Raises:
        TypeError: If there are no parameters, one is not a Parameter, or an option is not a number.
        ValueError: If a parameter is given twice, the learning rate is not positive, or a beta is out of range.

    Example:
        optimizer = mg.optim.Adam(critic.parameters(), 2e-4, betas=(0.5, 0.999))
        optimizer.step(mg.grad(loss, critic.parameters()))
    """

    slots = 2
    _kernel = "adam"
    _options = ("betas", "eps")
    betas: tuple[float, float]
    eps: float

    def __init__(
        self,
        parameters: Iterable[Parameter],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
    ) -> None:
        if np.shape(betas) != (2,):
            raise ValueError(f"betas must be two numbers (b1, b2), got {betas!r}")
        _check_numbers(b1=betas[0], b2=betas[1], eps=eps)
        if not all(0 <= b < 1 for b in betas):
            raise ValueError(f"betas must lie in [0, 1), got {betas}")
        self.betas, self.eps = betas, eps
        super().__init__(parameters, lr)

    def update(self, t: int, p: Array, g: Array, *state: Array) -> None:
        """Update one parameter in place; see `Optimizer.update`."""
        m, v = state
        of(p).adam(p, g, m, v, *self.betas, *self._corrected(t))

    def _corrected(self, t):
        """Return eps and lr with which m^ / (sqrt(v^) + eps) needs no arrays for m^ and v^."""
        b1, b2 = self.betas
        m_scale, v_root = 1 - b1**t, math.sqrt(1 - b2**t)
        return self.eps * v_root, self.lr * v_root / m_scale

    def _numbers(self, t):
        b1, b2 = self.betas
        return 1 - b1, b1, 1 - b2, b2, *self._corrected(t)


class RMSprop(Optimizer):
    """RMSprop: v <- alpha v + (1 - alpha) g^2,  p -= lr g / (sqrt(v) + eps) (Tieleman and Hinton 2012).

    Args:
        parameters: The Parameters to update, such as `module.parameters()`.
        lr: Learning rate, positive.
        alpha: Weight of the past in the average of the squared gradient.
        eps: Added to the denominator.

    Raises:
        TypeError: If there are no parameters, one is not a Parameter, or an option is not a number.
        ValueError: If a parameter is given twice, or the learning rate is not positive.
    """

    slots = 1
    _kernel = "rmsprop"
    _options = ("alpha", "eps")
    alpha: float
    eps: float

    def __init__(
        self, parameters: Iterable[Parameter], lr: float = 1e-2, alpha: float = 0.99, eps: float = 1e-8
    ) -> None:
        _check_numbers(alpha=alpha, eps=eps)
        self.alpha, self.eps = alpha, eps
        super().__init__(parameters, lr)

    def update(self, t: int, p: Array, g: Array, *state: Array) -> None:
        """Update one parameter in place; see `Optimizer.update`."""
        (v,) = state
        term = g * g
        term *= 1 - self.alpha
        v *= self.alpha
        v += term
        np.sqrt(v, out=term)
        term += self.eps
        np.divide(g, term, out=term)
        term *= self.lr
        p -= term

    def _numbers(self, t):
        return self.alpha, 1 - self.alpha, self.eps, self.lr


class EMA(Generic[M]):
    """Exponential moving average of a module's parameters and buffers.

    During the first updates the decay is at most (1 + t) / (10 + t), so that the initial weights are soon forgotten.

    Args:
        module: The module to average; it is copied.
        decay: Weight of the past at each update, in [0, 1).
        half_life: Alternative to `decay`: number of updates after which the past counts half as much, decay =
            2^(-1 / half_life); 0 forgets the past at once.

    Attributes:
        module: The averaged copy, frozen and in evaluation mode.
        decay: Weight of the past; `decay` and `half_life` may be changed at any time.
        updates: Number of updates so far.

    Raises:
        ValueError: If both or neither of `decay` and `half_life` are given, or the value is out of range.

    Example:
        ema = mg.optim.EMA(generator, decay=0.999)
        ema.update(generator)  # after each step of the generator
        images = ema.module(z)
    """

    module: M
    decay: float
    updates: int

    def __init__(self, module: M, decay: float | None = None, *, half_life: float | None = None) -> None:
        if (decay is None) == (half_life is None):
            raise ValueError("EMA needs either decay or half_life")
        if half_life is not None:
            self.half_life = half_life
        elif decay is not None:
            self.decay = decay
        if not 0 <= self.decay < 1:
            raise ValueError(f"decay must lie in [0, 1), got {self.decay}")
        self.module = copy.deepcopy(module).eval().requires_grad_(False)
        self.updates = 0

    @property
    def device(self) -> str:
        """The device of the average."""
        return device_of(_arrays(self.module)[0])

    @property
    def half_life(self) -> float:
        """Number of updates after which the past counts half as much."""
        return math.log(0.5) / math.log(self.decay) if self.decay else 0.0

    @half_life.setter
    def half_life(self, updates: float) -> None:
        if not updates >= 0:
            raise ValueError(f"half_life must be at least 0, got {updates}")
        self.decay = 0.5 ** (1 / updates) if updates else 0.0

    def update(self, module: Module, *, finite: Array | None = None) -> None:
        """Move the average towards the present values of `module`, which must have the structure of the average.

        Args:
            module: The module to average.
            finite: On a GPU, an integer of shape (); where it is 0 no average changes.
        """
        columns = list(zip(_arrays(self.module), _arrays(module), strict=True))
        together = _together("approach", columns, finite)
        repeated(partial(self._count, 1), partial(self._count, -1))
        if together:
            _update_together("approach", columns, lambda: (self._weight(),), finite)
            return
        blocks = [(self._weight(), *block) for mine, theirs in columns for block in of(mine).blocks(mine, theirs)]
        if blocks:
            of(blocks[0][1]).each(_approach, blocks)

    def repeats(self, module: Module) -> bool:
        """Return whether a GPU can repeat updates from `module` without Python, as `gan.Game` does."""
        return _together("approach", list(zip(_arrays(self.module), _arrays(module), strict=True)))

    def take_back(self) -> None:
        """Uncount the latest update, which has changed nothing."""
        self._count(-1)

    def _count(self, change):
        self.updates += change
        for parameter in self.module.parameters():
            parameter.touch()

    def _weight(self):
        return 1 - min(self.decay, (1 + self.updates) / (10 + self.updates))

    def __repr__(self) -> str:
        size = self.module.num_parameters()
        return f"EMA({type(self.module).__name__}, {size:,} parameters, decay={self.decay:g}, updates={self.updates})"

    def state_dict(self) -> dict[str, Any]:  # arrays; NDArray would make `np.savez(path, **state)` an error
        """Return the averaged parameters and buffers under "module.", and the number of updates under "updates"."""
        averages = {f"module.{name}": array for name, array in self.module.state_dict().items()}
        return {"updates": np.array(self.updates)} | averages

    def load_state_dict(self, state: Mapping[str, ArrayLike]) -> None:
        """Restore an average from the arrays that `state_dict` returned.

        Raises:
            ValueError: If names or shapes differ from those of the module; nothing is changed then.
        """
        averages = {name.removeprefix("module."): array for name, array in state.items() if name != "updates"}
        self.module.load_state_dict(averages)
        self.updates = int(np.asarray(state["updates"]))


def clip_grad_norm(grads: Sequence[Tensor | Array | None], max_norm: float) -> tuple[tuple[Tensor | Any, ...], float]:
    """Scale gradients so that their joint Euclidean norm is at most `max_norm`.

    Args:
        grads: Gradients; None stays None.
        max_norm: Largest norm of all gradients together.

    Returns:
        The gradients as Tensors without history, and their norm before the scaling.

    Example:
        gradients, norm = mg.optim.clip_grad_norm(mg.grad(loss, parameters), 1.0)
        optimizer.step(gradients)
    """
    arrays = [_array(g) for g in grads]
    norm = math.sqrt(sum(float(np.vdot(g, g).real) for g in arrays if g is not None))
    scale = min(1.0, max_norm / norm) if norm else 1.0
    return tuple([None if g is None else Tensor(g * scale) if scale < 1 else Tensor(g) for g in arrays]), norm


def cosine(step: int, steps: float, start: float = 1.0, end: float = 0.0) -> float:
    """Return a value that falls from `start` at step 0 to `end` at `steps` along a cosine, and stays there.

    Source: Loshchilov and Hutter 2017, equation 5.

    Args:
        step: The present step, counted from 0.
        steps: Step at which `end` is reached, positive.
        start: Value at step 0.
        end: Value at `steps` and afterwards.

    Example:
        optimizer.lr = 2e-4 * mg.optim.cosine(step, steps)
    """
    return end + (start - end) * 0.5 * (1 + math.cos(math.pi * min(step / steps, 1.0)))


def linear(step: int, steps: float, start: float = 1.0, end: float = 0.0) -> float:
    """Return a value that goes from `start` at step 0 to `end` at `steps` in a straight line, and stays there.

    Args:
        step: The present step, counted from 0.
        steps: Step at which `end` is reached, positive.
        start: Value at step 0.
        end: Value at `steps` and afterwards.
    """
    return start + (end - start) * min(step / steps, 1.0)


def geometric(step: int, steps: float, start: float, end: float) -> float:
    """Return a value that goes from `start` at step 0 to `end` at `steps` by equal factors, and stays there.

    It suits quantities that act by their order of magnitude, such as the weight of a penalty.

    Args:
        step: The present step, counted from 0.
        steps: Step at which `end` is reached, positive.
        start: Value at step 0, positive.
        end: Value at `steps` and afterwards, positive.

    Raises:
        ValueError: If `start` or `end` is not positive.
    """
    if not (start > 0 and end > 0):
        raise ValueError(f"geometric: start and end must be positive, got {start} and {end}")
    return start * (end / start) ** min(step / steps, 1.0)


def burn_in(step: int, steps: int, start: float, end: float, part: float = 0.2) -> float:
    """Return a value that goes from `start` to `end` along a cosine in the first `part` of training, and stays there.

    One such schedule serves the learning rate, gamma, Adam's beta2 and the half-life of the average (Huang et al. 2024,
    appendix on training: 1 -> 0.1 for gamma, 0.9 -> 0.99 for beta2).

    Args:
        step: The present step, counted from 0.
        steps: Number of steps of the whole training.
        start: Value at step 0.
        end: Value from step `part * steps` on.
        part: Fraction of the training that the change takes, in (0, 1].

    Raises:
        ValueError: If `part` is out of range.
    """
    if not 0 < part <= 1:
        raise ValueError(f"burn_in: part must lie in (0, 1], got {part}")
    return cosine(step, part * steps, start, end)


def _check_numbers(**arguments):
    for name, value in arguments.items():
        if not hasattr(value, "__float__"):
            raise TypeError(f"{name} must be a number, got {value!r}")


def _refuse_not_finite(pairs):
    wrong = [p.name or f"a parameter {p.shape}" for p, g in pairs if g is not None and not np.all(np.isfinite(g))]
    if wrong:
        raise FloatingPointError(
            f"step: the gradient of {', '.join(wrong)} holds NaN or infinity; no parameter was changed"
        )


def _together(kernel, rows, finite=None):
    """Return whether `kernel` updates all these arrays by one call; raise ValueError if `finite` needs that in vain."""
    found = bool(kernel) and of(rows[0][0]).fit(*zip(*rows, strict=True))
    if finite is not None and not found:
        raise ValueError(
            "finite: it can decide on an update only on a GPU, for float32 or float64 arrays in C order, and by an "
            "optimizer whose `update` is minigan's own"
        )
    return found


def _update_together(kernel, rows, numbers, finite):
    for row in rows:
        for k, array in enumerate(row):
            if k != 1:  # the gradient, or the value that is averaged
                changing(array)
    kernels: Any = of(rows[0][0])  # of a GPU: for NumPy's arrays nothing is updated together
    kernels.update_all(kernel, list(zip(*rows, strict=True)), numbers, finite)


def _array(g):
    return g.data if isinstance(g, Tensor) else g


def _approach(weight, average, value):
    of(average).approach(average, value, weight)


def _arrays(module):
    return [p.data for p in module.parameters()] + [array for _, array in module.named_buffers()]


if not TYPE_CHECKING:  # a type checker would take every misspelt name for an attribute

    def __getattr__(name):
        from .suggest import missing

        raise missing(__name__, name, _ELSEWHERE)


def __dir__() -> list[str]:
    return sorted(__all__)

"""Optimizers.  They update parameters in place: the only mutation there is."""

import copy
import math

import numpy as np

from .backend import device_of, fill, of
from .tensor import Parameter, Tensor


class Optimizer:
    """Base: checks parameters and gradients, and hands them to `update`, on the CPU in blocks that stay in cache.

    parameters: a non-empty sequence of distinct Parameters.  lr may be changed at any time.
    pool: None, or how several processes make one of their reports and gradients; see `gan.descent.descend`.
    """

    pool = None
    slots = 0  # arrays of state per parameter

    def __init__(self, parameters, lr):
        self.parameters = list(parameters)
        wrong = [type(p).__name__ for p in self.parameters if not isinstance(p, Parameter)]
        if wrong or not self.parameters:
            raise TypeError(f"an optimizer needs Parameters, got {wrong or 'none at all'}; pass module.parameters()")
        if len({id(p) for p in self.parameters}) < len(self.parameters):
            raise ValueError("an optimizer was given the same Parameter twice")
        if not lr > 0:
            raise ValueError(f"lr must be positive, got {lr}")
        self.lr = lr
        self.steps = [0] * len(self.parameters)  # of each parameter: a None gradient is no step
        self.state = [[np.zeros_like(p.data, order="C") for _ in range(self.slots)] for p in self.parameters]

    def step(self, grads=None):
        """Update every parameter from `grads`, one for each in order.

        Without them it takes `.grad`, as `backward()` left it.  A gradient that is None leaves its parameter alone.
        """
        grads = [p.grad for p in self.parameters] if grads is None else list(grads)
        if len(grads) != len(self.parameters):
            raise ValueError(f"step: {len(grads)} gradients for {len(self.parameters)} parameters")
        if all(g is None for g in grads):
            raise ValueError("step: no gradient at all; call backward() first, or pass mg.grad(loss, parameters)")
        pairs = list(zip(self.parameters, map(_array, grads), strict=True))
        for p, g in pairs:
            if g is not None and (g.shape, g.dtype) != (p.shape, p.dtype):
                raise ValueError(f"step: {p!r} got a gradient of shape {g.shape} and dtype {g.dtype}")
            if g is not None and g.__class__ is not p.data.__class__ and device_of(g) != p.device:
                raise ValueError(f"step: {p!r} is on {p.device!r}, its gradient on {device_of(g)!r}: move one")
        for i, (p, g) in enumerate(pairs):
            if g is not None:
                self._refuse_left_behind(p, self.state[i])
                self.steps[i] += 1
                for block in of(p.data).blocks(p.data, g, *self.state[i]):
                    self.update(self.steps[i], *block)
                p.touch()

    @staticmethod
    def _refuse_left_behind(p, state):
        for s in state:
            if s.__class__ is not p.data.__class__:
                raise ValueError(
                    f"step: {p!r} is on {p.device!r}, what this optimizer knows of it on {device_of(s)!r}; "
                    "make the optimizer after moving the parameters"
                )

    def update(self, t, p, g, *state):
        """Change p, and the state, by its t-th gradient g: arrays of one shape, of which all but g change in place."""
        raise NotImplementedError

    def zero_grad(self):
        """Forget what `backward()` has accumulated."""
        for p in self.parameters:
            p._leaf.grad = None

    def state_dict(self):
        """The step counts and the moments, as NumPy arrays under the names "steps", "0.0", "0.1", ..."""
        slots = {f"{i}.{k}": s for i, state in enumerate(self.state) for k, s in enumerate(state)}
        return {"steps": np.array(self.steps)} | {name: np.array(of(s).to_numpy(s)) for name, s in slots.items()}

    def load_state_dict(self, state):
        """Restore what `state_dict` gave; ValueError if it belongs to other parameters."""
        own = self.state_dict()
        if {k: v.shape for k, v in own.items()} != {k: np.shape(v) for k, v in state.items()}:
            raise ValueError("load_state_dict: the optimizer state belongs to other parameters or another optimizer")
        self.steps = [int(n) for n in state["steps"]]
        for i, slots in enumerate(self.state):
            for k, s in enumerate(slots):
                fill(s, state[f"{i}.{k}"])


class SGD(Optimizer):
    """p -= lr * g, or with momentum b <- momentum * b + g and p -= lr * b."""

    slots = 1

    def __init__(self, parameters, lr, momentum=0.0):
        self.momentum = momentum
        super().__init__(parameters, lr)

    def update(self, t, p, g, velocity):
        velocity *= self.momentum
        velocity += g
        p -= self.lr * velocity


class Adam(Optimizer):
    """Adam (Kingma and Ba 2015, algorithm 1), with PyTorch's placement of eps:

    m <- b1 m + (1 - b1) g,  v <- b2 v + (1 - b2) g^2,  p -= lr m^ / (sqrt(v^) + eps),
    m^ = m / (1 - b1^t), v^ likewise.
    """

    slots = 2

    def __init__(self, parameters, lr=1e-3, betas=(0.9, 0.999), eps=1e-8):
        if not all(0 <= b < 1 for b in betas):
            raise ValueError(f"betas must lie in [0, 1), got {betas}")
        self.betas, self.eps = betas, eps
        super().__init__(parameters, lr)

    def update(self, t, p, g, m, v):
        b1, b2 = self.betas
        m_scale, v_root = 1 - b1**t, math.sqrt(1 - b2**t)  # m^ / (sqrt(v^) + eps), without arrays for m^ and v^
        of(p).adam(p, g, m, v, b1, b2, self.eps * v_root, self.lr * v_root / m_scale)


class RMSprop(Optimizer):
    """v <- alpha v + (1 - alpha) g^2,  p -= lr g / (sqrt(v) + eps) (Tieleman and Hinton 2012)."""

    slots = 1

    def __init__(self, parameters, lr=1e-2, alpha=0.99, eps=1e-8):
        self.alpha, self.eps = alpha, eps
        super().__init__(parameters, lr)

    def update(self, t, p, g, v):
        term = g * g
        term *= 1 - self.alpha
        v *= self.alpha
        v += term
        np.sqrt(v, out=term)
        term += self.eps
        np.divide(g, term, out=term)
        term *= self.lr
        p -= term


class EMA:
    """An exponential moving average of a module, buffers included: `ema.module` is the averaged copy, in eval mode.

    decay: the weight of the past, per update; `half_life` in updates may be given instead (decay = 2^(-1 / half_life)),
    0 for no memory.  Both may be changed at any time.
    During the first updates the decay is at most (1 + t) / (10 + t), so that the initial weights are soon forgotten.
    """

    def __init__(self, module, decay=None, *, half_life=None):
        if (decay is None) == (half_life is None):
            raise ValueError("EMA needs either decay or half_life")
        if decay is None:
            self.half_life = half_life
        else:
            self.decay = decay
        if not 0 <= self.decay < 1:
            raise ValueError(f"decay must lie in [0, 1), got {self.decay}")
        self.module = copy.deepcopy(module).eval().requires_grad_(False)
        self.updates = 0

    @property
    def half_life(self):
        """After how many updates the past counts half as much."""
        return math.log(0.5) / math.log(self.decay) if self.decay else 0.0

    @half_life.setter
    def half_life(self, updates):
        if not updates >= 0:
            raise ValueError(f"half_life must be at least 0, got {updates}")
        self.decay = 0.5 ** (1 / updates) if updates else 0.0

    def update(self, module):
        """Move the average towards `module`."""
        self.updates += 1
        weight = 1 - min(self.decay, (1 + self.updates) / (10 + self.updates))
        for mine, theirs in zip(_arrays(self.module), _arrays(module), strict=True):
            for average, value in of(mine).blocks(mine, theirs):
                of(mine).approach(average, value, weight)
        for parameter in self.module.parameters():
            parameter.touch()

    def state_dict(self):
        """The averaged parameters and buffers under "module.", and the number of updates."""
        averages = {f"module.{name}": array for name, array in self.module.state_dict().items()}
        return {"updates": np.array(self.updates)} | averages

    def load_state_dict(self, state):
        """Restore what `state_dict` gave."""
        averages = {name.removeprefix("module."): array for name, array in state.items() if name != "updates"}
        self.module.load_state_dict(averages)
        self.updates = int(state["updates"])


def clip_grad_norm(grads, max_norm):
    """(gradients scaled so that their joint Euclidean norm is at most max_norm, the norm before)."""
    arrays = [_array(g) for g in grads]
    norm = math.sqrt(sum(float(np.vdot(g, g).real) for g in arrays if g is not None))
    scale = min(1.0, max_norm / norm) if norm else 1.0
    return tuple([None if g is None else Tensor(g * scale) if scale < 1 else Tensor(g) for g in arrays]), norm


def cosine(step, steps, start=1.0, end=0.0):
    """A cosine from `start` at step 0 to `end` at `steps`, constant afterwards.

    Loshchilov and Hutter 2017, equation 5.
    """
    return end + (start - end) * 0.5 * (1 + math.cos(math.pi * min(step / steps, 1.0)))


def linear(step, steps, start=1.0, end=0.0):
    """A straight line from `start` at step 0 to `end` at `steps`, constant afterwards."""
    return start + (end - start) * min(step / steps, 1.0)


def geometric(step, steps, start, end):
    """From `start` at step 0 to `end` at `steps` by equal factors, constant afterwards; both must be positive.

    For what acts by its order of magnitude, like the weight of a penalty.
    """
    if not (start > 0 and end > 0):
        raise ValueError(f"geometric: start and end must be positive, got {start} and {end}")
    return start * (end / start) ** min(step / steps, 1.0)


def burn_in(step, steps, start, end, part=0.2):
    """A cosine from `start` to `end` over the first `part` of all `steps`, constant afterwards.

    For the learning rate, gamma, Adam's beta2 and the half-life of the average alike (Huang et al. 2024, appendix on
    training: 1 -> 0.1 for gamma, 0.9 -> 0.99 for beta2).  0 < part <= 1.
    """
    if not 0 < part <= 1:
        raise ValueError(f"burn_in: part must lie in (0, 1], got {part}")
    return cosine(step, part * steps, start, end)


def _array(g):
    return g.data if isinstance(g, Tensor) else g


def _arrays(module):
    return [p.data for p in module.parameters()] + [array for _, array in module.named_buffers()]

"""Recording of a training step that is then replayed without Python: no graph, no dispatch, no new memory.

On small networks most of the time is spent on deciding which kernels to call, and on a GPU on launching them. These
decisions are the same in every step.
"""

from __future__ import annotations

from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING

import numpy as np

from .. import backend
from ..backend.recording import CaptureError
from ..op import unusual
from ..tensor import Tensor

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

__all__ = ["CaptureError", "capture"]

_MODULES = {"cpu": ".cpu_program", "cuda": ".cuda_program"}  # by device; imported when a step is captured


def capture(step: Callable[..., Any]) -> Captured:
    """Return a function that computes the same as `step`, and does so faster from its third call on.

    The first call runs `step` normally. The second call is recorded: the calls of NumPy on a tape, or the work of a
    GPU as a CUDA graph. The third call is replayed and also run normally, and the two must agree to the bit. All
    later calls are replayed. The results of a replay have no history, and the next call overwrites their memory.

    Python numbers, Python decisions and results that NumPy alone computes from arrays outside of the step stay as they
    were recorded; a change of them is noticed only before the third call. On a GPU the third call changes arrays
    outside of the step twice if the step updates them in place, except for arrays that were announced to
    `minigan.backend.recording.changing`, as layers do.

    Args:
        step: A function of Tensors, arrays or None that returns Tensors, arrays, None, or tuples, lists and dicts of
            them. All other arrays that it reads, parameters included, must stay at their place in memory; their
            values may change. It may draw from a `minigan.random.Generator`.

    Raises:
        CaptureError: From a call, if an input differs from the recorded one in shape, dtype or device; if the step
            looks at its values (a branch, `item()`) or copies from the host to a GPU; or if the third call differs from
            its replay, because the step read a Python number that changed, or used other random numbers. The next
            call then runs normally.

    Example:
        @mg.capture
        def gradients(x, y):
            loss = ((net(x) - y) ** 2).mean()
            return loss, mg.grad(loss, net.parameters())

        loss, grads = gradients(x, y)  # tensors
        optimizer.step(grads)
    """
    return Captured(step)


class Captured:
    """A captured step: the callable that `capture` returns.

    Attributes:
        step: The captured function.
        calls: The number of calls so far that did not raise, since the last recording began.
    """

    def __init__(self, step: Callable[..., Any]) -> None:
        self.step = step
        self.calls: int = 0
        self.backend: Any = None
        self.program: Any = None
        self.inputs: Any = None
        self.outputs: Any = None

    def __call__(self, *inputs: Any) -> Any:
        if self.calls == 0:
            outputs = self.step(*inputs)
            self.backend = _backend_of([*_leaves(list(inputs)), *_leaves(outputs)])
        elif self.calls == 1:
            outputs = self._record(inputs)
        else:
            self._fill(inputs)
            self._check(inputs) if self.calls == 2 else self.program.play()
            outputs = self.outputs
        self.calls += 1  # only now: after a call that raised, the program is still unchecked
        return outputs

    def _record(self, inputs):
        self.inputs = [None if x is None else self.backend.array(_array(x), order="C") for x in inputs]
        program = self.program = import_module(_MODULES[self.backend.DEVICE], __name__).Program()
        with self._beginning_again():
            stands = [_like(x, program.stand_in(m)) for x, m in zip(inputs, self.inputs, strict=True)]
            outputs = program.record(lambda: self.step(*stands))
        self.outputs = _mapped(lambda output: _released(program, output), outputs)
        program.close(_leaves(self.outputs))
        return self.outputs

    def _fill(self, inputs):
        if len(inputs) != len(self.inputs):
            raise CaptureError(f"the captured step has {len(self.inputs)} inputs, got {len(inputs)}")
        for k, (memory, x) in enumerate(zip(self.inputs, inputs, strict=True)):
            if _kind(memory) != _kind(x):
                raise CaptureError(f"input {k} was {_kind(memory)} when the step was captured and is now {_kind(x)}")
            if memory is not None:
                memory[...] = _array(x)

    def _check(self, inputs):
        """Make the third call twice, by replay and normally, and compare the outputs."""
        with self._beginning_again():
            expected = self.program.play_and_run(lambda: self.step(*inputs))
            expected = _leaves(_mapped(lambda output: _released(self.program, output), expected))
            for k, (replayed, run) in enumerate(zip(_leaves(self.outputs), expected, strict=True)):
                if not np.array_equal(*[backend.move(x, "cpu") for x in (replayed, run)], equal_nan=True):
                    raise CaptureError(
                        f"output {k} of the replayed step differs from the output of the step itself: it depends on "
                        "something that changed since it was captured and is no input, such as a Python number; make "
                        "that number an input, as an array of shape ()"
                    )

    @contextmanager
    def _beginning_again(self):
        """Start again with the first call if a CaptureError is raised inside."""
        try:
            with unusual():
                yield
        except CaptureError:
            self.calls = 0
            raise


def _backend_of(leaves):
    """Return the backend of a GPU's array, if there is one among the leaves; otherwise NumPy's."""
    found = [backend.of(a) for a in leaves]
    return next((b for b in found if b.DEVICE != "cpu"), backend.of(None))


def _array(x):
    return x.data if isinstance(x, Tensor) else x


def _like(x, array):
    """Return `array` as the type of x: a Tensor if x is one."""
    if x is None:
        return None
    return Tensor(array, requires_grad=x.requires_grad) if isinstance(x, Tensor) else array


def _kind(x):
    if x is None:
        return "None"
    x = _array(x)
    device = backend.device_of(x)
    return f"{x.dtype} {x.shape} on {device!r}"


def _mapped(function, outputs):
    if isinstance(outputs, dict):
        return {name: _mapped(function, o) for name, o in outputs.items()}
    if isinstance(outputs, tuple | list):
        return type(outputs)([_mapped(function, o) for o in outputs])
    return None if outputs is None else function(outputs)


def _released(program, output):
    """Return the memory of an output as a Tensor without history if the output is a Tensor, otherwise as an array."""
    data = program.plain(_array(output))
    return Tensor(data) if isinstance(output, Tensor) else data


def _leaves(outputs):
    if isinstance(outputs, dict):
        outputs = list(outputs.values())
    if isinstance(outputs, tuple | list):
        return [leaf for o in outputs for leaf in _leaves(o)]
    return [] if outputs is None else [_array(outputs)]

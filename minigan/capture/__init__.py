"""A step that is recorded once and then replayed without Python: no graph, no dispatch, no new memory.

On small networks most of the time goes into deciding what to compute, and on a GPU into asking for it.  The decisions
are the same in every step.
"""

from contextlib import contextmanager

import numpy as np

from .. import backend
from ..backend.recording import CaptureError
from ..op import unusual
from ..tensor import Tensor
from . import cpu_program, cuda_program

__all__ = ["CaptureError", "capture"]

_PROGRAMS = {"cpu": cpu_program.Program, "cuda": cuda_program.Program}


def capture(step):
    """`step` as a function that computes the same, faster, from its third call on.

    step(*inputs): inputs are Tensors or arrays, or None; it returns Tensors, arrays, None, or tuples, lists and dicts
        of them.  Whatever else it reads must stay where it is in memory and may change there: parameters, as
        optimizers change them, and arrays.  It may draw from a `minigan.random.Generator`.
    The first call runs as it is.  The second is recorded: NumPy's calls on a tape, or a GPU's work as a CUDA graph.
    The third is replayed and also runs as it is, and the two must agree to the bit; all later ones are replayed.  What
    a replay returns has no history and lies in memory that the next call overwrites.

    What NumPy alone computes of memory outside, and every Python number and decision, stays as it was recorded; only a
    change before the third call is noticed.  On a GPU, memory outside that the step changes in place is changed twice
    by the third call, but for what `minigan.backend.recording.changing` was told of, as layers do.
    CaptureError: for inputs of another shape, dtype or device than the recorded ones; for a step that looks at its
        values (a branch, `item()`), or copies from the host to a GPU; for one whose third call differs from its replay,
        as it read a Python number that changed, or drew elsewhere.  The next call then runs as it is.
    """
    return Captured(step)


class Captured:
    """What `capture` returns."""

    def __init__(self, step):
        self.step = step
        self.calls = 0
        self.backend = self.program = self.inputs = self.outputs = None

    def __call__(self, *inputs):
        if self.calls == 0:
            outputs = self.step(*inputs)
            self.backend = backend.of(next(iter(_leaves([outputs, *inputs])), None))
        elif self.calls == 1:
            outputs = self._record(inputs)
        else:
            self._fill(inputs)
            self._check(inputs) if self.calls == 2 else self.program.play()
            outputs = self.outputs
        self.calls += 1  # one that raised does not count, so nothing is replayed that was not checked
        return outputs

    def _record(self, inputs):
        self.inputs = [None if x is None else self.backend.array(_array(x), order="C") for x in inputs]
        program = self.program = _PROGRAMS[self.backend.DEVICE]()
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
        """The third call, by replay and as it is."""
        with self._beginning_again():
            expected = self.program.play_and_run(lambda: self.step(*inputs))
            expected = _leaves(_mapped(lambda output: _released(self.program, output), expected))
            for path, (replayed, run) in enumerate(zip(_leaves(self.outputs), expected, strict=True)):
                if not np.array_equal(*[backend.move(x, "cpu") for x in (replayed, run)], equal_nan=True):
                    raise CaptureError(
                        f"output {path} of the replayed step is not what the step computes: it depends on something "
                        "that changed since it was captured and is no input, such as a Python number; give it as an "
                        "array of shape ()"
                    )

    @contextmanager
    def _beginning_again(self):
        """If the step is refused inside: the next call runs as it is, and the one after is recorded anew."""
        try:
            with unusual():
                yield
        except CaptureError:
            self.calls = 0
            raise


def _array(x):
    return x.data if isinstance(x, Tensor) else x


def _like(x, array):
    """`array` in the place of x: a Tensor for a Tensor."""
    if x is None:
        return None
    return Tensor(array, requires_grad=x.requires_grad) if isinstance(x, Tensor) else array


def _kind(x):
    if x is None:
        return "None"
    x = _array(x)
    device = backend.device_of(x)
    return f"{x.dtype} {x.shape}" + ("" if device == "cpu" else f" on {device!r}")


def _mapped(function, outputs):
    if isinstance(outputs, dict):
        return {name: _mapped(function, o) for name, o in outputs.items()}
    if isinstance(outputs, tuple | list):
        return type(outputs)([_mapped(function, o) for o in outputs])
    return None if outputs is None else function(outputs)


def _released(program, output):
    """The memory of an output, as it was given: a Tensor without history, or an array."""
    data = program.plain(_array(output))
    return Tensor(data) if isinstance(output, Tensor) else data


def _leaves(outputs):
    if isinstance(outputs, dict):
        outputs = list(outputs.values())
    if isinstance(outputs, tuple | list):
        return [leaf for o in outputs for leaf in _leaves(o)]
    return [] if outputs is None else [_array(outputs)]

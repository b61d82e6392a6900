"""A step that is recorded once and then replayed without Python: no graph, no dispatch, no new memory.

On small networks most of the time goes into deciding what to compute.  The decisions are the same in every step.
"""

from contextlib import contextmanager

import numpy as np

from .backend.tape import ACTIVE, Draws, Tape, Taped, TapeError
from .op import unusual
from .tensor import Tensor

__all__ = ["CaptureError", "capture"]


class CaptureError(RuntimeError):
    """A step that cannot be captured, or a call that does not fit the captured one; the message names the cause."""


def capture(step):
    """`step` as a function that computes the same, faster, from its third call on.

    step(*inputs): inputs are Tensors or arrays, or None; it returns Tensors, arrays, None, or tuples, lists and dicts
        of them.  Whatever else it reads must stay where it is in memory and may change there: parameters, as
        optimizers change them, and arrays.  It may draw from a `minigan.random.Generator`.
    The first call runs as it is.  The second is recorded.  The third is replayed and also runs as it is, and the two
    must agree to the bit; all later ones are replayed.  What a replay returns has no history and lies in memory that
    the next call overwrites.

    What NumPy alone computes of memory outside, and every Python number and decision, stays as it was recorded; only a
    change before the third call is noticed.
    CaptureError: for inputs of another shape or dtype than the recorded ones; for a step that looks at its values (a
    branch, `item()`); for one whose third call differs from its replay, as it read a Python number that changed, or
    drew elsewhere.  The next call then runs as it is.
    """
    return Captured(step)


class Captured:
    """What `capture` returns."""

    def __init__(self, step):
        self.step = step
        self.calls = 0
        self.program = self.inputs = self.outputs = None

    def __call__(self, *inputs):
        if self.calls == 0:
            outputs = self.step(*inputs)
        elif self.calls == 1:
            outputs = self._record(inputs)
        else:
            self._fill(inputs)
            self._check(inputs) if self.calls == 2 else self._play()
            outputs = self.outputs
        self.calls += 1  # one that raised does not count, so nothing is replayed that was not checked
        return outputs

    def _play(self):
        for call in self.program:
            call()

    def _record(self, inputs):
        tape = Tape()
        self.inputs = [None if x is None else np.array(_array(x), order="C") for x in inputs]
        try:
            with _active(tape):
                outputs = self.step(*[_like(x, Taped(m, tape)) for x, m in zip(inputs, self.inputs, strict=True)])
        except TapeError as error:
            self.calls = 0
            raise CaptureError(str(error)) from error
        self.outputs = _mapped(_released, outputs)
        self.outside, self.drawn = tape.outside(), tape.drawn
        self.program = tape.close(_leaves(self.outputs))
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
        written = [(target, target.copy()) for target in self.outside]
        self._play()
        for target, before in written:  # by both runs, so the second starts from what the first found
            target[...] = before
        try:
            with _active(Draws(self.drawn)):
                expected = _mapped(_released, self.step(*inputs))
        except TapeError as error:
            self.calls = 0
            raise CaptureError(str(error)) from error
        for path, (replayed, run) in enumerate(zip(_leaves(self.outputs), _leaves(expected), strict=True)):
            if not np.array_equal(replayed, run, equal_nan=True):
                self.calls = 0  # the next call runs as it is, and the one after is recorded anew
                raise CaptureError(
                    f"output {path} of the replayed step is not what the step computes: it depends on something that "
                    "changed since it was captured and is no input, such as a Python number; give it as an array of "
                    "shape ()"
                )


@contextmanager
def _active(tape):
    before, ACTIVE.tape = ACTIVE.tape, tape
    try:
        with unusual():
            yield
    finally:
        ACTIVE.tape = before


def _array(x):
    return x.data if isinstance(x, Tensor) else x


def _like(x, taped):
    """`taped` in the place of x: a Tensor for a Tensor."""
    if x is None:
        return None
    return Tensor(taped, requires_grad=x.requires_grad) if isinstance(x, Tensor) else taped


def _kind(x):
    return "None" if x is None else f"{_array(x).dtype} {_array(x).shape}"


def _mapped(function, outputs):
    if isinstance(outputs, dict):
        return {name: _mapped(function, o) for name, o in outputs.items()}
    if isinstance(outputs, tuple | list):
        return type(outputs)([_mapped(function, o) for o in outputs])
    return None if outputs is None else function(outputs)


def _released(output):
    """The memory of an output, as it was given: a Tensor without history, or an array."""
    data = _array(output)
    data = data.array if isinstance(data, Taped) else data
    return Tensor(data) if isinstance(output, Tensor) else data


def _leaves(outputs):
    if isinstance(outputs, dict):
        outputs = list(outputs.values())
    if isinstance(outputs, tuple | list):
        return [leaf for o in outputs for leaf in _leaves(o)]
    return [] if outputs is None else [_array(outputs)]

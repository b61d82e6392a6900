"""Building blocks of the check matrix: derivatives of any order along random directions.

Also ways to compute them without autodiff.  From a sample (a function f and inputs x) and random constants c, v1, v2,
v3 of the shapes of f(x) and x:

    phi_0(x) = <c, f(x)>        phi_k(x) = <grad phi_{k-1}(x), v_k>

Order k is right if phi_k is the derivative of phi_{k-1} along v_k, for which neither finite differences nor the complex
step need any derivative of order k.  A wrong element anywhere shows up, as the directions are random.
"""

import zlib
from dataclasses import dataclass, field

import numpy as np

import minigan as mg


@dataclass
class Sample:
    """One way of calling an operation.

    f takes Tensors, `reference` the same as NumPy arrays.  A sample at a kink has no derivative to compare with: it
    gives `gradients`, those of sum(f), instead.  `complex_step` is off where a kernel has to be real.
    """

    op: str
    name: str
    f: object
    inputs: list
    reference: object = None
    gradients: object = None
    complex_step: bool = True
    float32: bool = True
    orders: int = 3
    tolerance: float = 1e-11
    fused_reference: object = field(default=None)

    def __post_init__(self):
        self.inputs = [np.asarray(x) for x in self.inputs]
        self.label = f"{self.op}-{self.name}"

    def random(self):
        return np.random.default_rng(zlib.crc32(self.label.encode()))

    def constants(self, dtype=np.float64):
        """The cotangent c and one list of directions for each order."""
        rng = self.random()
        with mg.no_grad():
            y = self.f(*[mg.tensor(x) for x in self.inputs])
        c = rng.uniform(0.5, 1.5, y.shape).astype(dtype)
        return c, [[rng.uniform(0.5, 1.5, x.shape).astype(dtype) for x in self.inputs] for _ in range(3)]


def phi(f, tensors, order, constants):
    """phi_order, as a Tensor with history."""
    c, directions = constants
    value = (f(*tensors) * c).sum()
    for vs in directions[:order]:
        value = paired(mg.grad(value, tensors, create_graph=True, allow_unused=True), vs, value)
    return value


def paired(gradients, vs, like):
    """sum_k <g_k, v_k>, zero where there is no g."""
    total = like * 0.0
    for g, v in zip(gradients, vs, strict=True):
        if g is not None:
            total = total + (g * v).sum()
    return total


def derivatives(f, inputs, order, constants, create_graph):
    """The gradients of phi_{order-1} with respect to every input, as arrays."""
    tensors = [mg.Tensor(x, requires_grad=True) for x in inputs]
    value = phi(f, tensors, order - 1, constants)
    found = mg.grad(value, tensors, create_graph=create_graph, allow_unused=True)
    return [np.zeros_like(x) if g is None else g.data for g, x in zip(found, inputs, strict=True)]


def close(found, expected, tolerance, what):
    """Raise AssertionError unless the two agree, relative to the largest number among them."""
    found, expected = np.asarray(found), np.asarray(expected)
    assert found.shape == expected.shape, f"{what}: shape {found.shape}, expected {expected.shape}"
    same = (found == expected) | (np.isnan(found) & np.isnan(expected))  # infinities included
    with np.errstate(invalid="ignore"):
        error = np.where(same, 0, np.abs(found - expected))
    finite = np.abs(expected[np.isfinite(expected)])
    scale = max(1.0, finite.max(initial=0.0))
    worst = error.max(initial=0.0) / scale
    assert worst <= tolerance, (
        f"{what}: relative error {worst:.2e} above {tolerance:.0e}\nfound    {found}\nexpected {expected}"
    )


def along(sample, order, constants):
    """phi_order at the sample's inputs, and the scale on which its error is to be judged."""
    gradients = derivatives(sample.f, sample.inputs, order, constants, False)
    terms = [g * v for g, v in zip(gradients, constants[1][order - 1], strict=True)]
    scale = max(1.0, sum(np.abs(t).sum() for t in terms))
    return sum(t.sum() for t in terms), scale


def moved(sample, order, constants, step):
    """phi_{order-1} with the inputs moved by `step` along the direction of this order."""
    shifted = [x + step * v for x, v in zip(sample.inputs, constants[1][order - 1], strict=True)]
    return phi(sample.f, [mg.Tensor(x, requires_grad=True) for x in shifted], order - 1, constants).item()


# The checks.  Each raises AssertionError.


NOT_ANALYTIC = " (a wrong vjp, or a kernel that is not analytic: with abs, conj or a comparison of complex numbers)"


def check_value(sample):
    found = sample.f(*[mg.tensor(x) for x in sample.inputs]).data
    close(found, sample.reference(*sample.inputs), max(1e-13, sample.tolerance / 1e3), f"{sample.label}: value")
    with_history = sample.f(*[mg.tensor(x, requires_grad=True) for x in sample.inputs])
    assert np.array_equal(with_history.data, found, equal_nan=True)


def check_kink(sample):
    """The gradients of sum(f) are those that the documentation promises."""
    for create_graph in (False, True):
        tensors = [mg.tensor(x, requires_grad=True) for x in sample.inputs]
        found = mg.grad(sample.f(*tensors).sum(), tensors, create_graph=create_graph)
        for g, expected in zip(found, sample.gradients(*sample.inputs), strict=True):
            close(g.data, np.broadcast_to(expected, g.shape), 1e-13, f"{sample.label}: gradient at a kink")


def check_finite_differences(sample, order):
    constants = sample.constants()
    h = np.finfo(float).eps ** (1 / 3)
    expected = (moved(sample, order, constants, h) - moved(sample, order, constants, -h)) / (2 * h)
    found, scale = along(sample, order, constants)
    close(found / scale, expected / scale, 1e-7, f"{sample.label}: finite differences, order {order}")


def check_complex_step(sample, order):
    constants = sample.constants()
    expected = moved(sample, order, constants, 1e-30j).imag / 1e-30
    found, scale = along(sample, order, constants)
    close(
        found / scale, expected / scale, sample.tolerance, f"{sample.label}: complex step, order {order}{NOT_ANALYTIC}"
    )


def check_create_graph(sample, order):
    constants = sample.constants()
    plain = derivatives(sample.f, sample.inputs, order, constants, False)
    traced = derivatives(sample.f, sample.inputs, order, constants, True)
    for k, (a, b) in enumerate(zip(plain, traced, strict=True)):
        close(a, b, max(1e-12, sample.tolerance / 10), f"{sample.label}: create_graph, order {order}, input {k}")


def check_float32(sample):
    """The value, the gradient and the second gradient stay in float32, near those of float64."""
    c, directions = sample.constants()
    constants32 = c.astype(np.float32), [[v.astype(np.float32) for v in vs] for vs in directions]
    narrow = [x.astype(np.float32) for x in sample.inputs]
    value = sample.f(*[mg.tensor(x) for x in narrow])
    assert value.dtype == np.float32, f"{sample.label}: value is {value.dtype}"
    wide = [x.astype(np.float64) for x in narrow]
    close(value.data, sample.f(*[mg.tensor(x) for x in wide]).data, 1e-5, f"{sample.label}: float32 value")
    for order in (1, 2):
        expected = derivatives(sample.f, wide, order, (c, directions), False)
        for create_graph in (False, True):
            found = derivatives(sample.f, narrow, order, constants32, create_graph)
            for k, (g, e) in enumerate(zip(found, expected, strict=True)):
                assert g.dtype == np.float32, f"{sample.label}: order {order}, {create_graph=}, input {k} is {g.dtype}"
                close(g, e, 3e-4, f"{sample.label}: float32, order {order}, input {k}")


def layouts(x):
    """The same numbers, read-only, in every memory layout."""
    doubled = np.zeros([2 * n for n in x.shape], x.dtype)
    strided = doubled[(*[slice(None, None, 2)] * x.ndim, ...)]
    strided[...] = x
    backward = (*[slice(None, None, -1)] * x.ndim, ...)
    reversed_ = x[backward].copy()[backward]
    variants = {"C": x.copy(order="C"), "Fortran": x.copy(order="F"), "strided": strided, "negative": reversed_}
    for v in variants.values():
        v.flags.writeable = False
    return variants


def check_layouts(sample):
    constants = sample.constants()
    value = sample.f(*[mg.tensor(x) for x in sample.inputs]).data
    gradients = derivatives(sample.f, sample.inputs, 1, constants, False)
    by_input = [layouts(x) for x in sample.inputs]
    for layout in ("C", "Fortran", "strided", "negative"):
        inputs = [variants[layout] for variants in by_input]
        close(sample.f(*[mg.Tensor(x) for x in inputs]).data, value, 1e-13, f"{sample.label}: value, {layout}")
        for create_graph in (False, True):
            found = derivatives(sample.f, inputs, 1, constants, create_graph)
            for k, (a, b) in enumerate(zip(found, gradients, strict=True)):
                close(
                    a,
                    b,
                    max(1e-12, sample.tolerance / 10),
                    f"{sample.label}: gradient, {layout}, {create_graph=}, input {k}",
                )


def check_arrays(sample):
    """Arrays in, array out, of the same values."""
    found = sample.f(*sample.inputs)
    assert not isinstance(found, mg.Tensor), f"{sample.label}: arrays gave a Tensor"
    close(found, sample.f(*[mg.tensor(x) for x in sample.inputs]).data, 1e-14, f"{sample.label}: arrays")


def check_fused(sample):
    """A fused op is its reference, at orders 0 to 3."""
    constants = sample.constants()
    tensors = [mg.tensor(x) for x in sample.inputs]
    close(
        sample.f(*tensors).data, sample.fused_reference(*tensors).data, 1e-12, f"{sample.label}: value of the reference"
    )
    for order in (1, 2, 3):
        for create_graph in (False, True):
            found = derivatives(sample.f, sample.inputs, order, constants, create_graph)
            expected = derivatives(sample.fused_reference, sample.inputs, order, constants, False)
            for k, (a, b) in enumerate(zip(found, expected, strict=True)):
                close(a, b, sample.tolerance, f"{sample.label}: reference, order {order}, {create_graph=}, input {k}")

"""Channels-last convolution against JAX in float64, orders 0 to 2.

"SAME" padding and transposed convolution are included.
"""

import numpy as np
import pytest
from oracle_tools import assert_close, constants, derivatives, value

from minigan import ops

jax = pytest.importorskip("jax", reason="JAX is an optional peer: pip install minigan[peers]")
jnp = jax.numpy
LAYOUT = ("NHWC", "HWIO", "NHWC")


@pytest.fixture(autouse=True)
def double_precision():
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    yield
    jax.config.update("jax_enable_x64", before)


def jax_derivatives(f, arrays, cotangent, directions):
    """As `oracle_tools.derivatives`."""
    every = tuple(range(len(arrays)))

    def phi(order):
        if order == 0:
            return lambda *xs: jnp.vdot(cotangent, f(*xs))
        gradient = jax.grad(phi(order - 1), every)
        return lambda *xs: sum(jnp.vdot(v, g) for v, g in zip(directions[order - 1], gradient(*xs), strict=True))

    orders = jax.jit(lambda *xs: [jax.grad(phi(order), every)(*xs) for order in range(len(directions) + 1)])
    return [[np.asarray(g) for g in gradients] for gradients in orders(*arrays)]


def compare_with_jax(ours, theirs, arrays, orders=2, tolerance=1e-12):
    expected = np.asarray(theirs(*arrays))
    assert expected.dtype == np.float64
    assert_close(value(ours, arrays), expected, tolerance, "value")
    (cotangent,) = constants(1, [expected.shape])
    directions = [constants(2 + k, [a.shape for a in arrays]) for k in range(orders - 1)]
    found = derivatives(ours, arrays, cotangent, directions)
    for order, (mine, other) in enumerate(
        zip(found, jax_derivatives(theirs, arrays, cotangent, directions), strict=True), 1
    ):
        for k, (a, b) in enumerate(zip(mine, other, strict=True)):
            assert_close(a, b, tolerance, f"order {order}, argument {k}")


def arrays(*shapes):
    rng = np.random.default_rng(sum(map(sum, shapes)))
    return [rng.standard_normal(s) for s in shapes]


def pair(n):
    return n if isinstance(n, tuple) else (n, n)


CONVOLUTIONS = {
    "valid": ((2, 5, 6, 3), (3, 2, 3, 4), {"padding": "valid"}),
    "same": ((2, 5, 6, 2), (3, 2, 2, 3), {"padding": "same"}),
    "same-stride-2": ((1, 5, 6, 2), (4, 4, 2, 3), {"padding": "same", "stride": 2}),
    "same-stride-3": ((1, 7, 8, 1), (2, 5, 1, 2), {"padding": "same", "stride": (3, 2)}),
    "same-stride-above-kernel": ((1, 7, 5, 1), (1, 2, 1, 2), {"padding": "same", "stride": 3}),
    "same-dilated": ((1, 7, 6, 1), (3, 2, 1, 2), {"padding": "same", "dilation": 2}),
    "same-dilated-stride": ((1, 7, 6, 1), (3, 2, 1, 2), {"padding": "same", "dilation": 2, "stride": 2}),
    "sides": ((1, 4, 5, 2), (3, 3, 2, 2), {"padding": ((2, 0), (1, 3))}),
    "groups": ((1, 5, 5, 4), (3, 3, 2, 6), {"padding": "same", "groups": 2}),
    "depthwise": ((1, 4, 4, 3), (2, 2, 1, 6), {"padding": "same", "groups": 3}),
    "1x1": ((2, 3, 3, 2), (1, 1, 2, 4), {"padding": "valid"}),
}


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_conv2d(name):
    x, w, options = CONVOLUTIONS[name]
    padding = options["padding"]

    def theirs(x, w):
        return jax.lax.conv_general_dilated(
            x,
            w,
            window_strides=pair(options.get("stride", 1)),
            padding=padding.upper() if isinstance(padding, str) else padding,
            rhs_dilation=pair(options.get("dilation", 1)),
            feature_group_count=options.get("groups", 1),
            dimension_numbers=LAYOUT,
        )

    compare_with_jax(lambda x, w: ops.conv2d(x, w, **options), theirs, arrays(x, w))


TRANSPOSED = {
    "valid": ((2, 3, 4, 3), (3, 2, 2, 3), {"padding": "valid", "stride": 2}),
    "valid-stride-1": ((1, 3, 3, 2), (2, 3, 1, 2), {"padding": "valid"}),
    "same": ((2, 3, 4, 2), (4, 4, 3, 2), {"padding": "same", "stride": 2}),
    "same-odd-kernel": ((1, 3, 4, 2), (3, 3, 2, 2), {"padding": "same", "stride": 1}),
    "same-stride-pair": ((1, 2, 3, 1), (5, 4, 2, 1), {"padding": "same", "stride": (3, 2)}),
}


@pytest.mark.parametrize("name", TRANSPOSED)
def test_conv_transpose2d(name):
    """The gradient of JAX's convolution, which is what `conv_transpose2d` claims to be."""
    y, w, options = TRANSPOSED[name]
    stride, padding = pair(options.get("stride", 1)), options["padding"]
    kernel = w[:2]
    grown = [n * s if padding == "same" else (n - 1) * s + k for n, s, k in zip(y[1:3], stride, kernel, strict=True)]

    def conv(x, w):
        return jax.lax.conv_general_dilated(x, w, stride, padding.upper(), dimension_numbers=LAYOUT)

    def theirs(y, w):
        _, pullback = jax.vjp(lambda x: conv(x, w), jnp.zeros((y.shape[0], *grown, w.shape[2])))
        return pullback(y)[0]

    compare_with_jax(lambda y, w: ops.conv_transpose2d(y, w, **options), theirs, arrays(y, w))


@pytest.mark.parametrize("name", ["valid", "valid-stride-1", "same-odd-kernel"])
def test_conv_transpose2d_is_the_one_of_jax(name):
    """`jax.lax.conv_transpose(transpose_kernel=True)`; it takes another padding for even kernels with "SAME"."""
    y, w, options = TRANSPOSED[name]

    def theirs(y, w):
        return jax.lax.conv_transpose(
            y,
            w,
            pair(options.get("stride", 1)),
            options["padding"].upper(),
            dimension_numbers=LAYOUT,
            transpose_kernel=True,
        )

    compare_with_jax(lambda y, w: ops.conv_transpose2d(y, w, **options), theirs, arrays(y, w))


def test_a_pixel_of_padding_on_the_wrong_side_is_told():
    """The negative control: "same" with the odd pixel before instead of after."""
    x, w = arrays((1, 5, 5, 1), (2, 2, 1, 1))
    with pytest.raises(AssertionError, match="value"):
        compare_with_jax(
            lambda x, w: ops.conv2d(x, w, padding=((1, 0), (1, 0))),
            lambda x, w: jax.lax.conv_general_dilated(x, w, (1, 1), "SAME", dimension_numbers=LAYOUT),
            [x, w],
        )


def test_softmax_logsumexp_and_norms():
    (x,) = arrays((3, 4))
    compare_with_jax(ops.softmax, jax.nn.softmax, [x])
    compare_with_jax(lambda x: ops.logsumexp(x, 1), lambda x: jax.nn.logsumexp(x, axis=1), [x])
    compare_with_jax(lambda x: ops.norm(x, 1), lambda x: jnp.linalg.norm(x, axis=1), [x])
    compare_with_jax(ops.softplus, jax.nn.softplus, [x])
    compare_with_jax(ops.log_sigmoid, jax.nn.log_sigmoid, [x])

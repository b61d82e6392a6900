"""Convolution and normalisation against PyTorch, orders 0 to 2.

Third orders are compared with PyTorch operations composed by hand, not with PyTorch's own fused norms: those are wrong
there (the statistics are saved without history).
"""

import numpy as np
import pytest
from oracle_tools import compare_with_torch, derivatives, disagreement, torch_derivatives

from minigan import ops

torch = pytest.importorskip("torch", reason="PyTorch is an optional peer: pip install minigan[peers]")
pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths:UserWarning")
F = torch.nn.functional


def nhwc(x):
    return ops.transpose(x, 0, 2, 3, 1)


def nchw(x):
    return ops.transpose(x, 0, 3, 1, 2)


def hwio(w):
    return ops.transpose(w, 2, 3, 1, 0)


def arrays(*shapes):
    rng = np.random.default_rng(sum(map(sum, shapes)))
    return [rng.standard_normal(s) for s in shapes]


# N, C_in, H, W; C_out, C_in / groups, kH, kW; options that both libraries spell alike
CONVOLUTIONS = {
    "plain": ((2, 3, 6, 5), (4, 3, 3, 2), {}),
    "dcgan": ((2, 2, 8, 8), (3, 2, 4, 4), {"stride": 2, "padding": 1}),
    "stride-above-kernel": ((1, 2, 9, 8), (2, 2, 2, 2), {"stride": 3}),
    "stride-pair": ((1, 1, 7, 6), (2, 1, 3, 3), {"stride": (2, 1)}),
    "padding-as-kernel": ((1, 2, 3, 3), (2, 2, 2, 2), {"padding": 2}),
    "padding-above-kernel": ((1, 1, 2, 2), (1, 1, 2, 2), {"padding": 3, "stride": 2}),
    "same": ((1, 2, 5, 4), (2, 2, 3, 2), {"padding": "same"}),
    "same-dilated": ((1, 1, 6, 5), (1, 1, 2, 3), {"padding": "same", "dilation": 2}),
    "valid": ((1, 2, 5, 4), (2, 2, 3, 2), {"padding": "valid"}),
    "1x1": ((2, 3, 2, 3), (4, 3, 1, 1), {}),
    "1x1-stride": ((1, 2, 5, 5), (2, 2, 1, 1), {"stride": 2}),
    "kernel-above-image": ((1, 1, 2, 3), (2, 1, 4, 5), {"padding": 2}),
    "groups": ((2, 4, 4, 4), (6, 2, 3, 3), {"groups": 2, "padding": 1}),
    "depthwise": ((1, 3, 5, 5), (3, 1, 3, 3), {"groups": 3}),
    "dilation": ((1, 2, 8, 7), (2, 2, 3, 2), {"dilation": (2, 3)}),
    "everything": ((2, 4, 9, 8), (4, 2, 3, 3), {"stride": 2, "padding": 2, "dilation": 2, "groups": 2}),
    "unread-pixels": ((1, 1, 6, 6), (1, 1, 2, 2), {"stride": 4}),
    "no-images": ((0, 2, 4, 4), (3, 2, 3, 3), {}),
}


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_conv2d(name):
    x, w, options = CONVOLUTIONS[name]
    compare_with_torch(
        lambda x, w: nchw(ops.conv2d(nhwc(x), hwio(w), **options)),
        lambda x, w: F.conv2d(x, w, **options),
        arrays(x, w),
        3,
        1e-12,
    )


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("padding", [((1, 0), (2, 1)), ((0, 3), (0, 0))])
def test_asymmetric_padding(stride, padding):
    (top, bottom), (left, right) = padding

    def theirs(x, w):
        return F.conv2d(F.pad(x, (left, right, top, bottom)), w, stride=stride)

    def ours(x, w):
        return nchw(ops.conv2d(nhwc(x), hwio(w), stride=stride, padding=padding))

    compare_with_torch(ours, theirs, arrays((1, 2, 5, 6), (2, 2, 3, 3)), 2, 1e-12)


# N, C_in, H, W; C_in, C_out / groups, kH, kW
TRANSPOSED = {
    "plain": ((2, 3, 3, 2), (3, 2, 3, 2), {}),
    "dcgan": ((2, 3, 4, 4), (3, 2, 4, 4), {"stride": 2, "padding": 1}),
    "output-padding": ((1, 2, 3, 3), (2, 1, 3, 3), {"stride": 2, "padding": 1, "output_padding": 1}),
    "output-padding-pair": ((1, 2, 2, 3), (2, 1, 2, 2), {"stride": (2, 3), "output_padding": (1, 2)}),
    "stride-above-kernel": ((1, 1, 2, 2), (1, 2, 2, 2), {"stride": 3}),
    "padding-as-kernel": ((1, 1, 5, 6), (1, 1, 2, 2), {"padding": 2}),
    "1x1": ((2, 3, 2, 2), (3, 2, 1, 1), {}),
    "groups": ((1, 4, 3, 3), (4, 3, 2, 2), {"groups": 2, "stride": 2}),
    "dilation": ((1, 2, 3, 3), (2, 1, 3, 2), {"dilation": 2, "stride": 2, "output_padding": 1}),
    "no-images": ((0, 2, 3, 3), (2, 1, 3, 3), {}),
}


@pytest.mark.parametrize("name", TRANSPOSED)
def test_conv_transpose2d(name):
    y, w, options = TRANSPOSED[name]
    compare_with_torch(
        lambda y, w: nchw(ops.conv_transpose2d(nhwc(y), hwio(w), **options)),
        lambda y, w: F.conv_transpose2d(y, w, **options),
        arrays(y, w),
        3,
        1e-12,
    )


def test_a_wrong_stride_is_told():
    """The negative control."""
    inputs = arrays((1, 1, 7, 7), (1, 1, 3, 3))
    with pytest.raises(AssertionError, match="value"):
        compare_with_torch(
            lambda x, w: nchw(ops.conv2d(nhwc(x), hwio(w), stride=1)), lambda x, w: F.conv2d(x, w, stride=2), inputs, 1
        )
    with pytest.raises(AssertionError, match="value"):
        compare_with_torch(lambda x, w: nchw(ops.conv2d(nhwc(x), hwio(w)[::-1])), F.conv2d, inputs, 1)


NORMS = {
    "matrix": ((6, 3), {}),
    "images": ((2, 3, 2, 2), {}),
    "gamma-0": ((4, 3), {"gamma": np.array([1.0, 0.0, 0.0])}),
    "variance-0": ((4, 3), {"constant": True, "eps": 1e-2}),
    "large-eps": ((4, 3), {"eps": 0.5}),
}


def norm_inputs(shape, gamma=None, constant=False, eps=1e-5):
    x, g, b = arrays(shape, shape[1:2], shape[1:2])
    return [np.ones_like(x) if constant else x, g if gamma is None else gamma, b], eps


def channels_last(x):
    return ops.transpose(x, 0, *range(2, x.ndim), 1)


def channels_second(x):
    return ops.transpose(x, 0, x.ndim - 1, *range(1, x.ndim - 1))


def by_hand(x, gamma, beta, dims, eps):
    """Normalisation over `dims` in PyTorch's elementary operations, whose every order is right."""
    mean = x.mean(dims, keepdim=True)
    centred = x - mean
    normal = centred / torch.sqrt((centred * centred).mean(dims, keepdim=True) + eps)
    shape = (1, -1) + (1,) * (x.ndim - 2)
    return normal * gamma.reshape(shape) + beta.reshape(shape)


@pytest.mark.parametrize("name", NORMS)
def test_batch_norm(name):
    shape, options = NORMS[name]
    inputs, eps = norm_inputs(shape, **options)

    def ours(x, gamma, beta):
        return channels_second(ops.batch_norm(channels_last(x), gamma, beta, eps=eps))

    def theirs(x, gamma, beta):
        return F.batch_norm(x, None, None, gamma, beta, training=True, eps=eps)

    # PyTorch's second order divides by gamma: NaN where it is 0.
    compare_with_torch(ours, theirs, inputs, 1 if name == "gamma-0" else 2)
    dims = (0, *range(2, len(shape)))
    compare_with_torch(ours, lambda *args: by_hand(*args, dims, eps), inputs, 4, 1e-9)


@pytest.mark.parametrize("name", NORMS)
def test_layer_norm(name):
    shape, options = NORMS[name]
    inputs, eps = norm_inputs(shape, **options)
    inputs[0] = np.moveaxis(inputs[0], 1, -1).copy()

    def ours(x, gamma, beta):
        return ops.layer_norm(x, gamma, beta, eps=eps)

    def theirs(x, gamma, beta):
        return F.layer_norm(x, gamma.shape, gamma, beta, eps=eps)

    def composed(x, gamma, beta):
        rows = x.reshape(-1, x.shape[-1])
        return by_hand(rows, gamma, beta, 1, eps).reshape(x.shape)

    compare_with_torch(ours, theirs, inputs, 2)
    compare_with_torch(ours, composed, inputs, 4, 1e-9)


def test_third_orders_of_the_peers_fused_norm_differ():
    """Why the third order is compared with a composition.

    This documents the peer, and the sharpness of our comparison.
    """
    inputs, eps = norm_inputs((6, 3))
    shapes = [a.shape for a in inputs]
    rng = np.random.default_rng(0)
    cotangent, directions = (
        rng.uniform(0.5, 1.5, (6, 3)),
        [[rng.uniform(0.5, 1.5, s) for s in shapes] for _ in range(2)],
    )
    fused = torch_derivatives(
        lambda x, g, b: F.batch_norm(x, None, None, g, b, training=True, eps=eps), inputs, cotangent, directions
    )
    ours = derivatives(lambda x, g, b: ops.batch_norm(x, g, b, eps=eps), inputs, cotangent, directions)
    gaps = [max(map(disagreement, a, b)) for a, b in zip(fused, ours, strict=True)]
    assert max(gaps[:2]) < 1e-10
    assert gaps[2] > 1e-3


def test_upsample_and_block_sum():
    (x,) = arrays((2, 3, 4, 6))
    compare_with_torch(
        lambda x: nchw(ops.upsample(nhwc(x), 3)), lambda x: F.interpolate(x, scale_factor=3, mode="nearest"), [x], 2
    )
    compare_with_torch(lambda x: nchw(ops.block_sum(nhwc(x), 2) / 4), lambda x: F.avg_pool2d(x, 2), [x], 2)


def test_a_discriminator_with_a_gradient_penalty():
    """Values and weight gradients of a penalised critic, end to end."""
    x, w1, w2, v = arrays((3, 2, 8, 8), (4, 2, 4, 4), (5, 4, 4, 4), (20, 1))

    def ours(x, w1, w2, v):
        h = ops.leaky_relu(ops.conv2d(nhwc(x), hwio(w1), stride=2, padding=1), 0.2)
        h = ops.leaky_relu(nchw(ops.conv2d(h, hwio(w2), stride=2, padding=1)), 0.2)
        return ops.tanh(ops.flatten(h) @ v)

    def theirs(x, w1, w2, v):
        h = F.leaky_relu(F.conv2d(x, w1, stride=2, padding=1), 0.2)
        h = F.leaky_relu(F.conv2d(h, w2, stride=2, padding=1), 0.2)
        return torch.tanh(h.flatten(1) @ v)

    compare_with_torch(ours, theirs, [x, 0.2 * w1, 0.2 * w2, 0.2 * v], 3)

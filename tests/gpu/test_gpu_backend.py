"""The functions of the CuPy backend, one by one, against NumPy's: every layout, dtype and shape."""

from inspect import signature

import numpy as np
import pytest
from against_numpy import TOLERANCE, close, near, precise, put
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from stand_in import RUNTIME

import minigan as mg
from minigan import backend, optim
from minigan.backend import numpy as numpy_backend
from minigan.backend.interface import Backend
from minigan.ops.conv import ConvGeometry
from minigan.random import Generator
from minigan.tensor import Parameter

pytestmark = pytest.mark.gpu

few = settings(max_examples=20, deadline=None, derandomize=True)
dtypes = st.sampled_from(sorted(TOLERANCE))
small = st.integers(1, 3)


def numbers(shape, dtype, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def itself(array):
    return array


def agree(name, arrays, *others, view=itself, tolerance=None):
    """The same call of both backends, on the same view of each array, gives the same numbers, shapes and dtypes."""
    expected = getattr(numpy_backend, name)(*map(view, arrays), *others)
    found = getattr(backend.named("cuda"), name)(*map(view, put(arrays)), *others)
    for one, other in zip(*[r if isinstance(r, tuple) else (r,) for r in (found, expected)], strict=True):
        close(one, other, tolerance)


# --- the interface

LISTED = [name for name in vars(Backend) if not name.startswith("_")]


@pytest.mark.parametrize("name", LISTED)
@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_each_backend_provides_what_the_interface_lists(device, name):
    """Functions of a backend take the arguments of the interface by the same names, `blocks` by position.

    One on NumPy may have an argument `out`, which a captured step gives it.
    """
    _, *listed = signature(getattr(Backend, name)).parameters.values()
    given = signature(getattr(backend.named(device), name))
    given.bind(*listed)
    if name != "blocks":
        names = list(given.parameters)
        assert names[: len(listed)] == [p.name for p in listed]
        assert names[len(listed) :] in ([], ["out"])


def test_the_interface_lists_kernels():
    assert {"matmul", "conv2d", "add_at"} < set(LISTED)


# --- convolution


@st.composite
def convolutions(draw):
    """(images, channels of a group, output channels of a group, geometry)."""
    pair, sides = st.tuples(small, small), st.tuples(st.integers(0, 3), st.integers(0, 3))
    size = st.tuples(st.integers(1, 5), st.integers(1, 5))
    geometry = ConvGeometry(draw(size), draw(pair), draw(pair), draw(st.tuples(sides, sides)), draw(pair), draw(small))
    assume(min(geometry.output) >= 1)
    return draw(st.integers(0, 4)), draw(st.sampled_from([1, 2, 3, 4, 8])), draw(small), geometry


POINTWISE = ConvGeometry((3, 2), (1, 1), (1, 1), ((0, 0), (0, 0)), (1, 1), 2)
GENERAL = ConvGeometry((5, 4), (3, 2), (2, 1), ((1, 2), (0, 1)), (1, 2), 2)


@few
@given(convolutions(), dtypes, st.sampled_from([1, 2000, 1 << 20]))
@example((3, 2, 3, GENERAL), "float32", 1)  # a chunk for every image
@example((3, 4, 2, GENERAL), "float64", 1 << 20)
@example((3, 4, 2, POINTWISE), "float32", 1)
@example((0, 1, 2, POINTWISE), "float64", 1)
def test_convolutions(case, dtype, chunk_bytes):
    n, ci, co, geometry = case
    x = numbers((n, *geometry.input, ci * geometry.groups), dtype)
    w = numbers((*geometry.kernel, ci, co * geometry.groups), dtype, 1)
    y = numbers((n, *geometry.output, co * geometry.groups), dtype, 2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("minigan.backend.cupy.conv.CHUNK_BYTES", chunk_bytes)
        agree("conv2d", [x, w], geometry)
        agree("conv_transpose2d", [y, w], geometry)
        agree("conv2d_weight", [x, y], geometry)


def test_convolution_of_views_and_of_two_precisions():
    geometry = ConvGeometry((5, 4), (3, 3), (2, 1), ((1, 1), (0, 1)), (1, 1), 1)
    x, w = numbers((3, 5, 4, 4), "float32"), numbers((3, 3, 4, 4), "float32", 1)
    for view in (lambda a: a[:, :, ::-1], lambda a: a.swapaxes(0, 3).copy().swapaxes(0, 3)):
        agree("conv2d", [x, w], geometry, view=view)
    for channels in (slice(1, 3), slice(None, None, 2)):
        agree("conv2d", [x, w[:, :, :2]], geometry, view=lambda a, channels=channels: a[..., channels])
    agree("conv2d", [x, w.astype("float64")], geometry, tolerance=1e-5)


def test_convolution_of_images_a_pixel_wide():
    """In C order, whatever their strides say of an axis of length 1."""
    geometry = ConvGeometry((4, 1), (3, 1), (1, 1), ((1, 1), (0, 0)), (1, 1), 1)
    x, w = numbers((3, 1, 4, 2), "float32"), numbers((3, 1, 2, 2), "float32", 1)
    turned = put(x).swapaxes(1, 2)
    assert turned.flags.c_contiguous
    close(backend.of(turned).conv2d(turned, put(w), geometry), numpy_backend.conv2d(x.swapaxes(1, 2), w, geometry))


def test_several_channels_are_moved_at_once_where_they_can_be(watched):
    geometry = ConvGeometry((3, 3), (2, 2), (1, 1), ((0, 0), (0, 0)), (1, 1), 1)
    for channels, dtype, real in ((8, "f4", "float4"), (6, "f4", "float"), (6, "f8", "double2"), (1, "f8", "double")):
        x, w = put([numbers((2, 3, 3, channels), dtype), numbers((2, 2, channels, 1), dtype)])
        with watched() as seen:
            backend.named("cuda").conv2d(x, w, geometry)
        assert seen.kernels == [f"im2col_{real}"]
    whole, w = put([numbers(2 * 9 * 4 + 1, "f4"), numbers((2, 2, 4, 1), "f4")])
    with watched() as seen:  # four channels, but at an address that is no multiple of 16
        backend.named("cuda").conv2d(whole[1:].reshape(2, 3, 3, 4), w, geometry)
    assert seen.kernels == ["im2col_float"]


def test_there_are_as_many_threads_as_elements_up_to_a_limit(watched, monkeypatch):
    monkeypatch.setattr("minigan.backend.cupy.launch.MOST_BLOCKS", 3)
    geometry, cuda = ConvGeometry((8, 8), (2, 2), (2, 2), ((0, 0), (0, 0)), (1, 1), 1), backend.named("cuda")
    x, y, w = put([numbers((5, 8, 8, 4), "f4"), numbers((9, 4, 4, 1), "f4"), numbers((2, 2, 4, 1), "f4")])
    with watched() as seen:
        cuda.conv2d(x, w, geometry)
        cuda.conv_transpose2d(y, w, geometry)
    # 5 images, 16 places, 4 taps: 320 times four channels; 9 images, 64 pixels: 576 times four, and that is the limit.
    assert [(launch.grid[0], launch.block) for launch in seen.launches] == [(2, (256, 1, 1)), (3, (256, 1, 1))]


def test_convolution_refuses_what_it_cannot_do():
    x, w = numbers((1, 2, 2, 1), "float32"), numbers((1, 1, 1, 1), "float32")
    with pytest.raises(TypeError, match=r"(?s)conv2d.*x is on 'cuda', w is on 'cpu'"):
        mg.ops.conv2d(put(x), w)
    with pytest.raises(TypeError, match=r"takes float32 or float64 arrays that are on it, got .* of complex64"):
        mg.ops.conv2d(put(x + 0j), put(w + 0j))


# --- products

VIEWS = {
    "C": itself,
    "transposed": lambda a: a.T.copy().T,
    "sliced": lambda a: _padded(a)[1:, 2:],
    "strided": lambda a: a.repeat(2, 0).repeat(2, 1)[::2, ::2],
}
views = st.sampled_from(sorted(VIEWS))


def _padded(a):
    whole = np.zeros_like(a, shape=(a.shape[0] + 1, a.shape[1] + 2))
    whole[1:, 2:] = a
    return whole


@few
@given(*[st.integers(0, 5)] * 3, views, views, dtypes)
def test_products(m, k, n, of_a, of_b, dtype):
    a, b = numbers((m, k), dtype), numbers((k, n), dtype, 1)
    there_a, there_b = VIEWS[of_a](put(a)), VIEWS[of_b](put(b))
    close(backend.named("cuda").matmul(there_a, there_b), a @ b)


def test_products_of_many_axes():
    a, b, c = numbers((2, 3, 4), "f4"), numbers((4, 5), "f4"), numbers((2, 4, 5), "f4")
    agree("matmul", [a, b])
    agree("matmul", [a, c])


@pytest.mark.skipif(RUNTIME is not None, reason="CuPy's kernel for integers is a template, which the stand-in refuses")
def test_products_of_integers():
    agree("matmul", [np.arange(6).reshape(2, 3), np.arange(6).reshape(3, 2)])


def test_a_matrix_is_multiplied_by_all_leading_axes_at_once(watched):
    a, b = put([numbers((2, 3, 4), "f4"), numbers((4, 5), "f4")])
    with watched() as seen:
        backend.named("cuda").matmul(a, b)
    assert seen.products == 1


def test_bad_products():
    a = put(numbers((2, 3), "float32"))
    with pytest.raises(ValueError, match="the inner lengths differ"):
        mg.ops.matmul(a, a)
    with pytest.raises(TypeError, match="a is on 'cuda', b is on 'cpu'"):
        mg.ops.matmul(a, numbers((3, 2), "float32"))


@pytest.mark.skipif(RUNTIME is None, reason="cuBLAS is free not to use TF32 for products that small")
def test_precision():
    cuda, a = backend.named("cuda"), numbers((3, 3), "float64")
    assert precise()
    with cuda.precision("tf32"):
        assert not precise()
        agree("matmul", [a, a])
    assert precise()


def test_an_unknown_precision():
    with pytest.raises(ValueError, match="precision must be fp32 or tf32, got 'half'"):
        backend.named("cuda").precision("half").__enter__()


# --- sums and normalisation

matrices = st.tuples(st.integers(1, 600), st.integers(1, 40))


@few
@given(st.lists(st.integers(0, 5), min_size=1, max_size=4), st.integers(1, 4), dtypes)
@example([300, 9, 33], 2, "float32")
@example([9000], 1, "float32")
def test_sums(shape, count, dtype):
    assume(count <= len(shape))
    x = numbers(shape, dtype)
    close(backend.named("cuda").sum_leading(put(x), count), x.astype("f8").sum(tuple(range(count))).astype(dtype), 1e-5)
    agree("sum_leading", [np.asfortranarray(x)], count, tolerance=1e-3)


def test_sums_of_every_other_row():
    agree("sum_leading", [numbers((6, 4), "float64")], 1, view=lambda a: a[::2, 1:])


@pytest.mark.parametrize(("shape", "most"), [((9000,), 1), ((300, 40), 32)])
def test_a_sum_of_few_columns_gives_its_threads_to_the_rows(watched, shape, most):
    """The threads of a block stand side by side along a row no further than there are columns."""
    x = put(numbers(shape, "float64"))
    with watched() as seen:
        backend.named("cuda").sum_leading(x, 1)
    for launch in seen.launches:
        across, down, _ = launch.block
        assert across <= most
        assert across * down == 256


def test_halves_cancel_and_integers_add():
    half, cuda = numbers((301, 5), "float32"), backend.named("cuda")
    assert not cuda.sum_leading(put(np.concatenate([half, -half])), 1).get().any()
    np.testing.assert_array_equal(cuda.sum_leading(put(np.arange(12).reshape(3, 2, 2)), 2).get(), [30, 36])


NORMS = {"batch_norm": mg.ops.batch_norm, "layer_norm": mg.ops.layer_norm}


def same_normalisation(name, x, gamma, beta, g, tolerance):
    """The output, and the gradients in x, gamma and beta along g."""

    def computed(arrays):
        *leaves, g = [mg.Tensor(a, requires_grad=True) for a in arrays]
        y = NORMS[name](*leaves, eps=1e-2)
        return [y, *mg.grad(y, leaves, g.detach())]

    arrays = [x, gamma, beta, g]
    near(computed(put(arrays)), computed(arrays), tolerance)


@few
@given(matrices, dtypes, st.sampled_from(sorted(NORMS)), st.sampled_from([0.0, 100.0]))
@example((1, 1), "float32", "batch_norm", 0.0)
@example((300, 40), "float32", "batch_norm", 100.0)
def test_normalisation(shape, dtype, name, offset):
    g, x = numbers(shape, dtype), numbers(shape, dtype, 1) + np.dtype(dtype).type(offset)
    gamma, beta = numbers((2, shape[1]), dtype, 2)
    gamma[0] = 0
    tolerance = 1e-4 if dtype == "float32" else 1e-11
    same_normalisation(name, x, gamma, beta, g, tolerance)
    same_normalisation(name, np.asfortranarray(x), gamma, beta, np.asfortranarray(g), tolerance)


@few
@given(matrices, dtypes)
def test_what_batch_norm_observes(shape, dtype):
    x, ones, zeros = numbers(shape, dtype) + 3, np.ones(shape[1], dtype), np.zeros(shape[1], dtype)
    found, expected = [], []
    for seen, arrays in ((found, put([x, ones, zeros])), (expected, [x, ones, zeros])):
        mg.ops.batch_norm(*map(mg.Tensor, arrays), observe=lambda *moments, seen=seen: seen.extend(moments))
    near(found, expected, 1e-5 if dtype == "float32" else 1e-11)


@pytest.mark.filterwarnings("ignore:Mean of empty slice")
@np.errstate(invalid="ignore")
def test_normalisation_of_nothing():
    x, ones = np.zeros((0, 3), "float32"), np.ones(3, "float32")
    same_normalisation("layer_norm", x, ones, ones, x, None)


# --- random numbers

DRAWS = {
    "normal": lambda rng, n: rng.normal((n,)),
    "normal in double": lambda rng, n: rng.normal(n, "float64"),
    "uniform": lambda rng, n: rng.uniform((n, 2)),
    "uniform on an interval": lambda rng, n: rng.uniform(n, -0.7, 1.23),
    "uniform in double": lambda rng, n: rng.uniform(n, -0.7, 1.23, "float64"),
    "integers": lambda rng, n: rng.integers(-5, 990, (n,)),
    "permutation": lambda rng, n: rng.permutation(n),
}


@few
@given(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1), st.integers(0, 30))
@example(2**64 - 1, 2**64 - 2, 9)
def test_draws(seed, counter, n):
    here = Generator(seed)
    here.set_state({**here.state, "counter": counter})
    there = here.__copy__().on("cuda")
    for name, draw in DRAWS.items():
        expected, found = draw(here, n), draw(there, n)
        close(found, expected)
        assert name == "normal in double" or found.get().tobytes() == expected.tobytes()
        assert there.state == here.state


def test_draws_check_their_arguments():
    rng = Generator(0, "cuda")
    with pytest.raises(ValueError, match="expected finite low < high"):
        rng.uniform(3, 2, 1)
    with pytest.raises(TypeError, match="dtype must be float32 or float64, got float16"):
        rng.normal(3, "float16")
    with pytest.raises(ValueError, match="must not have a negative axis"):
        rng.integers(0, 2, (-1,))
    assert rng.spawn().device == "cuda"


# --- elements and updates


@pytest.mark.parametrize("dtype", [*sorted(TOLERANCE), "complex64"])
@pytest.mark.parametrize("shape", [(3, 4), (), (0, 2)])
def test_elements(dtype, shape):
    x = np.array(numbers(shape, "float64") * (1 + 1j if dtype == "complex64" else 1), dtype)
    mask = np.asarray(numbers(shape, "float32", 1) > 0)
    tolerance = TOLERANCE.get(dtype, 1e-5)
    for slope in (0.0, 0.2):
        agree("leaky_relu", [x], slope, tolerance=tolerance)
        agree("gate", [x, mask], slope, tolerance=tolerance)
    agree("sigmoid", [x], tolerance=tolerance)
    agree("softplus", [x], tolerance=tolerance)


def test_an_elementwise_function_is_one_launch(watched):
    cuda, x = backend.named("cuda"), put(numbers((3, 4), "float32"))
    with watched() as seen:
        cuda.leaky_relu(x, 0.2), cuda.sigmoid(x), cuda.softplus(x)
    assert len(seen.launches) == 3


def test_pixels():
    agree("scale_pixels", [np.arange(256, dtype=np.uint8).reshape(16, 16)], view=lambda a: a[:, ::2])


LAYOUTS = {"C": itself, "F": lambda a: a.T, "strided": lambda a: a[:, ::2]}


@pytest.mark.parametrize("dtype", sorted(TOLERANCE))
@pytest.mark.parametrize("layout", LAYOUTS)
def test_updates_in_place(dtype, layout):
    """Weights and gradients that the kernels take, and others, which NumPy's formula takes; the same numbers."""

    def updated(move):
        weight, *gradients = [LAYOUTS[layout](move(numbers((6, 6), dtype, seed))) for seed in range(4)]
        parameter = Parameter(weight)
        optimizer = optim.Adam([parameter], 0.1, (0.5, 0.9), eps=1e-3)
        for gradient in gradients:
            optimizer.step([gradient])
        return [parameter.data, *optimizer.state_dict().values()]

    (found, *state), (expected, *others) = updated(put), updated(itself)
    close(found, expected)
    for one, other in zip(state, others, strict=True):
        np.testing.assert_allclose(one, other, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])


@pytest.mark.parametrize("dtype", sorted(TOLERANCE))
@pytest.mark.parametrize("layout", LAYOUTS)
def test_an_average_in_every_layout(dtype, layout):
    averages = [LAYOUTS[layout](move(numbers((6, 6), dtype))) for move in (put, itself)]
    values = [LAYOUTS[layout](move(numbers((6, 6), dtype, 1))) for move in (put, itself)]
    for average, value in zip(averages, values, strict=True):
        backend.of(average).approach(average, value, 0.25)
    close(*averages)

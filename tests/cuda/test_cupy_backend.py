"""The CuPy backend without a GPU: its launches on the emulator and its products on a fake cuBLAS, against NumPy's."""

from inspect import signature

import numpy as np
import pytest
from fake_cupy import installed
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from strict_device import StrictArray, on_device

import minigan as mg
from minigan import backend, gan, models, optim
from minigan.backend import numpy as numpy_backend
from minigan.backend.interface import Backend
from minigan.ops.conv import ConvGeometry
from minigan.random import Generator

TOLERANCE = {"float32": 1e-5, "float64": 1e-12}
few = settings(max_examples=20, deadline=None, derandomize=True)
dtypes = st.sampled_from(sorted(TOLERANCE))
small = st.integers(1, 3)


@pytest.fixture(scope="module", autouse=True)
def gpu(emulator):
    """The fakes under the device "cuda"."""
    with pytest.MonkeyPatch.context() as patch, installed(emulator, patch) as fakes:
        yield fakes


def numbers(shape, dtype, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def agree(name, arrays, *others, tolerance=None):
    """The same call of both backends gives the same numbers, of the same shapes and dtypes."""
    expected = getattr(numpy_backend, name)(*arrays, *others)
    found = getattr(backend.named("cuda"), name)(*on_device(arrays), *others)
    for one, other in zip(*[r if isinstance(r, tuple) else (r,) for r in (found, expected)], strict=True):
        assert type(one) is StrictArray
        assert (one.shape, one.dtype) == (other.shape, other.dtype)
        limit = tolerance or TOLERANCE[one.dtype.name]
        np.testing.assert_allclose(one.get(), other, rtol=limit, atol=limit * 10)


# --- the interface

LISTED = [name for name in vars(Backend) if not name.startswith("_")]


@pytest.mark.parametrize("name", LISTED)
@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_each_backend_provides_what_the_interface_lists(device, name):
    """Functions of a backend take the arguments of the interface by the same names, `blocks` by position."""
    _, *listed = signature(getattr(Backend, name)).parameters.values()
    given = signature(getattr(backend.named(device), name))
    given.bind(*listed)
    if name != "blocks":
        assert list(given.parameters) == [p.name for p in listed]


def test_the_interface_lists_kernels():
    assert {"matmul", "conv2d", "adam", "add_at"} < set(LISTED)


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


@few
@given(convolutions(), dtypes, st.sampled_from([1, 2000, 1 << 20]))
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
    x, w = numbers((3, 4, 5, 8), "float32").swapaxes(1, 2), numbers((3, 3, 4, 2), "float32", 1)
    agree("conv2d", [x[..., 1:5], w], geometry)
    agree("conv2d", [np.asfortranarray(x[..., ::2]), w[..., ::-1]], geometry)
    agree("conv2d", [x[..., :4], w.astype("float64")], geometry, tolerance=1e-5)


def test_convolution_of_images_a_pixel_wide():
    """In C order, whatever their strides say of an axis of length 1."""
    geometry = ConvGeometry((4, 1), (3, 1), (1, 1), ((1, 1), (0, 0)), (1, 1), 1)
    x, w = numbers((3, 1, 4, 2), "float32"), numbers((3, 1, 2, 2), "float32", 1)
    turned = on_device(x).swapaxes(1, 2)
    assert turned.flags.c_contiguous
    assert turned.strides[2] != 2 * 4
    expected = numpy_backend.conv2d(x.swapaxes(1, 2), w, geometry)
    np.testing.assert_allclose(backend.of(turned).conv2d(turned, on_device(w), geometry).get(), expected, atol=1e-5)


def test_several_channels_are_moved_at_once_where_they_can_be(gpu):
    geometry = ConvGeometry((3, 3), (2, 2), (1, 1), ((0, 0), (0, 0)), (1, 1), 1)
    for channels, dtype, real in ((8, "f4", "float4"), (6, "f4", "float"), (6, "f8", "double2"), (1, "f8", "double")):
        gpu.cupy.launches.clear()
        agree("conv2d", [numbers((2, 3, 3, channels), dtype), numbers((2, 2, channels, 1), dtype)], geometry)
        assert [name for name, *_ in gpu.cupy.launches] == [f"im2col_{real}"]
    whole = on_device(numbers(2 * 9 * 4 + 1, "f4"))
    gpu.cupy.launches.clear()  # four channels, but at an address that is no multiple of 16
    backend.named("cuda").conv2d(whole[1:].reshape(2, 3, 3, 4), on_device(numbers((2, 2, 4, 1), "f4")), geometry)
    assert [name for name, *_ in gpu.cupy.launches] == ["im2col_float"]


@pytest.mark.parametrize(("limit", "size"), [(2 * 9 * 4 * 4, ""), (2 * 9 * 4 * 4 - 1, "_large")])
def test_large_arrays_are_counted_with_64_bits(gpu, monkeypatch, limit, size):
    """An array of 2 images, 9 places, 4 taps and 4 channels that a thread moves at once."""
    monkeypatch.setattr("minigan.backend.cupy.conv.LARGE", limit + 1)
    geometry = ConvGeometry((4, 4), (2, 2), (1, 1), ((0, 0), (0, 0)), (1, 1), 1)
    x, w, y = numbers((2, 4, 4, 16), "f4"), numbers((2, 2, 16, 1), "f4", 1), numbers((2, 3, 3, 1), "f4", 2)
    gpu.cupy.launches.clear()
    agree("conv2d", [x, w], geometry)
    agree("conv_transpose2d", [y, w], geometry)
    assert [name for name, *_ in gpu.cupy.launches] == [f"im2col{size}_float4", f"col2im{size}_float4"]


def test_a_batch_is_divided_into_equal_chunks(gpu, monkeypatch):
    """Of 7 images at most 4 fit: 3 and 4 are taken."""
    monkeypatch.setattr("minigan.backend.cupy.conv.CHUNK_BYTES", 4 * (9 * 16 * 4))
    geometry = ConvGeometry((4, 4), (2, 2), (1, 1), ((0, 0), (0, 0)), (1, 1), 1)
    gpu.library.calls.clear()
    gpu.cupy.launches.clear()
    agree("conv2d", [numbers((7, 4, 4, 4), "f4"), numbers((2, 2, 4, 1), "f4", 1)], geometry)
    assert [name for name, *_ in gpu.cupy.launches] == ["im2col_float4"] * 2
    assert gpu.library.calls == ["cublasGemmEx"] * 2


def test_there_are_as_many_threads_as_elements_up_to_a_limit(gpu, monkeypatch):
    monkeypatch.setattr("minigan.backend.cupy.launch.MOST_BLOCKS", 3)
    geometry = ConvGeometry((8, 8), (2, 2), (2, 2), ((0, 0), (0, 0)), (1, 1), 1)
    gpu.cupy.launches.clear()
    agree("conv2d", [numbers((5, 8, 8, 4), "f4"), numbers((2, 2, 4, 1), "f4")], geometry)
    agree("conv_transpose2d", [numbers((9, 4, 4, 1), "f4"), numbers((2, 2, 4, 1), "f4")], geometry)
    # 5 images, 16 places, 4 taps: 320 times four channels; 9 images, 64 pixels: 576 times four, and that is the limit.
    assert gpu.cupy.launches == [("im2col_float4", (2,), (256,)), ("col2im_float4", (3,), (256,))]


def test_convolution_refuses_what_it_cannot_do():
    x, w = numbers((1, 2, 2, 1), "float32"), numbers((1, 1, 1, 1), "float32")
    with pytest.raises(TypeError, match=r"(?s)conv2d.*x is on 'cuda', w is on 'cpu'"):
        mg.ops.conv2d(on_device(x), w)
    with pytest.raises(TypeError, match=r"takes float32 or float64 arrays that are on it, got .* of complex64"):
        mg.ops.conv2d(on_device(x + 0j), on_device(w + 0j))


# --- products


VIEWS = {"C": lambda a: a, "F": np.asfortranarray, "strided": lambda a: np.repeat(a, 2, 1)[:, ::2]}
views = st.sampled_from(sorted(VIEWS))


@few
@given(*[st.integers(0, 5)] * 3, views, views, dtypes)
def test_products(m, k, n, of_a, of_b, dtype):
    agree("matmul", [VIEWS[of_a](numbers((m, k), dtype)), VIEWS[of_b](numbers((k, n), dtype, 1))])


def test_products_of_many_axes(gpu):
    a, b, c = numbers((2, 3, 4), "f4"), numbers((4, 5), "f4"), numbers((2, 4, 5), "f4")
    gpu.library.calls.clear()
    agree("matmul", [a, b])
    assert gpu.library.calls == ["cublasGemmEx"]
    agree("matmul", [a, c])
    agree("matmul", [np.arange(6).reshape(2, 3), np.arange(6).reshape(3, 2)], tolerance=1e-9)
    assert gpu.library.calls == ["cublasGemmEx"]


def test_bad_products():
    a = on_device(numbers((2, 3), "float32"))
    with pytest.raises(ValueError, match="the inner lengths differ"):
        mg.ops.matmul(a, a)
    with pytest.raises(TypeError, match="a is on 'cuda', b is on 'cpu'"):
        mg.ops.matmul(a, numbers((3, 2), "float32"))


def test_precision(gpu):
    cuda, a = backend.named("cuda"), on_device(numbers((2, 2), "float32"))
    cuda.matmul(a, a)
    assert gpu.library.computed == 68  # CUBLAS_COMPUTE_32F
    with cuda.precision("tf32"):
        cuda.matmul(a, a)
        assert gpu.library.computed == 77  # CUBLAS_COMPUTE_32F_FAST_TF32
        cuda.matmul(a.astype("float64"), a.astype("float64"))
        assert gpu.library.computed == 70  # CUBLAS_COMPUTE_64F
    cuda.matmul(a, a)
    assert gpu.library.computed == 68
    with pytest.raises(ValueError, match="precision must be fp32 or tf32, got 'half'"), cuda.precision("half"):
        pass


# --- sums and normalisation

matrices = st.tuples(st.integers(1, 600), st.integers(1, 40))


@few
@given(st.lists(st.integers(0, 5), min_size=1, max_size=4), st.integers(1, 4), dtypes)
@example([300, 9, 33], 2, "float32")
@example([9000], 1, "float32")
def test_sums(shape, count, dtype):
    assume(count <= len(shape))
    agree("sum_leading", [numbers(shape, dtype)], count, tolerance=1e-5 if dtype == "float32" else 1e-11)
    agree("sum_leading", [np.asfortranarray(numbers(shape, dtype))], count, tolerance=1e-3)


def test_sums_of_every_other_row():
    x = numbers((6, 4), "float64")
    total = backend.named("cuda").sum_leading(on_device(x)[::2, 1:], 1)
    np.testing.assert_allclose(total.get(), x[::2, 1:].sum(0), atol=1e-14)


def test_a_sum_of_few_columns_gives_its_threads_to_the_rows(gpu):
    for shape, first, last in (
        ((9000,), ((1, 2), (1, 256)), ((1, 1), (1, 256))),
        ((300, 40), ((2, 2), (32, 8)), ((5, 1), (8, 32))),
    ):
        gpu.cupy.launches.clear()
        agree("sum_leading", [numbers(shape, "float64")], 1, tolerance=1e-11)
        assert gpu.cupy.launches == [("column_sums_double", *first), ("column_sums_double", *last)]


def test_halves_cancel_and_integers_add():
    half = numbers((301, 5), "float32")
    cuda = backend.named("cuda")
    assert not cuda.sum_leading(on_device(np.concatenate([half, -half])), 1).get().any()
    np.testing.assert_array_equal(cuda.sum_leading(on_device(np.arange(12).reshape(3, 2, 2)), 2).get(), [30, 36])


@few
@given(matrices, dtypes, st.sampled_from([0, 1]), st.sampled_from([0.0, 100.0]))
@example((1, 1), "float32", 0, 0.0)
def test_normalisation(shape, dtype, axis, offset):
    g, x = numbers(shape, dtype), numbers(shape, dtype, 1) + np.dtype(dtype).type(offset)
    gamma, beta = numbers((2, shape[1]), dtype, 2)
    gamma[0] = 0
    mean, variance = numpy_backend.moments(x, axis)
    near = 1e-4 if dtype == "float32" else 1e-11
    agree("moments", [x], axis, tolerance=near)
    agree("moments", [np.asfortranarray(x)], axis, tolerance=near)
    agree("normalize", [x, gamma, beta, mean, variance], 1e-2, tolerance=near)
    agree("normalize_gradients", [g, x, gamma, mean, variance], 1e-2, axis, tolerance=near)
    agree("normalize_gradients", [np.asfortranarray(g), x, gamma, mean, variance], 1e-2, axis, tolerance=near)


@pytest.mark.filterwarnings("ignore:Mean of empty slice")
@np.errstate(invalid="ignore")
def test_normalisation_of_nothing():
    x, gamma, mean = np.zeros((0, 3), "float32"), np.ones(3, "float32"), np.zeros((1, 3), "float32")
    agree("normalize", [x, gamma, gamma, mean, mean + 1], 1e-5)
    agree("normalize_gradients", [x, x, gamma, mean, mean + 1], 1e-5, 0)


def test_normalisation_in_two_precisions():
    x, gamma, mean = numbers((4, 3), "float32"), np.ones(3), np.zeros((1, 3), "float32")
    agree("normalize_gradients", [x, x, gamma, mean, mean + 1], 1e-5, 0, tolerance=1e-5)


@pytest.mark.parametrize("dtype", sorted(TOLERANCE))
def test_running_statistics_move_in_one_launch(gpu, dtype):
    """Arrays that the kernel does not take move by NumPy's formula."""
    placed = [("kernel", lambda a: a), ("formula", lambda a: a[::2])]
    for name, view in placed:
        whole = [np.abs(numbers(8, dtype, seed)) for seed in range(4)]
        here, there = [view(a) for a in whole], [view(on_device(a)) for a in whole]
        gpu.cupy.launches.clear()
        numpy_backend.track(*here, 8 / 7, 0.25)
        backend.named("cuda").track(*there, 8 / 7, 0.25)
        assert len(gpu.cupy.launches) == (name == "kernel")
        for mine, theirs in zip(there, here, strict=True):
            np.testing.assert_allclose(mine.get(), theirs, rtol=TOLERANCE[dtype])


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
        assert type(found) is StrictArray
        assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
        np.testing.assert_allclose(found.get(), expected, rtol=1e-12, atol=1e-12 if "double" in name else 0)
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


# --- arrays, memory, and whole steps


def test_arrays_go_there_and_back():
    x = mg.tensor([1.0, 2.0], device="cuda")
    assert x.device == "cuda"
    assert x.to("cpu").device == "cpu"
    np.testing.assert_array_equal(x.numpy(), [1, 2])
    assert backend.works("cuda")
    assert mg.device_count() == 1


def test_a_full_memory_is_explained(gpu, monkeypatch):
    a, b = on_device(numbers((1024, 2), "float32")), on_device(numbers((2, 1024), "float32"))
    monkeypatch.setattr(gpu.cupy, "free", 1 << 20)
    said = (
        r"matmul\(a: float32 \(1024, 2\), .*: the GPU's memory is full: 4.0 MiB were asked for, "
        r"1.0 MiB of 80.00 GiB are free; try a batch size 2 times smaller"
    )
    with pytest.raises(MemoryError, match=said) as caught:
        mg.ops.matmul(mg.Tensor(a), mg.Tensor(b))
    assert caught.value.__cause__.halvings == 1


NETWORKS = {
    "dense": lambda rng: (
        models.dense.generator(3, (8,), 16, 2, rng=rng),
        models.dense.critic((8,), 16, rng=rng),
    ),
    "dcgan": lambda rng: (
        models.dcgan.generator(3, (8, 8, 1), 4, rng=rng),
        models.dcgan.critic((8, 8, 1), 4, rng=rng),
    ),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_a_step_of_both_players_with_a_gradient_penalty(name):
    """Forward, backward and through a gradient, on both devices, by the same noise."""

    def played(device):
        rng = Generator(1)
        generator, critic = [network.to(device) for network in NETWORKS[name](rng)]
        optimizers = [optim.SGD(network.parameters(), 0.1) for network in (generator, critic)]
        noise = rng.on(device)

        def penalty(*seen):
            return 10 * gan.penalties.gradient_penalty(*seen, noise)

        game = gan.Game(generator, critic, *optimizers, gan.losses.wasserstein, penalty=penalty)
        shape = (4, 8) if name == "dense" else (4, 8, 8, 1)
        report = game.critic_step(mg.Tensor(noise.normal(shape)), mg.Tensor(noise.normal((4, 3))))
        report |= game.generator_step(mg.Tensor(noise.normal((4, 3))))
        return report, {**generator.state_dict(), **critic.state_dict()}

    (report, there), (expected, here) = played("cuda"), played("cpu")
    for key in expected:
        assert report[key] == pytest.approx(expected[key], rel=1e-4, abs=1e-5)
    for key in here:
        np.testing.assert_allclose(there[key], here[key], rtol=1e-4, atol=1e-5)


# --- a launch where the kernel fits, NumPy's formula elsewhere


def launches(gpu, name, arrays, *others, tolerance=None):
    """The number of launches of a call that agrees with NumPy's."""
    gpu.cupy.launches.clear()
    agree(name, arrays, *others, tolerance=tolerance)
    return len(gpu.cupy.launches)


@pytest.mark.parametrize("dtype", sorted(TOLERANCE))
def test_quotients_and_points_between(gpu, dtype):
    x, y, e = numbers((4, 3, 2), dtype), numbers((4, 3, 2), dtype, 1), np.abs(numbers((4, 1, 1), dtype, 2))
    y[1] = 0
    assert launches(gpu, "quotient", [x, y]) == 1
    assert launches(gpu, "quotient", [x.swapaxes(0, 1), y.swapaxes(0, 1)]) == 1
    assert launches(gpu, "quotient", [x, y[:1]]) == 0
    assert launches(gpu, "quotient", [x[:0], y[:0]]) == 0
    assert launches(gpu, "between", [e, x, y]) == 1
    assert launches(gpu, "between", [e[:0], x[:0], y[:0]]) == 0
    assert launches(gpu, "between", [e, np.asfortranarray(x), y]) == 1
    assert launches(gpu, "between", [e[:1], x, y]) == 0


@pytest.mark.parametrize("dtype", sorted(TOLERANCE))
def test_norms_and_scaled_sums(gpu, dtype):
    x = numbers((4, 3, 2), dtype)
    for axes, few in {(1, 2): 1, (2,): 1, (0, 1, 2): 1, (): 1, (0,): 0, (1,): 0}.items():
        assert launches(gpu, "euclidean_norm", [x], axes) == few
        assert launches(gpu, "euclidean_norm", [x[:, ::2]], axes) == few
    for axes, few in {(0, 1, 2): 1, (0, 1): 1, (0,): 1, (): 1, (2,): 0, (1, 2): 0}.items():
        assert launches(gpu, "scaled_sum", [x], axes, 0.25) == few
        assert launches(gpu, "scaled_sum", [x.swapaxes(0, 1)], axes, 0.25) == few
    assert launches(gpu, "euclidean_norm", [x[:, :0]], (1, 2)) == 0
    assert launches(gpu, "euclidean_norm", [x[:0]], (1, 2)) == 0
    assert launches(gpu, "scaled_sum", [x[:0]], (0, 1, 2), np.nan) == 0
    assert launches(gpu, "scaled_square_sum", [x.swapaxes(0, 1)], 0.25) == 1
    assert launches(gpu, "scaled_square_sum", [numbers(9000, dtype)], 0.25, tolerance=1e-5) == 2
    assert launches(gpu, "scaled_square_sum", [x[:0]], np.nan) == 0


@pytest.mark.parametrize("dtype", sorted(TOLERANCE))
def test_placed(gpu, dtype):
    x = numbers((3, 2), dtype)
    for key, few in (np.s_[:3], 1), (np.s_[4:,], 1), (np.s_[-5:-2], 1), (np.s_[1:6:2], 0), (np.s_[1:4, :], 0):
        assert launches(gpu, "placed", [x], key, (7, 2)) == few
    repeated = np.broadcast_to(on_device(x[0, 1:]), (3, 2))
    found = backend.named("cuda").placed(repeated, np.s_[2:5], (7, 2))
    np.testing.assert_array_equal(found.get(), np.repeat([0, x[0, 1], 0], [4, 6, 4]).reshape(7, 2))
    assert launches(gpu, "placed", [x[0]], (slice(None), 1), (2, 3)) == 0
    assert launches(gpu, "placed", [x[:1, 0]], None, ()) == 0
    assert launches(gpu, "placed", [x[:0]], np.s_[5:2], (7, 2)) == 0


# --- updates


@pytest.mark.parametrize("dtype", sorted(TOLERANCE))
@pytest.mark.parametrize("view", VIEWS)
def test_updates_in_place(gpu, dtype, view):
    """One launch for an array that the kernels take, and NumPy's formula for any other; the same numbers."""
    placed = {"C": lambda a: a, "F": lambda a: a.T, "strided": lambda a: a[:, ::2]}[view]
    whole, options = [np.abs(numbers((6, 6), dtype, seed)) for seed in range(4)], (0.5, 0.9, 1e-3, 0.1)
    here, there = [placed(a) for a in whole], [placed(on_device(a)) for a in whole]
    gpu.cupy.launches.clear()
    for backend_, arrays in ((numpy_backend, here), (backend.named("cuda"), there)):
        backend_.adam(*arrays, *options)
        backend_.approach(arrays[2], arrays[1], 0.25)
    for mine, theirs in zip(there, here, strict=True):
        np.testing.assert_allclose(mine.get(), theirs, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])
    real = "float" if dtype == "float32" else "double"
    assert [name for name, *_ in gpu.cupy.launches] == ([f"adam_{real}", f"approach_{real}"] if view == "C" else [])


# --- elements


@pytest.mark.parametrize("dtype", [*sorted(TOLERANCE), "complex64"])
@pytest.mark.parametrize("shape", [(3, 4), (), (0, 2)])
def test_elements(gpu, dtype, shape):
    x = np.array(numbers(shape, "float64") * (1 + 1j if dtype == "complex64" else 1), dtype)
    mask = np.asarray(numbers(shape, "float32", 1) > 0)
    near = 1e-5 if dtype == "complex64" else TOLERANCE[dtype]
    gpu.cupy.launches.clear()
    for slope in (0.0, 0.2):
        agree("leaky_relu", [x], slope, tolerance=near)
        agree("gate", [x, mask], slope, tolerance=near)
        positive = backend.named("cuda").positive(on_device(x))
        found = backend.named("cuda").gate(on_device(x), positive, slope)
        np.testing.assert_allclose(found.get(), numpy_backend.gate(x, x.real > 0, slope), rtol=near)
    agree("sigmoid", [x], tolerance=near)
    agree("softplus", [x], tolerance=near)
    assert len(gpu.cupy.launches) == (0 if dtype == "complex64" or 0 in shape else 6)


def test_pixels():
    pixels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    agree("scale_pixels", [pixels[:, ::2]])

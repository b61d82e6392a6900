"""Mistakes of a first afternoon with `mg.nn`: each works, or is refused in one sentence that names the remedy."""

import copy
import inspect
import operator
import re
import warnings
from pathlib import Path

import numpy as np
import pytest

import minigan as mg
from minigan import nn, ops
from minigan.random import Generator


def net(seed=0):
    rng = Generator(seed)
    return nn.Sequential(hidden=nn.Linear(3, 4, rng=rng), act=nn.ReLU(), out=nn.Linear(4, 1, rng=rng))


def bits(module):
    return [p.data.tobytes() for p in module.parameters()]


# --- walking through modules -------------------------------------------------------------------------------


def test_modules_and_children_are_modules_and_their_named_twins_are_pairs():
    critic = net()
    assert critic.modules() == [critic, critic.hidden, critic.act, critic.out]
    assert critic.children() == [critic.hidden, critic.act, critic.out]
    assert critic.named_modules() == [
        ("", critic), ("hidden", critic.hidden), ("act", critic.act), ("out", critic.out)
    ]  # fmt: skip
    assert critic.named_children() == critic.named_modules()[1:]


def test_num_parameters_counts_every_value_once_frozen_or_not():
    critic = net()
    critic.hidden.requires_grad_(False)
    assert critic.num_parameters() == 3 * 4 + 4 + 4 + 1
    critic.act = critic.out  # the same layer twice
    assert critic.num_parameters() == 3 * 4 + 4 + 4 + 1
    assert nn.ReLU().num_parameters() == 0


# --- assignment --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [np.zeros((3, 4)), mg.tensor(np.zeros((3, 4))), [[0.0]], 0.0, nn.ReLU()])
def test_an_assignment_that_would_delete_a_parameter_is_refused_and_names_assign_(value):
    layer = net().hidden
    weight, before = layer.weight, bits(layer)
    with pytest.raises(
        TypeError, match=rf"Linear\.weight is a Parameter.* {type(value).__name__} .*\.weight\.assign_\("
    ):
        layer.weight = value
    assert layer.weight is weight
    assert bits(layer) == before


def test_a_parameter_may_be_replaced_by_a_parameter_or_by_none_and_take_the_place_of_anything():
    layer = net().hidden
    other = mg.Parameter(np.zeros((3, 4), "float32"))
    layer.weight = other
    assert layer.weight is other
    layer.bias = None
    assert layer.parameters() == [other]
    layer.bias = np.zeros(4)
    layer.bias = bias = mg.Parameter(np.ones(4, "float32"))
    assert layer.parameters() == [other, bias]


def test_buffers_may_be_replaced():
    layer = nn.BatchNorm(2)
    layer.running_mean = np.ones(2, "float32")
    assert layer.state_dict()["running_mean"].tolist() == [1, 1]


# --- random numbers ----------------------------------------------------------------------------------------

WITH_RNG = {
    "Linear": lambda rng: nn.Linear(3, 4, rng=rng),
    "Conv2d": lambda rng: nn.Conv2d(2, 3, 3, rng=rng),
    "ConvTranspose2d": lambda rng: nn.ConvTranspose2d(2, 3, 3, rng=rng),
    "Embedding": lambda rng: nn.Embedding(3, 4, rng=rng),
    "Dropout": lambda rng: nn.Dropout(0.5, rng=rng),
    "spectral_norm": lambda rng: nn.spectral_norm(nn.Linear(3, 4, rng=Generator(0)), rng=rng),
    "dcgan.generator": lambda rng: mg.models.dcgan.generator(4, (8, 8, 1), 2, rng=rng),
    "dcgan.critic": lambda rng: mg.models.dcgan.critic((8, 8, 1), 2, dropout=0.1, rng=rng),
    "dense.generator": lambda rng: mg.models.dense.generator(4, (2,), 8, rng=rng),
    "dense.critic": lambda rng: mg.models.dense.critic((2,), 8, spectral=True, rng=rng),
    "residual.generator": lambda rng: mg.models.residual.generator(4, (8, 8, 1), 2, rng=rng),
    "residual.critic": lambda rng: mg.models.residual.critic((8, 8, 1), 2, rng=rng),
    "residual.Block": lambda rng: mg.models.residual.Block(2, 1, rng=rng),
    "translation.unet": lambda rng: mg.models.translation.unet((8, 8, 1), 1, 2, rng=rng),
    "translation.patch_critic": lambda rng: mg.models.translation.patch_critic(2, 2, rng=rng),
    "vae": lambda rng: mg.models.vae.VAE(4, (8, 8, 1), 2, rng=rng),
}
every_builder = pytest.mark.parametrize("name", WITH_RNG)


def drawn(module):
    """Return the parameters that a module drew, and the states of the generators with which it will draw later."""
    streams = [m.rng.state for m in module.modules() if hasattr(m, "rng")]
    return {k: v.tobytes() for k, v in module.state_dict().items()}, streams


@every_builder
@pytest.mark.parametrize("seed", [7, np.int64(7)])
def test_an_integer_is_the_seed_of_a_generator(name, seed):
    assert drawn(WITH_RNG[name](seed)) == drawn(WITH_RNG[name](Generator(7)))


@every_builder
def test_without_a_generator_every_run_draws_other_numbers(name):
    assert drawn(WITH_RNG[name](None)) != drawn(WITH_RNG[name](None))


@every_builder
def test_generators_of_numpy_are_refused_by_name(name):
    for rng, kind in (
        (np.random.default_rng(0), "numpy's Generator"),
        (np.random.RandomState(0), "numpy's RandomState"),
    ):
        with pytest.raises(
            TypeError, match=rf"rng must be a minigan\.random\.Generator.* {kind}.*mg\.random\.Generator\(0\)"
        ):
            WITH_RNG[name](rng)


@pytest.mark.parametrize(
    ("rng", "given"), [("0", "a str"), (0.5, "a float"), (Generator, "a type"), (True, "the bool True")]
)
def test_anything_else_is_no_generator(rng, given):
    with pytest.raises(TypeError, match=rf"must be .*, got {given}"):
        nn.Linear(3, 4, rng=rng)


def test_the_old_name_of_the_helper_works_and_warns():
    with pytest.warns(DeprecationWarning, match=r"nn\.or_entropy .* use mg\.random\.as_generator"):
        assert nn.or_entropy is mg.random.as_generator


# --- the leaky ReLU ----------------------------------------------------------------------------------------


def test_a_leaky_relu_without_a_slope_keeps_its_slope_and_warns():
    with pytest.warns(
        DeprecationWarning, match=r"0\.2 today .* 0\.01 .* ops\.leaky_relu .* nn\.LeakyReLU\(0\.2\)"
    ) as seen:
        layer = nn.LeakyReLU()
    assert seen[0].filename == __file__, "the warning points at the line to change"
    assert layer(np.array([-1.0])).tolist() == [-0.2]


@pytest.mark.parametrize("slope", [0.2, 0.0, 0.01])
def test_a_slope_written_out_is_taken_in_silence(slope):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        layer = nn.LeakyReLU(slope)
    assert layer.options == {"slope": slope}
    assert layer(np.array([-1.0])).tolist() == [-slope]


def test_no_model_relies_on_the_default_slope():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for build in WITH_RNG.values():
            build(0)


# --- arguments of constructors -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "kind", "said"),
    [
        (lambda: nn.Linear("3", 4), TypeError, "in_features must be an integer, got '3'"),
        (lambda: nn.Linear(3, 4.0), TypeError, r"out_features must be an integer, got 4\.0"),
        (lambda: nn.Conv2d("1", 2, 3), TypeError, "in_channels must be an integer, got '1'"),
        (lambda: nn.Conv2d(1, 2, 0), ValueError, "kernel_size must be .* at least 1, got 0"),
        (lambda: nn.Conv2d(1, 2, (3, 3, 3)), ValueError, r"kernel_size must be .* got \(3, 3, 3\)"),
        (lambda: nn.Conv2d(1, 2, "3"), ValueError, "kernel_size must be .* got '3'"),
        (lambda: nn.Conv2d(1, 2, 3, stride=0), ValueError, "stride must be .* at least 1, got 0"),
        (lambda: nn.Conv2d(1, 2, 3, padding="full"), ValueError, "padding must be .*\"same\".* got 'full'"),
        (lambda: nn.Conv2d(2, 2, 3, groups=0), ValueError, "groups must be at least 1, got 0"),
        (lambda: nn.ConvTranspose2d(1, 2, 3, padding="full"), ValueError, "padding must be .* got 'full'"),
        (lambda: nn.ConvTranspose2d(1, 2, 3, 2, output_padding=2), ValueError, "output_padding .* smaller than stride"),
        (lambda: nn.Dropout(1.5), ValueError, r"p must lie in \[0, 1\), got 1\.5"),
        (lambda: nn.Dropout("0.5"), ValueError, r"p must lie in \[0, 1\), got '0\.5'"),
    ],
)
def test_a_wrong_argument_is_refused_when_the_layer_is_made(make, kind, said):
    with pytest.raises(kind, match=said):
        make()


def test_every_form_of_an_option_is_accepted():
    for padding in (0, 2, "same", "valid", ((0, 1), [1, 0])):
        nn.Conv2d(2, 4, [3, 3], (2, 1), padding, dilation=2, groups=2, rng=0)
        nn.ConvTranspose2d(2, 4, np.int64(3), 2, padding, rng=0)


# --- names of other libraries ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("BatchNorm1d", r"nn\.BatchNorm\(channels\)"),
        ("BatchNorm2d", r"nn\.BatchNorm\(channels\)"),
        ("Conv1d", r"nn\.Conv2d .*kernel_size=\(1, k\)"),
        ("ConvTranspose", r"nn\.ConvTranspose2d"),
        ("Dense", r"nn\.Linear"),
        ("Identity", r"nn\.Sequential\(\)"),
        ("ModuleList", "plain list"),
        ("Parameter", r"mg\.Parameter"),
        ("Softmax", r"mg\.ops\.softmax"),
        ("functional", r"mg\.ops"),
    ],
)
def test_a_name_of_another_library_says_what_to_use(name, remedy):
    with pytest.raises(AttributeError, match=rf"'minigan.nn' has no attribute '{name}': .*{remedy}"):
        getattr(nn, name)


def test_every_remedy_names_what_exists():
    from minigan.nn.module import _ELSEWHERE as methods

    paths = [path for text in methods.values() for path in re.findall(r"\b(?:mg|nn)(?:\.\w+)+", text)]
    assert paths
    for path in paths:
        operator.attrgetter(path.partition(".")[2])({"mg": mg, "nn": nn}[path.partition(".")[0]])
    assert not set(methods) & set(dir(nn.Module))


def test_the_remedies_compute_what_they_replace():
    x = mg.tensor(Generator(0).normal((2, 4, 6, 3)))
    assert nn.Sequential()(x) is x
    pooled = x.numpy().reshape(2, 2, 2, 3, 2, 3).mean((2, 4))
    np.testing.assert_allclose((ops.block_sum(x, 2) / 4).numpy(), pooled, rtol=1e-6, atol=1e-7)


def test_a_misspelt_name_is_an_ordinary_attribute_error():
    with pytest.raises(AttributeError, match=r"^module 'minigan.nn' has no attribute 'Liner'$"):
        nn.Liner  # noqa: B018
    with pytest.raises(AttributeError, match="'Linear' object has no attribute 'wieght'"):
        net().hidden.wieght  # noqa: B018


@pytest.mark.parametrize(
    ("call", "remedy"),
    [
        (lambda m: m.cuda(), r'Sequential has no \.cuda: use module\.to\("cuda"\)'),
        (lambda m: m.cpu(), r'use module\.to\("cpu"\)'),
        (lambda m: m.zero_grad(), r"nothing to zero.* optimizer\.zero_grad\(\)"),
        (lambda m: m.double(), "pass dtype= when the layers are made"),
        (lambda m: m.register_buffer("mean", np.zeros(2)), "buffer_names"),
    ],
)
def test_a_method_of_another_library_says_what_to_use(call, remedy):
    with pytest.raises(AttributeError, match=remedy):
        call(net())
    assert not hasattr(net(), "cuda")


def test_a_property_that_fails_reports_its_own_error():
    class Faulty(nn.Module):
        @property
        def width(self):
            return self.absent

    with pytest.raises(AttributeError, match="absent"):
        Faulty().width  # noqa: B018


def test_a_module_can_still_be_copied():
    critic = net()
    assert bits(copy.deepcopy(critic)) == bits(critic)
    assert bits(copy.copy(critic)) == bits(critic)


@pytest.mark.parametrize("device", ["gpu", "cuda:0", None])
def test_an_unknown_device_is_refused_by_name(device):
    with pytest.raises(ValueError, match=f"unknown device {device!r}"):
        net().to(device)


@pytest.mark.parametrize(("device", "hinted"), [("gpu", True), ("cuda:0", True), ("tpu", False)])
def test_another_name_of_a_gpu_is_recognised(device, hinted):
    with pytest.raises(ValueError, match="unknown device") as caught:
        net().to(device)
    assert str(caught.value).endswith('; a GPU is called "cuda"') is hinted


def test_to_the_cpu_works():
    critic = net()
    assert critic.to("cpu") is critic


# --- saving and loading ------------------------------------------------------------------------------------


def test_the_example_of_state_dict_saves_and_loads(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    example = inspect.cleandoc(nn.Module.state_dict.__doc__).split("Example:\n")[1]
    save, load = (line.strip() for line in example.splitlines())
    exec(save, {"np": np, "critic": net()})
    other = net(seed=1)
    exec(load, {"np": np, "critic": other})
    assert bits(other) == bits(net())
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    assert f"`{save}`" in readme
    assert f"`{load}`" in readme


def test_missing_and_unexpected_names_are_listed_together():
    state = net().state_dict()
    state["out.wieght"] = state.pop("out.weight")
    with pytest.raises(ValueError, match=r"missing \['out\.weight'\], unexpected \['out\.wieght'\]; was the state"):
        net().load_state_dict(state)


@pytest.mark.parametrize("path", ["critic.npz", Path("critic.npz")])
def test_a_path_is_no_state(path):
    with pytest.raises(TypeError, match=r"must be a dict of arrays, got a \w+: .*dict\(np\.load\(path\)\)"):
        net().load_state_dict(path)


def test_a_modules_own_parameters_come_before_those_of_children_assigned_earlier():
    class Late(nn.Module):
        def __init__(self):
            self.child = nn.Linear(2, 1, rng=0)
            self.scale = mg.Parameter(np.ones(1))

    assert [name for name, _ in Late().named_parameters()] == ["scale", "child.weight", "child.bias"]


# --- inputs ------------------------------------------------------------------------------------------------


class Foreign:
    """An array of another library, as far as minigan can see."""

    def __dlpack__(self):
        raise NotImplementedError


@pytest.mark.parametrize("layer", [net(), nn.Tanh(), nn.Flatten(), nn.Linear(3, 4, rng=0), nn.Embedding(3, 4, rng=0)])
def test_an_array_of_another_library_is_refused_by_every_module(layer):
    with pytest.raises(
        TypeError, match=rf"{type(layer).__name__}: got a .*\.Foreign; convert it with mg\.from_dlpack\(x\)"
    ):
        layer(Foreign())


def test_a_tensor_of_torch_is_refused_and_its_conversion_works():
    torch = pytest.importorskip("torch")
    x, layer = torch.ones(2, 3), nn.Linear(3, 4, rng=0)
    with pytest.raises(TypeError, match=r"Linear: got a torch\.Tensor; convert it with mg\.from_dlpack"):
        layer(x)
    assert np.array_equal(layer(mg.from_dlpack(x)).numpy(), layer(x.numpy()).numpy())


def test_arrays_of_numpy_and_its_subclasses_are_taken_as_they_are(tmp_path):
    x, layer = np.ones((2, 3), "float32"), nn.Linear(3, 4, rng=0)
    mapped = np.memmap(tmp_path / "x", "float32", "w+", shape=(2, 3))
    mapped[...] = x
    assert layer(x).numpy().tolist() == layer(mapped).numpy().tolist() == layer(mg.tensor(x)).numpy().tolist()


@pytest.mark.parametrize("dtype", ["uint8", "int16", "int64"])
@pytest.mark.parametrize("wrap", [np.asarray, mg.tensor])
@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (nn.Linear(3, 4, rng=0), (2, 3)),
        (nn.Conv2d(3, 4, 1, rng=0), (2, 5, 5, 3)),
        (nn.ConvTranspose2d(3, 4, 1, rng=0), (2, 5, 5, 3)),
        (nn.spectral_norm(nn.Linear(3, 4, rng=0), rng=0), (2, 3)),
        (mg.models.dense.critic((2, 3), 4, rng=0), (2, 2, 3)),
    ],
)
def test_pixels_that_were_not_scaled_are_refused_and_mg_data_scale_is_named(layer, shape, wrap, dtype):
    with pytest.raises(
        TypeError, match=rf"x \(2, .* has dtype {dtype}.*mg\.data\.scale\(images\).*astype\('float32'\)"
    ):
        layer(wrap(np.full(shape, 200, dtype)))


def test_scaled_pixels_are_taken():
    layer, pixels = nn.Linear(3, 4, rng=0), np.full((2, 3), 200, "uint8")
    assert layer(mg.data.scale(pixels)).dtype == np.float32
    assert layer(pixels.astype("float32")).dtype == np.float32
    assert nn.Linear(3, 4, rng=0, dtype="float64")([[0.5, 1.0, 2.0]]).shape == (1, 4)


def test_an_input_of_the_wrong_shape_is_refused_with_the_name_of_the_layer():
    inner = r"x\.shape\[-1\] = 5 must equal weight\.shape\[-2\] = 3"
    with pytest.raises(ValueError, match=rf"{inner}; the layer is Linear\(3, 4\) at 'hidden'$"):
        net()(np.ones((2, 5), "float32"))
    with pytest.raises(ValueError, match=r"inner lengths differ: .*; the layer is Linear\(3, 4\)$"):
        nn.Linear(3, 4, bias=False, rng=0)(np.ones((2, 5), "float32"))


@pytest.mark.parametrize("layer", [nn.Conv2d, nn.ConvTranspose2d])
@pytest.mark.parametrize("padding", [0, 1])
def test_images_with_the_channels_first_are_recognised(layer, padding):
    first = r"; x is \(2, 1, 28, 28\): are the channels first\? minigan's images are \(N, H, W, C\)$"
    with pytest.raises(ValueError, match=first):
        layer(1, 2, 3, padding=padding, rng=0)(np.ones((2, 1, 28, 28), "float32"))
    with pytest.raises(ValueError, match=r"has 3 channels.*; the layer is Conv\w*2d\(1, 2, [^)]*\)$"):
        layer(1, 2, 3, rng=0)(np.ones((2, 8, 8, 3), "float32"))


@pytest.mark.parametrize("x", [[1.0, 2.0], [1.0, 2.0, 3.0], [[1.0, 2.0, 3.0]], ((1.0, 2.0, 3.0),)])
def test_a_list_is_refused_with_the_way_to_make_an_array(x):
    with pytest.raises(TypeError, match=r"Linear\(3, 4\) at 'hidden' got a .*mg\.tensor\(x, dtype='float32'\)"):
        net()(x)
    with pytest.raises(TypeError, match=r"Conv2d\(.*\) got a .*mg\.tensor\("):
        nn.Conv2d(1, 2, 3, rng=0)(x)


@pytest.mark.parametrize("wrap", [list, iter])
def test_layers_in_a_list_are_recognised(wrap):
    with pytest.raises(TypeError, match=r"layer 0 is a .*, which cannot be called; .*Sequential\(\*layers\)"):
        nn.Sequential(wrap([nn.ReLU(), nn.Tanh()]))
    with pytest.raises(TypeError, match=r"layer 0 is a int, which cannot be called$"):
        nn.Sequential(3)


@pytest.mark.parametrize("make", [mg.Parameter, mg.tensor])
def test_a_value_cannot_be_assigned_to_an_element(make):
    x = make(np.ones(2))
    with pytest.raises(TypeError, match=r"never written to: .*\.assign_\(values\)"):
        x[0] = 3.0
    assert x.numpy().tolist() == [1, 1]


# --- what an editor and a shell show -----------------------------------------------------------------------


def test_dir_shows_public_names_only():
    assert dir(nn) == sorted(nn.__all__)
    assert all(hasattr(nn, name) for name in nn.__all__)
    for module in (mg.models, mg.models.dcgan, mg.models.dense, mg.models.residual, mg.models.vae, nn.init):
        assert dir(module) == sorted(module.__all__)
        assert all(hasattr(module, name) for name in module.__all__)


def test_help_shows_signature_and_arguments(capsys):
    help(nn.Linear)
    shown = capsys.readouterr().out
    assert "class Linear(minigan.nn.module.Module)" in shown
    for text in (
        "in_features: 'int'",
        "rng: 'Generator | int | None' = None",
        "Args:",
        "out_features: Number of",
        "Example:",
    ):
        assert text in shown


def test_a_notebook_shows_the_tree_and_the_number_of_parameters():
    shown = net()._repr_html_()
    assert "hidden: Linear(3, 4)" in shown
    assert "21 parameters" in shown
    assert "<script>" not in nn.Sequential(**{"<script>": nn.ReLU()})._repr_html_()

"""Names of other libraries that people try first: each raises an AttributeError that says what to use here."""

import operator
import re
from importlib import import_module

import numpy as np
import pytest

import minigan as mg

PLACES = (
    "minigan", "minigan.ops", "minigan.nn", "minigan.nn.init", "minigan.optim", "minigan.gan.losses",
    "minigan.gan.penalties", "minigan.metrics", "minigan.data", "minigan.viz",
)  # fmt: skip


@pytest.mark.parametrize(
    ("place", "name", "remedy"),
    [
        ("minigan", "cat", "mg.ops.concatenate"),
        ("minigan", "zeros", "mg.tensor(numpy.zeros"),
        ("minigan", "ones", "mg.tensor(numpy.ones"),
        ("minigan", "randn", "mg.random.Generator(seed).normal"),
        ("minigan", "manual_seed", "rng=mg.random.Generator(seed)"),
        ("minigan", "save", "state_dict()"),
        ("minigan", "load", "load_state_dict"),
        ("minigan", "autograd", "mg.grad"),
        ("minigan", "enable_grad", "mg.no_grad"),
        ("minigan", "from_numpy", "mg.tensor"),
        ("minigan", "Module", "mg.nn.Module"),
        ("minigan.ops", "cat", "ops.concatenate"),
        ("minigan.ops", "view", "ops.reshape"),
        ("minigan.ops", "permute", "ops.transpose"),
        ("minigan.ops", "bmm", "ops.matmul"),
        ("minigan.ops", "mm", "ops.matmul"),
        ("minigan.ops", "dot", "ops.matmul"),
        ("minigan.ops", "einsum", "ops.matmul"),
        ("minigan.nn.init", "xavier_uniform_", "nn.init.xavier"),
        ("minigan.optim", "AdamW", "optim.Adam"),
        ("minigan.gan.losses", "wgan", "losses.wasserstein"),
        ("minigan.gan.losses", "bce", "losses.non_saturating"),
        ("minigan.gan.losses", "lsgan", "losses.least_squares"),
        ("minigan.gan.penalties", "wgan_gp", "penalties.gradient_penalty"),
        ("minigan.metrics", "fid", "metrics.frechet_distance"),
        ("minigan.data", "DataLoader", "data.Loader"),
        ("minigan.viz", "make_grid", "viz.image_grid"),
    ],
)
def test_a_name_of_another_library_says_what_to_use(place, name, remedy):
    with pytest.raises(AttributeError, match=f"^module '{place}' has no attribute '{name}': .*{re.escape(remedy)}"):
        getattr(import_module(place), name)


@pytest.mark.parametrize("place", PLACES)
def test_remedies_name_what_exists_and_no_public_name_has_one(place):
    module = import_module(place)
    roots = {"mg": mg, "losses": mg.gan.losses, "penalties": mg.gan.penalties} | {
        name: getattr(mg, name) for name in ("ops", "nn", "optim", "metrics", "data", "viz")
    }
    paths = re.findall(rf"(?<![\w.])({'|'.join(roots)})((?:\.\w+)+)", " ".join(module._ELSEWHERE.values()))
    assert paths
    for root, path in paths:
        operator.attrgetter(path[1:])(roots[root])
    assert not set(module._ELSEWHERE) & set(module.__all__)


@pytest.mark.parametrize("place", PLACES)
def test_a_misspelt_name_is_an_ordinary_attribute_error(place):
    with pytest.raises(AttributeError, match=f"^module '{place}' has no attribute 'nmae'$"):
        import_module(place).nmae  # noqa: B018


def test_a_module_can_be_saved_and_loaded_as_the_remedies_say(tmp_path):
    one, other = (mg.nn.Linear(3, 4, rng=seed) for seed in (0, 1))
    np.savez(tmp_path / "net.npz", **one.state_dict())
    other.load_state_dict(np.load(tmp_path / "net.npz"))
    assert np.array_equal(other.weight.data, one.weight.data)

"""One word for one thing: every builder of a critic is called so, and the old name builds the same."""

import inspect
import subprocess
import sys

import pytest

from minigan import models
from minigan.random import Generator

FAMILIES = (models.dcgan, models.dense, models.residual)
every_family = pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.__name__)


@every_family
def test_the_old_name_is_the_same_function_and_warns(family):
    name = family.__name__
    with pytest.warns(DeprecationWarning, match=rf"{name}\.discriminator is deprecated.*: use {name}\.critic") as seen:
        builder = family.discriminator
    assert builder is family.critic
    assert seen[0].filename == __file__, "the warning points at the line to change"


@every_family
def test_the_contract_of_the_old_name_holds(family):
    """`models.dcgan.discriminator(image_shape=(28, 28, 1))`: names and values of the weights are those of before."""
    old, new = (
        build(image_shape=(8, 8, 1), width=2, rng=Generator(0)) for build in (family.discriminator, family.critic)
    )
    assert [p.name for p in old.parameters()] == [p.name for p in new.parameters()]
    assert old.parameters()[0].name.startswith("critic.")
    assert [p.data.tobytes() for p in old.parameters()] == [p.data.tobytes() for p in new.parameters()]
    assert list(inspect.signature(family.discriminator).parameters)[:2] == ["image_shape", "width"]


@every_family
def test_the_old_name_is_not_shown(family):
    assert "critic" in dir(family)
    assert "discriminator" not in dir(family)
    with pytest.raises(AttributeError, match=f"module '{family.__name__}' has no attribute 'discriminators'"):
        family.discriminators  # noqa: B018


def test_the_old_name_can_be_imported():
    code = "from minigan.models.dcgan import discriminator; print(discriminator.__name__)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "critic\n"

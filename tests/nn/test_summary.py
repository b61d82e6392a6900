"""The table of a network's layers."""

import numpy as np
import pytest

import minigan as mg
from minigan import nn
from minigan.random import Generator


def critic(**options):
    return mg.models.dcgan.critic((8, 8, 3), 4, 3, rng=Generator(0), **options)


def test_the_table_of_a_critic():
    expected = [
        "layer    kind       output        parameters",
        "--------------------------------------------",
        "conv1    Conv2d     (N, 4, 4, 4)         112",
        "act1     LeakyReLU  (N, 4, 4, 4)           0",
        "flatten  Flatten    (N, 64)                0",
        "out      Linear     (N, 1)                65",
        "--------------------------------------------",
        "total                                    177",
    ]
    table = nn.summary(critic(), (8, 8, 3))
    assert repr(table) == "\n".join(expected)
    assert table.total == critic().num_parameters() == 177
    assert table.rows[0] == ("conv1", "Conv2d", (4, 4, 4), 112)


def test_a_noise_vector_may_be_given_by_its_length():
    generator = mg.models.dcgan.generator(5, (8, 8, 1), 2, rng=Generator(0))
    assert nn.summary(generator, 5) == nn.summary(generator, (5,)) == nn.summary(generator, np.int64(5))


@pytest.mark.parametrize(
    ("net", "shape"),
    [
        (critic(spectral=True, minibatch_std=True, dropout=0.2), (8, 8, 3)),
        (mg.models.residual.critic((8, 8, 1), 2, rng=0), (8, 8, 1)),
        (mg.models.translation.unet((8, 8, 1), 1, 2, rng=0), (8, 8, 1)),
        (mg.models.vae.VAE(4, (8, 8, 1), 2, rng=0), (4,)),
        (nn.Linear(3, 4, rng=0, dtype="float64"), (3,)),
        (nn.ReLU(), (3,)),
    ],
)
def test_the_rows_account_for_every_parameter_once(net, shape):
    table = nn.summary(net, shape)
    assert sum(row[3] for row in table.rows) == table.total == net.num_parameters()
    assert (
        table.rows[-1][2]
        == net(np.zeros((2, *shape), net.parameters()[0].dtype if net.parameters() else "f4")).shape[1:]
    )


def test_parameters_of_a_container_and_of_layers_that_do_not_run_have_a_row():
    class Net(nn.Module):
        def __init__(self):
            self.inner = nn.Sequential(a=nn.Linear(2, 2, rng=0))
            self.unused = nn.Linear(7, 1, rng=0)
            self.scale = mg.Parameter(np.ones(2, "float32"))

        def forward(self, x):
            return self.inner(x) * self.scale, x

    assert nn.summary(Net(), 2).rows == (("inner.a", "Linear", (2,), 6), ("", "Net", None, 10))
    assert "-" in repr(nn.summary(Net(), 2)).split("\n")[3]


def test_the_network_is_left_as_it_was():
    net = critic(dropout=0.2, spectral=True)
    net.drop1.eval()
    before, modes = net.state_dict(), [m.training for m in net.modules()]
    nn.summary(net, (8, 8, 3))
    assert all(np.array_equal(a, before[k]) for k, a in net.state_dict().items())
    assert [m.training for m in net.modules()] == modes
    assert not any("forward" in vars(m) for m in net.modules())
    with pytest.raises(ValueError, match="conv2d"):
        nn.summary(net, (8, 8, 4))
    assert [m.training for m in net.modules()] == modes
    assert not any("forward" in vars(m) for m in net.modules())


def test_a_notebook_shows_a_table():
    shown = nn.summary(critic(), (8, 8, 3))._repr_html_()
    assert shown.count("<tr>") == 6
    assert "<td>conv1</td><td>Conv2d</td><td>(N, 4, 4, 4)</td><td>112</td>" in shown

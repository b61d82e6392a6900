"""Modules: what is found, in which order, under which name; saving, freezing, copying."""

import copy

import numpy as np
import pytest

import minigan as mg
from minigan import nn, optim
from minigan.random import Generator


class Block(nn.Module):
    def __init__(self, rng, features=3):
        self.first = nn.Linear(features, 4, rng=rng)
        self.norm = nn.BatchNorm(4)
        self.scale = mg.Parameter(np.ones(4, "float32"))

    def forward(self, x):
        return self.norm(self.first(x)) * self.scale


class Net(nn.Module):
    def __init__(self, seed=0):
        rng = Generator(seed)
        self.zeta = Block(rng)
        self.alpha = nn.Linear(4, 2, rng=rng)
        self.blocks = [nn.Linear(2, 2, rng=rng), nn.Linear(2, 2, bias=False, rng=rng)]
        self.heads = {"b": nn.Linear(2, 1, rng=rng), "a": nn.Linear(2, 1, rng=rng)}
        self.drop = nn.Dropout(0.5, rng=rng.spawn())

    def forward(self, x):
        x = self.alpha(self.zeta(x))
        for block in self.blocks:
            x = block(x)
        return self.drop(self.heads["a"](x) + self.heads["b"](x))


# fmt: off
NAMES = [
    "zeta.scale", "zeta.first.weight", "zeta.first.bias", "zeta.norm.gamma", "zeta.norm.beta",
    "alpha.weight", "alpha.bias", "blocks.0.weight", "blocks.0.bias", "blocks.1.weight",
    "heads.b.weight", "heads.b.bias", "heads.a.weight", "heads.a.bias",
]
# fmt: on
BUFFERS = ["zeta.norm.running_mean", "zeta.norm.running_var"]


def float32(*shape, seed=1):
    return mg.tensor(Generator(seed).normal(shape))


def snapshot(module):
    return {name: array.tobytes() for name, array in module.state_dict().items()}


# --- finding -----------------------------------------------------------------------------------------------


def test_parameters_come_in_order_of_assignment_under_dotted_names():
    net = Net()
    assert [name for name, _ in net.named_parameters()] == NAMES
    assert [p.name for p in net.parameters()] == NAMES
    assert all(p is q for p, (_, q) in zip(net.parameters(), net.named_parameters(), strict=True))


def test_buffers_are_listed_apart_from_parameters():
    net = Net()
    assert [name for name, _ in net.named_buffers()] == BUFFERS
    assert net.named_buffers()[0][1] is net.zeta.norm.running_mean


def test_modules_yields_every_module_once_with_its_path():
    paths = [path for path, _ in Net().named_modules()]
    # fmt: off
    assert paths == [
        "", "zeta", "zeta.first", "zeta.norm", "alpha", "blocks.0", "blocks.1", "heads.b", "heads.a", "drop",
    ]
    # fmt: on


def test_named_puts_a_prefix_before_every_name_and_survives_later_assignments():
    net = Net().named("critic")
    assert [p.name for p in net.parameters()] == [f"critic.{name}" for name in NAMES]
    net.alpha = nn.spectral_norm(net.alpha, rng=Generator(3))
    assert net.alpha.layer.weight.name == "critic.alpha.layer.weight"


def test_a_module_inside_another_takes_its_name_from_there():
    outer = nn.Sequential(inner=Net().named("critic")).named("game")
    assert outer.parameters()[0].name == "game.inner.zeta.scale"


def test_parameters_in_lists_and_dicts_are_found():
    class Listed(nn.Module):
        def __init__(self):
            self.gains = [mg.Parameter(np.ones(1)), mg.Parameter(np.zeros(2))]
            self.table = {"left": mg.Parameter(np.ones(3))}

    assert [name for name, _ in Listed().named_parameters()] == ["gains.0", "gains.1", "table.left"]


def test_what_is_shared_is_listed_once_by_its_first_path():
    class Tied(nn.Module):
        def __init__(self):
            self.a = nn.Linear(2, 2, rng=Generator(0))
            self.b = self.a
            self.c = nn.Linear(2, 2, rng=Generator(1))
            self.c.weight = self.a.weight

    tied = Tied()
    assert [name for name, _ in tied.named_parameters()] == ["a.weight", "a.bias", "c.bias"]
    optim.SGD(tied.parameters(), 0.1)
    assert set(tied.state_dict()) == {"a.weight", "a.bias", "c.bias"}


def test_a_module_that_knows_its_owner_does_not_recurse_for_ever():
    net = nn.Sequential(a=nn.Linear(2, 2, rng=Generator(0)))
    net.a.owner = net
    assert len(net.parameters()) == 2


def test_a_module_without_forward_says_so_by_name():
    class Silent(nn.Module):
        pass

    with pytest.raises(NotImplementedError, match="Silent must define forward"):
        Silent()(1)


# --- names in errors ---------------------------------------------------------------------------------------


def conv_critic():
    rng = Generator(0)
    return nn.Sequential(
        conv1=nn.Conv2d(1, 2, 3, 2, "same", rng=rng),
        act=nn.LeakyReLU(0.2),
        conv2=nn.Conv2d(2, 2, 3, 2, "same", rng=rng),
        flatten=nn.Flatten(),
        out=nn.Linear(8, 1, rng=rng),
    ).named("critic")


def test_backward_through_a_stale_forward_names_the_parameter_that_changed():
    critic = conv_critic()
    x = mg.tensor(Generator(1).normal((2, 8, 8, 1)), requires_grad=True)
    loss = critic(x).sum()
    weight = critic.conv2.weight
    optim.SGD([weight], 0.1).step([np.ones_like(weight.data)])
    with pytest.raises(RuntimeError, match=r"critic\.conv2\.weight .* changed after this forward"):
        mg.grad(loss, [x])


def test_a_stale_frozen_parameter_is_caught_as_well():
    critic = conv_critic().requires_grad_(False)
    x = mg.tensor(Generator(1).normal((2, 8, 8, 1)), requires_grad=True)
    loss = critic(x).sum()
    critic.load_state_dict(conv_critic().state_dict())
    with pytest.raises(RuntimeError, match=r"critic\.(out|conv2)\.weight .* changed after this forward"):
        mg.grad(loss, [x])


def test_a_change_of_what_the_derivative_does_not_need_is_no_error():
    critic = conv_critic()
    x = mg.tensor(Generator(1).normal((2, 8, 8, 1)), requires_grad=True)
    loss = critic(x).sum()
    optim.SGD([critic.out.bias], 0.1).step([np.ones(1, "float32")])
    mg.grad(loss, [x])


# --- saving ------------------------------------------------------------------------------------------------


def test_state_dict_round_trip_is_exact_and_holds_the_buffers():
    source, target = Net(0), Net(1)
    source(float32(8, 3))  # moves the running statistics
    assert set(source.state_dict()) == {*NAMES, *BUFFERS}
    assert snapshot(source) != snapshot(target)
    target.load_state_dict(source.state_dict())
    assert snapshot(source) == snapshot(target)
    x = float32(5, 3, seed=2)
    assert np.array_equal(source.eval()(x).numpy(), target.eval()(x).numpy())


def test_state_dict_holds_copies():
    net = Net()
    before = snapshot(net)
    for array in net.state_dict().values():
        array += 1
    assert snapshot(net) == before


def test_loading_keeps_the_arrays_and_copies_the_values():
    net, state = Net(0), Net(1).state_dict()
    weight, running = net.alpha.weight.data, net.zeta.norm.running_mean
    net.load_state_dict(state)
    assert net.alpha.weight.data is weight
    assert net.zeta.norm.running_mean is running
    state["alpha.weight"] += 1
    assert not np.array_equal(net.alpha.weight.data, state["alpha.weight"])


def missing(state):
    del state["heads.a.bias"]


def unexpected(state):
    state["heads.c.bias"] = np.zeros(1)


def misshapen(state):
    state["heads.a.bias"] = np.zeros((1, 1))


def misshapen_buffer(state):
    state["zeta.norm.running_var"] = np.zeros(1)


@pytest.mark.parametrize(
    ("spoil", "match"),
    [
        (missing, r"missing \['heads.a.bias'\]"),
        (unexpected, r"unexpected \['heads.c.bias'\]"),
        (misshapen, r"heads.a.bias has shape \(1,\), the state has \(1, 1\)"),
        (misshapen_buffer, r"zeta.norm.running_var has shape \(4,\), the state has \(1,\)"),
    ],
)
def test_a_state_that_does_not_fit_is_refused_and_changes_nothing(spoil, match):
    net, state = Net(0), Net(1).state_dict()
    spoil(state)
    before = snapshot(net)
    with pytest.raises(ValueError, match=match):
        net.load_state_dict(state)
    assert snapshot(net) == before


# --- modes -------------------------------------------------------------------------------------------------


def test_train_and_eval_reach_every_module():
    net = Net()
    assert all(module.training for module in net.modules())
    assert net.eval() is net
    assert not any(module.training for module in net.modules())
    assert net.train() is net
    assert all(module.training for module in net.modules())
    assert nn.Module.training, "the mode belongs to the instances"


def test_evaluation_changes_no_state():
    net = Net()
    net(float32(8, 3))
    before = snapshot(net.eval())
    rng = net.drop.rng.state
    first, second = (net(float32(6, 3, seed=5)).numpy() for _ in range(2))
    assert np.array_equal(first, second)
    assert snapshot(net) == before
    assert net.drop.rng.state == rng


def test_evaluation_treats_each_sample_alone():
    net = Net()
    net(float32(8, 3))
    net.eval()
    x = float32(6, 3, seed=5)
    alone = np.concatenate([net(x[i : i + 1]).numpy() for i in range(6)])
    np.testing.assert_allclose(net(x).numpy(), alone, rtol=1e-5, atol=1e-6)


# --- freezing ----------------------------------------------------------------------------------------------


def test_a_frozen_module_is_a_constant_and_thaws_to_the_same_leaves():
    net = Net()
    leaves = [p.node for p in net.parameters()]
    assert net.requires_grad_(False) is net
    assert not any(p.requires_grad for p in net.parameters())
    assert not net(float32(4, 3)).requires_grad
    with pytest.raises(ValueError, match=r"zeta\.scale .* does not require a gradient"):
        mg.grad(net(mg.tensor(np.ones((4, 3)), True, dtype="float32")).sum(), net.parameters())
    net.requires_grad_()
    assert all(p.node is leaf for p, leaf in zip(net.parameters(), leaves, strict=True))


def test_a_gradient_passes_through_a_frozen_module_to_its_input():
    critic = conv_critic()
    x = mg.tensor(Generator(1).normal((2, 8, 8, 1)), requires_grad=True)
    (thawed,) = mg.grad(critic(x).sum(), [x])
    (frozen,) = mg.grad(critic.requires_grad_(False)(x).sum(), [x])
    assert np.array_equal(thawed.numpy(), frozen.numpy())


# --- copies and pictures -----------------------------------------------------------------------------------


def test_a_deep_copy_shares_nothing():
    net = Net().named("net")
    net.zeta.scale.requires_grad_(False)
    twin = copy.deepcopy(net)
    assert snapshot(twin) == snapshot(net)
    assert [p.name for p in twin.parameters()] == [p.name for p in net.parameters()]
    assert [p.requires_grad for p in twin.parameters()] == [p.requires_grad for p in net.parameters()]
    before = snapshot(net)
    for p in twin.parameters():
        p.assign_(p.data + 1)
    for _, buffer in twin.named_buffers():
        buffer += 1
    twin.drop.rng.normal((3,))
    assert snapshot(net) == before
    assert net.drop.rng.state != twin.drop.rng.state


def test_a_deep_copy_keeps_what_was_shared_shared():
    net = nn.Sequential(nn.Linear(2, 2, rng=Generator(0)), nn.Linear(2, 2, rng=Generator(1)))
    net[1].weight = net[0].weight
    twin = copy.deepcopy(net)
    assert twin[1].weight is twin[0].weight
    assert twin[0].weight is not net[0].weight
    twin[0].weight.assign_(np.zeros((2, 2)))
    assert not twin(mg.tensor(np.ones((1, 2)), dtype="float32")).numpy().any(), "the copy runs on its own layers"


def test_repr_shows_the_tree():
    net = nn.Sequential(nn.Linear(3, 4, rng=Generator(0)), inner=nn.Sequential(act=nn.LeakyReLU(0.1)))
    expected = [
        "Sequential(",
        "  0: Linear(3, 4)",
        "  inner: Sequential(",
        "    act: LeakyReLU(slope=0.1)",
        "  )",
        ")",
    ]
    assert repr(net) == "\n".join(expected)


@pytest.mark.parametrize(
    ("layer", "text"),
    [
        (
            lambda r: nn.Conv2d(2, 4, (3, 5), 2, "same", groups=2, rng=r),
            "Conv2d(2, 4, kernel=3x5, stride=2, padding=same, groups=2)",
        ),
        (lambda r: nn.ConvTranspose2d(2, 4, 3, rng=r), "ConvTranspose2d(2, 4, kernel=3x3, stride=1)"),
        (lambda r: nn.BatchNorm(3), "BatchNorm(3, eps=1e-05, momentum=0.1)"),
        (lambda r: nn.LayerNorm(3), "LayerNorm(3, eps=1e-05)"),
        (lambda r: nn.Dropout(0.3, rng=r), "Dropout(0.3)"),
        (lambda r: nn.Embedding(5, 2, rng=r), "Embedding(5, 2)"),
        (lambda r: nn.Reshape(7, 7, 2), "Reshape(7, 7, 2)"),
        (lambda r: nn.Flatten(), "Flatten()"),
        (lambda r: nn.Upsample(3), "Upsample(scale=3)"),
        (lambda r: nn.spectral_norm(nn.Linear(2, 3, rng=r), rng=r), "spectral_norm(\n  layer: Linear(2, 3)\n)"),
    ],
)
def test_repr_of_each_layer(layer, text):
    assert repr(layer(Generator(0))) == text


# --- Sequential --------------------------------------------------------------------------------------------


def doubling(x):
    return x * 2.0


def test_sequential_applies_in_order_by_position_and_by_keyword():
    rng = Generator(0)
    a, b = nn.Linear(2, 2, rng=rng), nn.Linear(2, 2, rng=rng)
    x = float32(3, 2)
    expected = b(nn.ReLU()(a(x)) * 2.0).numpy()
    for net in (nn.Sequential(a, nn.ReLU(), doubling, b), nn.Sequential(b=a, act=nn.ReLU(), twice=doubling, a=b)):
        assert np.array_equal(net(x).numpy(), expected)
        assert len(net) == 4
        assert net[0] is a
        assert net[-1] is b
        assert list(net) == [net[i] for i in range(4)]
    assert [n for n, _ in nn.Sequential(a, act=nn.ReLU(), z=b).named_parameters()] == [
        "0.weight",
        "0.bias",
        "z.weight",
        "z.bias",
    ]


def test_a_layer_replaced_by_name_is_the_one_that_runs():
    net = nn.Sequential(a=nn.Linear(2, 2, rng=Generator(0)), act=nn.Tanh())
    net.a = nn.Linear(2, 3, rng=Generator(1))
    x = float32(4, 2)
    assert np.array_equal(net(x).numpy(), np.tanh(net.a(x).numpy()))
    assert net[0] is net.a


def test_sequential_refuses_what_cannot_be_called_and_names_of_its_own():
    with pytest.raises(TypeError, match="layer 1 is a int"):
        nn.Sequential(nn.ReLU(), 3)
    with pytest.raises(ValueError, match="'forward' is a name that Module uses"):
        nn.Sequential(forward=nn.ReLU())

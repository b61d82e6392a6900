"""The profile: exact counts and bytes, and exact times by a clock that only the operations move."""

import threading
from importlib import import_module

import numpy as np
import pytest

import minigan as mg
from minigan import nn, ops
from minigan.op import current_watch, op


@pytest.fixture
def clock(monkeypatch):
    """Replace the clock by one that stands still; clock(n) moves it by n seconds."""
    now = [0.0]

    def wait(seconds):
        now[0] += seconds

    monkeypatch.setattr(import_module("minigan.profile"), "perf_counter", lambda: now[0])
    return wait


def quiet():
    return mg.profile(output=None)


def row(p, op, layer=""):
    (found,) = [r for r in p.rows if (r.op, r.layer) == (op, layer)]
    return found


def times(r):
    return r.forward_ms, r.backward_ms, r.double_ms


def names(p):
    return {r.op for r in p.rows}


def slow_square(wait):
    """Return an operation x^2 of 3 s, whose vjp takes 5 s and 2 s in another one, whose vjps take 11 s and 100 s."""

    def pull_a(g, b):
        wait(11)
        return g * b

    def pull_b(g, a):
        wait(100)
        return g * a

    @op(a=pull_a, b=pull_b)
    def product(a, b):
        wait(2)
        return a * b

    def pull(g, x):
        wait(5)
        return product(g * 2.0, x)

    @op(x=pull)
    def square(x):
        wait(3)
        return x * x

    return square


def test_every_second_is_in_its_place(clock):
    square = slow_square(clock)
    x = mg.tensor([3.0], requires_grad=True)
    with quiet() as p:
        clock(13)
        y = square(x)
        mg.grad(y, [x])
    assert times(row(p, "square")) == (3000, 7000, 0)
    assert names(p) == {"square", "(sweep)"}
    assert (p.outside_ms, p.total_ms) == (13_000, 23_000)


def test_the_derivative_of_a_derivative_belongs_to_the_operation_it_comes_from(clock):
    square = slow_square(clock)
    x = mg.tensor([3.0], requires_grad=True)
    with quiet() as p:
        (g,) = mg.grad(square(x), [x], create_graph=True)
        (h,) = mg.grad(g, [x])
    assert (g.item(), h.item()) == (6.0, 2.0)
    assert times(row(p, "square")) == (3000, 0, 7000 + 100_000)  # the vjp of `product` in its second argument
    assert names(p) == {"square", "(sweep)"}
    assert p.outside_ms == 0


def test_what_a_sweep_does_between_vjps_has_a_row(clock, monkeypatch):
    """The sum of two gradients of x is an operation, which under create_graph the next sweep passes through."""

    def pull(g):
        clock(7)
        return g

    @op(a=pull, b=pull)
    def plus(a, b):
        clock(4)
        return a + b

    x = mg.tensor([3.0], requires_grad=True)
    with quiet() as p:
        y = ops.exp(x) * ops.sin(x)
        monkeypatch.setattr(mg.Tensor, "__add__", lambda a, b: plus(a, b))
        (g,) = mg.grad(y, [x], create_graph=True)
        mg.grad(g, [x])
    assert times(row(p, "(sweep)")) == (0, 0, 4000 + 2 * 7000)
    assert names(p) == {"exp", "sin", "mul", "(sweep)"}
    assert row(p, "(sweep)").calls == 0


def test_an_error_in_a_sweep_leaves_the_clock_right(clock):
    square = slow_square(clock)
    weight = mg.Parameter(np.ones(1))
    with quiet() as p:
        y = square(weight)
        weight.touch()
        with pytest.raises(RuntimeError, match="changed after this forward"):
            mg.grad(y, [weight])
        clock(2)
        square(weight)
    assert row(p, "square").forward_ms == 6000
    assert row(p, "square").calls == 2
    assert p.outside_ms == 2000


def test_calls_are_counted_by_layer():
    net = nn.Sequential(a=nn.Linear(2, 3), act=nn.ReLU(), b=nn.Linear(3, 1)).named("net")
    with quiet() as p:
        for _ in range(3):
            net(np.ones((4, 2)).astype("float32"))
            net.a(np.ones((1, 2)).astype("float32"))
    counts = {(r.op, r.layer): r.calls for r in p.rows}
    assert counts == {("linear", "net.a"): 6, ("leaky_relu", ""): 3, ("linear", "net.b"): 3}


def test_a_frozen_bias_leaves_its_operation_in_its_layer():
    bias = mg.Parameter(np.ones(3), "net.bias").requires_grad_(False)
    x = mg.tensor(np.ones(3), requires_grad=True)
    with quiet() as p:
        mg.grad((x + bias).sum(), [x])
    assert row(p, "add", "net").backward_ms > 0
    assert names(p) == {"add", "sum", "(sweep)"}
    assert len(p.rows) == 3


def test_what_a_layer_keeps():
    """x @ w keeps x for the gradient of w, relu keeps its result; the parameter w does not count."""
    x, w = np.ones((4, 3)), mg.Parameter(np.ones((3, 5)))
    with quiet() as p:
        h = mg.tensor(x) @ w
        y = ops.relu(h)
        mg.grad(y.sum(), [w])
    assert row(p, "matmul").kept == {"a": 4 * 3 * 8}
    assert row(p, "leaky_relu").kept == {"out": 4 * 5 * 8}
    assert row(p, "sum").kept == {}
    assert p.kept_bytes == 4 * 3 * 8 + 4 * 5 * 8


def test_a_frozen_weight_needs_no_input():
    x, w = mg.tensor(np.ones((4, 3)), requires_grad=True), mg.Parameter(np.ones((3, 5))).requires_grad_(False)
    with quiet() as p:
        mg.grad((x @ w).sum(), [x])
    assert p.kept_bytes == 0


def test_memory_counts_once_for_the_first_that_holds_it():
    x, w = mg.tensor(np.ones((4, 3)), requires_grad=True), mg.Parameter(np.ones((3, 5)))
    with quiet() as p:
        h = ops.tanh(x)
        y = h[:2] @ w + h[2:].reshape(2, 3) @ w
        mg.grad(y.sum(), [w, x])
    assert row(p, "tanh").kept == {"out": 4 * 3 * 8}
    assert p.kept_bytes == 4 * 3 * 8


def test_a_view_holds_all_that_it_looks_into():
    base, w = np.ones((100, 3)), mg.Parameter(np.ones((3, 5)))
    with quiet() as p:
        mg.grad((mg.Tensor(base[:2]) @ w).sum(), [w])
    assert row(p, "matmul").kept == {"a": 100 * 3 * 8}


def test_an_array_in_the_memory_of_bytes_counts_as_itself():
    w = mg.Parameter(np.ones(12))
    with quiet() as p:
        mg.grad((w * np.frombuffer(bytes(96))).sum(), [w])
    assert row(p, "mul").kept == {"y": 96}


def test_a_mask_that_is_an_attribute_is_kept_too():
    x = mg.tensor(np.ones((4, 3)), requires_grad=True)
    with quiet() as p:
        mg.grad(ops.where(np.ones((4, 3), bool), x, 0.0).sum(), [x])
    assert row(p, "where").kept == {"condition": 4 * 3}


def test_kept_is_that_of_the_largest_graph_and_not_of_all():
    w = mg.Parameter(np.ones((3, 5)))
    with quiet() as p:
        for n in (2, 7, 4):
            mg.grad((mg.tensor(np.ones((n, 3))) @ w).sum(), [w])
    assert row(p, "matmul").kept == {"a": 7 * 3 * 8}


def test_what_a_derivative_keeps_is_named_after_its_operations():
    x = mg.tensor(np.full((4, 3), 0.5), requires_grad=True)
    with quiet() as p:
        (g,) = mg.grad(ops.exp(x).sum(), [x], create_graph=True)
        mg.grad((g * g).sum(), [x])
    kept = row(p, "exp").kept
    assert kept.pop("out") == 4 * 3 * 8
    assert sum(kept.values()) == 8  # g of the sum is one number, broadcast
    assert all("." in name for name in kept)
    assert row(p, "mul").kept == {"x": 4 * 3 * 8}


def test_a_graph_from_before_the_block():
    net = nn.Linear(2, 3).named("net")
    y = ops.tanh(net(np.ones((4, 2), "float32")))
    with quiet() as p:
        mg.grad(y.sum(), net.parameters())
    assert row(p, "linear", "net").calls == 0
    assert row(p, "linear", "net").kept == {"x": 4 * 2 * 4}
    assert row(p, "tanh").kept == {"out": 4 * 3 * 4}


def test_a_node_that_no_operation_made_is_not_of_the_sweep_before_it():
    x = mg.tensor([3.0], requires_grad=True)
    with quiet() as p:
        mg.grad(x * x, [x], create_graph=True)
        mg.grad(mg.checkpoint(lambda x: x, x), [x])
    assert names(p) == {"mul", "checkpoint", "(sweep)"}


def test_a_fused_operation_is_one_row_at_every_order():
    x, gamma, beta = mg.tensor(np.eye(4, 3), requires_grad=True), mg.Parameter(np.ones(3)), mg.Parameter(np.ones(3))
    with quiet() as p:
        y = ops.batch_norm(x, gamma, beta)
        (g,) = mg.grad((y * y).sum(), [x], create_graph=True)
        mg.grad((g * g).sum(), [gamma])
    assert names(p) == {"reshape", "batch_norm", "mul", "sum", "(sweep)"}
    assert row(p, "batch_norm").double_ms > 0
    assert row(p, "batch_norm").kept["x"] == 4 * 3 * 8


def test_a_checkpoint_runs_its_function_in_the_backward(clock):
    square = slow_square(clock)
    x = mg.tensor([3.0], requires_grad=True)
    with quiet() as p:
        mg.grad(mg.checkpoint(square, x), [x])
    assert times(row(p, "square")) == (3000, 0, 0)
    assert times(row(p, "checkpoint")) == (0, 3000 + 7000, 0)
    assert row(p, "checkpoint").kept == {"out": 8}


def penalised_gradients():
    rng = mg.random.Generator(0)
    critic = mg.models.dcgan.critic((8, 8, 1), 4, rng=rng)
    real, fake = rng.normal((6, 8, 8, 1), dtype="float32"), rng.normal((6, 8, 8, 1), dtype="float32")
    loss = critic(fake).mean() - critic(real).mean() + mg.gan.penalties.gradient_penalty(critic, real, fake, rng)
    return [g.numpy().tobytes() for g in mg.grad(loss, critic.parameters())]


def test_gradients_are_the_same_to_the_bit():
    with quiet() as p:
        watched = penalised_gradients()
    assert watched == penalised_gradients()
    assert row(p, "conv2d", "critic.conv1").double_ms > 0


def test_all_times_add_up():
    with quiet() as p:
        penalised_gradients()
    assert all(t >= 0 for r in p.rows for t in times(r))
    assert 0 < sum(r.total_ms for r in p.rows) <= p.total_ms
    assert p.outside_ms == pytest.approx(p.total_ms - sum(r.total_ms for r in p.rows))
    assert [r.total_ms for r in p.rows] == sorted((r.total_ms for r in p.rows), reverse=True)


def test_nothing_is_counted_after_the_block():
    x = mg.tensor([3.0], requires_grad=True)
    with quiet() as p:
        y = ops.exp(x)
    total = p.total_ms
    mg.grad(ops.exp(y), [x])
    assert current_watch() is None
    assert [(r.op, r.calls, r.backward_ms) for r in p.rows] == [("exp", 1, 0)]
    assert p.total_ms == total


def test_an_exception_passes_and_the_table_is_printed(capsys):
    with pytest.raises(ZeroDivisionError), mg.profile():
        raise ZeroDivisionError(ops.exp(np.ones(3)))
    assert "exp" in capsys.readouterr().out
    assert current_watch() is None


def test_a_failed_kernel_is_explained_as_ever():
    with pytest.raises(ValueError, match="inner lengths differ"), quiet():
        ops.matmul(np.ones((2, 3)), np.ones((2, 3)))
    assert current_watch() is None


def test_two_at_a_time_are_refused():
    with quiet() as p:
        with pytest.raises(RuntimeError, match="one is running already"), quiet():
            pass
        ops.exp(np.ones(3))
    assert row(p, "exp").calls == 1


def test_only_the_own_thread_counts():
    results = []

    def work():
        x = mg.tensor([2.0], requires_grad=True)
        results.append(mg.grad(ops.square(x), [x])[0].item())

    with quiet() as p:
        worker = threading.Thread(target=work)
        worker.start()
        worker.join()
        ops.exp(np.ones(3))
    assert results == [4.0]
    assert names(p) == {"exp"}


def test_a_replayed_step_gives_a_sentence_instead_of_an_empty_table():
    step = mg.capture(lambda x: ops.exp(x) * 2.0)
    for _ in range(3):
        step(np.ones(3))
    said = []
    with mg.profile(output=said.append):
        step(np.ones(3))
    assert "no operation ran" in said[0]
    assert "mg.capture" in said[0]


def test_the_table(clock, capsys):
    long = "generator.blocks.7.residual.shortcut"
    net = nn.Linear(2, 3).named(long)
    square = slow_square(clock)
    with mg.profile() as p:
        y = square(net(np.ones((4, 2), "float32")))
        clock(1)
        mg.grad(y.sum(), net.parameters())
    printed = capsys.readouterr().out
    assert printed == p.table() + "\n"
    lines = printed.splitlines()
    assert max(map(len, lines)) <= 100
    assert lines[0].split() == ["op", "layer", "calls", "forward", "backward", "%", "kept"]
    assert lines[1].split() == ["square", "1", "3000.00", "7000.00", "91", "x", "48", "B"]
    assert "  …7.residual.shortcut  " in printed
    assert "10000.00 ms in operations + 1000.00 ms outside (Python, optimizer) = 11000.00 ms" in lines
    assert "80 B kept for the backward" in printed
    assert "penalty" not in printed


def test_the_table_of_a_penalised_step():
    with quiet() as p:
        penalised_gradients()
    lines = p.table().splitlines()
    assert "double" in lines[0]
    assert "mg.gan.penalty_cost" in lines[-1]


def test_a_table_is_no_wider_than_100_columns():
    net = nn.Sequential(a=nn.LayerNorm(3), b=nn.LayerNorm(3)).named("generator.blocks.7.residual.shortcut")
    x = mg.tensor(np.eye(4, 3, dtype="float32"), requires_grad=True)
    with quiet() as p:
        (g,) = mg.grad(ops.square(net(x)).sum(), [x], create_graph=True)
        mg.grad(ops.square(g).sum(), net.parameters())
    lines = p.table().splitlines()
    assert 90 < max(map(len, lines)) <= 100
    assert any(line.endswith("…") for line in lines)


def test_a_profile_prints_as_its_table():
    with quiet() as p:
        ops.exp(np.ones(3))
    assert repr(p) == p.table()
    assert "exp" in repr(p)

"""A captured step computes what the step computes, to the bit, and says so where it cannot."""

import threading

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

import minigan as mg
from minigan import gan, models, nn, ops
from minigan.backend import recording
from minigan.backend.numpy import threads
from minigan.random import Generator

N = 8


def normal(seed, *shape):
    return Generator(seed).normal(shape)


def penalised_step(critic, loss, penalty):
    """The critic's loss and its weight gradients, by double backpropagation."""

    def step(real, fake):
        total = loss.critic(critic(real), critic(fake)) + penalty(critic, real, fake)
        return {"loss": total, "gradients": mg.grad(total, critic.parameters())}

    return step


NETWORKS = {
    "dense": lambda: models.dense.critic((2,), 16, 2, octaves=2, rng=Generator(0)),
    "layer-norm": lambda: nn.Sequential(nn.Linear(2, 8, rng=Generator(0)), nn.LayerNorm(8), nn.Tanh(), nn.Linear(8, 1)),
    "dropout": lambda: nn.Sequential(
        nn.Linear(2, 16, rng=Generator(0)), nn.Dropout(0.3, rng=Generator(4)), nn.Linear(16, 1, rng=Generator(1))
    ),
}
PENALTIES = {
    "r1_r2": lambda rng: lambda c, x, y: gan.penalties.r1_r2(c, x, y),
    "gradient_penalty": lambda rng: lambda c, x, y: gan.penalties.gradient_penalty(c, x, y, rng),
    "dragan": lambda rng: lambda c, x, y: gan.penalties.dragan(c, x, rng),
    "none": lambda rng: lambda c, x, y: 0.0,
}


@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("network", NETWORKS)
def test_replays_equal_the_step_to_the_bit(network, penalty):
    def run(wrapped):
        critic = NETWORKS[network]()
        for k, p in enumerate(critic.parameters()):
            p.assign_(0.3 * normal(100 + k, *p.shape))
        step = wrapped(penalised_step(critic, gan.losses.relativistic, PENALTIES[penalty](Generator(9))))
        seen = []
        for k in range(6):
            result = step(mg.tensor(normal(k, N, 2)), mg.tensor(normal(50 + k, N, 2)))
            for p, g in zip(critic.parameters(), result["gradients"], strict=True):
                p.assign_(p.data - 0.001 * g.data)
            seen.append(result["loss"].data.tobytes() + b"".join(p.data.tobytes() for p in critic.parameters()))
        return seen

    assert run(mg.capture) == run(lambda step: step)
    assert len(set(run(mg.capture))) == 6, "every step sees other data, noise and weights"


@pytest.mark.parametrize("number", [1, 2])
def test_threads_change_no_bit_between_a_step_and_its_replay(monkeypatch, number):
    """A replay divides what the step divides, since BLAS may round halves of a product in another way."""
    shared, side_by_side = [], threads.side_by_side
    monkeypatch.setattr(threads, "side_by_side", lambda f, items: shared.append(len(items)) or side_by_side(f, items))
    monkeypatch.setattr(threads, "LARGE", 1)
    monkeypatch.setattr(threads, "MANY", 1)
    generator = models.dcgan.generator(5, (8, 8, 1), 4, rng=Generator(0))
    critic = models.dcgan.critic((8, 8, 1), 4, rng=Generator(1))

    def made(wrapped):
        rng = Generator(9)

        @wrapped
        def step(real, z):
            with mg.no_grad():
                fake = generator(z)
            loss = gan.losses.wasserstein.critic(critic(real), critic(fake))
            loss = loss + 10 * gan.penalties.gradient_penalty(critic, real, fake, rng)
            return loss, mg.grad(loss, critic.parameters())

        seen = []
        for k in range(5):
            loss, gradients = step(mg.tensor(normal(k, N, 8, 8, 1)), mg.tensor(normal(50 + k, N, 5)))
            seen.append([t.numpy().tobytes() for t in (loss, *gradients)])
            seen[-1].append(list(shared) if k > 2 else None)  # the third call is a replay and a normal one
            shared.clear()
        return seen

    with mg.threads(number):
        assert made(mg.capture) == made(lambda step: step)


def test_blas_computes_in_one_thread_in_a_replay_too():
    """NumPy's own calls inside of kernels are recorded without their kernel."""
    seen = []

    @mg.capture
    def step(x):
        recording.repeated(lambda: seen.extend(get() for get, _ in threads._blas()), lambda: None)
        return x * 2.0

    with threadpool_limits(2, "blas"):
        for k in range(5):
            seen.clear()
            step(mg.tensor(normal(k, 3)))
    assert set(seen) == {1}


def test_convolutions_are_replayed_too():
    critic = models.dcgan.critic((8, 8, 1), 4, 3, rng=Generator(0))
    step = penalised_step(critic, gan.losses.wasserstein, PENALTIES["gradient_penalty"](Generator(9)))
    captured = mg.capture(penalised_step(critic, gan.losses.wasserstein, PENALTIES["gradient_penalty"](Generator(9))))
    for k in range(5):
        x, y = mg.tensor(normal(k, N, 8, 8, 1)), mg.tensor(normal(50 + k, N, 8, 8, 1))
        one, other = captured(x, y), step(x, y)
        for p, q in zip([one["loss"], *one["gradients"]], [other["loss"], *other["gradients"]], strict=True):
            assert np.array_equal(p.data, q.data)


def test_memory_is_shared_by_what_is_never_alive_together():
    def chain(x):
        for _ in range(50):
            x = ops.tanh(x * 1.5)
        return x

    captured = mg.capture(chain)
    xs = [normal(k, 1000) for k in range(4)]
    for x in xs:
        assert np.array_equal(captured(x), chain(x))
    owners = {id(c.keywords["out"].base) for c in captured.program.calls if c.keywords["out"].base is not None}
    assert len(owners) <= 2, "a chain needs two buffers"


def test_an_output_is_not_overwritten_within_the_step():
    captured = mg.capture(lambda x: (x + 1.0, [ops.exp(x + 2.0) * 3.0, None], {"twice": x + x}))
    for k in range(5):
        x = normal(k, 7)
        first, (second, nothing), rest = captured(x)
        np.testing.assert_array_equal(first, x + np.float32(1))
        np.testing.assert_array_equal(second, np.exp(x + np.float32(2)) * np.float32(3))
        np.testing.assert_array_equal(rest["twice"], x + x)
        assert nothing is None


def test_memory_outside_is_read_and_changed_in_place():
    scale, total = np.array(2.0, "float32"), np.zeros(3, "float32")

    def step(x):
        y = x * scale
        np.add(total, y, out=total)
        return y

    captured = mg.capture(step)
    expected = np.zeros(3, "float32")
    for k in range(6):
        scale[...] = k
        x = normal(k, 3)
        np.testing.assert_array_equal(captured(x), x * np.float32(k))
        expected += x * np.float32(k)
        np.testing.assert_array_equal(total, expected)


def called(step, times=3, *inputs):
    captured = mg.capture(step)
    for k in range(times):
        captured(*(inputs or (normal(k, 4),)))
    return captured


def test_the_example_of_the_docstring_runs():
    net = nn.Sequential(nn.Linear(3, 4, rng=0), nn.Tanh(), nn.Linear(4, 1, rng=1))
    optimizer = mg.optim.Adam(net.parameters(), 0.01)

    @mg.capture
    def gradients(x, y):
        loss = ((net(x) - y) ** 2).mean()
        return loss, mg.grad(loss, net.parameters())

    losses = []
    for _ in range(5):
        loss, grads = gradients(mg.tensor(normal(0, N, 3)), mg.tensor(normal(1, N, 1)))
        optimizer.step(grads)
        losses.append(loss.item())
    assert losses == sorted(losses, reverse=True)


def test_a_whole_step_of_a_game_is_refused_in_a_sentence():
    """The report of a game's step looks at values, and a game captures itself."""
    generator, critic = models.dense.generator(3, (2,), 4, 1, rng=0), models.dense.critic((2,), 4, 1, rng=1)
    optimizers = [mg.optim.Adam(net.parameters()) for net in (generator, critic)]
    game = gan.Game(generator, critic, *optimizers, gan.losses.hinge)
    step = mg.capture(lambda real, z: game.critic_step(real, z))
    step(normal(0, N, 2), normal(1, N, 3))
    with pytest.raises(mg.CaptureError, match="must not look at its values, but numbers"):
        step(normal(0, N, 2), normal(1, N, 3))


def test_another_shape_or_dtype_is_refused():
    captured = called(lambda x: x * 2.0)
    with pytest.raises(mg.CaptureError, match=r"input 0 was float32 \(4,\) on 'cpu' .* is now float32 \(5,\) on 'cpu'"):
        captured(normal(0, 5))
    with pytest.raises(mg.CaptureError, match="is now float64"):
        captured(normal(0, 4).astype("float64"))
    with pytest.raises(mg.CaptureError, match="is now None"):
        captured(None)
    with pytest.raises(mg.CaptureError, match="has 1 inputs, got 2"):
        captured(normal(0, 4), normal(0, 4))
    np.testing.assert_array_equal(captured(np.ones(4, "float32")), 2 * np.ones(4, "float32"))


LOOKS = {
    "item": lambda x: x * mg.tensor(x).sum().item(),
    "float": lambda x: x * float(x.sum()),
    "branch": lambda x: x if x.sum() > 0 else -x,
    "array": lambda x: x * np.asarray(x),
    "index": lambda x: x * [1.0, 2.0, 3.0][(x > 0).astype(int).max()],
}


@pytest.mark.parametrize("look", LOOKS)
def test_looking_at_a_value_is_refused(look):
    with pytest.raises(mg.CaptureError, match="must not look at its values"):
        called(LOOKS[look])


def test_a_python_number_that_changes_is_refused():
    numbers = iter(range(100))
    with pytest.raises(mg.CaptureError, match=r"output 0 .* changed since it was captured and is no input"):
        called(lambda x: x * float(next(numbers)))


def test_an_array_that_is_made_anew_is_refused():
    rng = np.random.default_rng(0)
    with pytest.raises(mg.CaptureError, match="is no input"):
        called(lambda x: x + rng.random(4, np.float32))


def test_a_failed_capture_leaves_the_step_as_it_was():
    fail = [True]

    def step(x):
        return x * float(x.sum()) if fail[0] else x * 2.0

    captured = mg.capture(step)
    x = normal(0, 4)
    captured(x)
    with pytest.raises(mg.CaptureError):
        captured(x)
    fail[0] = False
    for _ in range(4):
        np.testing.assert_array_equal(captured(x), x * np.float32(2))


def test_what_is_computed_of_parameters_alone_changes_with_them():
    p = mg.Parameter(np.array([1.0, 2.0], "float32"))
    captured = mg.capture(lambda x: x * (p * p).sum())
    x = np.ones(2, "float32")
    for k in range(6):
        p.assign_(np.array([1.0 if k < 4 else 3.0, 2.0], "float32"))
        np.testing.assert_array_equal(captured(mg.tensor(x)).data, 5 * x if k < 4 else 13 * x)


def test_batch_norm_in_evaluation_follows_its_statistics():
    norm = nn.BatchNorm(3).eval()
    captured = mg.capture(norm)
    x = normal(0, 5, 3)
    for k in range(6):
        norm.running_mean[...] = k // 4
        np.testing.assert_array_equal(captured(mg.tensor(x)).data, norm(mg.tensor(x)).data)


def test_a_number_made_of_an_array_outside_is_refused():
    weight = np.array(1.0, "float32")
    with pytest.raises(mg.CaptureError, match="must not compute with NumPy numbers"):
        called(lambda x: x * (0.5 * weight), 3, mg.tensor(normal(0, 4)))


def test_an_extreme_over_all_axes_is_replayed():
    captured = mg.capture(lambda x: ops.max(x) - ops.min(x))
    for k in range(5):
        x = normal(k, 3, 4)
        assert captured(mg.tensor(x)).item() == x.max() - x.min()


ESCAPES = {
    "array_equal": lambda x: x if np.array_equal(x, x) else -x,
    "split": lambda x: np.split(x, 2)[0],
    "copyto": lambda x: [np.copyto(np.zeros(4, "float32"), x), x + 0.0][1],
}


@pytest.mark.parametrize("escape", ESCAPES)
def test_functions_that_give_no_new_array_are_refused(escape):
    with pytest.raises(mg.CaptureError, match="gives no new array"):
        called(ESCAPES[escape])


def test_a_call_that_fails_does_not_count():
    numbers = iter([2.0, 2.0, 3.0, 5.0, 5.0, 5.0, 5.0])
    captured, x = mg.capture(lambda x: x * next(numbers)), normal(0, 4)
    captured(x), captured(x)
    with pytest.raises(mg.CaptureError):
        captured(x)
    np.testing.assert_array_equal(captured(x), x * np.float32(5))
    for _ in range(4):
        np.testing.assert_array_equal(captured(x), x * np.float32(5))


def test_an_interrupted_recording_begins_again():
    fail = [False, True, False, False, False, False]

    def step(x):
        if fail.pop(0):
            raise KeyboardInterrupt
        return x * 2.0

    captured, x = mg.capture(step), normal(0, 4)
    captured(x)
    with pytest.raises(KeyboardInterrupt):
        captured(x)
    for _ in range(4):
        np.testing.assert_array_equal(captured(x), x * np.float32(2))


def test_drawing_more_often_than_recorded_is_refused():
    rng, times = Generator(0), iter([1, 1, 2])
    with pytest.raises(mg.CaptureError, match="draw as often"):
        called(lambda x: sum((rng.normal((4,)) for _ in range(next(times))), x))


def test_other_threads_draw_for_themselves():
    seen = []

    def step(x):
        thread = threading.Thread(target=lambda: seen.append(Generator(0).normal((2,))))
        thread.start()
        thread.join()
        return x * 2.0

    called(step)
    assert [type(s) for s in seen] == [np.ndarray] * 3

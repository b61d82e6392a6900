"""Sixty things that a user of PyTorch or NumPy types first, and ten programs: they run; type checkers accept them."""

import dataclasses
import io
import tempfile
from pathlib import Path

import numpy as np

import minigan as mg
from minigan import gan, metrics, nn, ops, optim, presets, runs, trainers, viz
from minigan.gan import losses, penalties

rng = mg.random.Generator(0)

# Tensors
x = mg.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)  # 1
w = mg.tensor(np.eye(2), requires_grad=True)  # 2
narrow = mg.tensor([1, 2, 3], dtype="float32")  # 3
shared = mg.Tensor(np.zeros((2, 2)))  # 4
rows, columns = x.shape  # 5
print(x.ndim, x.size, x.dtype, x.device, len(x), f"{x[0, 0]:.2f}")  # 6
number = float(x.sum()) + x.mean().item()  # 7
values: np.ndarray = x.numpy()  # 8
constant = x.detach()  # 9
same = x.to("cpu")  # 10

# Operators
y = x * x + 2 * x - 1 / (x + 10.0)  # 11
y = 2 - x  # 12
y = -x + abs(x) - x**2 + 2**x  # 13
y = x @ w  # 14
y = np.ones((2, 2)) * x  # 15
loss = (np.ones((2, 2)) @ x - x).sum()  # 16
scaled = np.float32(2.0) * narrow  # 17
positive = x > 0  # 18
if (x == x).data.all():  # 19
    y = x[0] + x[:, 1] + x[..., None][0, 0]  # 20
for row in x:  # 21
    y = row.sum()
y = x
y += 1.0  # 22

# Methods
y = x.sum(axis=0) + x.mean(axis=(0, 1), keepdims=True)  # 23
y = x.max(axis=-1) - x.min(axis=-1) + x.var(axis=1)  # 24
y = x.T.reshape(4).reshape(2, 2).reshape((1, -1))  # 25
y = x.transpose(1, 0).swapaxes(0, 1).squeeze().flatten().ravel()  # 26
y = x.astype("float32").clip(0.0, 1.0)  # 27
y = x.exp().log().tanh().sqrt().abs()  # 28

# Operations
y = ops.tanh(x) + ops.sigmoid(x) + ops.relu(x) + ops.leaky_relu(x, 0.2)  # 29
array: np.ndarray = ops.exp(np.zeros(3))  # 30
y = ops.softmax(x, axis=-1) * ops.log_softmax(x)  # 31
y = ops.where(x > 1, x, 0.0) + ops.maximum(x, 0.5)  # 32
y = ops.concatenate([x, w], axis=1)  # 33
y = ops.stack([row * 2 for row in x])  # 34
y = ops.multiply(x, 2.0) - ops.norm(x, axis=1, keepdims=True)  # 35
images = mg.Tensor(rng.normal((2, 8, 8, 3)))  # 36
kernel = mg.Tensor(rng.normal((3, 3, 3, 4)))
y = ops.conv2d(images, kernel, stride=2, padding="same")  # 37
y = ops.conv_transpose2d(y, kernel, stride=2, padding="same")  # 38
y = ops.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)))  # 39
y = ops.flatten(ops.upsample(images, 2))  # 40

# Gradients
(g,) = mg.grad((x * x).sum(), [x])  # 41
gx, gw = mg.grad((x @ w).sum(), [x, w], create_graph=True)  # 42
(second,) = mg.grad((gx * gx).sum(), [w])  # 43
maybe = mg.grad(x.sum(), [x, w], allow_unused=True)[1]  # 44
value, gradient = mg.value_and_grad(lambda a: (a * a).sum())(x)  # 45
product = mg.hvp(lambda a: (a**3).sum(), x, x)  # 46
out, tangent = mg.jvp(ops.tanh, (x,), (x.detach(),))  # 47
matrix = mg.jacobian(ops.exp, np.ones(2))  # 48
(x * x).sum().backward()  # 49
accumulated = x.grad  # 50


# Operations of one's own
@mg.op(x=lambda g, x: g * (3.0 * x * x))  # 51
def cube(x):
    """Return the third power."""
    return x**3


y = cube(x) * 2.0  # 52


@mg.fused(reference=lambda x: x * ops.sigmoid(x), gradients=lambda g, x: (g * x,))  # 53
def swish(x):
    """Return x * sigmoid(x)."""
    return x / (1.0 + np.exp(-x))


# Training
generator = nn.Sequential(nn.Linear(4, 16, rng=rng), nn.ReLU(), nn.Linear(16, 2, rng=rng))  # 54
critic = nn.Sequential(nn.Linear(2, 16, rng=rng), nn.LeakyReLU(0.2), nn.Linear(16, 1, rng=rng))
adam = optim.Adam(critic.parameters(), lr=1e-3, betas=(0.5, 0.9))  # 55
real = rng.uniform((8, 2), -1.0, 1.0)
with mg.no_grad():  # 56
    fake = generator(rng.normal((8, 4)))
with mg.detect_anomaly():
    loss = losses.hinge.critic(critic(real), critic(fake))  # 57
    loss = loss + 10 * penalties.gradient_penalty(critic, mg.Tensor(real), fake, rng)
    adam.step(mg.grad(loss, critic.parameters()))  # 58
step = mg.capture(lambda real: critic(real))  # 59
scores = [step(real) for _ in range(4)]
report = mg.check.gradcheck(lambda a: ops.tanh(a), [np.ones(3)], order=2)  # 60
print(number, report, mg.device_count(), mg.__version__)


# NumPy's functions on Tensors without a gradient
constant = x.detach()
if np.allclose(constant, 1.0) or np.array_equal(constant, constant) or np.isclose(constant, 1.0).all():
    print("all ones")
np.testing.assert_allclose(constant, x.numpy(), rtol=1e-6)
values = np.asarray(constant) + np.array(constant) + np.stack([constant, constant]).mean(axis=0)
middle = np.median(constant) + np.linalg.norm(constant) + np.mean([constant, constant])
(np.ones((2, 2)) * x - np.float64(2.0) * x @ w).sum().backward()
(np.ones((2, 2)) @ x).sum().backward()


# A module of one's own, which contains a Sequential
class Critic(nn.Module):
    def __init__(self, width: int, rng: mg.random.Generator) -> None:
        self.body = nn.Sequential(
            hidden=nn.Linear(2, width, rng=rng), act=nn.LeakyReLU(0.2), out=nn.Linear(width, 1, rng=rng)
        )
        self.scale = mg.Parameter(np.ones(1, "float32"), name="scale")
        self.norms: list[float] = []

    def forward(self, x: mg.Tensor) -> mg.Tensor:
        return self.scale * self.body(x).reshape(-1)


own = Critic(16, rng)
first = own.body[0]
print(first.bias.shape, nn.Conv2d(3, 4, 3, rng=rng).bias.dtype)
own.body.hidden.weight.assign_(np.zeros((2, 16)))
for name, parameter in own.named_parameters():
    own.norms.append(float(np.linalg.norm(parameter.numpy())))
    print(f"{name:20} {parameter.shape} {own.norms[-1]:.3f}")
own.eval().train().requires_grad_(True).to("cpu")
print(nn.summary(own, (2,)), own.num_parameters(), sum(p.size for p in own.parameters()))


# A loss of one's own, from an operation of one's own
@mg.op(x=lambda g, x, *, delta: g * np.clip(x, -delta, delta))
def huber(x, *, delta=1.0):
    """Return x^2 / 2 near 0 and a line beyond delta."""
    return np.where(abs(x) < delta, 0.5 * x**2, delta * (abs(x) - 0.5 * delta))


def smooth_loss(critic: nn.Module, real: mg.Tensor, fake: mg.Tensor) -> mg.Tensor:
    return huber(critic(real) - 1.0, delta=0.5).mean() + huber(critic(fake)).mean()


# A training loop with an average of weights, a schedule and a limit of the gradient's norm
points = mg.data.ring()
noise = rng.spawn()
sgd = optim.SGD(own.parameters(), lr=0.1, momentum=0.9)
average = optim.EMA(own, decay=0.99)
copy_of_own: Critic = average.module
history: list[dict[str, float]] = []
for k in range(4):
    sgd.lr = 0.1 * optim.cosine(k, 4)
    batch = mg.tensor(points.sample(32, noise))
    loss = smooth_loss(own, batch, generator(noise.normal((32, 4))).detach())
    gradients, norm = optim.clip_grad_norm(mg.grad(loss, own.parameters()), 1.0)
    sgd.step(gradients)
    print(gradients[0].shape)
    average.update(own)
    history.append({"step": k, "loss": loss.item(), "norm": float(norm)})
print(average.module.scale.item(), average.module(batch).shape, max(h["loss"] for h in history))


@mg.no_grad()
def sampled(count: int) -> mg.Tensor:
    return generator(noise.normal((count, 4)))


print(sampled(4).shape, sampled(4).requires_grad)

# Batches with labels
digits = mg.data.load("digits-8x8")
print(digits.labels[:3], digits.images.shape)
loader = mg.data.Loader((mg.data.scale(digits.images), digits.labels), 64, rng)
for pixels, labels in loader:
    print(pixels.shape, labels.dtype, np.bincount(labels, minlength=digits.classes))
    break
pixels, labels = loader.next_batch()
position = loader.state_dict()
loader.load_state_dict(position)
print(len(loader), len(digits), digits.images[:4].mean())

# Weights in a file
with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "critic.npz"
    np.savez(path, **own.state_dict())
    with np.load(path) as file:
        own.load_state_dict(dict(file))
    saved = own.state_dict() | {f"optimizer.{name}": value for name, value in sgd.state_dict().items()}
    print(len(saved), own.state_dict()["scale"].dtype)


# Curvature
def energy(a: mg.Tensor) -> mg.Tensor:
    return (a**4).sum() / 4 + ops.tanh(a).sum()


point = mg.tensor([1.0, 2.0, 3.0])
rows_of_jacobian = mg.jacobian(lambda a: a * a, point).numpy()
symmetric = mg.hessian(energy, point)
along = mg.hvp(energy, point, mg.tensor([1.0, 0.0, 0.0]))
print(np.allclose(symmetric[0], along), along.shape, np.linalg.eigvalsh(symmetric.numpy()))
pairs = mg.hvp(lambda a, b: (a * b).sum(), (point, point), (along, along))
value, pull = mg.vjp(energy, point)
(slope,) = pull(1.0)
value, (da, db) = mg.value_and_grad(lambda a, b: (a * b).sum(), argnums=(0, 1))(point, point)


# A captured step
@mg.capture
def critic_step(real, z):
    with mg.no_grad():
        fake = generator(z)
    loss = losses.hinge.critic(critic(real), critic(fake))
    adam.step(mg.grad(loss, critic.parameters()))
    return loss


captured = [float(critic_step(points.sample(8, rng), rng.normal((8, 4)))) for _ in range(4)]

# The library's game, with a regulariser, and its records
game = gan.Game(
    generator,
    critic,
    optim.Adam(generator.parameters(), lr=1e-3, betas=(0.0, 0.99)),
    optim.Adam(critic.parameters(), lr=1e-3, betas=(0.0, 0.99)),
    losses.non_saturating,
    penalty=lambda critic, real, fake: 10.0 * penalties.r1(critic, real),
)
records = [game.critic_step(points.sample(8, rng), rng.normal((8, 4))) | game.generator_step(rng.normal((8, 4)))]
print({name: f"{number:.3f}" for name, number in records[0].items()})

# A run from a preset with changed settings
config = dataclasses.replace(presets.preset("dcgan"), data="digits-8x8", steps=2, batch_size=8, threads=1)
with tempfile.TemporaryDirectory() as folder:
    trainer = trainers.Trainer(config, trainers.load_data(config))
    run = runs.Run.create(Path(folder) / "first", "dcgan", config)
    picture = runs.train(trainer, run, output=io.StringIO())
    print(picture.name, run.read_log()[-1]["step"], trainer.generator.num_parameters())
    samples = runs.draw(runs.Run.open(run.folder), 4)

# Metrics and pictures
cloud = mg.data.ring().sample(600, rng)
drawn = mg.data.ring().sample(300, rng)
distance = metrics.frechet_distance(cloud, drawn, rng)
found = metrics.modes(drawn, points.modes, points.sigma, rng)
print(
    f"{distance.value:.4f} {distance}", found["modes"].value, metrics.precision_recall(cloud, drawn, rng)["precision"]
)
grid: np.ndarray = viz.image_grid(mg.data.scale(digits.images[:8]), columns=4)
figure = viz.plane(None, cloud, drawn, critic=critic, title="eight modes")
figure.set_size_inches(3, 3)

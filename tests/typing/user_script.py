"""Sixty things that a user of PyTorch or NumPy types first: they run, and type checkers accept them."""

import numpy as np

import minigan as mg
from minigan import nn, ops, optim
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

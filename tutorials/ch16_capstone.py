# %% [markdown]
# # 16. Capstone: a WGAN-GP on any machine
#
# **What you need**: chapters 9 (the penalty), 11 (convolutions), 12 and 13 (the
# networks). A GPU with CuPy, if you have one; without a GPU, the chapter says so and
# continues.
#
# The earlier chapters have explained every part of a WGAN-GP. A training step consists
# of a hundred operations. Each of them is implemented three times: for clarity, for
# speed, and for a GPU. Do all three compute the same step? And does the famous double
# backward double the cost? Both questions have exact answers. We write the step out by
# hand, count its operations, and train a generator of digits with it.
#
# **Claims**
#
# 1. A random number is a function of a seed and a position: ten rounds of integer
#    arithmetic, on any device.
# 2. So a draw can begin anywhere, and a uniform number is the top 24 bits of a word: it
#    is never 1.
# 3. *Op by op*: loops over the taps of a kernel, im2col and Winograd's algorithm
#    compute the same three convolutions.
# 4. *Step by step*: the critic's whole step, second derivatives included, takes 30
#    lines of NumPy.
# 5. In float32 its gradients agree with those of float64 to six digits; in a GPU's
#    TF32, to three.
# 6. A gradient penalty adds $N (4 \sum_l F_l - F_L)$ multiply-adds: it makes the
#    critic's work $\frac53$ times as large, not twice.
# 7. In memory the penalty keeps the sweep that computed the gradient, and nothing of
#    the forward pass before it.
# 8. A captured step gives the same bits as the step itself, as long as everything that
#    changes is an array.
# 9. If a Python number changes before the third call, capture raises an error; so it
#    does if the step reads a value.
# 10. Without the second derivative the penalty's value is right, but the critic trains
#     as if there were no penalty.

# %% [markdown]
# ## Derivation
#
# The critic has $L$ layers. Layer $l$ is linear, a convolution or a dense matrix, which
# we write $A_l$, then a bias and a leaky ReLU, which multiplies each number by a slope
# of 1 or 0.2:
#
# $$a_l = A_l h_{l-1} + b_l, \qquad h_l = s_l \odot a_l, \qquad h_0 = x, \qquad
#   D(x) = a_L .$$
#
# (a) *Forward and backward.* With $\delta_l = \partial L / \partial a_l$,
#
# $$\delta_{l-1} = s_{l-1} \odot A_l^\top \delta_l, \qquad
#   \nabla_{A_l} L = h_{l-1} \otimes \delta_l, \qquad
#   \nabla_{b_l} L = \textstyle\sum \delta_l ,$$
#
# where $h \otimes \delta$ is the layer's third product: of a convolution,
# `conv2d_weight` (chapter 11).
#
# (b) *The gradient in the input.* From $\delta_L = 1$ the same sweep ends at
# $g = A_1^\top \delta_1 = \nabla_x D$. It is linear in each layer separately:
# $g = A_1^\top (s_1 \odot A_2^\top (s_2 \odot \cdots A_L^\top 1))$.
#
# (c) *Back through the backward.* Let
# $P = \lambda \, \mathbb E (\lVert g \rVert - 1)^2$ and $v = \partial P / \partial g =
# \frac{2 \lambda}{N} (\lVert g \rVert - 1) \frac{g}{\lVert g \rVert}$. Transposing (b)
# carries $v$ upwards, through the same layers as in the forward pass:
#
# $$t_0 = v, \qquad t_l = s_l \odot A_l t_{l-1}, \qquad
#   \nabla_{A_l} P = t_{l-1} \otimes \delta_l .$$
#
# So the derivative of the penalty looks like (a) with $t$ in the place of $h$. The
# slopes $s_l$ are constants almost everywhere: the penalty has no gradient in the
# biases or in the forward pass at $\hat x$. [claims 4, 7]
#
# (d) *The bill.* Per sample, $A_l$, its transpose and $\otimes$ cost the same $F_l$
# multiply-adds. Write $N$ for the batch and $F_G$ for the generator. A plain critic
# step processes $2N$ samples, with one forward pass, one transpose and one product for
# the weights, but it needs no transpose of the first layer:
# $N F_G + 2N (3 \sum F_l - F_1)$. The penalty adds, at $N$ samples, the forward pass
# and all transposes of (b), then the layers again (all except the last) and the
# products for the weights of (c): $N (4 \sum F_l - F_L)$. If $F_1$, $F_L$ and $F_G$ are
# small, the ratio is $\frac{6 + 4}{6} = \frac53$. [claim 6]

# %%
import math

import numpy as np

import minigan as mg
from minigan import backend, gan, models, ops, optim, viz
from minigan.backend.numpy import winograd as numpy_winograd
from minigan.check import answer, check, claim
from minigan.op import observing
from minigan.ops.conv import conv_geometry
from minigan.random import Generator, philox4x32

DEVICES = ["cpu"]
try:
    backend.named("cuda")
    DEVICES.append("cuda")
except backend.DeviceError as error:
    print(f"Only the CPU: {error}.")

# %% [markdown]
# ## Check 1: the same dice everywhere
#
# This is Philox as its authors write it, in Python's integers, and the three known
# answers that they published.

# %%
SALMON, FULL = "Salmon et al. 2011", 0xFFFFFFFF
ANSWERS = {  # to a counter and a key: all bits 0, all 1, the digits of pi
    (0,) * 6: (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8),
    (FULL,) * 6: (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD),
    (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344, 0xA4093822, 0x299F31D0): (
        0xD16CFE09,
        0x94FDCCEB,
        0x5001E420,
        0x24126EA1,
    ),
}


def philox(x0, x1, x2, x3, k0, k1, rounds=10, multipliers=(0xD2511F53, 0xCD9E8D57)):
    """Return the four words of a counter, scrambled under a key of two words."""
    for _ in range(rounds):
        p, q = multipliers[0] * x0, multipliers[1] * x2
        x0, x1, x2, x3 = q >> 32 ^ x1 ^ k0, q & FULL, p >> 32 ^ x3 ^ k1, p & FULL
        k0, k1 = k0 + 0x9E3779B9 & FULL, k1 + 0xBB67AE85 & FULL
    return x0, x1, x2, x3


@claim(
    "16.1",
    "ten rounds by hand = the library = the three known answers",
    source=SALMON,
    tolerance=0,
)
def dice(**changed):
    library = [philox4x32(words[:4], words[4:]) for words in ANSWERS]
    by_hand = [philox(*words, **changed) for words in ANSWERS]
    return np.stack([by_hand, library]), np.stack([[*ANSWERS.values()]] * 2)


dice.wrong("seven rounds, which the paper calls enough", rounds=7)
dice.wrong("the two multipliers swapped", multipliers=(0xCD9E8D57, 0xD2511F53))
check(dice)


@claim(
    "16.2",
    "element 4 b + j of a uniform draw is (word j of block b >> 8) / 2^24, on every "
    "device",
    source="minigan.backend.random",
    tolerance=0,
    measure="absolute",
)
def anywhere(number=lambda word: (word >> 8) * 2.0**-24, block=5000):
    seed = 40_000_000_123
    words = philox(block, 0, 0, 0, seed & FULL, seed >> 32)
    drawn = [
        backend.move(Generator(seed).on(d).uniform(4 * 6000), "cpu")[4 * 5000 :][:4]
        for d in DEVICES
    ]
    return drawn, [[number(word) for word in words]] * len(DEVICES)


anywhere.wrong(
    "all 32 bits, rounded to float32",
    number=lambda word: np.float32(word) * np.float32(2.0**-32),
)
anywhere.wrong("the position counted in numbers, not in blocks of four", block=4 * 5000)
check(anywhere)

# %% [markdown]
# Using all 32 bits looks more precise. But the float32 nearest to $2^{32} - 1$ is
# $2^{32}$, so once in $3 \cdot 10^7$ draws the "number below 1" is 1, and the logarithm
# of $1 - u$ is infinite.
#
# ## Check 2: op by op
#
# The next cell computes a convolution as chapter 11 defines it, by loops over the taps,
# with stride 2 and padding "same", which for an even side is one pixel before and two
# after.

# %%
TAPS = [(i, j) for i in range(5) for j in range(5)]


def met(image, i, j):
    """Return the pixels (N, H / 2, W / 2, C) of a padded image that meet tap (i, j)."""
    return image[:, i : i + image.shape[1] - 3 : 2, j : j + image.shape[2] - 3 : 2]


def padded(x, before=1):
    return np.pad(x, ((0, 0), (before, 3 - before), (before, 3 - before), (0, 0)))


def convolve(x, w, before=1):
    return sum(met(padded(x, before), i, j) @ w[i, j] for i, j in TAPS)


def spread(y, w):
    """Return the transposed convolution of y."""
    x = np.zeros(
        (len(y), 2 * y.shape[1] + 3, 2 * y.shape[2] + 3, w.shape[2]),
        np.result_type(y, w),
    )
    for i, j in TAPS:
        met(x, i, j)[...] += y @ w[i, j].T
    return x[:, 1:-2, 1:-2]


def correlate(x, y):
    """Return the third product, the gradient in the kernel."""
    taps = [
        np.tensordot(met(padded(x), i, j), y, ((0, 1, 2), (0, 1, 2))) for i, j in TAPS
    ]
    return np.reshape(taps, (5, 5, x.shape[3], y.shape[3]))


rng = np.random.default_rng(0)
image, kernel, out = (
    rng.normal(size=(4, 16, 16, 3)),
    rng.normal(size=(5, 5, 3, 6)),
    rng.normal(size=(4, 8, 8, 6)),
)
GEOMETRY = conv_geometry((16, 16), (5, 5), (2, 2), "same", (1, 1), 1)


def joined(*arrays):
    """Return one NumPy vector of many arrays, from any device."""
    return np.concatenate(
        [np.ravel(backend.move(backend.as_array(a), "cpu")) for a in arrays]
    )


def by_winograd():
    products = (
        numpy_winograd.conv2d,
        numpy_winograd.conv_transpose2d,
        numpy_winograd.conv2d_weight,
    )
    factors = (image, kernel), (out, kernel), (image, out)
    return joined(
        *[
            product(*pair, GEOMETRY)
            for product, pair in zip(products, factors, strict=True)
        ]
    )


def by_device(device):
    """Return the library's convolution and its two gradients."""
    x, w, g = [mg.Tensor(backend.move(a, device)) for a in (image, kernel, out)]
    y, pull = mg.vjp(lambda x, w: ops.conv2d(x, w, stride=2, padding="same"), x, w)
    return joined(y.data, *[gradient.data for gradient in pull(g)])


@claim(
    "16.3",
    "loops, im2col and Winograd compute the same three products, on every device",
    source="Winograd 1980; Lavin, Gray 2016",
    tolerance=1e-11,
    measure="absolute",
)
def three_ways(forward=convolve):
    loops = joined(forward(image, kernel), spread(out, kernel), correlate(image, out))
    found = [by_winograd(), *map(by_device, DEVICES)]
    return found, [loops] * len(found)


three_ways.wrong(
    "the odd pixel of the padding before", forward=lambda x, w: convolve(x, w, before=2)
)
three_ways.wrong(
    "a kernel flipped, as mathematicians convolve",
    forward=lambda x, w: convolve(x, w[::-1, ::-1]),
)
check(three_ways)

# %% [markdown]
# The first wrong variant is PyTorch's padding of 2, which differs from TensorFlow's
# "same": weights that were copied from one to the other give shifted images, and no
# error.
#
# ## Check 3: step by step
#
# Steps (a) to (c), for a DCGAN critic with two convolutions and a dense layer. `LAYERS`
# holds the three products of each; the other code does not depend on the kind of layer.

# %%
SHAPE, N = (16, 16, 1), 8
DENSE = (
    lambda h, w: h.reshape(len(h), -1) @ w,
    lambda d, w: (d @ w.T).reshape(len(d), 4, 4, -1),
    lambda h, d: h.reshape(len(h), -1).T @ d,
)
LAYERS = [(convolve, spread, correlate)] * 2 + [DENSE]


def rise(h, weights, biases):
    """Return the inputs h_(l-1) of all layers, and the slopes s_l."""
    inputs, slopes = [], []
    for (apply, _, _), w, b in zip(LAYERS, weights, biases, strict=True):
        inputs.append(h)
        a = apply(h, w) + b
        slopes.append(np.where(a > 0, 1, 0.2))
        h = slopes[-1] * a
    return a, inputs, slopes


def fall(delta, slopes, weights):
    """Return the gradients delta_l in all a_l, from the last, and that in the input."""
    deltas = []
    for (_, transpose, _), w, below in zip(
        LAYERS[::-1], weights[::-1], [*slopes[-2::-1], 1], strict=True
    ):
        deltas.insert(0, delta)
        delta = below * transpose(delta, w)
    return deltas, delta


def step_by_hand(psi, real, fake, e, second=True, axes=(1, 2, 3)):
    """Return loss, penalty, and the gradients of all weights and biases."""
    weights, biases = psi[0::2], psi[1::2]
    scores, inputs, slopes = rise(np.concatenate([real, fake]), weights, biases)
    # the gradient of E D(fake) - E D(real)
    deltas, _ = fall(np.repeat([[-1 / N], [1 / N]], N, axis=0), slopes, weights)
    grads = [
        product(h, d)
        for (_, _, product), h, d in zip(LAYERS, inputs, deltas, strict=True)
    ]
    _, _, slopes = rise(e * real + (1 - e) * fake, weights, biases)
    rays, g = fall(np.ones((N, 1)), slopes, weights)  # step (b)
    norm = np.sqrt((g**2).sum(axes, keepdims=True))
    t = 20 * (norm - 1) * g / norm / norm.size * second
    # step (c)
    for k, ((apply, _, product), w, ray) in enumerate(
        zip(LAYERS, weights, rays, strict=True)
    ):
        grads[k] = grads[k] + product(t, ray)
        t = slopes[k] * apply(t, w)
    of_biases = [d.reshape(-1, d.shape[-1]).sum(0) for d in deltas]
    all_grads = [p for pair in zip(grads, of_biases, strict=True) for p in pair]
    return joined(
        scores[N:].mean() - scores[:N].mean(), 10 * ((norm - 1) ** 2).mean(), *all_grads
    )


def game_on(device="cpu", lr=1.0, captured=False, weight=lambda: 10.0):
    """Return the library's game in float64, always from the same weights."""
    draw, rng = {"rng": Generator(1), "dtype": "float64"}, Generator(7)
    generator = models.dcgan.generator(16, SHAPE, 8, **draw).to(device)
    critic = models.dcgan.critic(SHAPE, 8, **draw).to(device)
    return gan.Game(
        generator,
        critic,
        optim.SGD(generator.parameters(), lr),
        optim.SGD(critic.parameters(), lr),
        gan.losses.wasserstein,
        captured=captured,
        penalty=lambda *seen: weight() * gan.penalties.gradient_penalty(*seen, rng=rng),
    )


def arrays(network):
    return [p.numpy().copy() for p in network.parameters()]


real0, z0 = np.tanh(rng.normal(size=(N, *SHAPE))), rng.normal(size=(N, 16))


def step_by_library(device):
    """Return the same numbers: at a learning rate of 1, SGD subtracts the gradients."""
    game = game_on(device)
    before = arrays(game.critic)
    report = game.critic_step(backend.move(real0, device), backend.move(z0, device))
    lost = [b - a for b, a in zip(before, arrays(game.critic), strict=True)]
    return joined(report["critic_loss"], report["penalty"], *lost)


@claim(
    "16.4",
    "the critic's step, penalty included, is steps (a) to (c), on every device",
    source="Gulrajani et al. 2017, algorithm 1",
    tolerance=1e-12,
    measure="absolute",
)
def whole_step(**changed):
    game = game_on()
    psi, fake = arrays(game.critic), game.generator(z0).numpy()
    expected = step_by_hand(
        psi,
        real0,
        fake,
        Generator(7).uniform((N, 1, 1, 1), dtype=np.float64),
        **changed,
    )
    return list(map(step_by_library, DEVICES)), [expected] * len(DEVICES)


whole_step.wrong("no second derivative", second=False)
whole_step.wrong("one norm for the batch", axes=(0, 1, 2, 3))
check(whole_step)


def ten_bits(x):
    """Round to a significand of 10 bits, as TF32 rounds the factors of a product."""
    return (x.astype(np.float32).view(np.int32) + 0x1000 & ~0x1FFF).view(np.float32)


def gradients(dtype, rounded=lambda p: p):
    """Return the gradients of a critic's loss with its penalty, as one vector."""
    critic = models.dcgan.critic(SHAPE, 8, rng=Generator(0), dtype=dtype)
    for p, exact in zip(critic.parameters(), PSI, strict=True):
        p.assign_(rounded(exact.astype("float32")).astype(dtype))
    real, fake = (
        mg.Tensor(a.astype("float32").astype(dtype)) for a in (real0, real0[::-1] / 2)
    )
    loss = gan.losses.wasserstein.critic(critic(real), critic(fake))
    # the penalty is taken at the fakes
    loss = loss + 10 * gan.penalties.gradient_penalty(critic, fake, fake, Generator(0))
    return joined(*[g.data for g in mg.grad(loss, critic.parameters())])


PSI = arrays(game_on().critic)


@claim(
    "16.5",
    "gradients in float32 are within 1e-6 of those in float64, relative to their "
    "length",
    source="24 bits of significand",
    tolerance=1e-6,
    measure="absolute",
)
def precision(rounded=lambda p: p):
    exact = gradients("float64")
    error = gradients("float32", rounded) - exact
    return np.linalg.norm(error) / np.linalg.norm(exact), 0.0


precision.wrong(
    "weights in TF32, as in PyTorch's convolutions on a GPU", rounded=ten_bits
)
check(precision)

# %% [markdown]
# ## Check 4: the bill
#
# `observing` calls a function after every operation, inside derivatives too, so the
# multiply-adds of a step can be counted as they happen. On the right is step (d).
# `mg.profile` reports the memory that the graph keeps.

# %%
WORK = {  # the multiply-adds of an operation, from its two factors and its result
    "conv2d": lambda x, w, y: y.size * w[..., 0].size,
    "conv_transpose2d": lambda y, w, x: y.size * w[..., 0].size,
    "conv2d_weight": lambda x, y, w: y.size * w[..., 0].size,
} | dict.fromkeys(
    ["linear", "matmul", "matmul_nt", "matmul_tn"],
    lambda a, b, c: math.isqrt(a.size * b.size * c.size),
)
# F_l: outputs times taps times channels
CRITIC = np.array([8**2 * 8 * 25, 4**2 * 16 * 25 * 8, 256])
GENERATOR = 16 * 512 + 4**2 * 32 * 25 * 16 + 4**2 * 16 * 25 * 8 + 8**2 * 8 * 25


def counted(run):
    """Return the number of multiply-adds of all products that run() computes."""
    found = []
    with observing(
        lambda op, a, out: found.append(
            WORK[op.name](a[0], a[1], out) if op.name in WORK else 0
        )
    ):
        run()
    return sum(found)


def critic_work(penalty):
    """Return the multiply-adds of a critic step.

    The first step is not counted, because it searches for layers that couple samples.
    """
    game = game_on()
    game.critic_step(real0, z0)
    game.penalty = game.penalty if penalty else None
    return counted(lambda: game.critic_step(real0, z0))


def plain_bill(f=CRITIC, generator=GENERATOR):
    return generator + 2 * (3 * f.sum() - f[0])


def penalty_bill(f=CRITIC):
    return 4 * f.sum() - f[-1]


@claim(
    "16.6",
    "plain: N F_G + 2N (3 sum F - F_1); the penalty adds N (4 sum F - F_L)",
    source="step (d)",
    tolerance=0,
)
def bill(plain=plain_bill, extra=penalty_bill):
    right = [
        N * plain(),
        N * (plain() + extra()),
    ]
    return [critic_work(False), critic_work(True)], right


bill.wrong("double backward: everything twice", extra=plain_bill)
bill.wrong("one more forward and backward", extra=lambda f=CRITIC: 3 * f.sum())
bill.wrong(
    "as for tanh, whose slopes vary", extra=lambda f=CRITIC: 6 * f.sum() - f[0] - f[-1]
)
check(bill)

dcgan = np.array([14**2 * 64 * 25, 7**2 * 128 * 25 * 64, 6272])
its_generator = (
    100 * 12544 + 7**2 * 256 * 25 * 128 + 7**2 * 128 * 25 * 64 + 14**2 * 64 * 25
)
print(
    "a DCGAN of 28 x 28, step with penalty / without: "
    f"{1 + penalty_bill(dcgan) / plain_bill(dcgan, 0):.2f}"
)
print(
    "with the generator, which is in both: "
    f"{1 + penalty_bill(dcgan) / plain_bill(dcgan, its_generator):.2f}"
)


@claim(
    "16.7",
    "kept for the last sweep: 2N samples and activations; N deltas, masks and g",
    source="step (c)",
    tolerance=2e-3,
)
def memory(forward_between=0):
    game, activations, pixels = game_on(), 8 * 8 * 8 + 4 * 4 * 16, 16 * 16
    game.critic_step(real0, z0)
    with mg.profile(output=None) as p:
        game.critic_step(real0, z0)
    numbers = (
        (2 + forward_between) * N * (pixels + activations)
        + N * activations
        + N * pixels
    )
    return p.kept_bytes, 8 * numbers + N * activations  # a mask takes a byte


memory.wrong("and the forward pass between real and fake", forward_between=1)
check(memory)

# %% [markdown]
# `gan.penalty_cost` measures the time of the same two steps. For that DCGAN it measured
# a ratio of 1.45 (docs/profile.md), where the count gives 1.37: time is not
# proportional to the number of operations. A machine that does $R$ flops a second and
# moves $B$ bytes reaches at most $\min(R, I B)$ with an operation of *intensity* $I$,
# its flops per byte: the roofline of the picture. Convolutions lie far to the right, a
# leaky ReLU far to the left, where the processor waits for memory however fast it is.
# That is why operations are fused into one kernel, and why numbers are used again while
# they are still in the cache.
#
# ## Check 5: capture
#
# Small networks spend most of their time in Python, deciding what to compute next.
# `mg.capture` records the decisions in the second call, on a GPU as a CUDA graph,
# compares in the third, and replays from then on. Everything that Python computes
# counts as a decision, and is not repeated in a replay.

# %%
# the schedule's progress; an array, so that a replay reads its new value
progress = np.array(0.0)
settings = {"weight": 10.0}


def six_steps(captured, weight):
    """Return the critic's weights after steps 4 to 6, as the penalty's weight falls."""
    game = game_on(lr=0.01, captured=captured, weight=weight)
    seen = []
    for k in range(6):
        progress[...] = settings["weight"] = 10.0 - 2 * max(0, k - 2)
        game.critic_step(real0 * (1 - 0.1 * k), z0)
        seen.append(joined(*arrays(game.critic)))
    return seen[3:]


@claim(
    "16.8",
    "captured = not captured, to the bit, when the weight is an array",
    source="minigan.capture",
    tolerance=0,
    measure="absolute",
)
def replay(weight=lambda: mg.Tensor(progress)):
    return six_steps(True, weight), six_steps(False, weight)


replay.wrong("the weight a Python number", weight=lambda: settings["weight"])
replay.wrong("a copy of the array", weight=lambda: mg.Tensor(progress.copy()))
check(replay)


def refused(step):
    """Return 1.0 if capture refuses step(x) in four calls, while `progress` grows."""
    captured = mg.capture(step)
    try:
        for k in range(4):
            progress[...] = k + 1
            captured(mg.tensor(image))
    except mg.CaptureError:
        return 1.0
    return 0.0


@claim(
    "16.9",
    "a number that changes by the third call is refused, and so is a branch on a value",
    source="minigan.capture",
    tolerance=0,
    measure="absolute",
)
def refusal(
    number=lambda x: (x * x).sum() * progress.item(),
    look=lambda x: x.sum() * float(x.sum().item() > 0),
):
    return [refused(number), refused(look)], [1.0, 1.0]


refusal.wrong(
    "the number given as an array: nothing to refuse",
    number=lambda x: (x * x).sum() * mg.Tensor(progress),
)
refusal.wrong(
    "the branch left to `where`", look=lambda x: ops.where(x.data > 0, x, -x).sum()
)
check(refusal)

# %% [markdown]
# In the wrong variants of claim 8 a number changes after the third call, when calls are
# no longer compared, so training goes on with the old weight.
#
# ## Check 6: it learns, and why
#
# Scale a critic by $c$: its objective is $-c V + \lambda \, \mathbb E (c n - 1)^2$ with
# $n = \lVert g \rVert$, and at the best $c = 1$ the derivative vanishes:
#
# $$V = 2 \lambda \, \mathbb E \, n (n - 1) .$$
#
# (Exercise 3 of chapter 9, for any critic.) Where $n$ hardly varies,
# $n = \frac12 + \sqrt{\frac14 + V / 2 \lambda}$. A critic trains for 200 steps against
# a fixed generator, on the GPU if there is one; then we compute both sides from it.

# %%
DEVICE = DEVICES[-1]
DIGITS = backend.move(mg.data.scale(mg.data.load("digits-8x8").images), DEVICE)
gp = gan.penalties.gradient_penalty


def digits_game(penalty, rng):
    generator = models.dcgan.generator(16, (8, 8, 1), 16, rng=rng).to(DEVICE)
    critic = models.dcgan.critic((8, 8, 1), 16, rng=rng).to(DEVICE)
    return gan.Game(
        generator,
        critic,
        optim.Adam(generator.parameters(), 2e-3, betas=(0.0, 0.9)),
        optim.Adam(critic.parameters(), 2e-3, betas=(0.0, 0.9)),
        gan.losses.wasserstein,
        captured=True,
        penalty=lambda *seen: 10 * penalty(*seen, rng=rng),
    )


def some(rng):
    """Return 64 digits, and as many points z."""
    rng = rng.on(DEVICE)
    return DIGITS[rng.integers(0, len(DIGITS), 64)], rng.normal((64, 16))


@claim(
    "16.10",
    "a trained critic's slope is n = 1/2 + sqrt(1/4 + V / 2 lambda)",
    source="the scale of a critic",
    tolerance=0.05,
)
def slope(penalty=gp, settled=lambda value: 0.5 + np.sqrt(0.25 + value / 20)):
    rng = Generator(3)
    game = digits_game(penalty, rng)
    for _ in range(200):
        game.critic_step(*some(rng))
    real, z = some(rng)
    fake = game.generator(z).data
    e = rng.on(DEVICE).uniform((64, 1, 1, 1))
    g = gan.penalties.input_gradient(
        game.critic, mg.Tensor(e * real + (1 - e) * fake, requires_grad=True)
    )
    value = game.critic(real).mean() - game.critic(fake).mean()
    return ops.norm(ops.flatten(g), axis=1).mean().item(), settled(value.item())


slope.wrong(
    "no second derivative",
    penalty=lambda critic, real, fake, rng: gp(critic, real, fake, rng).detach(),
)
slope.wrong("the penalty taken for a hard limit", settled=lambda value: 1.0)
check(slope)

# %% [markdown]
# ## Picture

# %%


def draw_bill(axes):
    plain = {
        "G": its_generator,
        "F": 2 * dcgan.sum(),
        "D": 2 * dcgan[1:].sum(),
        "W": 2 * dcgan.sum(),
    }
    penalty = {
        "F": dcgan.sum(),
        "D": dcgan.sum(),
        "t": dcgan[:-1].sum(),
        "W": dcgan.sum(),
    }
    shades = {
        "G": "#BBBBBB",
        "F": viz.style.SKY,
        "D": viz.style.YELLOW,
        "W": viz.style.ORANGE,
        "t": viz.style.GREEN,
    }
    for y, parts in enumerate((plain, penalty)):
        left = 0.0
        for what, size in parts.items():
            right = left + 64 / 1e9 * size
            axes.barh(
                y,
                right - left,
                left=left,
                color=shades[what],
                edgecolor="white",
                height=0.75,
            )
            axes.text(
                (left + right) / 2,
                y,
                what,
                ha="center",
                va="center",
                fontdict=viz.style.font(7),
            )
            left = right
    axes.set_yticks([0, 1], ["plain", "penalty"])
    axes.invert_yaxis()
    axes.grid(False)


def draw_roofline(axes):
    convolution = (
        2 * 64 * dcgan[1] / (4 * (64 * 14**2 * 64 + 25 * 64 * 128 + 64 * 7**2 * 128))
    )
    points = {"convolution": convolution, "last layer": 0.5, "leaky ReLU": 1 / 8}
    axes.plot([0.05, 20, 1500], [0.05 / 20, 1, 1], color=viz.style.INK, linewidth=1)
    for (kind, x), color in zip(points.items(), viz.style.CYCLE[:3], strict=True):
        place = (x, min(1, x / 20))
        axes.plot(*place, "o", color=color, markersize=6)
        axes.annotate(
            kind, place, (7, -9), textcoords="offset points", color=color, fontsize=7
        )
    for axis in (axes.xaxis, axes.yaxis):
        viz.style.number_axis(axis, log=True)


def samples():
    """Return a picture of samples from a game of 600 steps."""
    rng = Generator(3)
    game = digits_game(gp, rng)
    for _ in range(600):
        for _ in range(2):
            game.critic_step(*some(rng))
        game.generator_step(some(rng)[1])
    return viz.image_grid(game.generator(some(rng)[1]).numpy(), 8, 4)


def picture():
    page = viz.Page(
        2.7,
        "What a WGAN-GP step computes, where it waits, and what it is for",
        "Above: a critic step in 10⁹ multiply-adds (DCGAN of 28 x 28 pixels, batch "
        "64). G: generator, F: forward, D: transposes, W: weight gradients. The "
        "penalty adds F and D at its own points, then t, the layers once more, and "
        "W. Below: the share of its peak that a GPU of 67 TFLOP/s and 3.35 TB/s can "
        "reach, against flops per byte, and where three of the step's operations "
        "are. Right: digits of 8 x 8 pixels after 600 steps, some seconds on one "
        "core.",
    )
    draw_bill(page.axes(0.6, 0.05, 3.0, 0.75))
    draw_roofline(page.axes(0.6, 1.15, 3.0, 1.35))
    grid = page.axes(3.9, 0.05, 2.5, 2.5)
    grid.imshow(samples(), cmap="gray", interpolation="nearest")
    grid.set_axis_off()
    return page.figure


viz.show(picture, "ch16_capstone")

# %% [markdown]
# ## What goes wrong in practice
#
# * **A difference of 1e-3 between two machines is not rounding.** It is TF32, or a bug.
#   Compare the *first* step in float32, to six digits; later ones drift apart, because
#   training is chaotic.
# * **"The same seed" gives other numbers on another device** unless the random number
#   generator promises otherwise. Most do not.
# * **Two runs of one program differ** where a library picks its kernel by timing, or
#   adds in the order in which threads finish. Here the choice depends on shapes alone.

# %% [markdown]
# ## Exercises
#
# 1. *Warm-up.* The critic's last layer multiplies (m, k) by (k, 1) in float32. Flops
#    per byte? Do larger batches help?
# 2. *Bug hunt.* `buggy_weight(k)` should halve the penalty's weight at every step,
#    where k is an array of shape () that counts the steps. When it is captured, the
#    weight never changes.
# 3. *Research.* R1 + R2 takes the gradient at the real and the generated samples
#    themselves, whose forward pass the loss has computed already. How many
#    multiply-adds does it add for N real samples? Is that less than the gradient
#    penalty's?

# %%


def last_layer(m, k):
    raise NotImplementedError("exercise 1 is yours: flops per byte")


def buggy_weight(k):
    raise NotImplementedError("exercise 2 is yours: fix the bug, then delete this line")
    return 10 * 0.5 ** float(k)


def r1_r2_bill(f, n):
    raise NotImplementedError("exercise 3 is yours: f holds the F_l of all layers")


# %% [markdown]
# ## Solutions

# %% [markdown] tags=["solution"]
# 1. $\frac{2 m k}{4 (m k + k + m)} < \frac12$ for every batch: each number of $h$ is
#    read for two flops. The speed of such a layer is that of the memory, on any
#    machine.
# 2. `float(k)` makes a Python number, and operations of NumPy are not recorded either:
#    the Tensor must come first.
# 3. $2N (3 \sum F_l - F_L)$, three halves of the gradient penalty's: it saves a forward
#    pass, but it has twice the points.

# %% tags=["solution"]


@claim(
    "16.E1",
    "the last layer's intensity is 2 m k / 4 (m k + k + m) < 1/2",
    source="the roofline",
    tolerance=1e-15,
)
def intensity(answer=lambda m, k: 2 * m * k / (4 * (m * k + k + m))):
    h, w = np.ones((64, 100), np.float32), np.ones((100, 1), np.float32)
    y = h @ w
    right = 2 * counted(lambda: ops.matmul(h, w)) / (h.nbytes + w.nbytes + y.nbytes)
    return answer(64, 100), right


intensity.wrong(
    "a multiply-add for one flop", answer=lambda m, k: m * k / (4 * (m * k + k + m))
)
intensity.wrong(
    "the result written over the input",
    answer=lambda m, k: 2 * m * k / (4 * (m * k + k)),
)
check(intensity)
answer(intensity, last_layer)


@claim(
    "16.E2",
    "a captured weight of 10 / 2^k follows k",
    source="claim 8",
    tolerance=1e-15,
)
def halving(answer=lambda k: 10 * ops.exp(-math.log(2) * mg.Tensor(k))):
    k, one = np.array(0.0), mg.tensor(1.0)
    step, found = mg.capture(lambda x: x * answer(k)), []
    for _ in range(6):
        k += len(found) > 2  # k grows from the fourth call on
        found.append(step(one).item())
    return found, [10.0, 10.0, 10.0, 5.0, 2.5, 1.25]


halving.wrong("as it was", answer=lambda k: 10 * 0.5 ** float(k))
halving.wrong(
    "a Tensor of what NumPy computed",
    answer=lambda k: mg.tensor(10 * np.exp(-math.log(2) * k)),
)
check(halving)
answer(halving, buggy_weight)


@claim("16.E3", "R1 + R2 adds 2N (3 sum F - F_L)", source="step (d)", tolerance=0)
def both_sides(answer=lambda f, n: 2 * n * (3 * f.sum() - f[-1])):
    game = game_on()
    game.critic_step(real0, z0)
    game.penalty = gan.penalties.r1_r2
    work = counted(lambda: game.critic_step(real0, z0))
    return answer(CRITIC, N), work - N * plain_bill()


both_sides.wrong(
    "a forward of its own", answer=lambda f, n: 2 * n * (4 * f.sum() - f[-1])
)
both_sides.wrong(
    "as many points as the gradient penalty",
    answer=lambda f, n: n * (3 * f.sum() - f[-1]),
)
check(both_sides)
answer(both_sides, r1_r2_bill)

# %% [markdown]
# ## Sources
#
# * I. Gulrajani et al., *Improved training of Wasserstein GANs*, 2017: algorithm 1.
# * J. Salmon, M. Moraes, R. Dror, D. Shaw, *Parallel random numbers: as easy as 1, 2,
#   3*, 2011; the known answers are in the file `kat_vectors` of their Random123
#   library.
# * A. Lavin, S. Gray, *Fast algorithms for convolutional neural networks*, 2016; S.
#   Winograd, *Arithmetic complexity of computations*, 1980.
# * S. Williams, A. Waterman, D. Patterson, *Roofline: an insightful visual performance
#   model*, 2009.
# * L. Mescheder, A. Geiger, S. Nowozin, *Which training methods for GANs do actually
#   converge?*, 2018: R1 and R2.

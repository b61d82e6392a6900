# %% [markdown]
# # 13. DCGAN: initialisation, tricks, augmentation
#
# **What you need**: chapter 7 (the Dirac-GAN), chapter 11 (convolutions), chapter 12
# (batch norm).
#
# DCGAN is a list of recipes: weights with a standard deviation of 0.02, Adam with
# $\beta_1 = 0.5$. Later work has added averaged weights, packed samples and augmented
# images. Such recipes are copied without their reasons. Each of these has a reason that
# fits on a line and can be measured, and one of them has a flaw: a critic that sees
# 32-pixel images only after a random move by up to four pixels, as in differentiable
# augmentation, cannot distinguish some pictures at all.
#
# **Claims**
#
# 1. The mean squares of the outputs of a freshly initialised network are computed by a
#    network of the same shape, in which each weight is replaced by its variance and
#    each leaky ReLU by the factor $\frac{1 + s^2}{2}$.
# 2. In a transposed convolution of stride 2, a pixel is the sum of only a quarter of
#    the terms that its initialiser counts, and that is an average: its first output is
#    a checkerboard of variances $9 : 6 : 6 : 4$.
# 3. With momentum $\beta$ the alternating steps of chapter 7 grow, as the largest root
#    of $(x - 1)^2 (x - \beta)^2 + h^2 x^3$; for small steps, nine times as fast at
#    $\beta = 0.9$ as at 0.5.
# 4. Averaging the weights (EMA) does not stop a rotation of $\omega$ per step. It
#    shrinks its amplitude by $\frac{1 - a}{|1 - a e^{-i \omega}|}$.
# 5. For a critic of $m$ packed samples, a generator that misses a fraction $\delta$ of
#    the data is at a distance (total variation) of $1 - (1 - \delta)^m$.
# 6. Half turns with probability $r$ have an operator of determinant $(1 - 2r)^2$,
#    random quarter turns one of $(1 - r)^3$: the former leak at $r = \frac12$, the
#    latter at $r = 1$.
# 7. After a random move by up to $\pm 1$, images of 8 pixels with a bar in column 0, 3
#    or 6 have the same distribution as images with a bar in column 1, 4 or 7.
# 8. A difference with the eigenvalue $\lambda$ is $\lambda^2$ times as visible as
#    without augmentation.

# %% [markdown]
# ## Derivation
#
# *Initialisation.* (a) $y = \sum_i w_i \phi_i$ with independent weights of mean 0 and
# variance $\sigma_w^2$, and any inputs $\phi_i$: in
# $\mathbb E\, y^2 = \sum_{ij} \mathbb E\, w_i w_j \, \mathbb E\, \phi_i \phi_j$ only
# the terms with $i = j$ are left, $\sigma_w^2 \sum_i \mathbb E\, \phi_i^2$. If the
# weights are symmetric, so is $y$, and a leaky ReLU of slope $s$ keeps half of $y^2$
# and $s^2$ of the other half. Both steps are linear in the mean squares. [claim 1]
#
# (b) A transposed convolution stamps $k \times k$ numbers, $s$ pixels apart, so a pixel
# receives $k^2 / s^2$ numbers from each channel on average: for $k = 5$, $s = 2$ it is
# 3 or 2 along each axis. [claim 2]
#
# *Two players.* (c) Near its equilibrium a GAN is $\dot\theta = -\psi$,
# $\dot\psi = \theta$ (chapter 7, with time scaled). With momentum, alternating,
# $\theta_{t+1} - \theta_t = \beta (\theta_t - \theta_{t-1}) - h \psi_t$ and
# $\psi_{t+1} - \psi_t = \beta (\psi_t - \psi_{t-1}) + h \theta_{t+1}$. Put
# $\theta_t, \psi_t \propto x^t$: the two lines become
# $(x - 1)(1 - \frac{\beta}{x}) \theta = -h \psi$ and
# $(x - 1)(1 - \frac{\beta}{x}) \psi = h x \theta$, and their product is
#
# $$(x - 1)^2 (x - \beta)^2 + h^2 x^3 = 0 . $$
#
# For small $h$ the largest root is $|x| \approx 1 + \frac{\beta}{1 - \beta} \eta^2$,
# where $\eta = \frac{h}{1 - \beta}$ is the total effect of a step in the long run:
# $9 \eta^2$ more than 1 at 0.9, $\eta^2$ at 0.5, and less than 1 for negative $\beta$.
# [claim 3]
#
# (d) $\bar\theta_t = a \bar\theta_{t-1} + (1 - a) \theta_t$ with
# $\theta_t = e^{i \omega t}$ has the solution
# $\bar\theta_t = \frac{1 - a}{1 - a e^{-i \omega}} \theta_t$. [claim 4]
#
# (e) The total variation $\frac12 \int |p - q|$ is the largest difference of
# probabilities that any event has. For $q = p$ conditioned on a set of probability
# $1 - \delta$, the event is "all $m$ samples lie in the set": 1 under $q$,
# $(1 - \delta)^m$ under $p$. [claim 5]
#
# *Augmentation.* (f) A random transformation maps distributions to distributions,
# linearly: $q \mapsto A q$, a matrix where there are finitely many images. A critic
# that sees only transformed images, real and generated, compares $A p$ with $A q$, and
# its best value is $2\,\mathrm{JSD}(A p, A q) - \log 4$ (chapter 4), smallest for
# $A q = A p$. If $A$ is invertible, that means $q = p$: nothing leaks. If $A$ is
# singular, $A v = 0$, then $p$ and $p + v$ (if it is a distribution) have the same
# value, and nothing keeps the generator at $p$.
#
# (g) Turning by $j$ quarters with probability $\pi_j$ is a circulant matrix; its
# eigenvalues are the Fourier transform of $\pi$. $\pi = (1 - r, 0, r, 0)$ gives
# $1, 1, 1 - 2r, 1 - 2r$; with probability $r$ a quarter turn chosen evenly out of all
# four gives $1$ and three times $1 - r$. [claim 6]
#
# (h) Move a bar in column $c$ by $-1$, 0 or 1; beyond the border it is lost. From
# columns 0, 3, 6 it reaches each of $0, \dots, 7$ with the same probability, and is
# lost once in nine times. From columns 1, 4, 7 the same holds. [claim 7]
#
# (i) For a small $v$, $\mathrm{JSD}(p, p + v) \approx \frac18 \sum v^2 / p$. If $p$ is
# uniform and $A v = \lambda v$, it turns into $\lambda^2$ of that. [claim 8]

# %%
import itertools

import numpy as np

import minigan as mg
from minigan import nn, ops, viz
from minigan.check import answer, check, claim
from minigan.random import Generator

KARRAS = "Karras et al. 2020, section 2.2"


def leaky(slope):
    """Return the fraction of a symmetric number's mean square behind a leaky ReLU."""
    return (1 + slope**2) / 2


def mean_squares(network, x, share=leaky):
    """Return step (a): the mean squares x, sent through a network of variances."""
    for layer in network:
        x = (
            x * share(layer.options["slope"])
            if isinstance(layer, nn.LeakyReLU)
            else layer(x)
        )
    return x.numpy()


def he_variances(rng, shape, fan_in, fan_out):
    return np.full(shape, 2 / fan_in)


# %% [markdown]
# ## Check 1: how loud a network starts
#
# A critic of DCGAN's shape with 256 outputs is initialised a hundred times, and sees
# one image. The mean of $D(x)^2$ must be that of step (a), including the effect of
# borders, within its standard error. Where a number is random, a distance is measured
# in standard errors, and 4 of them are allowed.

# %%
image = np.random.default_rng(0).uniform(-1, 1, (1, 16, 16, 1)).astype("float32")
HE = "He et al. 2015, section 2.2"


def critic(init, seed=0, width=32, outputs=256):
    return mg.models.dcgan.critic(
        (16, 16, 1), width, outputs=outputs, init=init, rng=Generator(seed)
    )


def mean_and_error(x):
    """Return the mean of independent draws, and its standard error."""
    return np.mean(x, axis=0), np.std(x, axis=0, ddof=1) / np.sqrt(len(x))


loudness = mean_and_error(
    [np.square(critic(nn.init.he, seed)(image).numpy()).mean() for seed in range(100)]
)


@claim(
    "13.1",
    "the mean of D(x)^2 is that of the network of variances",
    source=HE,
    tolerance=4,
    measure="sigmas",
)
def propagation(share=leaky):
    measured, error = loudness
    return measured, mean_squares(critic(he_variances), image**2, share).mean(), error


propagation.wrong("the leaky ReLU taken for a ReLU", share=lambda slope: 1 / 2)
propagation.wrong("the leaky ReLU forgotten", share=lambda slope: 1.0)
check(propagation)

at_0_02 = critic(
    lambda rng, shape, fan_in, fan_out: np.full(shape, 0.02**2), width=64, outputs=1
)
start = np.sqrt(mean_squares(at_0_02, image**2).item() / np.mean(image**2))
print(
    "with DCGAN's weights of deviation 0.02, 64 channels wide, D(x) starts at "
    f"{start:.3f} of the image's size"
)
fresh = mg.models.dcgan.generator(image_shape=(16, 16, 1), rng=Generator(0))
first = fresh(Generator(1).normal((16, 100))).numpy()
print(
    f"and the generator's first images have a deviation of {first.std():.2f} about "
    f"gray, {first.mean():.2f}"
)

# %% [markdown]
# So with 0.02 a critic starts with $D = \frac12$ for every image, and with a small
# gradient for the generator. Small gradients do no harm with Adam. In DCGAN's generator
# the number hardly matters, because batch norm undoes it (chapter 12, claim 4), except
# in the last layer, which has no batch norm. There 0.02 keeps the sums small, and the
# first images are gray, in the middle of the tanh where it has its full slope.
#
# The next claim is about a transposed convolution, as in a generator. It has enough
# output channels to measure the variance of a pixel, because each channel has weights
# of its own.

# %%
stamps = nn.ConvTranspose2d(
    16, 1600, 5, 2, "same", bias=False, init=nn.init.he, rng=Generator(1)
)
pixels = stamps(np.ones((1, 8, 8, 16), "float32")).numpy()[0, 7:9, 7:9].reshape(4, 1600)


@claim(
    "13.2",
    "after a transposed convolution: 2 (9, 6, 6, 4) / 25",
    source="step (b)",
    tolerance=4,
    measure="sigmas",
)
def checkerboard(terms=(9, 6, 6, 4)):
    measured, error = mean_and_error(np.square(pixels.T))
    return measured, 2 * np.array(terms) / 25, error


checkerboard.wrong("all 25, as the initialiser counts", terms=(25, 25, 25, 25))
checkerboard.wrong("a quarter for every pixel", terms=(6.25, 6.25, 6.25, 6.25))
checkerboard.wrong("the phases in another order", terms=(4, 6, 6, 9))
check(checkerboard)

# %% [markdown]
# ## Check 2: two players with a memory
#
# The steps are those of the library's `SGD`, first the generator's, then the critic's.
# The wrong variants are the formulas of simultaneous steps and of a player without
# momentum.

# %%
H = 0.05
GIDEL = "Gidel et al. 2019, negative momentum"


class Player(nn.Module):
    """A player with a single number as its parameter."""

    def __init__(self, start):
        self.value = mg.Parameter(np.array(start))


def orbit(beta, steps, h=H):
    """Yield both players after each alternating step of theta' = -psi, psi' = theta."""
    theta, psi = Player(1.0), Player(0.0)
    down, up = (
        mg.optim.SGD(list(player.parameters()), h, beta) for player in (theta, psi)
    )
    for _ in range(steps):
        down.step([psi.value.numpy().copy()])
        up.step([-theta.value.numpy()])
        yield theta, psi


def largest_root(beta, h, power=3):
    """Return the largest modulus of a root of (x - 1)^2 (x - beta)^2 + h^2 x^power."""
    polynomial = np.convolve([1, -2, 1], [1, -2 * beta, beta**2])
    polynomial[4 - power] += h**2
    return abs(np.roots(polynomial)).max()


def growth(beta, steps=600):
    """Return the growth r per step: x_{t+1} x_{t-1} - x_t^2 grows like r^(2t)."""
    x = [theta.value.item() for theta, _ in orbit(beta, steps)]
    first, last = (x[t + 1] * x[t - 1] - x[t] ** 2 for t in (steps // 2, steps - 2))
    return (last / first) ** (0.5 / (steps - 2 - steps // 2))


@claim(
    "13.3",
    "growth per step = the largest root of (x - 1)^2 (x - beta)^2 + h^2 x^3",
    source=GIDEL,
    tolerance=1e-9,
)
def momentum(root=largest_root):
    betas = (0.9, 0.5, 0.0, -0.3)
    return [growth(beta) for beta in betas], [root(beta, H) for beta in betas]


momentum.wrong(
    "simultaneous steps", root=lambda beta, h: largest_root(beta, h, power=2)
)
momentum.wrong(
    "momentum forgotten", root=lambda beta, h: largest_root(0.0, h / (1 - beta))
)
check(momentum)

for beta in (0.9, 0.5, 0.0, -0.3):
    print(
        f"beta = {beta:4}: in 10,000 steps of eta = 0.01, times "
        f"{largest_root(beta, (1 - beta) * 0.01) ** 10_000:.3g}"
    )

# %% [markdown]
# DCGAN's authors saw that 0.9 "resulted in training oscillation and instability", and
# took 0.5. This claim gives a reason. Adam divides by a running size of the gradients,
# so it is not linear, and the numbers above do not apply to it exactly, but its average
# $m$ is the same as momentum's. Today's recipes set $\beta_1$ to 0.

# %%
DECAY, STEPS = 0.98, 1500
omega = np.arccos(1 - H**2 / 2)  # the angle of the root at beta = 0


def amplitude(x):
    """Return the amplitude of a sinusoid of omega per step, from its last samples."""
    a, b = x[-2:]
    return np.sqrt(a**2 + b**2 - 2 * a * b * np.cos(omega)) / np.sin(omega)


def averaged_orbit():
    """Return the amplitudes of theta and of its average by the library's EMA."""
    ema, found = mg.optim.EMA(Player(1.0), DECAY), []
    for theta, _ in orbit(0.0, STEPS):
        ema.update(theta)
        found.append((theta.value.item(), ema.module.value.item()))
    return [amplitude(x) for x in zip(*found, strict=True)]


@claim(
    "13.4",
    "EMA shrinks a rotation by (1 - a) / |1 - a e^(-i omega)|",
    source="step (d)",
    tolerance=1e-9,
)
def low_pass(factor=lambda a: (1 - a) / abs(1 - a * np.exp(-1j * omega))):
    plain, averaged = averaged_orbit()
    return averaged, factor(DECAY) * plain


low_pass.wrong(
    "as it averages noise: sqrt((1 - a) / (1 + a))",
    factor=lambda a: np.sqrt((1 - a) / (1 + a)),
)
low_pass.wrong("to nothing", factor=lambda a: 0.0)
check(low_pass)

# %% [markdown]
# ## Check 3: packed samples
#
# The data are uniform on ten points. One generator misses two of them. Another produces
# all ten, but five of them too often. Both are at a total variation of 0.2, so a critic
# of single samples does not prefer either. With samples packed by two, the first
# generator is farther away.

# %%
data = np.full(10, 0.1)
collapsed = np.repeat([0.125, 0.0], [8, 2])
uneven = np.repeat([0.14, 0.06], 5)


def variation(p, q, m):
    """Return the total variation between packs of m samples of p and of q."""
    packs = [
        np.array([np.prod(pack) for pack in itertools.product(x, repeat=m)])
        for x in (p, q)
    ]
    return abs(packs[0] - packs[1]).sum() / 2


@claim(
    "13.5",
    "packed by m, what misses a share d is at 1 - (1 - d)^m",
    source="Lin et al. 2018, the theory",
    tolerance=1e-12,
)
def packing(distance=lambda d, m: 1 - (1 - d) ** m, generator=collapsed):
    right = [distance(0.2, m) for m in (1, 2, 3)]
    return [variation(data, generator, m) for m in (1, 2, 3)], right


packing.wrong("m samples count m times", distance=lambda d, m: m * d)
packing.wrong("packing changes nothing", distance=lambda d, m: d)
packing.wrong("the uneven generator looks just as bad", generator=uneven)
check(packing)

print("collapsed:", *[f"{variation(data, collapsed, m):.4f}" for m in (1, 2, 3)])
print("uneven:   ", *[f"{variation(data, uneven, m):.4f}" for m in (1, 2, 3)])

# %% [markdown]
# ## Check 4: which augmentations leak
#
# Here $A$ acts on the four orientations of a picture. Column $i$ is the distribution of
# the orientation that picture $i$ becomes.

# %%
half_turn = np.array([0, 0, 1, 0])
any_quarter = np.full(4, 1 / 4)


def operator(turns, r):
    """Return A: with probability r, turn by j quarters with probability turns[j]."""
    pi = (1 - r) * np.eye(4)[0] + r * turns
    return np.array([np.roll(pi, i) for i in range(4)]).T


@claim(
    "13.6",
    "det A = (1 - 2 r)^2 for half turns, (1 - r)^3 for quarter turns",
    source=KARRAS,
    tolerance=1e-12,
    measure="absolute",
)
def determinants(half=lambda r: (1 - 2 * r) ** 2, quarter=lambda r: (1 - r) ** 3):
    rs = np.linspace(0, 1, 11)
    found = [
        [np.linalg.det(operator(turns, r)) for r in rs]
        for turns in (half_turn, any_quarter)
    ]
    return found, [half(rs), quarter(rs)]


determinants.wrong("half turns are safe below 1", half=lambda r: (1 - r) ** 2)
determinants.wrong("quarter turns leak at 1/2, too", quarter=lambda r: (1 - 2 * r) ** 3)
check(determinants)

# %% [markdown]
# A half turn with probability 0.9 does not leak: only upright pictures have the right
# distribution after it. With probability $\frac12$ both orientations become the same
# distribution.
#
# Next the translation of differentiable augmentation, as the library has it:
# `Augment("translation")` moves images by up to an eighth of their side, which is 1
# pixel for images of 8, and fills the border with black. The images are black except
# for one column.

# %%


def bars(columns, n=20_000):
    """Return images (n, 1, 8, 1) of one bright pixel, in these columns by turns."""
    rows = np.resize(np.eye(8, dtype="float32")[list(columns)], (n, 8))
    return rows[:, None, :, None]


moved = mg.gan.Augment("translation", rng=Generator(2))


@claim(
    "13.7",
    "bars in 0, 3, 6 and in 1, 4, 7: one distribution",
    source="step (h)",
    tolerance=4,
    measure="sigmas",
)
def invisible(columns=(1, 4, 7), augment=moved):
    a, b = (augment(bars(c)).reshape(-1, 8) for c in ((0, 3, 6), columns))
    error = np.sqrt((a.var(0) + b.var(0)) / len(a))
    return a.mean(0), b.mean(0), np.maximum(error, 1e-9)


invisible.wrong("not augmented", augment=lambda x: x)
invisible.wrong("bars in 2, 5, too: never lost", columns=(2, 5))
invisible.wrong(
    "by up to 2 pixels",
    augment=lambda x: mg.gan.augmentation.translation(x, Generator(3), share=1 / 4),
)
check(invisible)

# %% [markdown]
# This is not limited to tiny images. At 32 pixels the same policy moves by up to 4, and
# bars in columns 0, 9, 18, 27 become the same distribution as bars in columns 4, 13,
# 22, 31 (picture, left). At MNIST's 28 pixels no sets of bars are confused, as exercise
# 3 shows.
#
# The usual operator is neither singular nor harmless: it weakens some differences.

# %%
SIZE = 12


def jsd(p, q):
    m = (p + q) / 2
    kl = lambda a: (a * (ops.log(a) - ops.log(m))).sum(-1)
    return (kl(p) + kl(q)) / 2


@claim(
    "13.8",
    "an eigenvalue lambda fades a small difference by lambda^2",
    source="step (i)",
    tolerance=1e-4,
    measure="absolute",
)
def fading(power=2):
    """Test circular shifts by -1, 0, 1 on waves k = 0 ... 5 over twelve pixels."""
    shift = sum(np.roll(np.eye(SIZE), j, axis=0) for j in (-1, 0, 1)) / 3
    k = np.arange(1, 6)[:, None]
    wave = np.cos(2 * np.pi * k * np.arange(SIZE) / SIZE)
    p, q = np.full(SIZE, 1 / SIZE), (1 + 1e-3 * wave) / SIZE
    seen = jsd(p @ shift, q @ shift) / jsd(p, q)
    return seen, abs((1 + 2 * np.cos(2 * np.pi * k[:, 0] / SIZE)) / 3) ** power


fading.wrong("by lambda", power=1)
fading.wrong("not at all", power=0)
check(fading)

# %% [markdown]
# ## Picture
#
# On the right a generator of four probabilities learns the orientation of the data by
# the gradient of $2\,\mathrm{JSD}(A p, A q)$, once for every $r$.

# %%


def leak(turns, rs, steps=600, rate=4.0):
    """Return, for each r, the total variation from data to generator after training."""
    operators = np.array([operator(turns, r).T for r in rs])
    upright = np.array([0.97, 0.01, 0.01, 0.01])
    theta = mg.tensor(np.zeros((len(rs), 1, 4)), requires_grad=True)
    for _ in range(steps):
        augmented = ops.matmul(ops.softmax(theta), operators)[:, 0]
        loss = 2 * jsd(upright @ operators, augmented).sum()
        (g,) = mg.grad(loss, [theta])
        theta = mg.tensor(theta.numpy() - rate * g.numpy(), requires_grad=True)
    return abs(ops.softmax(theta).numpy()[:, 0] - upright).sum(1) / 2


def picture():
    page = viz.Page(
        2.2,
        "What a critic cannot see, a generator need not learn",
        "Left: images of 32 columns with one bright bar. Above, where the data "
        "(blue) and a generator (red) put it; below, where it is after a random "
        "translation by up to 4 pixels (line: data, dots: generator). The critic "
        "sees only that. Right: the distance between generator and data after "
        "training on images that were turned with probability r. Half turns (black) "
        "leak at r = 1/2 and nowhere else; quarter turns (orange) leak towards r = "
        "1, where nothing is known of the orientation, and learning slows down on "
        "the way.",
    )
    upper, lower = page.axes(0.4, 0.15, 2.75, 0.75), page.axes(0.4, 1.2, 2.75, 0.75)
    moves = abs(np.subtract.outer(np.arange(32), np.arange(32))) <= 4
    for columns, color, style in (
        ([0, 9, 18, 27], viz.style.REAL, "-"),
        ([4, 13, 22, 31], viz.style.FAKE, "."),
    ):
        share = np.isin(np.arange(32), columns) / 4
        upper.bar(np.arange(32), share, 0.8, color=color)
        lower.plot(np.arange(32), moves @ share / 9, style, color=color, markersize=4)
    upper.set(xlim=(-1, 32), ylim=(0, 0.3), xticks=[0, 8, 16, 24, 31], xticklabels=[])
    lower.set(xlim=(-1, 32), ylim=(0, 0.05), xticks=[0, 8, 16, 24, 31])
    right = page.axes(3.75, 0.15, 2.6, 1.8)
    rs = np.linspace(0, 1, 81)
    right.plot(rs, leak(half_turn, rs), color=viz.style.BLACK, linewidth=1.4)
    right.plot(rs, leak(any_quarter, rs), color=viz.style.ORANGE, linewidth=1.4)
    right.set(xlim=(0, 1), ylim=(-0.02, 0.8), xticks=[0, 0.25, 0.5, 0.75, 1])
    page.text(4.82, 0.72, "half turns", viz.style.SMALL, ha="right")
    page.text(
        6.12, 0.72, "quarter turns", viz.style.SMALL, color=viz.style.ORANGE, ha="right"
    )
    for left, top, text in (
        (0.4, -0.02, "where the bar is"),
        (0.4, 1.03, "after the augmentation"),
        (3.75, -0.02, "total variation"),
        (6.3, 2.12, "r"),
    ):
        page.text(left, top, text, viz.style.SMALL, color=viz.style.MUTED)
    return page.figure


viz.show(picture, "ch13_dcgan")

# %% [markdown]
# ## What goes wrong in practice
#
# * **Augmented data, plain fakes.** Then $q = A p$ is the optimum: the augmentation
#   leaks in full, invertible or not. Augment real and generated samples with the same
#   distribution, also for the penalty's points, and also in the generator's step.
# * **"Differentiable" is not "does not leak".** The gradient must pass through the
#   transformation so that the generator learns at all. Whether it learns the right
#   distribution depends on $A$.
# * **Gaussian instance noise never leaks** ($A$ multiplies the frequency $k$ of a
#   density by $e^{-\sigma^2 k^2 / 2}$, never 0), but by claim 8 it makes fine detail
#   less visible by the square of that, so it has to fade during training.
# * **Safe below 1 is slow near 1.** Karras et al. call leaks unlikely in practice below
#   0.8.
# * **Samples are drawn with the averaged weights, but losses are computed with the
#   others.** By claim 4 the average may look converged while the game spins.

# %% [markdown]
# ## Exercises
#
# 1. *Warm-up.* Which standard deviation must the weights have so that a layer behind a
#    leaky ReLU of slope $s$ keeps the mean square?
# 2. *Bug hunt.* `buggy_deviation` gives He's standard deviation for the kernel of a
#    convolution, (kH, kW, in, out). It was copied from a library with another order of
#    axes.
# 3. *Research.* Images are `n` pixels wide and are moved uniformly by at most `reach`
#    $= l$; the border is filled with black. For bars as in claim 7, how many linearly
#    independent differences are invisible? (It depends on the remainder of $n + l$ when
#    divided by $2 l + 1$.)

# %%


def keeping_deviation(fan_in, slope):
    raise NotImplementedError("exercise 1 is yours")


def buggy_deviation(shape):
    raise NotImplementedError("exercise 2 is yours: fix the bug, then delete this line")
    return np.sqrt(2 / np.prod(shape[1:]))


def invisible_differences(n, reach):
    raise NotImplementedError("exercise 3 is yours")


# %% [markdown]
# ## Solutions

# %% tags=["solution"]


@claim(
    "13.E1",
    "sqrt(2 / ((1 + s^2) fan_in))",
    source="He et al. 2015, equation 15",
    tolerance=1e-6,
)
def gain(answer=lambda fan_in, slope: np.sqrt(2 / ((1 + slope**2) * fan_in))):
    """Compute the mean square behind the layer for normal inputs, by quadrature."""
    x = np.linspace(-10, 10, 20_001)
    weights = np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi) * 1e-3
    squares = []
    for s in (0.0, 0.2, 1.0):
        kept = (np.asarray(ops.leaky_relu(x, slope=s)) ** 2 * weights).sum()
        squares.append(100 * answer(100, s) ** 2 * kept)
    return squares, [1.0, 1.0, 1.0]


gain.wrong("for a ReLU", answer=lambda fan_in, slope: np.sqrt(2 / fan_in))
gain.wrong(
    "1 + s for 1 + s^2",
    answer=lambda fan_in, slope: np.sqrt(2 / ((1 + slope) * fan_in)),
)
check(gain)
answer(gain, keeping_deviation)


@claim("13.E2", "fan_in = kH kW in: all axes but the last", source=HE, tolerance=1e-6)
def ported(answer=lambda shape: np.sqrt(2 / np.prod(shape[:-1]))):
    """Compute the mean square inside a large image of ones: 2 in each channel."""
    shape = (5, 5, 3, 64)
    y = ops.conv2d(np.ones((1, 5, 5, 3)), np.full(shape, answer(shape) ** 2))
    return y.ravel(), np.full(64, 2.0)


ported.wrong("all but the first", answer=lambda shape: np.sqrt(2 / np.prod(shape[1:])))
ported.wrong("fan_out", answer=lambda shape: np.sqrt(2 / (25 * shape[3])))
check(ported)
answer(ported, buggy_deviation)

# %% [markdown] tags=["solution"]
# Exercise 3. An invisible difference $v$ has the sum 0 in every window of $w = 2l + 1$
# pixels, with $l$ zeros appended at both ends. Two windows that are neighbours differ
# by one pixel that leaves and one that enters, so $v$ has the period $w$. Of its $w$
# values the first $l$ are 0, and the $l$ after position $n + l$ as well; their sum
# is 0. The answer is the number of free values, less one for the sum.

# %% tags=["solution"]


def count_invisible(n, reach):
    w = 2 * reach + 1
    zeros = {*range(reach), *((n + reach + i) % w for i in range(reach))}
    return max(w - len(zeros) - 1, 0)


@claim(
    "13.E3",
    "2 l + 1 less the zeros of both ends, less 1",
    source="solution 3",
    tolerance=0,
    measure="absolute",
)
def nullity(answer=count_invisible):
    sizes = [(n, reach) for n in range(6, 41) for reach in range(6)]
    moves = [
        abs(np.subtract.outer(np.arange(n), np.arange(n))) <= reach
        for n, reach in sizes
    ]
    found = [len(m) - np.linalg.matrix_rank(m.astype(float)) for m in moves]
    return found, [answer(n, reach) for n, reach in sizes]


nullity.wrong("none: it is differentiable", answer=lambda n, reach: 0)
nullity.wrong(
    "as on a circle, where gcd(n, w) - 1 are",
    answer=lambda n, reach: np.gcd(n, 2 * reach + 1) - 1,
)
check(nullity)
answer(nullity, invisible_differences)
for n in (8, 28, 32, 64):
    print(
        f"{n} pixels, moved by up to {(n + 4) // 8}: "
        f"{count_invisible(n, (n + 4) // 8)} invisible"
    )

# %% [markdown]
# ## Sources
#
# * A. Radford et al., *Unsupervised representation learning with deep convolutional
#   GANs*, 2015, section 3.
# * K. He et al., *Delving deep into rectifiers*, 2015, section 2.2: claim 1 and
#   exercise 1.
# * G. Gidel et al., *Negative momentum for improved game dynamics*, 2019: claim 3.
# * Y. Yazici et al., *The unusual effectiveness of averaging in GAN training*, 2019:
#   EMA of the weights.
# * Z. Lin et al., *PacGAN*, 2018: the example of claim 5, of their theory of packing.
# * S. Zhao et al., *Differentiable augmentation for data-efficient GAN training*, 2020:
#   translation by 1/8.
# * T. Karras et al., *Training generative adversarial networks with limited data*,
#   2020, section 2.2: invertible operators; A. Bora et al., *AmbientGAN*, 2018, for the
#   idea.

# %% [markdown]
# # 10. Spectral norm and Lipschitz products
#
# **What you need**: chapter 3 (adjoints), chapter 8 (why a critic needs a Lipschitz
# constant).
#
# The gradient penalty measures a critic's slope at a few points and pays for it with a
# second sweep. Spectral normalisation divides each weight by the largest factor by
# which it can stretch a vector, and so bounds the slope everywhere, for the price of
# two small matrix products. That sounds too cheap, and for convolutions, as they are
# usually implemented, it is: the weight is divided by a number that is not the norm of
# the convolution. This chapter derives which bounds hold, and by how much the others
# fail.
#
# **Claims**
#
# 1. The derivative of the largest singular value $\sigma(W)$ is $v u^\top$, the outer
#    product of its singular vectors. They may be treated as constants, though they
#    depend on $W$.
# 2. A gradient through $\bar W = W / \sigma$ loses a multiple of $v u^\top$, so that it
#    is at right angles to $W$: to first order, a gradient step does not change the
#    length of $W$.
# 3. One round of power iteration shrinks the error of $\sigma$ by
#    $(\sigma_2 / \sigma_1)^4$. The estimate is never too large, so the normalised
#    weight has a norm of at least 1.
# 4. The slope of a dense critic with normalised weights is at most 1 at every point.
# 5. Over an infinite image a convolution's norm is the largest norm of its transfer
#    matrix over all frequencies.
# 6. The layer divides by the norm of the kernel as a matrix, which is smaller than the
#    convolution's, by a factor of at most $\sqrt{k_H k_W}$.
# 7. For the $3 \times 3$ box both are known: 3 for the matrix,
#    $(1 + 2 \cos \frac{\pi}{n + 1})^2$ for the convolution of $n \times n$ pixels,
#    close to 9. A "normalised" box has a slope close to 3.

# %% [markdown]
# ## Derivation
#
# Samples are rows, as in code: a layer maps $x$ to $x W$, $W$ of shape (in, out).
#
# (a) $\sigma(W) = \max \frac{\lVert x W \rVert}{\lVert x \rVert}$, attained at the left
# singular vector $v$, where $v^\top W = \sigma u^\top$. An activation with slopes in
# $[-1, 1]$ stretches nothing, and the factors of successive layers multiply, so
# $\operatorname{Lip}(D) \le \prod_l \sigma(W_l)$, which is 1 if every factor is.
# [claim 4]
#
# (b) $\sigma = v^\top W u$ is the maximum of $a^\top W b$ over unit vectors $a$, $b$.
# At a maximum the derivatives in $a$ and $b$ vanish (Danskin again, chapter 4), so
# $\frac{\partial \sigma}{\partial W} = v u^\top$. [claim 1]
#
# (c) Let $\bar g = \partial L / \partial \bar W$. Then, by (b) and the quotient rule,
#
# $$\frac{\partial L}{\partial W} = \frac{1}{\sigma}
#   \left( \bar g - \langle \bar g, \bar W \rangle \, v u^\top \right) .$$
#
# Its inner product with $W$ is $\langle \bar g, \bar W \rangle - \langle \bar g, \bar W
# \rangle \frac{v^\top W u}{\sigma} = 0$: $L$ does not change when $W$ is scaled.
# [claim 2]
#
# (d) Power iteration, $v \leftarrow W u / \lVert W u \rVert$,
# $u \leftarrow W^\top v / \lVert W^\top v \rVert$. If $c_i$ are the coordinates of the
# first $u$ in the right singular vectors, those of $v$ after $k$ rounds are in the
# ratio of $c_i \sigma_i^{2k - 1}$. Hence
#
# $$\hat\sigma_k^2 = \lVert W^\top v \rVert^2
#   = \frac{\sum_i c_i^2 \sigma_i^{4k}}{\sum_i c_i^2 \sigma_i^{4k - 2}} .$$
#
# That is a weighted average of the $\sigma_i^2$: never above $\sigma_1^2$, with an
# error that is a multiple of $(\sigma_2 / \sigma_1)^{4k}$. [claim 3]
#
# (e) A convolution on an endless image, or on one that wraps around, multiplies each
# frequency $f$ of the image by a matrix of its own, $\hat w(f)$, (channels in, channels
# out). Parseval's theorem turns that into
# $\lVert \text{conv} \rVert = \max_f \sigma(\hat w(f))$. [claim 5]
#
# (f) The layer's matrix $W$ has the shape ($k_H k_W C_\text{in}$, $C_\text{out}$) and
# sees one patch of the image. *From below:* in an image with room for it, the adjoint
# turns a single pixel with the channels $u$ into one copy of the kernel, $W u$, of
# length $\sigma(W)$: the convolution's norm is at least that. *From above:* each output
# pixel has at most $\sigma(W)$ times the length of its patch, and each input pixel is
# in at most $k_H k_W$ patches: the squares add up to at most $k_H k_W \sigma(W)^2$.
# [claim 6]
#
# (g) For the box, $W$ is a column of nine ones: $\sigma = 3$. The convolution with
# zeros outside is the product of a vertical and a horizontal matrix with ones on three
# diagonals. Their eigenvectors are sines, with the eigenvalues
# $1 + 2 \cos \frac{j \pi}{n + 1}$. [claim 7]

# %%
import numpy as np

import minigan as mg
from minigan import models, nn, ops, viz
from minigan.check import answer, check, claim
from minigan.random import Generator

MIYATO = "Miyato et al. 2018"
rng = np.random.default_rng(0)


def largest(matrix):
    """Return the exact spectral norm, from the singular values."""
    return np.linalg.norm(matrix, 2)


def as_matrix(w):
    """Return a kernel (kH, kW, C_in, C_out) as the matrix (kH kW C_in, C_out)."""
    return w.reshape(-1, w.shape[-1])


def conv_matrix(w, n, **options):
    """Return the convolution of n x n images as a matrix (inputs, outputs).

    Each row is the output for an image with one nonzero entry.
    """
    size = n * n * w.shape[2]
    pixels = np.eye(size).reshape(size, n, n, w.shape[2])
    return ops.conv2d(pixels, w, **options).reshape(size, -1)


def settled(layer, x, rounds=300):
    """Return the layer after many forward passes, each a round of power iteration."""
    for _ in range(rounds):
        layer(x)
    return layer


# %% [markdown]
# ## Check 1: the derivative of $\sigma$
#
# The left side differentiates through sixty rounds of power iteration, with the whole
# history of $u$ and $v$. The right side is step (b), from the singular value
# decomposition. In the second claim the left side is the library's layer, which keeps
# no such history.

# %%
W0 = rng.normal(size=(6, 4))
V, S, U = np.linalg.svd(W0, full_matrices=False)
outer = np.outer(V[:, 0], U[0])


@claim(
    "10.1",
    "d sigma / dW = v u^T, also through all of power iteration",
    source=f"{MIYATO}, section 2.3",
    tolerance=1e-12,
    measure="absolute",
)
def derivative(expected=outer):
    W = mg.tensor(W0, requires_grad=True)
    u = np.ones(4)
    for _ in range(60):
        v = ops.matmul(W, u)
        u = ops.matmul(v / ops.norm(v), W)
        u = u / ops.norm(u)
    (g,) = mg.grad(ops.norm(ops.matmul(W, u)), [W])
    return g, expected


derivative.wrong(
    "u v^T, reshaped until it fits", expected=np.outer(U[0], V[:, 0]).reshape(6, 4)
)
derivative.wrong("of the Frobenius norm, W / |W|", expected=W0 / np.linalg.norm(W0))
derivative.wrong("the second pair of vectors", expected=np.outer(V[:, 1], U[1]))
check(derivative)

# an arbitrary gradient that arrives at the normalised weight
g0 = rng.normal(size=(6, 4))


@claim(
    "10.2",
    "dL/dW = (g - <g, W / sigma> v u^T) / sigma, at right angles to W",
    source=f"{MIYATO}, section 2.3",
    tolerance=1e-11,
    measure="absolute",
)
def projection(along=outer):
    layer = nn.spectral_norm(
        nn.Linear(6, 4, bias=False, dtype=np.float64, rng=Generator(0)),
        rng=Generator(1),
    )
    layer.layer.weight.assign_(W0)
    settled(layer, np.eye(6))
    (g,) = mg.grad((g0 * layer(np.eye(6))).sum(), [layer.layer.weight])
    formula = (g0 - (g0 * W0).sum() / S[0] * along) / S[0]
    return np.append(g.numpy(), (g.numpy() * W0).sum()), np.append(formula, 0)


projection.wrong("sigma taken for a constant", along=0 * outer)
projection.wrong("as for weight normalisation, W / |W|", along=W0 / np.linalg.norm(W0))
check(projection)

# %% [markdown]
# ## Check 2: one round per step
#
# The layer makes one round of power iteration in each forward pass of training. Its
# output for the identity matrix is then $W / \hat\sigma$. The formula of step (d) must
# give $\hat\sigma$ at every round, not only in the end. (They agree to about
# $10^{-12}$: the layer adds that much to the length of $u$ before it divides by it, so
# that a length of 0 does not give NaN.)

# %%
ROUNDS = np.arange(1, 9)


@claim(
    "10.3",
    "after k rounds sigma_k^2 = sum c^2 s^(4k) / sum c^2 s^(4k - 2)",
    source="step (d)",
    tolerance=1e-11,
)
def rounds(per_round=4):
    layer = nn.spectral_norm(
        nn.Linear(6, 4, bias=False, dtype=np.float64, rng=Generator(0)),
        rng=Generator(1),
    )
    layer.layer.weight.assign_(W0)
    c = U @ layer.u
    found = [W0[0, 0] / layer(np.eye(6)).numpy()[0, 0] for _ in ROUNDS]
    moment = lambda powers: (c**2 * S**powers).sum(1)
    powers = per_round * ROUNDS[:, None]
    return found, np.sqrt(moment(powers) / moment(powers - 2))


rounds.wrong("one multiplication per round", per_round=2)
check(rounds)

# %% [markdown]
# ## Check 3: a slope of at most 1, everywhere
#
# This measures the slope of a critic of four dense layers at 2,000 points, far and
# near.

# %%
points = rng.normal(size=(2000, 2)) * rng.uniform(0, 3, size=(2000, 1))


def slopes(critic):
    """Return the norm of the critic's gradient at every point."""
    x = mg.tensor(points, requires_grad=True)
    (g,) = mg.grad(critic(x).sum(), [x])
    return np.linalg.norm(g.numpy(), axis=1)


def critic(spectral):
    made = models.dense.critic(
        (2,), width=32, depth=3, spectral=spectral, rng=Generator(3), dtype=np.float64
    )
    return settled(made, points[:1])


gentle = critic(spectral=True)


@claim(
    "10.4",
    "|grad_x D(x)| <= 1 for normalised dense layers",
    source=f"{MIYATO}, section 2.1",
    tolerance=1e-12,
    measure="excess",
)
def bounded(critic=gentle):
    return slopes(critic), np.ones(2000)


bounded.wrong("no normalisation", critic=critic(spectral=False))
check(bounded)

# %% [markdown]
# "At most" is not "equal". For equality, the directions that the four layers stretch
# most would have to coincide, and they do not: the steepest of the 2,000 slopes is far
# below 1. A critic with a bound of 1 may have a far smaller slope, and the bound does
# not say how much smaller.

# %%
print(f"steepest of 2,000 points: {slopes(gentle).max():.3f}")

# %% [markdown]
# ## Check 4: the reshaped kernel is not the convolution
#
# The first claim is about the true norm. On the left every pixel is pushed through the
# convolution, with wrapped edges, and the resulting matrix is decomposed. On the right
# is the fast Fourier transform of the kernel.

# %%
w0 = rng.normal(size=(5, 5, 4, 4))


def wrapped_norm(w, n):
    """Return the norm of the convolution of n x n images that wrap around."""
    size, (above, left) = n * n * w.shape[2], (w.shape[0] - 1, w.shape[1] - 1)
    basis = np.eye(size).reshape(size, n, n, w.shape[2])
    wrapped = np.pad(basis, [(0, 0), (0, above), (0, left), (0, 0)], "wrap")
    return largest(ops.conv2d(wrapped, w).reshape(size, -1))


def transfer(w, n):
    """Return sigma of the matrix that acts on each of the n x n frequencies."""
    return np.linalg.svd(np.fft.fft2(w, (n, n), axes=(0, 1)), compute_uv=False)[..., 0]


@claim(
    "10.5",
    "|conv| = the largest sigma over the frequencies",
    source="Sedghi et al. 2019",
    tolerance=1e-12,
)
def loudest(over=np.max):
    return wrapped_norm(w0, 8), over(transfer(w0, 8))


loudest.wrong("the reshaped kernel", over=lambda s: largest(as_matrix(w0)))
loudest.wrong("the mean frequency", over=lambda s: np.sqrt((s**2).mean()))
check(loudest)
print(
    f"a random 5x5x4x4 kernel: {largest(as_matrix(w0)):.2f} reshaped, "
    f"{transfer(w0, 8).max():.2f} as a convolution"
)


@claim(
    "10.6",
    "sigma(W) <= |conv| <= sqrt(kH kW) sigma(W)",
    source="step (f); Tsuzuku et al. 2018",
    tolerance=1e-12,
    measure="excess",
)
def sandwich(factor=5.0):
    kernels = [*rng.normal(size=(20, 5, 5, 4, 4)), np.ones((5, 5, 1, 1))]
    reshaped = np.array([largest(as_matrix(w)) for w in kernels])
    true = np.array([transfer(w, 16).max() for w in kernels])
    return np.append(reshaped, true), np.append(true, factor * reshaped)


sandwich.wrong("what a normalised layer is taken for: |conv| <= sigma(W)", factor=1.0)
check(sandwich)


@claim(
    "10.7",
    "a normalised 3 x 3 box stretches by (1 + 2 cos(pi / (n + 1)))^2 / 3",
    source="step (g)",
    tolerance=1e-12,
)
def box(expected=lambda n: (1 + 2 * np.cos(np.pi / (n + 1))) ** 2 / 3):
    layer = nn.Conv2d(
        1, 1, 3, padding=1, bias=False, dtype=np.float64, rng=Generator(0)
    )
    layer.weight.assign_(np.ones((3, 3, 1, 1)))
    layer = nn.spectral_norm(layer, rng=Generator(1))
    sizes = [3, 8, 16]
    through = [layer(np.eye(n * n).reshape(n * n, n, n, 1)).numpy() for n in sizes]
    right = [expected(n) for n in sizes]
    return [largest(y.reshape(len(y), -1)) for y in through], right


box.wrong("1, as for a dense layer", expected=lambda n: 1.0)
box.wrong("9 / 3, as on an endless image", expected=lambda n: 3.0)
check(box)

# %% [markdown]
# ## Picture

# %%


def picture():
    page = viz.Page(
        2.55,
        "What spectral normalisation divides by, and what a convolution does",
        "Left: how much the 3 x 3 box kernel stretches each spatial frequency, in "
        "cycles per pixel: 9 in the middle, for a flat image, 0 on the dark lines. "
        "Right: its norm over n x n pixels with zeros outside (dots: measured; line: "
        "claim 7). The kernel as a matrix has the norm 3 (dashed), and that is what "
        "the layer divides by: the normalised convolution still has a slope of "
        "nearly 3.",
    )
    left = page.axes(0.45, 0.1, 2.2, 2.2)
    f = np.fft.fftshift(transfer(np.ones((3, 3, 1, 1)), 128))
    shown = left.imshow(
        f, extent=(-0.5, 0.5, -0.5, 0.5), cmap="cividis", vmin=0, vmax=9
    )
    left.grid(False)
    left.set(xticks=[-0.5, 0, 0.5], yticks=[-0.5, 0, 0.5])
    bar = page.axes(2.78, 0.1, 0.1, 2.2)
    page.figure.colorbar(shown, cax=bar, ticks=[0, 3, 6, 9]).outline.set_visible(False)
    right = page.axes(3.6, 0.1, 2.7, 2.2)
    n = np.arange(1, 25)
    right.plot(
        n, (1 + 2 * np.cos(np.pi / (n + 1))) ** 2, color=viz.style.CRITIC, linewidth=1
    )
    measured = [
        largest(conv_matrix(np.ones((3, 3, 1, 1)), k, padding=1)) for k in n[::3]
    ]
    right.plot(n[::3], measured, "o", color=viz.style.CRITIC, markersize=3.5)
    right.axhline(3, color=viz.style.FAKE, linestyle="--", linewidth=1.2)
    right.axhline(9, color=viz.style.MUTED, linewidth=0.8)
    right.set(ylim=(0, 9.6), xlim=(0, 25), yticks=[0, 3, 6, 9])
    page.text(5.2, 1.73, "as a matrix", viz.style.SMALL, color=viz.style.FAKE)
    page.text(5.2, 0.5, "as a convolution", viz.style.SMALL)
    page.text(4.95, 2.43, "n", viz.style.SMALL)
    return page.figure


viz.show(picture, "ch10_spectral_norm")

# %% [markdown]
# ## What goes wrong in practice
#
# * **"SN makes the critic 1-Lipschitz."** That is true for dense layers, once the
#   iteration has settled. For convolutions, by claim 6, each layer may be steeper by up
#   to its kernel size, and a stack of them by the product. Miyato et al. train well
#   with it all the same.
# * **The estimate is always low** (claim 3), and lags behind while the weights move.
#   Right after loading a model whose $u$ was not saved, it is far off: $u$ belongs to
#   the model's state.
# * **Power iteration in evaluation** makes the output depend on how often the model was
#   called. The library's layer does not change $u$ in evaluation.
# * **A transposed convolution has its output channels on another axis.** Reshaped like
#   a convolution it gives a number without a meaning, and no error (exercise 2).

# %% [markdown]
# ## Exercises
#
# 1. *Warm-up.* A residual critic maps $x$ to $x + f_l(x)$ in each block, and $f_l$ has
#    the Lipschitz constant $\sigma_l$. Bound the Lipschitz constant of the whole
#    critic, from the list of the $\sigma_l$.
# 2. *Bug hunt.* `buggy_sigma` is right for dense layers and convolutions. `output_axis`
#    is where the output channels are: 2 for a transposed convolution.
# 3. *Research.* With a stride of $s$ each pixel is in fewer patches. For a kernel of
#    $k \times k$, with $s$ a divisor of $k$, which factor replaces $k$ in claim 6? When
#    is the reshaped kernel exact?

# %%


def residual_bound(sigmas):
    raise NotImplementedError("exercise 1 is yours")


def buggy_sigma(weight, output_axis):
    matrix = weight.reshape(-1, weight.shape[output_axis])
    raise NotImplementedError("exercise 2 is yours: fix the bug, then delete this line")
    return np.linalg.norm(matrix, 2)


def strided_factor(k, s):
    raise NotImplementedError(
        "exercise 3 is yours: the factor between sigma(W) and the bound"
    )


# %% [markdown]
# ## Solutions

# %% [markdown] tags=["solution"]
# In exercise 1 the bound is attained by blocks that all stretch the same direction $v$.

# %% tags=["solution"]


@claim(
    "10.E1",
    "residual blocks: the product of 1 + sigma",
    source="step (a)",
    tolerance=1e-13,
)
def residual(answer=lambda sigmas: np.prod(1 + np.asarray(sigmas))):
    sigmas, v = [0.5, 1.0, 2.0], np.array([0.6, 0.8])
    whole = np.linalg.multi_dot([np.eye(2) + s * np.outer(v, v) for s in sigmas])
    return answer(sigmas), largest(whole)


residual.wrong("without the identity", answer=lambda sigmas: np.prod(sigmas))
residual.wrong(
    "1, as if normalised blocks were normalised networks", answer=lambda sigmas: 1.0
)
check(residual)
answer(residual, residual_bound)


def mended_sigma(weight, output_axis):
    return largest(as_matrix(np.moveaxis(weight, output_axis, -1)))


@claim(
    "10.E2", "the output channels become the columns", source="claim 3", tolerance=1e-10
)
def transposed(answer=mended_sigma):
    layer = nn.ConvTranspose2d(4, 4, 3, bias=False, dtype=np.float64, rng=Generator(0))
    wrapped, y = (
        nn.spectral_norm(layer, rng=Generator(1)),
        rng.normal(size=(1, 5, 5, 4)),
    )
    settled(wrapped, y)
    sigma = layer(y).numpy()[0, 2, 2, 0] / wrapped(y).numpy()[0, 2, 2, 0]
    return answer(layer.weight.numpy(), 2), sigma


transposed.wrong(
    "columns by counting", answer=lambda w, axis: largest(w.reshape(-1, w.shape[axis]))
)
check(transposed)
answer(transposed, buggy_sigma)


@claim(
    "10.E3",
    "k / s, which is 1 for patches that do not overlap",
    source="step (f)",
    tolerance=1e-12,
)
def strided(answer=lambda k, s: k / s):
    """Compare the bound with a flat image through a box kernel, which attains it."""
    pairs, ratios = [(4, 1), (4, 2), (4, 4), (6, 2)], []
    for k, s in pairs:
        y = ops.conv2d(
            np.ones((1, 12 + k - s, 12 + k - s, 1)), np.ones((k, k, 1, 1)), stride=s
        )
        # 12 is the length of the flat image, k that of the kernel
        ratios.append(np.linalg.norm(y) / 12 / k)
    return [answer(k, s) for k, s in pairs], ratios


strided.wrong("as without a stride", answer=lambda k, s: k)
strided.wrong("patches counted along one axis", answer=lambda k, s: np.sqrt(k / s))
check(strided)
answer(strided, strided_factor)

# %% [markdown]
# ## Sources
#
# * T. Miyato, T. Kataoka, M. Koyama, Y. Yoshida, *Spectral normalization for generative
#   adversarial networks*, 2018: sections 2.1 to 2.3, algorithm 1.
# * H. Sedghi, V. Gupta, P. Long, *The singular values of convolutional layers*, 2019.
# * Y. Tsuzuku, I. Sato, M. Sugiyama, *Lipschitz-margin training*, 2018: the bound of
#   claim 6.
# * G. Golub, C. Van Loan, *Matrix computations*: power iteration.

# %% [markdown]
# # 3. Arrays: vjps are adjoints
#
# **What you need**: chapters 1 and 2, matrices and their transposes.
#
# The backward pass of a layer is often taught as a table to be learnt: one rule for
# matmul, another for an embedding, and biases are "summed, because it works". No table
# is needed. Near a point every layer is a matrix, its backward is the transpose of that
# matrix, and a transpose can be tested without any derivative or step: two inner
# products must be equal up to round-off.
#
# **Claims**
#
# 1. The backward pass of $y = a b$ takes $g$ to $g b^\top$ and $a^\top g$.
# 2. Broadcasting copies in the forward pass, so its backward pass sums over the copies.
# 3. The backward pass of a permutation of axes is the inverse permutation; a reshape is
#    not a permutation.
# 4. The backward pass of indexing is scattering: an element that was picked twice
#    receives the sum of both gradients.
# 5. The backward pass of a chain runs in reverse order:
#    $(J_2 J_1)^\top = J_1^\top J_2^\top$.
# 6. Transposed twice, reverse mode is forward mode: $J u$ from two backward passes.
# 7. This $J u$ inherits every error of the backward pass: the two agree even where both
#    are wrong.

# %% [markdown]
# ## Derivation
#
# (a) *What arrives.* Let $L$ be a loss, $y = f(x)$ an array on the way, and
# $g = \partial L / \partial y$, shaped like $y$. A small step $u$ of $x$ moves $y$ by
# $J u$, with the Jacobian $J$ of $f$ at $x$, and so moves $L$ by
# $\langle J u, g \rangle$. The gradient in $x$ is the array whose inner product with
# $u$ is that same change of $L$, for every $u$:
#
# $$\langle J u, g \rangle = \langle u, J^\top g \rangle .$$
#
# This *defines* the adjoint $J^\top$, and $\frac{\partial L}{\partial x} = J^\top g$: a
# vector-Jacobian product, a vjp. It has the shape of $x$, and $J$ itself, a million by
# a million, is never formed. A wrong linear map fails the equation for almost every $u$
# and $g$, so one random pair is a test.
#
# (b) *matmul* is linear in each factor. $\langle u b, g \rangle =
# \operatorname{tr}(b^\top u^\top g) = \operatorname{tr}(u^\top g b^\top) = \langle u, g
# b^\top \rangle$, and likewise $\langle a u, g \rangle = \langle u, a^\top g \rangle$.
# [claim 1]
#
# (c) *Copies.* If $y_{ij} = x_j$ then
# $\langle y, g \rangle = \sum_j x_j \sum_i g_{ij}$: the adjoint sums over the new axis.
# It is not an inverse: $N$ copies, summed, are $N x$. [claim 2] A reordering is an
# orthogonal matrix: there the adjoint *is* the inverse. [claim 3]
#
# (d) *Picking.* If $y_k = x_{i_k}$ then
# $\langle y, g \rangle = \sum_k x_{i_k} g_k = \sum_i x_i \sum_{k: i_k = i} g_k$: the
# gradients of all copies of $x_i$ are added. [claim 4]
#
# (e) *Chains.* $\langle J_2 J_1 u, g \rangle = \langle J_1 u, J_2^\top g \rangle =
# \langle u, J_1^\top J_2^\top g \rangle$. With the vector on the right, every product
# is a matrix times a vector. That is why a gradient costs as much as a few forward
# passes, and not as many as there are weights. [claim 5]
#
# (f) *Twice.* For fixed $x$, $J^\top g$ is linear in $g$, and the gradient of
# $\langle J^\top g, u \rangle = \langle g, J u \rangle$ in $g$ is $J u$: the derivative
# along $u$, for the price of two backward passes. [claim 6] If the engine used some
# wrong matrix $M$ instead of $J^\top$, it would return $M^\top u$ for $J u$, and
# $\langle M^\top u, g \rangle = \langle u, M g \rangle$ holds for *any* matrix $M$.
# [claim 7]

# %%
import numpy as np

import minigan as mg
from minigan import ops, viz
from minigan.check import adjoint_test, answer, check, claim, complex_step

rng = np.random.default_rng(0)


def two_sides(forward, adjoint, x, y):
    """Return <forward(u), g> and <u, adjoint(g)> for a random u like x and g like y."""
    u, g = (
        np.random.default_rng(k).normal(size=shape) for k, shape in enumerate((x, y))
    )
    return dot(forward(u), g), dot(u, adjoint(g))


def dot(a, b):
    return (a * b).sum()


# %% [markdown]
# All arrays below have axes of equal length on purpose: a wrong formula then has the
# right shape, and only its numbers show that it is wrong. In your own tests do the
# opposite: where all lengths differ, most mistakes raise an error.
#
# ## Check 1: matmul

# %%
SQUARE = (6, 6)
a, b = rng.normal(size=(2, *SQUARE))


@claim(
    "3.1", "the vjps of a @ b are g b^T and a^T g", source="step (b)", tolerance=1e-14
)
def matmul(for_a=lambda g: g @ b.T, for_b=lambda g: a.T @ g):
    in_a = two_sides(lambda u: ops.matmul(u, b), for_a, SQUARE, SQUARE)
    in_b = two_sides(lambda u: ops.matmul(a, u), for_b, SQUARE, SQUARE)
    return np.transpose([in_a, in_b])


matmul.wrong("b not transposed", for_a=lambda g: g @ b)
matmul.wrong("b's gradient comes out transposed", for_b=lambda g: g.T @ a)
check(matmul)

# %% [markdown]
# ## Check 2: copies, reorderings, picks

# %%


@claim(
    "3.2",
    "the adjoint of broadcasting is the sum over the copies",
    source="step (c)",
    tolerance=1e-14,
)
def broadcasting(adjoint=lambda g: g.sum(0)):
    return two_sides(
        lambda bias: ops.broadcast_to(bias, SQUARE), adjoint, SQUARE[1:], SQUARE
    )


broadcasting.wrong(
    "the mean: a bias that learns N times slower", adjoint=lambda g: g.mean(0)
)
broadcasting.wrong("the first sample alone", adjoint=lambda g: g[0])
broadcasting.wrong("over the wrong axis", adjoint=lambda g: g.sum(1))
check(broadcasting)


@claim(
    "3.3",
    "the adjoint of a permutation of axes is the inverse permutation",
    source="step (c)",
    tolerance=1e-14,
)
def channels_first(adjoint=lambda g: g.transpose(0, 2, 3, 1)):
    images = (2, 4, 4, 4)
    return two_sides(lambda x: ops.transpose(x, (0, 3, 1, 2)), adjoint, images, images)


channels_first.wrong(
    "the same permutation again", adjoint=lambda g: g.transpose(0, 3, 1, 2)
)
channels_first.wrong(
    "a reshape, which moves nothing", adjoint=lambda g: g.reshape(2, 4, 4, 4)
)
check(channels_first)

# %% [markdown]
# Indexing is how a class-conditional GAN looks up the embedding of each label. Labels
# repeat in every batch.

# %%
LABELS = np.array([3, 0, 3, 5, 3, 1])


def scatter_add(g):
    table = np.zeros(SQUARE)
    np.add.at(table, LABELS, g)
    return table


def scatter_last(g):
    table = np.zeros(SQUARE)
    table[LABELS] = g
    return table


def scatter_buffered(g):
    table = np.zeros(SQUARE)
    # NumPy reads table[LABELS] once, adds, and writes: here too the last label wins
    table[LABELS] += g
    return table


@claim(
    "3.4",
    "the adjoint of indexing scatters and adds",
    source="step (d)",
    tolerance=1e-14,
)
def embedding(adjoint=scatter_add):
    return two_sides(lambda table: ops.getitem(table, LABELS), adjoint, SQUARE, SQUARE)


embedding.wrong("table[labels] = g", adjoint=scatter_last)
embedding.wrong("table[labels] += g", adjoint=scatter_buffered)
check(embedding)

# %% [markdown]
# ## Check 3: a chain
#
# A small network, $y = \sigma(\tanh(x a) \, b)$, sample by sample. Its $J u$ comes from
# the complex step of chapter 2, which does not use adjoints. The slopes of tanh and
# $\sigma$ are diagonal matrices, their own transposes.

# %%
x = rng.normal(size=SQUARE)
hidden = np.tanh(x @ a)
y = ops.sigmoid(hidden @ b)


def network(x):
    return ops.sigmoid(ops.tanh(x @ a) @ b)


def by_hand(g):
    return (((g * y * (1 - y)) @ b.T) * (1 - hidden**2)) @ a.T


@claim(
    "3.5",
    "the adjoint of a chain is the chain of adjoints, reversed",
    source="step (e)",
    tolerance=1e-14,
)
def chain(adjoint=by_hand):
    return two_sides(lambda u: complex_step(network, x, u), adjoint, SQUARE, SQUARE)


chain.wrong(
    "the adjoints in the forward's order",
    adjoint=lambda g: ((g @ a.T * (1 - hidden**2)) @ b.T) * y * (1 - y),
)
chain.wrong("the slopes left out", adjoint=lambda g: g @ b.T @ a.T)
chain.wrong(
    "tanh's slope at its input",
    adjoint=lambda g: (((g * y * (1 - y)) @ b.T) * (1 - (x @ a) ** 2)) @ a.T,
)
check(chain)
(engine,) = mg.vjp(network, x)[1](y)
print(
    "     minigan's vjp and the one by hand differ by "
    f"{abs(engine.numpy() - by_hand(y)).max():.0e}"
)

# %% [markdown]
# ## Check 4: forward mode for nothing
#
# `g` may hold any numbers, as $J^\top g$ is linear in it; `g` is only the variable of
# the second differentiation.

# %%


def jvp(f, x, u):
    """Return J u by step (f): the vjp of a vjp."""
    x = mg.tensor(x, requires_grad=True)
    y = f(x)
    g = mg.tensor(np.zeros(y.shape), requires_grad=True)
    (pulled,) = mg.grad(y, [x], g, create_graph=True)
    return mg.grad((pulled * u).sum(), [g])[0].numpy()


@claim(
    "3.6",
    "J u is the gradient of <J^T g, u> in g",
    source="Townsend 2017; step (f)",
    tolerance=1e-12,
)
def transposed_twice(forward_mode=jvp):
    u = np.random.default_rng(1).normal(size=SQUARE)
    return forward_mode(network, x, u), complex_step(network, x, u)


transposed_twice.wrong(
    "transposed once: J^T u", forward_mode=lambda f, x, u: mg.vjp(f, x)[1](u)[0]
)
transposed_twice.wrong(
    "differentiated by x: a second derivative",
    forward_mode=lambda f, x, u: mg.hvp(lambda x: (f(x) * u).sum(), x, u),
)
check(transposed_twice)

# %% [markdown]
# It is tempting to test an engine by its own two modes: $J u$ from `mg.jvp`, which is
# the function above, and $J^\top g$ from `mg.vjp`. That test cannot fail, as step (f)
# says. Here is a tanh with a wrong slope, and the two agree up to round-off. The "wrong
# variant" of this claim is the *better* test, which finds the wrong slope.

# %%


@mg.op(x=lambda g, out: g * (1.0 - out))
def wrong_tanh(x):
    return np.tanh(x)


@claim(
    "3.7",
    "a jvp made of vjps agrees with them where both are wrong",
    source="step (f)",
    tolerance=1e-14,
)
def accomplices(forward_mode=jvp):
    def pullback(g):
        return mg.vjp(wrong_tanh, x)[1](g)[0].numpy()

    return two_sides(lambda u: forward_mode(wrong_tanh, x, u), pullback, SQUARE, SQUARE)


accomplices.wrong(
    "judged by the complex step: the wrong slope is found", forward_mode=complex_step
)
check(accomplices)

# %% [markdown]
# `mg.check.adjoint_test` is this chapter in one call. It measures the error relative to
# the norms, so that two inner products that happen to be small do not look far apart.

# %%
error = adjoint_test(
    lambda u: ops.upsample(u),
    lambda g: ops.block_sum(g),
    rng.normal(size=(2, 3, 4, 1)),
    rng.normal(size=(2, 6, 8, 1)),
)
print(f"     upsampling and its adjoint, the sum over blocks: {error:.0e}")

# %% [markdown]
# ## Picture

# %%

EXHIBITS = {
    "x @ w": (lambda x: x.reshape(2, 3) @ a[:3, :2], 6),
    "broadcast to (3, 3)": (lambda x: ops.broadcast_to(x, (3, 3)), 3),
    "x.T": (lambda x: ops.transpose(x.reshape(2, 3)), 6),
    "x[2, 0, 2, 3]": (lambda x: ops.getitem(x, np.array([2, 0, 2, 3])), 4),
    "tanh(x)": (ops.tanh, 5),
    "softmax(x)": (ops.softmax, 5),
}


def matrices(f, n):
    """Return J, by columns from the complex step, and J^T, by columns from vjps."""
    y, pullback = mg.vjp(f, np.linspace(-1, 1, n))
    forward = [complex_step(f, np.linspace(-1, 1, n), e).ravel() for e in np.eye(n)]
    backward = [pullback(e.reshape(y.shape))[0].numpy() for e in np.eye(y.size)]
    return np.stack(forward, 1), np.stack(backward, 1)


def draw(page, left, top, matrix):
    """Draw a matrix inside a square inch, its largest entry in full colour."""
    from matplotlib.colors import LinearSegmentedColormap

    shades = LinearSegmentedColormap.from_list(
        "signed", [viz.style.VERMILLION, "#F4F4F4", viz.style.BLUE]
    )
    height, width = 0.107 * np.array(matrix.shape)
    axes = page.axes(
        left + (1 - width) / 2,
        top + (1 - height) / 2,
        width,
        height,
        xticks=[],
        yticks=[],
    )
    axes.imshow(matrix / abs(matrix).max(), cmap=shades, vmin=-1, vmax=1, aspect="auto")
    axes.grid(False)
    axes.spines[:].set(visible=True, color=viz.style.MUTED, linewidth=0.6)


def picture():
    page = viz.Page(
        2.4,
        "Every operation is a matrix, and its backward the transpose",
        "Above: the Jacobians of six operations on a few numbers, from forward runs "
        "alone; blue is positive, red negative, gray zero. Below: what their "
        "backward does, from vjps alone. Copies turn into a sum, a permutation into "
        "its inverse, and a number picked twice gets two contributions. Symmetric "
        "matrices stay as they are.",
    )
    for k, (name, exhibit) in enumerate(EXHIBITS.items()):
        left = 0.36 + 1.01 * k
        page.text(left + 0.5, 0, name, 7, ha="center")
        for top, matrix in zip((0.22, 1.36), matrices(*exhibit), strict=True):
            draw(page, left, top, matrix)
    page.text(0.1, 0.66, "J")
    page.text(0.1, 1.8, "Jᵀ")
    return page.figure


viz.show(picture, "ch03_vjps_are_adjoints")

# %% [markdown]
# ## What goes wrong in practice
#
# * **The same array twice.** With $u = g$,
#   $\langle J u, u \rangle = \langle u, J u \rangle$ for every $J$, so that a forgotten
#   transposition goes unseen. Draw the two from different seeds.
# * **Test vectors too simple.** A vector of ones does not notice a permutation, and
#   where the adjoint sums it does not notice along which axis.
# * **`+=` on an index** (claim 3.4) is a NumPy trap that no error message reports. On a
#   GPU the same line is a race.
# * **Broadcasting that nobody wanted.** $(N, 1) - (N,)$ is $(N, N)$. Its backward pass,
#   a sum, has the right shape again: training runs, but compares every sample with
#   every other. minigan's losses refuse it.
# * **Adjoint is not inverse.** Many call a transposed convolution "deconvolution", but
#   it does not undo a convolution (chapter 11).

# %% [markdown]
# ## Exercises
#
# 1. *Warm-up.* `np.cumsum(x)` is linear. Write its adjoint, without a matrix and
#    without a loop.
# 2. *Bug hunt.* `buggy_centre_vjp` is the backward pass of $y = x - \bar x$, with the
#    mean over the batch, axis 0. The author took the mean for a constant. Fix it, and
#    you have half of batch norm (chapter 12).
# 3. *Research.* StyleGAN2 keeps $\lVert J^\top v \rVert$ constant, $J$ the Jacobian of
#    its generator, $v \sim N(0, I)$. What property of $J$ is
#    $\mathbb{E} \lVert J^\top v \rVert^2$?

# %%


def cumsum_adjoint(g):
    raise NotImplementedError("exercise 1 is yours")


def buggy_centre_vjp(g):
    raise NotImplementedError("exercise 2 is yours: delete this line and fix the rest")
    return g


def property_of(J):
    """Return E |J^T v|^2 for v ~ N(0, I), given the matrix J (m, n)."""
    raise NotImplementedError("exercise 3 is yours")


# %% [markdown]
# ## Solutions

# %% tags=["solution"]


@claim(
    "3.E1",
    "the adjoint of a cumulative sum sums from the other end",
    source="step (c)",
    tolerance=1e-14,
)
def cumulative(answer=lambda g: np.cumsum(g[::-1])[::-1]):
    return two_sides(np.cumsum, answer, (20,), (20,))


cumulative.wrong("the cumulative sum itself", answer=np.cumsum)
cumulative.wrong("its inverse, the differences", answer=lambda g: np.diff(g, prepend=0))
check(cumulative)
answer(cumulative, cumsum_adjoint)


@claim(
    "3.E2", "the adjoint of centring is centring", source="step (c)", tolerance=1e-14
)
def centring(answer=lambda g: g - g.mean(0)):
    return two_sides(lambda x: x - ops.mean(x, 0), answer, SQUARE, SQUARE)


centring.wrong("the mean taken for a constant", answer=lambda g: g)
centring.wrong("over the features", answer=lambda g: g - g.mean(1, keepdims=True))
check(centring)
answer(centring, buggy_centre_vjp)

# %% [markdown] tags=["solution"]
# $\mathbb{E} \lVert J^\top v \rVert^2 = \operatorname{tr}(J^\top \mathbb{E}[v v^\top]
# J) = \sum_{ij} J_{ij}^2$: how far the image moves, on average, when $z$ does. One vjp
# estimates it without $J$. The samples of a batch do not interact in the generator, so
# 20,000 vjps are one backward pass.

# %% tags=["solution"]


def generator(z):
    return ops.tanh(ops.tanh(z @ a) @ b)


@claim(
    "3.E3",
    "E |J^T v|^2 is the sum of the squares of J",
    source="Hutchinson 1990; Karras et al. 2020",
    tolerance=4,
    measure="sigmas",
)
def path_length(answer=lambda J: (J * J).sum()):
    z, v = x[0], np.random.default_rng(1).normal(size=(20_000, 6))
    (pulled,) = mg.vjp(generator, np.tile(z, (len(v), 1)))[1](v)
    squares = (pulled.numpy() ** 2).sum(1)
    J = mg.jacobian(generator, z).numpy()
    return squares.mean(), answer(J), squares.std() / np.sqrt(len(v))


path_length.wrong(
    "for unit vectors v: divided by m", answer=lambda J: (J * J).sum() / len(J)
)
path_length.wrong("the spectral norm", answer=lambda J: np.linalg.norm(J, 2) ** 2)
path_length.wrong("the trace", answer=lambda J: np.trace(J) ** 2)
check(path_length)
answer(path_length, property_of)

# %% [markdown]
# ## Sources
#
# * A. Griewank and A. Walther, *Evaluating Derivatives*, second edition, 2008, chapter
#   3: adjoints as vjps.
# * J. Claerbout, *Earth Soundings Analysis: Processing versus Inversion*, 1992: the
#   dot-product test.
# * J. Townsend, *A new trick for calculating Jacobian vector products*, 2017 (a blog):
#   step (f).
# * M. F. Hutchinson, *A stochastic estimator of the trace of the influence matrix for
#   Laplacian smoothing splines*, Communications in Statistics 19, 1990.
# * T. Karras et al., *Analyzing and improving the image quality of StyleGAN*, 2020,
#   section 3.2: path length.

# %% [markdown]
# # 9. The gradient penalty and double backward
#
# **What you need**: chapter 3 (gradients of arrays), chapter 8 (the Wasserstein dual).
#
# Chapter 8 asks for a critic that is nowhere steeper than 1, and clipping its weights
# is a poor way to get one. The gradient penalty controls the norm of the gradient
# itself: it is $(\lVert \nabla_x D(\hat x) \rVert - 1)^2$, at points $\hat x$ between
# data and fakes. This chapter explains why the norm should be 1 and not "at most 1",
# why it is measured at those points, and how to train on a formula that contains a
# derivative. Most public implementations get one of the three wrong, and none of them
# crashes.
#
# **Claims**
#
# 1. Between a real and a generated point that optimal transport pairs, the best critic
#    has a gradient of norm 1, and it points straight from the fake to the real one.
# 2. For a linear critic the penalty is $(\lVert w \rVert - 1)^2$, whatever the data
#    are.
# 3. Its derivative in the weights is that of a directional derivative: the mixed second
#    derivatives are never formed as a matrix.
# 4. In a critic with one hidden layer the biases learn from the penalty only through
#    the curvature $\phi''$ of its activation: the biases of a leaky ReLU critic do not
#    learn from it at all.
# 5. The norm is taken over all axes of one sample. With a norm over the channels, or
#    over the batch, a perfect critic is penalised.
# 6. At a zero gradient the penalty's derivative is 0 by convention; computed through
#    the square root alone it is NaN.
# 7. With one $\epsilon$ per sample $\hat x$ lies on the segment from fake to real, and
#    nowhere else.
# 8. A critic can be optimal and still have a positive penalty, because the penalty is
#    not measured at the points of claim 1.

# %% [markdown]
# ## Derivation
#
# The dual of chapter 8 maximises $\mathbb E_p D - \mathbb E_q D$ over all $D$ with
# $|D(a) - D(b)| \le \lVert a - b \rVert$. Let $D$ be optimal, and let optimal transport
# carry the fake $y$ to the real $x$.
#
# (a) Primal and dual have the same value, so equality holds for every pair:
# $D(x) - D(y) = \lVert x - y \rVert$.
#
# (b) Let $\hat x = \epsilon x + (1 - \epsilon) y$. Then
# $D(x) - D(\hat x) \le (1 - \epsilon) \lVert x - y \rVert$ and
# $D(\hat x) - D(y) \le \epsilon \lVert x - y \rVert$. The sum of the two is an equality
# by (a), so each of them is an equality: $D$ rises along the segment with slope
# exactly 1. Where $D$ is differentiable, and nowhere steeper than 1, its slope along
# $\frac{x - y}{\lVert x - y \rVert}$ is 1 only if that *is* its gradient. [claim 1]
# This is why the penalty asks for exactly 1, and why it does so between the samples.
#
# (c) The penalty is $P = \mathbb E (\lVert g \rVert - 1)^2$, $g = \nabla_x D(\hat x)$.
# If $D(x) = w \cdot x + b$, then $g = w$: $P = (\lVert w \rVert - 1)^2$,
# $\nabla_w P = 2 (\lVert w \rVert - 1) \frac{w}{\lVert w \rVert}$. [claim 2]
#
# (d) In general $g$ depends on the critic's weights $\psi$. By the chain rule, for one
# sample,
#
# $$\nabla_\psi P = \left( \frac{\partial g}{\partial \psi} \right)^{\!\top} v, \qquad
#   v = 2 (\lVert g \rVert - 1) \frac{g}{\lVert g \rVert} .$$
#
# $\frac{\partial g}{\partial \psi} = \frac{\partial^2 D}{\partial \psi \, \partial x}$
# has a row for each pixel and a column for each weight. It is never formed: with $v$
# *held fixed*, the product is $\nabla_\psi (v \cdot g)$, one reverse sweep through the
# graph of the reverse sweep that gave $g$. [claim 3]
#
# (e) Take $D(x) = a \cdot \phi(x W + b)$, $s = x W + b$. Then
# $g = W (a \odot \phi'(s))$. Of $\psi = (W, a, b)$ the biases appear only inside
# $\phi'$, so $\nabla_b P = a \odot \phi''(s) \odot (W^\top v)$. For a (leaky) ReLU
# $\phi'' = 0$: the penalty teaches $W$ and $a$ alone. [claim 4]
#
# (f) $\frac{\partial \lVert g \rVert}{\partial g} = \frac{g}{\lVert g \rVert}$ is
# $\frac{0}{0}$ at $g = 0$. Any vector of length at most 1 is a subgradient there; the
# library takes 0. [claim 6]

# %%
import itertools

import numpy as np

import minigan as mg
from minigan import ops, viz
from minigan.check import answer, check, claim
from minigan.gan import penalties
from minigan.random import Generator

GULRAJANI = "Gulrajani et al. 2017"
rng = np.random.default_rng(7)


def slope(critic, x):
    """Return the critic's gradient at every x, (N, ...), to be differentiated again."""
    x = mg.tensor(x, requires_grad=True)
    (g,) = mg.grad(critic(x).sum(), [x], create_graph=True)
    return g


def penalty(critic, x, norm=lambda g: ops.norm(ops.flatten(g), axis=1)):
    """Return the mean of (norm of the gradient - 1)^2 at the points x."""
    return ops.square(norm(slope(critic, x)) - 1).mean()


# %% [markdown]
# ## Check 1: the best critic
#
# There are five real and five generated points in the plane, and no network: the
# cheapest pairing is found among all 120. The critic's values at the fakes follow from
# (a) and the Lipschitz condition by relaxation, as in a shortest-path search. Elsewhere
# the critic is the largest function with these values and a slope of at most 1: the
# minimum of five cones.

# %%
real, fake = rng.uniform(-1, 1, size=(2, 5, 2)) * [3.8, 1.9]
distance = np.linalg.norm(real[:, None] - fake, axis=-1)
pairing = list(
    min(itertools.permutations(range(5)), key=lambda p: distance[range(5), p].sum())
)
heights = np.zeros(5)  # D at the fakes
for _ in range(5):
    at_real = heights[pairing] + distance[range(5), pairing]  # step (a)
    # no real point lies above any of the five cones
    heights[pairing] += (heights + distance).min(1) - at_real


def best_critic(x):
    """Return the minimum over the fakes y of D(y) + |x - y|."""
    cones = [heights[j] + ops.norm(x - fake[j], axis=1) for j in range(5)]
    return ops.min(ops.stack(cones), axis=0)


@claim(
    "9.1",
    "on optimal pairs the best critic's gradient is (x - y) / |x - y|",
    source=f"{GULRAJANI}, proposition 1",
    tolerance=1e-12,
    measure="absolute",
)
def transport_rays(pairs=pairing, sign=1):
    ends = fake[pairs]
    e = np.array([0.2, 0.35, 0.5, 0.65, 0.8])[:, None]
    ray = sign * (real - ends) / np.linalg.norm(real - ends, axis=1, keepdims=True)
    return slope(best_critic, e * real + (1 - e) * ends), ray


transport_rays.wrong("pairs in the order of the batch", pairs=[0, 1, 2, 3, 4])
transport_rays.wrong("from the real to the fake", sign=-1)
check(transport_rays)

# %% [markdown]
# ## Check 2: double backward
#
# For the linear critic, value and derivative are known on paper. The usual bug is
# invisible in the value: without `create_graph`, $g$ is a number without a history, the
# loss curve shows a penalty, and nothing is ever trained by it.

# %%
w0 = np.array([1.2, -0.5, 2.0])
batch = rng.normal(size=(2, 4, 3))


def linear_penalty(w):
    """Return the library's penalty of the critic x -> x w."""
    return penalties.gradient_penalty(lambda x: x @ w, *batch, rng=Generator(0))


def without_history(w):
    """Return the penalty as a constant, as it is without create_graph."""
    return linear_penalty(w).item() + 0 * w.sum()


def of_the_weights(w):
    """Return a penalty of the gradient in the weights, instead of that in x."""
    (g,) = mg.grad((batch[0] @ w).mean(), [w], create_graph=True, allow_unused=True)
    return ops.square(ops.norm(g) - 1) + 0 * w.sum()


@claim(
    "9.2",
    "a linear critic: P = (|w| - 1)^2, grad P = 2 (|w| - 1) w / |w|",
    source="step (c)",
    tolerance=1e-13,
)
def linear_critic(formula=linear_penalty):
    w = mg.tensor(w0, requires_grad=True)
    value = formula(w)
    (g,) = mg.grad(value, [w])
    length = np.linalg.norm(w0)
    right = np.append(2 * (length - 1) * w0 / length, (length - 1) ** 2)
    return np.append(g.numpy(), value.item()), right


linear_critic.wrong("no create_graph", formula=without_history)
linear_critic.wrong("the gradient in the weights", formula=of_the_weights)
check(linear_critic)

# %% [markdown]
# A critic with a hidden layer has a mixed second derivative that is not 0. In the first
# claim the left side differentiates the penalty as a whole, and the right side is step
# (d). The second claim is about the biases alone, with the formula of step (e).

# %%
x0 = rng.normal(size=(6, 3))
W0, a0, b0 = rng.normal(size=(3, 8)), rng.normal(size=8), rng.normal(size=8)
smooth = (
    ops.tanh,
    lambda s: 1 - np.tanh(s) ** 2,
    lambda s: -2 * np.tanh(s) * (1 - np.tanh(s) ** 2),
)


def hidden(phi, W, a, b):
    return lambda x: phi(x @ W + b) @ a


def pull(g):
    """Return v of step (d), a constant, for every sample of a mean."""
    length = np.linalg.norm(g, axis=1, keepdims=True)
    return 2 * (length - 1) * g / length / len(g)


@claim(
    "9.3",
    "grad_psi P = grad_psi (v . grad_x D), v held fixed",
    source="step (d)",
    tolerance=1e-12,
)
def mixed_derivative(v=pull):
    psi = [mg.tensor(p, requires_grad=True) for p in (W0, a0, b0)]
    critic = hidden(ops.tanh, *psi)
    whole = mg.grad(penalty(critic, x0), psi)
    g = slope(critic, x0)
    product = mg.grad((v(g.numpy()) * g).sum(), psi)
    right = np.concatenate([p.numpy().ravel() for p in product])
    return np.concatenate([p.numpy().ravel() for p in whole]), right


mixed_derivative.wrong("v = g: that is 1/2 |g|^2", v=lambda g: g / len(g))
mixed_derivative.wrong(
    "v not divided by |g|",
    v=lambda g: 2 * (np.linalg.norm(g, axis=1, keepdims=True) - 1) * g / 6,
)
check(mixed_derivative)


@claim(
    "9.4",
    "the biases' share is a * phi'' * (W^T v); 0 for leaky ReLU",
    source="step (e)",
    tolerance=1e-12,
)
def biases(second=lambda s: smooth[2](s)):
    b = mg.tensor(b0, requires_grad=True)
    (share,) = mg.grad(penalty(hidden(ops.tanh, W0, a0, b), x0), [b])
    (none,) = mg.grad(penalty(hidden(ops.leaky_relu, W0, a0, b), x0) + 0 * b.sum(), [b])
    s = x0 @ W0 + b0
    v = pull((smooth[1](s) * a0) @ W0.T)
    right = np.append((a0 * second(s) * (v @ W0)).sum(0), np.zeros(8))
    return np.concatenate([share.numpy(), none.numpy()]), right


biases.wrong("phi' for phi''", second=smooth[1])
check(biases)

# %% [markdown]
# ## Check 3: one number per sample
#
# The critic of the next check is perfect: linear on images of $16 \times 16 \times 3$,
# slope 1. Its penalty is 0.
#
# * The norm over the channels gives each pixel a norm of its own. A random unit $w$
#   spreads its length over 256 of them, so each of these norms is far below 1:
#   $1 + \frac{1}{256} - 2\,\mathbb E r \approx 0.889$, $r$ being the length of 3 of the
#   768 coordinates of a random unit vector (for this $w$ 0.8887). This penalty tells
#   the critic to become 16 times as steep.
# * The norm over the whole batch of $N = 64$ is $\sqrt N$: a penalty of
#   $(8 - 1)^2 = 49$.

# %%
unit = rng.normal(size=(16, 16, 3))
unit /= np.linalg.norm(unit)
images = rng.uniform(-1, 1, size=(64, 16, 16, 3))


@claim(
    "9.5",
    "the penalty of a critic of slope 1 is 0",
    source=f"{GULRAJANI}, equation 3",
    tolerance=1e-12,
    measure="absolute",
)
def perfect(norm=lambda g: ops.norm(ops.flatten(g), axis=1)):
    return penalty(lambda x: (x * unit).sum((1, 2, 3)), images, norm), 0.0


perfect.wrong("norm over the channels", norm=lambda g: ops.norm(g, axis=-1))
perfect.wrong("norm over the batch", norm=lambda g: ops.norm(g))
check(perfect)


@claim(
    "9.6",
    "at a zero gradient the penalty's derivative is 0",
    source="step (f)",
    tolerance=0,
    measure="absolute",
)
def dead_critic(norm=lambda g: ops.norm(g, axis=1)):
    w = mg.tensor(np.zeros(3), requires_grad=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        (g,) = mg.grad(penalty(lambda x: x @ w, x0, norm), [w])
    return g, np.zeros(3)


dead_critic.wrong(
    "sqrt of the sum of squares: NaN", norm=lambda g: ops.sqrt(ops.square(g).sum(1))
)
check(dead_critic)

# %% [markdown]
# ## Check 4: where the penalty looks
#
# $\hat x$ is on the segment exactly if its distances to both ends add up to the
# segment's length.

# %%
between = np.random.default_rng(3)


@claim(
    "9.7",
    "|x - x^| + |x^ - G(z)| = |x - G(z)| for one e ~ U(0, 1) per sample",
    source=f"{GULRAJANI}, section 4",
    tolerance=1e-13,
)
def on_the_segment(
    point=lambda x, y: y + between.uniform(size=(len(x), 1, 1, 1)) * (x - y),
):
    x, y = images[:32], images[32:]
    length = lambda d: np.linalg.norm(d.reshape(len(d), -1), axis=1)
    middle = point(x, y)
    return length(x - middle) + length(middle - y), length(x - y)


on_the_segment.wrong(
    "one e per pixel", point=lambda x, y: y + between.uniform(size=x.shape) * (x - y)
)
on_the_segment.wrong(
    "e normal", point=lambda x, y: y + between.normal(size=(len(x), 1, 1, 1)) * (x - y)
)
on_the_segment.wrong(
    "real data plus noise", point=lambda x, y: x + 0.1 * between.normal(size=x.shape)
)
check(on_the_segment)

# %% [markdown]
# Claim 1 speaks of *optimal* pairs. Training pairs a real and a generated sample by
# chance. On a line, let the data be at 0 and 3, the fakes at 1 and 2. The best critic
# falls from 0 to 1, is flat to 2, and rises to 3. Its flat part costs it nothing: it
# reaches $W_1 = 1$. Of the four possible pairs, $0 \to 2$ and $3 \to 1$ spend half of
# their length on the flat part, where the slope 0 costs $(0 - 1)^2$. That is a quarter
# in total.

# %%


def valley(x):
    """Return an optimal critic's values for data at 0 and 3 and fakes at 1 and 2."""
    return (ops.relu(1 - x) + ops.relu(x - 2)).sum(1)


@claim(
    "9.8",
    "an optimal critic pays 1/4 on random pairs",
    source="Petzka et al. 2018",
    tolerance=4,
    measure="sigmas",
)
def chance(pairs=lambda k, draw: draw.integers(0, 2, k.shape)):
    n = 40_000
    draw = Generator(5)
    k = draw.integers(0, 2, (n, 1))
    x, y = 3.0 * k, 1.0 + pairs(k, draw)
    paid = penalties.gradient_penalty(valley, x.astype(float), y.astype(float), draw)
    return paid, 0.25, np.sqrt(0.25 * 0.75 / n)


chance.wrong("the optimal pairs: nothing is paid", pairs=lambda k, draw: k)
check(chance)

# %% [markdown]
# ## Picture

# %%


def picture():
    page = viz.Page(
        3.3,
        "Between optimal pairs the best critic climbs with slope 1",
        "Contours: the best critic for five generated points (red squares) and five "
        "data points (blue), at equal steps of its value. Black: the pairs of "
        "optimal transport. Each crosses the contours at right angles, because the "
        "critic's gradient there has the direction of the pair and the norm 1. "
        "Dotted: pairs as a random batch makes them. A penalty on points along those "
        "looks where claim 1 promises nothing.",
    )
    axes = page.axes(0.35, 0.02, 5.9, 3.1)
    grid = np.stack(
        np.meshgrid(np.linspace(-4.4, 4.4, 353), np.linspace(-2.3, 2.3, 185)), axis=-1
    )
    level = best_critic(grid.reshape(-1, 2)).reshape(grid.shape[:2])
    lines = np.arange(np.floor(level.min()), level.max(), 0.25)
    axes.contour(
        grid[..., 0],
        grid[..., 1],
        level,
        lines,
        colors=viz.style.PENALTY,
        linewidths=0.6,
        linestyles="solid",
    )
    for x, y in zip(real, fake, strict=True):
        axes.plot(*zip(x, y, strict=True), ":", color=viz.style.MUTED, linewidth=0.8)
    for x, y in zip(real, fake[pairing], strict=True):
        axes.plot(*zip(x, y, strict=True), color=viz.style.CRITIC, linewidth=1.4)
    axes.plot(*real.T, "o", color=viz.style.REAL, markersize=6)
    axes.plot(*fake.T, "s", color=viz.style.FAKE, markersize=6)
    axes.set(xlim=(-4.4, 4.4), ylim=(-2.3, 2.3))
    axes.grid(False)
    return page.figure


viz.show(picture, "ch09_gradient_penalty")

# %% [markdown]
# ## What goes wrong in practice
#
# * **The value is right and the derivative is 0.** If `create_graph` is missing, or
#   there is a `stop_gradient` around the norm or one `.detach()` too many, the log
#   still looks healthy. Test the derivative of the penalty, not the penalty.
# * **Batch norm in the critic.** $D(x_i)$ then depends on the whole batch and "the
#   gradient at $\hat x_i$" is not defined; the library raises an error that names the
#   layer. Chapter 12 shows that such a critic can hide its slope from the penalty
#   altogether.
# * **A sigmoid on the critic.** Its slope is at most $\frac14$ of the logit's: a slope
#   of 1 then needs a steep logit.
# * **The penalty promises nothing about modes.** It controls the critic's slope where
#   it is measured. Coverage has to be measured separately (chapter 14).

# %% [markdown]
# ## Exercises
#
# 1. *Warm-up.* Only slopes above 1 break the Lipschitz condition. From the norms of a
#    batch, (N,), compute the one-sided penalty.
# 2. *Bug hunt.* `buggy_penalty` runs, returns a plausible number, and has two bugs. The
#    shapes are (N, H, W, C).
# 3. *Research.* The fakes are the data shifted by $-d$, so $W_1 = \lVert d \rVert$.
#    Which critic $D(x) = w \cdot x$ minimises
#    $-w \cdot d + \lambda (\lVert w \rVert - 1)^2$? By what factor is its estimate
#    $w \cdot d$ of $W_1$ wrong?

# %%


def one_sided(norms):
    raise NotImplementedError("exercise 1 is yours")


def buggy_penalty(critic, real, fake, e):
    x = mg.tensor(e * real + (1 - e) * fake, requires_grad=True)
    (g,) = mg.grad(critic(x).sum(), [x])
    raise NotImplementedError("exercise 2 is yours: fix the bug, then delete this line")
    return ops.square(ops.norm(g, axis=1) - 1).mean()


def steepest(d, weight):
    raise NotImplementedError("exercise 3 is yours: the vector w")


# %% [markdown]
# ## Solutions

# %% tags=["solution"]


@claim(
    "9.E1",
    "the one-sided penalty is E max(0, |g| - 1)^2",
    source="Petzka et al. 2018",
    tolerance=1e-15,
)
def lipschitz_penalty(answer=lambda norms: (np.maximum(0, norms - 1) ** 2).mean()):
    return answer(np.array([0.0, 0.5, 1.0, 1.5, 3.0])), (0.25 + 4.0) / 5


lipschitz_penalty.wrong("two-sided", answer=lambda norms: ((norms - 1) ** 2).mean())
lipschitz_penalty.wrong(
    "the maximum outside of the mean",
    answer=lambda norms: max(0, norms.mean() - 1) ** 2,
)
check(lipschitz_penalty)
answer(lipschitz_penalty, one_sided)


def mended(critic, real, fake, e, *, create_graph=True, axes=(1, 2, 3)):
    x = mg.tensor(e * real + (1 - e) * fake, requires_grad=True)
    (g,) = mg.grad(critic(x).sum(), [x], create_graph=create_graph)
    return ops.square(ops.norm(g, axis=axes) - 1).mean()


@claim(
    "9.E2",
    "a graph of the first sweep, and a norm over all axes of a sample",
    source="claims 2 and 5",
    tolerance=1e-12,
)
def hunted(answer=mended):
    w = mg.tensor(3 * unit, requires_grad=True)
    e = np.full((32, 1, 1, 1), 0.5)
    value = answer(lambda x: (x * w).sum((1, 2, 3)), images[:32], images[32:], e)
    (g,) = mg.grad(value + 0 * w.sum(), [w])
    return np.append(g.numpy().ravel(), value.item()), np.append(4 * unit.ravel(), 4.0)


hunted.wrong(
    "the history is still missing", answer=lambda *a: mended(*a, create_graph=False)
)
hunted.wrong(
    "the norm is still that of each column", answer=lambda *a: mended(*a, axes=1)
)
check(hunted)
answer(hunted, buggy_penalty)


@claim(
    "9.E3",
    "w = (1 + |d| / (2 lambda)) d / |d|: W1 comes out 1 + |d| / (2 lambda) times too "
    "large",
    source="step (c)",
    tolerance=1e-14,
    measure="absolute",
)
def soft_constraint(
    answer=lambda d, weight: (1 / np.linalg.norm(d) + 0.5 / weight) * d,
):
    d, weight = np.array([3.0, -1.0, 2.0]), 10.0
    w = mg.tensor(answer(d, weight), requires_grad=True)
    (g,) = mg.grad(-(w * d).sum() + weight * linear_penalty(w), [w])
    return g, np.zeros(3)


soft_constraint.wrong(
    "the constraint taken as hard", answer=lambda d, weight: d / np.linalg.norm(d)
)
soft_constraint.wrong(
    "the 2 forgotten", answer=lambda d, weight: (1 / np.linalg.norm(d) + 1 / weight) * d
)
check(soft_constraint)
answer(soft_constraint, steepest)

# %% [markdown]
# ## Sources
#
# * I. Gulrajani et al., *Improved training of Wasserstein GANs*, 2017: proposition 1,
#   equation 3, section 4.
# * H. Petzka, A. Fischer, D. Lukovnikov, *On the regularization of Wasserstein GANs*,
#   2018: random pairs are not those of optimal transport; the one-sided penalty.
# * C. Villani, *Optimal transport: old and new*, 2009, chapter 5: duality.

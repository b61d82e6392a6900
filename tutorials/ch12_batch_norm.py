# %% [markdown]
# # 12. Batch norm, derived
#
# **What you need**: chapter 3 (vjps), chapter 9 (the gradient penalty).
#
# Batch norm subtracts the batch's mean and divides by the batch's standard deviation.
# It looks like preprocessing, but it acts as a projection: of the $N$ directions in
# which a batch can move, only $N - 2$ have a gradient. From that follow its invariance,
# the reason why a critic with a gradient penalty must not have it, and a derivative
# that a framework in wide use gets wrong to this day.
#
# **Claims**
#
# 1. The Jacobian of batch norm is $r \left( I - \frac{1}{N} \mathbf 1 \mathbf 1^\top -
#    \frac{1}{N} \hat x \hat x^\top \right)$, with $r$ one over the standard deviation;
#    each of the three terms is needed.
# 2. With $\varepsilon = 0$ it is, up to $r$, the orthogonal projection that removes the
#    directions $\mathbf 1$ and $\hat x$. A batch of two passes no gradient at all.
# 3. With $\varepsilon > 0$ a fraction $\frac{\varepsilon}{\sigma^2 + \varepsilon}$ of
#    the component along $\hat x$ remains.
# 4. A weight before batch norm has a gradient at right angles to itself, which is
#    halved when the weight is doubled.
# 5. A linear critic with batch norm has a gradient penalty of exactly 1, however steep
#    it is: the penalty does not depend on its slope.
# 6. The second derivative has three terms, one of them from $r$.
# 7. The third derivative is wrong if the second derivative treats $\mu$ and $r$ as
#    numbers saved by the forward pass.
# 8. The running variance is that of the batch times $\frac{N}{N - 1}$, mixed in with
#    weight `momentum`.

# %% [markdown]
# ## Derivation
#
# One channel, $N$ numbers $x_i$ (of an image, $N$ counts the pixels of all samples).
# $\mu$ and $\sigma^2$ are their mean and variance,
# $r = 1 / \sqrt{\sigma^2 + \varepsilon}$, $\hat x_i = r (x_i - \mu)$, and the layer
# gives $\gamma \hat x_i + \beta$. ($\hat x$ is the usual letter for this; the $\hat x$
# of chapter 9 does not occur here.) $\langle \cdot \rangle$ is the mean over the batch.
#
# (a) $\frac{\partial \mu}{\partial x_j} = \frac{1}{N}$. In
# $\sigma^2 = \langle (x - \mu)^2 \rangle$ the path through $\mu$ adds
# $-2 \langle x - \mu \rangle = 0$; what remains is
# $\frac{\partial \sigma^2}{\partial x_j} = \frac{2}{N} (x_j - \mu)$, so $\frac{\partial
# r}{\partial x_j} = -\frac{r^3}{2} \cdot \frac{2}{N} (x_j - \mu) = -\frac{r^2}{N} \hat
# x_j$, and
#
# $$\frac{\partial \hat x_i}{\partial x_j} =
#   r \left( \delta_{ij} - \frac{1}{N} \right) -
#   (x_i - \mu) \, \frac{r^2}{N} \hat x_j
#   = r \left( \delta_{ij} - \frac{1}{N} - \frac{1}{N} \hat x_i \hat x_j \right) . $$
#
# That is claim 1. It is symmetric, so for a gradient $g$ at the output the one at the
# input is $\gamma \, r \, P g$, with
#
# $$P g = g - \langle g \rangle - \hat x \, \langle g \, \hat x \rangle .$$
#
# (b) $\langle \hat x \rangle = 0$ and
# $\langle \hat x^2 \rangle = \frac{\sigma^2}{\sigma^2 + \varepsilon}$. For
# $\varepsilon = 0$ the vectors $\mathbf 1 / \sqrt N$ and $\hat x / \sqrt N$ are
# orthonormal and $P$ removes both: two singular values are 0, the others 1. [claim 2]
# Otherwise
# $P \hat x = \hat x \left( 1 - \frac{\sigma^2}{\sigma^2 + \varepsilon} \right)$.
# [claim 3]
#
# (c) Let $x = X w$. For $\varepsilon = 0$ the output does not change if $w$ becomes
# $a w$, $a > 0$: $L(a w) = L(w)$. Differentiate in $a$ at 1: $w \cdot \nabla L(w) = 0$;
# in $w$: $a \nabla L(a w) = \nabla L(w)$. [claim 4] So a step of gradient descent
# always makes $w$ longer, and a longer $w$ learns more slowly.
#
# (d) A gradient penalty takes the gradient of $\sum_i D(x_i)$ and uses its $i$-th row
# as $\nabla D(x_i)$. That is right only if $D$ treats each sample separately. If $D$ is
# batch norm of the scores $X w$, then $\sum_i D(x_i) = N \beta$: a constant. Its
# gradient is 0 and its penalty $(0 - 1)^2$, whatever the slope of $D$. [claim 5]
#
# (e) For a fixed $c$, the gradient of $\sum_i c_i \hat x_i$ is $r \, P c$. Its
# derivative along $d$ collects one term from each of $r$, $\langle c \, \hat x \rangle$
# and $\hat x$, which by (a) change by $-r^2 \langle \hat x \, d \rangle$,
# $r \langle c \, P d \rangle$ and $r \, P d$:
#
# $$H d = -r^2 \left( \langle \hat x \, d \rangle \, P c +
#   \hat x \, \langle c \, P d \rangle + \langle c \, \hat x \rangle \, P d \right) .$$
#
# [claim 6] A fused kernel computes this with the $\mu$ and $r$ that the forward pass
# has saved. The value is right. But to differentiate it once more, $\mu$ and $r$ must
# again be functions of $x$. [claim 7]

# %%
import numpy as np

import minigan as mg
from minigan import nn, ops, viz
from minigan.check import answer, check, claim, complex_step
from minigan.random import Generator

IOFFE = "Ioffe, Szegedy 2015"
rng = np.random.default_rng(0)
N, EPS = 6, 1e-5
x0, c0, d0, e0 = rng.normal(size=(4, N))  # a batch, and three directions
ONE, ZERO = np.ones(1), np.zeros(1)


def normalised(x, eps=EPS):
    """Return x^ of one channel, (N,) for any N, by the library."""
    return ops.ravel(ops.batch_norm(ops.reshape(x, -1, 1), ONE, ZERO, eps=eps))


def statistics(x, eps=EPS):
    """Return mu and r of a batch."""
    mu = x.mean()
    return mu, (((x - mu) ** 2).mean() + eps) ** -0.5


def project(g, x_hat):
    """Return P g of step (a)."""
    return g - g.mean() - x_hat * (g * x_hat).mean()


# %% [markdown]
# ## Check 1: a projection
#
# The library's Jacobian is computed by one sweep for each of its rows.

# %%


@claim(
    "12.1",
    "d x^ / dx = r (I - 1 1^T / N - x^ x^^T / N)",
    source=f"{IOFFE}, section 3",
    tolerance=1e-13,
    measure="absolute",
)
def jacobian(through_mean=1, through_variance=1):
    mu, r = statistics(x0)
    x_hat = (x0 - mu) * r
    formula = (
        np.eye(N) - through_mean / N - through_variance * np.outer(x_hat, x_hat) / N
    )
    return mg.jacobian(normalised, x0), r * formula


jacobian.wrong("the variance taken for a constant", through_variance=0)
jacobian.wrong("the mean taken for a constant", through_mean=0)
jacobian.wrong("both, as with running statistics", through_mean=0, through_variance=0)
check(jacobian)

x = mg.tensor(x0, requires_grad=True)
(g,) = mg.grad((normalised(x) * c0).sum(), [x])
mu0, r0 = statistics(x0)
hat0 = (x0 - mu0) * r0
print(
    f"one slope: {(g * d0).sum().item():.8f} by the library, "
    f"{r0 * (project(c0, hat0) @ d0):.8f} by step (a),"
)
print(f"{r0 * ((c0 - c0.mean()) @ d0):.8f} without the path through the variance")


@claim(
    "12.2",
    "eps = 0: J / r removes two directions and keeps the others",
    source="step (b)",
    tolerance=1e-12,
    measure="absolute",
)
def projection(eps=0.0, removed=2):
    """Test a batch of six and a batch of two."""
    found = [
        mg.jacobian(lambda x: normalised(x, eps), x).numpy() / statistics(x, eps)[1]
        for x in (x0, x0[:2])
    ]
    kept = [[1.0] * (n - removed) + [0.0] * removed for n in (N, 2)]
    values = [np.linalg.svd(m, compute_uv=False) for m in found]
    return np.concatenate(values), np.concatenate(kept)


projection.wrong("eps = 0.1: only one is removed in full", eps=0.1)
projection.wrong("the mean alone is removed", removed=1)
check(projection)


@claim(
    "12.3",
    "along x^, a share eps / (sigma^2 + eps) of the gradient survives",
    source="step (b)",
    tolerance=1e-10,
)
def survivor(share=lambda var, eps: eps / (var + eps)):
    eps = 0.01
    mu, r = statistics(x0, eps)
    x_hat = (x0 - mu) * r
    x = mg.tensor(x0, requires_grad=True)
    (g,) = mg.grad((normalised(x, eps) * c0).sum(), [x])
    return (g.numpy() * x_hat).sum() / r, share(x0.var(), eps) * (c0 * x_hat).sum()


survivor.wrong("nothing, as for eps = 0", share=lambda var, eps: 0.0)
survivor.wrong(
    "with the unbiased variance", share=lambda var, eps: eps / (var * N / (N - 1) + eps)
)
check(survivor)

# %% [markdown]
# ## Check 2: the length of a weight means nothing
#
# The network is small: $X W$, batch norm, tanh, a sum. Each column of $W$ feeds a
# channel of its own, so the gradient is at right angles to each column.

# %%
X = rng.normal(size=(20, 4))
W0, readout = rng.normal(size=(4, 3)), rng.normal(size=3)


def gradient(w, norm):
    """Return the gradient in the weight that feeds a normalisation."""
    w = mg.tensor(w, requires_grad=True)
    (g,) = mg.grad((ops.tanh(norm(ops.matmul(X, w))) @ readout).sum(), [w])
    return g.numpy()


def batch_norm(x):
    return ops.batch_norm(x, np.array([1.0, 2.0, 0.5]), np.zeros(3), eps=0.0)


@claim(
    "12.4",
    "columns: w . grad L(w) = 0 and grad L(2 w) = grad L(w) / 2",
    source="step (c)",
    tolerance=1e-12,
    measure="absolute",
)
def scale_free(norm=batch_norm):
    g = gradient(W0, norm)
    right = np.vstack([np.zeros(3), g / 2])
    return np.vstack([(W0 * g).sum(0), gradient(2 * W0, norm)]), right


scale_free.wrong("no normalisation", norm=lambda x: x)
scale_free.wrong(
    "layer norm: free for the matrix, not for a column",
    norm=lambda x: ops.layer_norm(x, np.ones(3), np.zeros(3), eps=0.0),
)
check(scale_free)

# %% [markdown]
# ## Check 3: what a gradient penalty sees
#
# Three linear critics have the slopes 0.1, 1 and 50. With batch norm all three
# penalties are exactly 1, and no training step changes that.

# %%


def penalty(w, after):
    """Return chapter 9's penalty of the critic x -> after(x w) at the points X."""
    x = mg.tensor(X, requires_grad=True)
    (g,) = mg.grad(after(ops.matmul(x, w)).sum(), [x], create_graph=True)
    return ops.square(ops.norm(g, axis=1) - 1).mean()


def in_training(a):
    return ops.batch_norm(a, ONE, ZERO)


@claim(
    "12.5",
    "the penalty of a linear critic with batch norm is 1, its gradient 0",
    source="step (d)",
    tolerance=1e-11,
    measure="absolute",
)
def blind(after=in_training):
    found = []
    for slope in (0.1, 1.0, 50.0):
        w = mg.tensor(
            slope * np.array([[0.6], [0.0], [0.8], [0.0]]), requires_grad=True
        )
        value = penalty(w, after)
        (g,) = mg.grad(value, [w])
        found.append(np.append(g.numpy(), value.item()))
    return found, np.tile([0.0, 0.0, 0.0, 0.0, 1.0], (3, 1))


blind.wrong("no batch norm: (slope - 1)^2", after=lambda a: a)
blind.wrong("batch norm in evaluation mode", after=lambda a: a * r0 - mu0 * r0)
check(blind)

# %% [markdown]
# The library knows which of its operations couple the samples of a batch, and raises an
# error:

# %%
try:
    mg.gan.penalties.r1(
        nn.Sequential(nn.Linear(4, 3, rng=Generator(0)), nn.BatchNorm(3)),
        X.astype("float32"),
    )
except ValueError as refusal:
    print(refusal)

# %% [markdown]
# ## Check 4: second and third derivatives
#
# `second` is step (e). It takes $\mu$ and $r$ as arguments: functions of $x$, or
# numbers that were saved.

# %%


def second(x, mu, r, terms=(1, 1, 1)):
    """Return H d of step (e)."""
    x_hat = (x - mu) * r
    pc, pd = project(c0, x_hat), project(d0, x_hat)
    parts = (
        (x_hat * d0).mean() * pc,
        x_hat * (c0 * pd).mean(),
        (c0 * x_hat).mean() * pd,
    )
    return -(r**2) * sum(term * part for term, part in zip(terms, parts, strict=True))


@claim(
    "12.6",
    "H d = -r^2 (<x^ d> P c + x^ <c P d> + <c x^> P d)",
    source="step (e)",
    tolerance=1e-11,
)
def curvature(terms=(1, 1, 1)):
    right = second(x0, *statistics(x0), terms)
    return mg.hvp(lambda x: (normalised(x) * c0).sum(), x0, d0), right


curvature.wrong("r held fixed", terms=(0, 1, 1))
curvature.wrong("<c x^> held fixed", terms=(1, 0, 1))
check(curvature)


def third_by_the_library():
    """Return the gradient of (H d) . e by three sweeps through the fused operation."""
    x = mg.tensor(x0, requires_grad=True)
    value = (normalised(x) * c0).sum()
    for direction in (d0, e0):
        (g,) = mg.grad(value, [x], create_graph=True)
        value = (g * direction).sum()
    return mg.grad(value, [x])[0].numpy()


def third_from_saved():
    """Return the gradient of `second` . e with mu and r as saved, constant numbers."""
    x = mg.tensor(x0, requires_grad=True)
    (g,) = mg.grad((second(x, *statistics(x0)) * e0).sum(), [x])
    return g.numpy()


@claim(
    "12.7",
    "the third derivative of batch norm = the complex step of H d",
    source="step (e)",
    tolerance=1e-11,
)
def third(by=third_by_the_library):
    return by(), complex_step(lambda x: second(x, *statistics(x)), x0, e0)


third.wrong("mu and r saved as numbers", by=third_from_saved)
check(third)

exact, saved = third_by_the_library(), third_from_saved()
print("right:  ", *exact.round(5))
print("wrong:  ", *saved.round(5))
print(
    f"off by {np.linalg.norm(saved - exact) / np.linalg.norm(exact):.0%} of its length"
)

# %% [markdown]
# The wrong variant is not invented. `torch.nn.functional.batch_norm` (PyTorch 2.13,
# float64, CPU) gives the numbers of the line "wrong" to every digit, without a warning,
# while the same formula written out by hand in PyTorch gives those of the line "right".
# Orders 1 and 2 are correct there. A third derivative is needed wherever the gradient
# of a gradient penalty is differentiated again, as by consensus optimisation or any
# second-order method.

# %% [markdown]
# ## Check 5: what evaluation uses
#
# In evaluation each sample must be treated separately, so the layer uses averages over
# the batches that it saw in training. The batch's own variance is too small by the
# factor $\frac{N - 1}{N}$ on average. This is corrected in the running variance, though
# not in $\hat x$.

# %%


@claim(
    "12.8",
    "running = (1 - momentum) old + momentum new, the variance times N / (N - 1)",
    source=f"{IOFFE}, algorithm 2",
    tolerance=1e-13,
)
def running(weight=0.1, correction=20 / 19):
    layer = nn.BatchNorm(4, momentum=0.1, dtype=np.float64)
    layer(X)
    mean, variance = weight * X.mean(0), (1 - weight) + weight * correction * X.var(0)
    return np.stack([layer.running_mean, layer.running_var]), np.stack([mean, variance])


running.wrong("momentum is the weight of the old ones", weight=0.9)
running.wrong("the variance of the batch as it is", correction=1.0)
check(running)

# %% [markdown]
# ## Picture

# %%


def picture():
    page = viz.Page(
        2.95,
        "Batch norm makes a loss depend on a direction alone",
        "A batch of three numbers with mean 0 is a point in this plane, and the loss "
        "is a straight slope, down towards the lower right (dark). Left: without "
        "batch norm. Right: with it; batch norm sends every point to the dashed "
        "circle along its ray, so all of a ray have one loss. Arrows: gradient "
        "descent, now at right angles to the ray and the weaker the farther out. "
        "Black: forty steps from four starts. Each leads outwards.",
    )
    plane = np.array([[1, -1, 0], [1, 1, -2]]) / np.sqrt([[2], [6]])
    slope = np.array([-0.8, 0.6]) @ plane
    losses = (
        lambda x: x @ slope,
        lambda x: (
            ops.batch_norm(x.T, np.ones(len(x)), np.zeros(len(x)), eps=0).T @ slope
        ),
    )

    def descent(points, loss):
        x = mg.tensor(points @ plane, requires_grad=True)
        (g,) = mg.grad(loss(x).sum(), [x])
        return -g.numpy() @ plane.T

    def square(count):
        side = np.linspace(-3, 3, count)
        return np.stack(np.meshgrid(side, side), -1).reshape(-1, 2)

    arrows = 0.9 * square(10)
    arrows = arrows[np.linalg.norm(arrows, axis=1) > 0.8]
    for column, loss in enumerate(losses):
        axes = page.axes(0.35 + 3.2 * column, 0.05, 2.75, 2.75)
        levels = np.asarray(loss(square(200) @ plane)).reshape(200, 200)
        axes.imshow(
            levels, cmap="Blues_r", alpha=0.6, origin="lower", extent=(-3, 3, -3, 3)
        )
        axes.quiver(
            *arrows.T,
            *descent(arrows, loss).T,
            color=viz.style.FAKE,
            width=0.006,
            scale=14,
        )
        for start in ([-1.2, 0.3], [-0.4, 1.1], [-2.0, 1.9], [-0.3, -0.9]):
            path = [np.array([start])]
            for _ in range(40):
                path.append(path[-1] + 0.35 * descent(path[-1], loss))
            axes.plot(
                *np.concatenate(path).T,
                ".-",
                color=viz.style.CRITIC,
                markersize=3,
                linewidth=0.8,
            )
        axes.set(xlim=(-3, 3), ylim=(-3, 3), xticks=[-2, 0, 2], yticks=[-2, 0, 2])
        axes.grid(False)
    turn = np.linspace(0, 2 * np.pi, 200)
    axes.plot(
        np.sqrt(3) * np.cos(turn),
        np.sqrt(3) * np.sin(turn),
        "--",
        color=viz.style.INK,
        linewidth=1,
    )
    return page.figure


viz.show(picture, "ch12_batch_norm")

# %% [markdown]
# ## What goes wrong in practice
#
# * **Small batches.** By claim 2 a batch of two has $2 - 2 = 0$ directions left:
#   $\hat x = \pm 1$ whatever $x$ is.
# * **Real and generated samples in separate batches** give the critic two different
#   functions, each with its own mean and standard deviation; in a mixed batch, each
#   half affects the scores of the other (exercise 3).
# * **Samples drawn in training mode** depend on who else is in the batch. In evaluation
#   they depend on running statistics, which lag behind the changing weights. An average
#   of the weights (EMA) needs averaged statistics too.
# * **An old false alarm:** implementations are said to forget
#   $\frac{\partial \sigma^2}{\partial \mu}$. By step (a) it is 0.

# %% [markdown]
# ## Exercises
#
# 1. *Warm-up.* In evaluation batch norm is affine. Merge it into the linear layer
#    before it, $x \mapsto x W + b$: return the new weight and bias.
# 2. *Bug hunt.* `buggy_backward` is right for data of mean 0 and variance 1, and for no
#    other.
# 3. *Research.* A critic ends in batch norm ($\gamma = 1$, $\beta = 0$,
#    $\varepsilon = 0$). Half of the batch is real, half generated; before the norm
#    their means differ by `gap`, and both halves have the variance `within`. What is
#    $\mathbb E_p D - \mathbb E_q D$? And what is it when real and generated samples
#    form separate batches?

# %%


def folded(weight, bias, gamma, beta, mean, variance, eps):
    raise NotImplementedError("exercise 1 is yours: weight, bias")


def buggy_backward(g, x, gamma, eps):
    mu = x.mean(0)
    raise NotImplementedError("exercise 2 is yours: fix the bug, then delete this line")
    return gamma * (g - g.mean(0) - (x - mu) * (g * (x - mu)).mean(0))


def gap_after(gap, within):
    raise NotImplementedError(
        "exercise 3 is yours: the pair (in one batch, in separate batches)"
    )


# %% [markdown]
# ## Solutions

# %% tags=["solution"]


def fold(weight, bias, gamma, beta, mean, variance, eps):
    scale = gamma / np.sqrt(variance + eps)
    return weight * scale, (bias - mean) * scale + beta


@claim(
    "12.E1",
    "scale = gamma / s: W scale, (b - mean) scale + beta",
    source=f"{IOFFE}, algorithm 2",
    tolerance=1e-12,
    measure="absolute",
)
def merged(answer=fold):
    layer, bias = nn.BatchNorm(3, dtype=np.float64), np.array([0.3, -1.0, 2.0])
    layer.gamma.assign_([1.5, 0.5, -2.0])
    layer.beta.assign_([0.1, 0.2, 0.3])
    layer(X @ W0 + bias)  # give the running statistics values other than 0 and 1
    layer.eval()
    parameters = (
        layer.gamma.numpy(),
        layer.beta.numpy(),
        layer.running_mean,
        layer.running_var,
        layer.eps,
    )
    weight, shift = answer(W0, bias, *parameters)
    return X @ weight + shift, layer(X @ W0 + bias)


merged.wrong(
    "the bias not scaled",
    answer=lambda w, b, *p: (fold(w, b, *p)[0], fold(w, 0 * b, *p)[1] + b),
)
merged.wrong(
    "the mean not scaled",
    answer=lambda w, b, g, t, m, v, e: (
        fold(w, b, g, t, 0, v, e)[0],
        fold(w, b, g, t, 0, v, e)[1] - m,
    ),
)
check(merged)
answer(merged, folded)


def backward(g, x, gamma, eps, *, outer=1, inner=1):
    mu, s = x.mean(0), np.sqrt(x.var(0) + eps)
    return (
        gamma
        / s**outer
        * (g - g.mean(0) - (x - mu) * (g * (x - mu)).mean(0) / s ** (2 * inner))
    )


@claim(
    "12.E2",
    "r in front, and r^2 in the last term",
    source=f"{IOFFE}, section 3",
    tolerance=1e-12,
    measure="absolute",
)
def repaired(answer=backward):
    g, gamma = rng_repair.normal(size=(20, 4)), np.array([1.0, 2.0, 0.5, -1.0])
    x = mg.tensor(3 * X + 1, requires_grad=True)
    (expected,) = mg.grad((ops.batch_norm(x, gamma, np.zeros(4)) * g).sum(), [x])
    return answer(g, 3 * X + 1, gamma, 1e-5), expected


rng_repair = np.random.default_rng(1)
repaired.wrong("as it was", answer=lambda *a: backward(*a, outer=0, inner=0))
repaired.wrong("x - mu for x^, twice", answer=lambda *a: backward(*a, inner=0))
repaired.wrong("not divided as a whole", answer=lambda *a: backward(*a, outer=0))
check(repaired)
answer(repaired, buggy_backward)


@claim(
    "12.E3",
    "gap / sqrt(within + gap^2 / 4), below 2; separate: 0",
    source="step (d)",
    tolerance=1e-12,
    measure="absolute",
)
def critic_gap(answer=lambda gap, within: (gap / np.sqrt(within + gap**2 / 4), 0.0)):
    gap, half = 5.0, (X - X.mean(0)) / X.std(0)
    batches = np.sqrt(0.7) * half + gap, np.sqrt(0.7) * half
    norm = lambda x: ops.batch_norm(x, np.ones(4), np.zeros(4), eps=0.0)
    together = norm(np.concatenate(batches))
    alone = norm(batches[0]).mean(0) - norm(batches[1]).mean(0)
    right = np.tile(answer(gap, 0.7), (4, 1)).T
    return np.stack([together[:20].mean(0) - together[20:].mean(0), alone]), right


critic_gap.wrong(
    "the deviation within the halves",
    answer=lambda gap, within: (gap / np.sqrt(within), 0.0),
)
critic_gap.wrong(
    "separate batches tell the two apart",
    answer=lambda gap, within: (gap / np.sqrt(within + gap**2 / 4),) * 2,
)
check(critic_gap)
answer(critic_gap, gap_after)

# %% [markdown]
# ## Sources
#
# * S. Ioffe, C. Szegedy, *Batch normalization*, 2015: section 3 (the derivatives),
#   algorithms 1 and 2.
# * I. Gulrajani et al., *Improved training of Wasserstein GANs*, 2017, section 4: no
#   critic batch normalization.
# * T. van Laarhoven, *L2 regularization versus batch and weight normalization*, 2017:
#   claim 4 and the learning rate.

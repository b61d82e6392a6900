# %% [markdown]
# # 2. Directional derivatives, or how to trust a gradient
#
# **What you need**: chapter 1, Taylor's formula, vectors.
#
# A wrong gradient does not crash. The loss still falls, a little more slowly, and the
# pictures stay a little worse forever. But a gradient makes a promise that any program
# can test: *in whatever direction you step, I know how the loss changes*. This chapter
# makes four tests of that promise, and derives how large the error of each test must
# be. Then it applies them, formula by formula, to a published article that derives the
# gradients of a GAN. Most of its lines fail.
#
# **Claims**
#
# 1. The slope of $f$ in the direction $u$ is $\partial_u f = \nabla f \cdot u$, for a
#    $u$ of any length.
# 2. A forward difference is wrong by $\frac{h}{2} f''$, a central one by
#    $\frac{h^2}{6} f'''$.
# 3. Round-off adds about $\mathrm{eps} \, |f| / h$: the best steps are near
#    $\mathrm{eps}^{1/2}$ and $\mathrm{eps}^{1/3}$.
# 4. The complex step has neither error.
# 5. Taylor's remainders fall like $h$, $h^2$, $h^3$. The last of them tests the second
#    derivatives too.
# 6. The article's term $-\mathbb{E} \log D(x)$ does not depend on the generator: in the
#    generator's loss it is a constant, with the gradient 0.
# 7. $\nabla_\theta \mathbb{E} \log(1 - D(G(z)))$ has a minus sign, which the article
#    lacks.
# 8. $\nabla_\psi \mathbb{E} \log D(x)$ has no factor $\log D$, which the article has.
# 9. Descent on the article's $L_D$ teaches the critic to be wrong.

# %% [markdown]
# ## Derivation
#
# (a) *The promise.* $\partial_u f(x) = \frac{d}{dt} f(x + t u)$ at $t = 0$. By the
# chain rule that is $\sum_i \frac{\partial f}{\partial x_i} u_i = \nabla f(x) \cdot u$.
# It is linear in $u$: twice the step, twice the change. The steepest of all unit
# directions is $\nabla f / \lVert \nabla f \rVert$ (Cauchy-Schwarz). [claim 1]
#
# (b) *Differences.* Let $\varphi(t) = f(x + t u)$. From $\varphi(\pm h) = \varphi \pm h
# \varphi' + \frac{h^2}{2} \varphi'' \pm \frac{h^3}{6} \varphi''' + \dots$ follow
#
# $$\frac{\varphi(h) - \varphi(0)}{h} = \varphi' + \frac{h}{2} \varphi'' + \dots ,
#   \qquad
#   \frac{\varphi(h) - \varphi(-h)}{2h} = \varphi' + \frac{h^2}{6} \varphi''' + \dots$$
#
# In the second, the terms with even derivatives cancel. [claim 2]
#
# (c) *Round-off.* Each $\varphi$ carries an error of about $\mathrm{eps} \, |\varphi|$,
# $\mathrm{eps} = 2.2 \cdot 10^{-16}$; the difference is divided by $h$. The sum of both
# errors is least where its derivative in $h$ vanishes:
#
# $$\frac{h}{2} |\varphi''| + \frac{2 \, \mathrm{eps} \, |\varphi|}{h}
#   \;\Rightarrow\;
#   h = 2 \sqrt{\mathrm{eps} \left|\frac{\varphi}{\varphi''}\right|} , \qquad
#   \frac{h^2}{6} |\varphi'''| + \frac{\mathrm{eps} \, |\varphi|}{h}
#   \;\Rightarrow\;
#   h = \sqrt[3]{3 \, \mathrm{eps} \left|\frac{\varphi}{\varphi'''}\right|} .$$
#
# [claim 3]
#
# (d) *The complex step.* For an analytic $f$ put $h \to i h$:
# $\varphi(i h) = \varphi + i h \varphi' - \frac{h^2}{2} \varphi'' - \dots$, and
# $\operatorname{Im} \varphi(i h) / h = \varphi' - \frac{h^2}{6} \varphi'''$. Nothing is
# subtracted, so $h$ may be as small as $10^{-30}$, and then the term in $h^2$ vanishes
# in rounding. [claim 4]
#
# (e) *Taylor's test.* Let $R_1(h) = \varphi(h) - \varphi(0) - h \, g \cdot u$. If $g$
# is the gradient, $R_1 \sim h^2$; if not, $R_1 \sim h$, at small $h$. Subtract
# $\frac{h^2}{2} u \cdot H u$ too, with the matrix $H$ of second derivatives: if $H$ is
# right, the remainder falls like $h^3$. [claim 5]
#
# (f) *A GAN.* Here $D \in (0, 1)$ is a probability. $\psi$ are the parameters of the
# critic (which the article calls the discriminator), $\theta$ those of the generator.
# With $d \log D = \frac{dD}{D}$ and $d \log(1 - D) = -\frac{dD}{1 - D}$,
#
# $$\nabla_\theta \, \mathbb{E} \log D(x) = 0 , \qquad
#   \nabla_\theta \, \mathbb{E} \log(1 - D(G(z)))
#   = -\mathbb{E} \frac{\nabla_\theta D(G(z))}{1 - D(G(z))} ,$$
#
# $$\nabla_\psi \left[\mathbb{E} \log D(x) + \mathbb{E} \log(1 - D(G(z)))\right] =
#   \mathbb{E} \frac{\nabla_\psi D(x)}{D(x)} -
#   \mathbb{E} \frac{\nabla_\psi D(G(z))}{1 - D(G(z))} .$$
#
# [claims 6, 7, 8] A step *against* that gradient makes $D$ worse, because the critic
# maximises $V$. [claim 9]

# %%
import numpy as np

import minigan as mg
from minigan import ops, viz
from minigan.check import (
    TaylorTestError,
    answer,
    check,
    claim,
    complex_step,
    taylor_test,
)

EPS = np.finfo(float).eps
rng = np.random.default_rng(0)
real, z = rng.normal(size=(32, 2)) + [1.0, 0.0], rng.normal(size=(32, 2))
psi = [rng.normal(size=shape) for shape in [(2, 16), (16,), (16, 1), (1,)]]
theta = [rng.normal(size=shape) for shape in [(2, 2), (2,)]]


def generator(z, a, c):
    return ops.tanh(z @ a + c)


def critic(x, w1, b1, w2, b2):
    """Return D(x), a probability for each sample, (N, 1)."""
    return ops.sigmoid(ops.tanh(x @ w1 + b1) @ w2 / 4 + b2)


def value(psi, theta):
    """Return V = E log D(x) + E log(1 - D(G(z)))."""
    return (
        ops.log(critic(real, *psi)).mean()
        + ops.log(1.0 - critic(generator(z, *theta), *psi)).mean()
    )


def value_of_psi(*psi):
    return value(psi, theta)


# %% [markdown]
# One direction over *all* parameters at once would hide a wrong bias among the weights,
# as exercise 2 shows. So each array gets a direction of its own.

# %%


def directions(arrays):
    """Return a random direction for each array, of the same size."""
    return [np.random.default_rng(k).normal(size=a.shape) for k, a in enumerate(arrays)]


def slopes(f, arrays):
    """Return f's slope in each array's direction, by the complex step."""
    steps = [
        [v if i == k else 0 * v for i, v in enumerate(directions(arrays))]
        for k in range(len(arrays))
    ]
    return [complex_step(f, arrays, step) for step in steps]


def along(gradients, arrays):
    """Return the same slopes as the given gradients promise them."""
    return [
        (g * u).sum().item() for g, u in zip(gradients, directions(arrays), strict=True)
    ]


def leaves(arrays):
    return [mg.tensor(a, requires_grad=True) for a in arrays]


# %% [markdown]
# ## Check 1: the promise

# %%


@claim(
    "2.1", "the slope in direction u is grad f . u", source="step (a)", tolerance=1e-13
)
def promise(gradient=mg.grad, length=lambda u: 1.0):
    parameters = leaves(psi)
    found = gradient(value(parameters, theta), parameters)
    promised = along(found, psi)
    sizes = [length(u) for u in directions(psi)]
    right = [p / n for p, n in zip(promised, sizes, strict=True)]
    return slopes(value_of_psi, psi), right


promise.wrong(
    "the promise for a unit vector, the step along another", length=np.linalg.norm
)
promise.wrong(
    "the gradient of a sum for that of a mean", gradient=lambda v, p: mg.grad(32 * v, p)
)
check(promise)

# %% [markdown]
# ## Check 2: the errors of differences
#
# The function is the one on which the complex step became known. All its derivatives
# come from minigan: a gradient is a Tensor like any other, so `mg.grad` takes the next
# one.

# %%


def martins(x):
    return ops.exp(x) / ops.sqrt(ops.sin(x) ** 3 + ops.cos(x) ** 3)


def derivatives(x, order=3):
    """Return f', f'' and f''' at the points x."""
    x = mg.tensor(x, requires_grad=True)
    found, y = [], martins(x)
    for _ in range(order):
        (y,) = mg.grad(y.sum(), [x], create_graph=True)
        found.append(y.numpy())
    return found


def forward(f, x, h):
    return (f(x + h) - f(x)) / h


def central(f, x, h):
    return (f(x + h) - f(x - h)) / (2 * h)


@claim(
    "2.2",
    "forward differences err by h f'' / 2, central ones by h^2 f''' / 6",
    source="step (b)",
    tolerance=1e-4,
)
def truncation(factors=(1 / 2, 1 / 6)):
    x = np.array(1.5)
    first, second, third = derivatives(x)
    errors = [
        (forward(martins, x, 1e-5) - first) / 1e-5,
        (central(martins, x, 1e-3) - first) / 1e-3**2,
    ]
    return errors, [factors[0] * second, factors[1] * third]


truncation.wrong(
    "h f'' and h^2 f''' / 3: the divisions by 2 forgotten", factors=(1, 1 / 3)
)
truncation.wrong(
    "h^2 f''' / 24, which is the error of a step h / 2", factors=(1 / 2, 1 / 24)
)
check(truncation)

# %% [markdown]
# Round-off is as good as random, so the best step is sought for the root mean square
# error over 200 points.

# %%
points = np.linspace(1.4, 1.6, 200)
steps = np.logspace(-14, -1, 105)


def errors(difference, h):
    """Return the root mean square error of a difference over the points."""
    return np.sqrt(
        np.mean((difference(martins, points, h) - derivatives(points, 1)[0]) ** 2)
    )


@claim(
    "2.3",
    "log10 of the best step: near eps^(1/2) forward, eps^(1/3) central",
    source="step (c)",
    tolerance=0.4,
    measure="absolute",
)
def best_steps(
    predicted=lambda f, f2, f3: (2 * np.sqrt(EPS * f / f2), np.cbrt(3 * EPS * f / f3)),
):
    found = [
        steps[np.argmin([errors(d, h) for h in steps])] for d in (forward, central)
    ]
    scales = [
        np.sqrt(np.mean(y**2)) for y in (martins(points), *derivatives(points)[1:])
    ]
    return np.log10(found), np.log10(predicted(*scales))


best_steps.wrong(
    "as small as floats allow: 1e-12", predicted=lambda f, f2, f3: (1e-12, 1e-12)
)
best_steps.wrong(
    "eps^(1/2) for both", predicted=lambda f, f2, f3: (2 * np.sqrt(EPS * f / f2),) * 2
)
check(best_steps)
for difference, h in ((forward, 1e-8), (central, 1e-5), (central, 5e-6)):
    print(
        f"     {difference.__name__} difference, h = {h:.0e}: root mean square error "
        f"{errors(difference, h):.1e}"
    )

# %% [markdown]
# ## Check 3: no error at all
#
# A trap comes with the complex step: code must stay analytic. `abs(v) ** 2` is `v * v`
# for real numbers, not for complex ones. If the whole derivative is lost,
# `complex_step` raises an error. If only a part of it is lost, `complex_step` cannot
# notice.

# %%


@claim(
    "2.4",
    "the complex step is exact, for analytic code",
    source="Squire and Trapp 1998; step (d)",
    tolerance=1e-13,
)
def no_subtraction(square=lambda v: v * v, slope=slopes):
    parameters = leaves(psi)

    def least_squares(*psi):
        return ((critic(real, *psi) - 1.0) ** 2).mean() + square(critic(z, *psi)).mean()

    true = mg.grad(
        ((critic(real, *parameters) - 1.0) ** 2).mean()
        + (critic(z, *parameters) ** 2).mean(),
        parameters,
    )
    return slope(least_squares, psi), along(true, psi)


def by_differences(f, arrays):
    """Return the same slopes as `slopes`, by central differences."""
    lines = [
        lambda t, k=k, u=u: f(*arrays[:k], arrays[k] + t * u, *arrays[k + 1 :])
        for k, u in enumerate(directions(arrays))
    ]
    return [central(line, 0.0, 6e-6) for line in lines]


no_subtraction.wrong("abs(v) ** 2 in half of the loss", square=lambda v: np.abs(v) ** 2)
no_subtraction.wrong("a central difference, with its best step", slope=by_differences)
check(no_subtraction)

# %% [markdown]
# ## Check 4: Taylor's test

# %%


def remainders(loss, at=psi, scale=1.0, hvp=mg.hvp, **options):
    """Return the report of Taylor's test, passed or not.

    `scale` multiplies the gradient of the first layer.
    """
    parameters = leaves(at)
    found = [
        g.numpy() * (scale if k == 0 else 1.0)
        for k, g in enumerate(mg.grad(loss(*parameters), parameters))
    ]
    try:
        return taylor_test(loss, at, found, hvp=lambda v: hvp(loss, at, v), **options)
    except TaylorTestError as error:
        return error.report


@claim(
    "2.5",
    "Taylor's remainders fall like h, h^2, h^3",
    source="Farrell et al. 2013; step (e)",
    tolerance=0.05,
    measure="absolute",
)
def taylor(**bug):
    return remainders(value_of_psi, **bug).slopes, [1.0, 2.0, 3.0]


taylor.wrong("the first layer's gradient is 1 % too large", scale=1.01)
taylor.wrong(
    "a gradient without history: H v = 0",
    hvp=lambda f, x, v: [mg.tensor(0 * a) for a in v],
)
check(taylor)

# %% [markdown]
# The steps must be small. At large steps the curvature's term, proportional to $h^2$,
# hides an error of 1 %, whose term is proportional to $h$:

# %%
for name, sizes in (
    ("large", 2.0 ** -np.arange(1, 5)),
    ("small", 2.0 ** -np.arange(12, 20)),
):
    power = remainders(value_of_psi, scale=1.01, steps=sizes).slopes[1]
    print(f"     1 % too large in one layer, {name} steps: R1 falls like h^{power:.2f}")

# %% [markdown]
# ## Check 5: an article, formula by formula
#
# An article on directional derivatives and gradients in GANs (see the sources) never
# takes a directional derivative. We shall. It defines both players' losses as
#
# $$L_G = -\mathbb{E} \log D(x) + \mathbb{E} \log(1 - D(G(z))) , \qquad
#   L_D = \mathbb{E} \log D(x) + \mathbb{E} \log(1 - D(G(z)))$$
#
# and derives their gradients. All of its formulas have the form
# $\mathbb{E} [c \nabla D]$, with a weight $c$ for each sample.

# %%


def weighted(c, d, parameters):
    """Return E[c grad D], with weights c that are not differentiated."""
    return [g.numpy() for g in mg.grad((c(d.numpy()) * d).mean(), parameters)]


def total(*terms):
    return [sum(parts) for parts in zip(*terms, strict=True)]


@claim(
    "2.6",
    "the gradient of -E log D(x) in the generator's parameters is 0",
    source="step (f)",
    tolerance=0,
    measure="absolute",
)
def constant_term(x=lambda *theta: real):
    term = lambda *theta: -ops.log(critic(x(*theta), *psi)).mean()
    return by_differences(term, theta), [0.0, 0.0]


constant_term.wrong(
    "the formula -E[grad D(x) / D(x)], with samples that the generator made for x",
    x=lambda *theta: generator(z, *theta),
)
check(constant_term)


@claim(
    "2.7",
    "grad of E log(1 - D(G(z))) in theta is -E[grad D / (1 - D)]",
    source="step (f)",
    tolerance=1e-13,
)
def generator_gradient(weight=lambda d: -1 / (1 - d)):
    parameters = leaves(theta)
    found = weighted(weight, critic(generator(z, *parameters), *psi), parameters)
    term = lambda *theta: ops.log(1.0 - critic(generator(z, *theta), *psi)).mean()
    return slopes(term, theta), along(found, theta)


generator_gradient.wrong(
    "the article: +E[grad D / (1 - D)]", weight=lambda d: 1 / (1 - d)
)
generator_gradient.wrong("the non-saturating loss -log D", weight=lambda d: -1 / d)
check(generator_gradient)


@claim(
    "2.8",
    "grad of V in psi is E[grad D(x) / D(x)] - E[grad D(G) / (1 - D(G))]",
    source="step (f)",
    tolerance=1e-13,
)
def critic_gradient(on_real=lambda d: 1 / d, on_fake=lambda d: -1 / (1 - d)):
    parameters, fake = leaves(psi), generator(z, *theta)
    found = total(
        weighted(on_real, critic(real, *parameters), parameters),
        weighted(on_fake, critic(fake, *parameters), parameters),
    )
    return slopes(value_of_psi, psi), along(found, psi)


critic_gradient.wrong(
    "the article: log D / D and + log(1 - D) / (1 - D)",
    on_real=lambda d: np.log(d) / d,
    on_fake=lambda d: np.log(1 - d) / (1 - d),
)
critic_gradient.wrong(
    "without the logarithms, but still +", on_fake=lambda d: 1 / (1 - d)
)
critic_gradient.wrong(
    "the sign mended, the logarithms kept",
    on_real=lambda d: np.log(d) / d,
    on_fake=lambda d: -np.log(1 - d) / (1 - d),
)
check(critic_gradient)

# %% [markdown]
# The last claim is about the direction of the step. $L_D$ is minus a cross-entropy, and
# the article's program minimises it. It also leaves out the first logarithm: its loss
# is the mean of $D(x) + \log(1 - D(G(z)))$. Along its step $u = -\nabla L$, the
# cross-entropy of real against fake rises.

# %%


def cross_entropy(*psi):
    """Return D's cross-entropy on real samples plus that on generated samples."""
    d = critic(np.concatenate([real, generator(z, *theta)]), *psi)
    labels = np.repeat([[1.0], [0.0]], 32, axis=0)
    return -2 * (labels * ops.log(d) + (1 - labels) * ops.log(1.0 - d)).mean()


def the_articles_program(*psi):
    return (
        critic(real, *psi).mean()
        + ops.log(1.0 - critic(generator(z, *theta), *psi)).mean()
    )


@claim(
    "2.9",
    "along -grad L_D the cross-entropy has the slope +|grad L_D|^2",
    source="steps (a), (f)",
    tolerance=1e-13,
)
def wrong_way(sign=1.0):
    parameters = leaves(psi)
    g = [g.numpy() for g in mg.grad(value(parameters, theta), parameters)]
    slope = complex_step(cross_entropy, psi, [-a for a in g])
    return slope, sign * sum((a * a).sum() for a in g)


wrong_way.wrong("the article: a step that minimises L_D improves D", sign=-1.0)
check(wrong_way)

# %% [markdown]
# Here are the article's numbers beside the true ones: two gradients along a random
# direction, and the effect of one step of the program.

# %%
articles = {
    "grad_G E log(1 - D(G(z)))": generator_gradient(weight=lambda d: 1 / (1 - d)),
    "grad_D L_D": critic_gradient(
        on_real=lambda d: np.log(d) / d, on_fake=lambda d: np.log(1 - d) / (1 - d)
    ),
}
for quantity, (true, said) in articles.items():
    print(f"     {quantity:34} article {said[0]:+.6f}   true {true[0]:+.6f}")
parameters = leaves(psi)
step = [-g.numpy() for g in mg.grad(the_articles_program(*parameters), parameters)]
hoped, true = -sum((u * u).sum() for u in step), complex_step(cross_entropy, psi, step)
print(
    f"     slope of D's error along its step  article {hoped:+.6f}   true {true:+.6f}"
)

# %% [markdown]
# The verdict, line by line:
#
# * "The gradient is the rate of change of every weight": it is the rate of change of
#   the *loss*, with every weight.
# * "A directional derivative computes the derivative at a point": in a direction, but
#   the article names none.
# * $L_G$ begins with $-\mathbb{E} \log D(x)$: constant for $G$, harmless and useless
#   (claim 6).
# * $L_D$ is a loss to minimise: it is $V$, which should be maximised (claim 9).
# * The gradient of a sum is the sum of the gradients, twice: right.
# * $\nabla_G (-\mathbb{E} \log D(x)) = -\mathbb{E} [\nabla_G D(x) / D(x)]$: true, as
#   $0 = 0$.
# * $\nabla_G \mathbb{E} \log(1 - D(G)) = +\mathbb{E} [\nabla_G D(G) / (1 - D(G))]$: the
#   sign is wrong (claim 7).
# * So $\nabla_G L_G$, the sum of both: the same wrong sign.
# * $\nabla_D \mathbb{E} \log D(x) = \mathbb{E} [(\nabla_D D / D) \log D]$: one factor
#   $\log D < 0$ too many (claim 8).
# * The same with $\log(1 - D(G))$: one logarithm too many and one minus sign too few,
#   two errors that give the right sign.
# * So $\nabla_D L_D$, the sum of both: both errors.
# * Program: $D$'s loss is the mean of $D(x) + \log(1 - D(G))$: a logarithm is missing,
#   and the sign is wrong (claim 9).
# * Program: $G$'s loss is $-\mathbb{E} D(G(z))$: a loss that works, but not the $L_G$
#   of the text.
#
# ## Picture

# %%


def v_curve(page):
    """Draw the errors of three numerical derivatives (root mean square) by step."""
    axes = page.axes(0.55, 0.25, 2.6, 2.2, xscale="log", yscale="log", ylim=(1e-16, 10))
    axes.set_xlabel("step h", fontdict=viz.style.font(7))
    axes.set_xticks([1e-14, 1e-10, 1e-6, 1e-2])
    kinds = {
        "forward": forward,
        "central": central,
        "complex": lambda f, x, h: complex_step(f, x, np.ones_like(x), h),
    }
    for (name, kind), color in zip(
        kinds.items(),
        (viz.style.VERMILLION, viz.style.BLUE, viz.style.GREEN),
        strict=True,
    ):
        axes.plot(
            steps,
            [errors(kind, h) for h in steps],
            color=color,
            linewidth=1.2,
            label=name,
        )
    viz.style.legend(axes)


def taylor_curves(page):
    """Draw the remainders of the right gradient (solid) and of a wrong one (dotted)."""
    axes = page.axes(3.75, 0.25, 2.6, 2.2, xscale="log", yscale="log", ylim=(1e-17, 10))
    axes.set_xlabel("step h", fontdict=viz.style.font(7))
    for scale, line in ((1.01, ":"), (1.0, "-")):
        report = remainders(value_of_psi, scale=scale)
        for k, color in enumerate((viz.style.BLACK, viz.style.BLUE, viz.style.ORANGE)):
            label = f"R{k}, slope {k + 1}" if line == "-" else None
            axes.plot(
                report.steps,
                report.remainders[k],
                line,
                color=color,
                linewidth=1.2,
                label=label,
            )
    viz.style.legend(axes)


def picture():
    page = viz.Page(
        2.85,
        "What a right derivative looks like",
        "Left: the error of three numerical derivatives against their step. Large "
        "steps are wrong by the curvature (slopes 1 and 2), small ones by round-off "
        "(slope −1); to the complex step, small steps do no harm. Right: Taylor's "
        "remainders of a GAN's value along one direction. Solid: the true gradient "
        "and second derivatives. Dotted: one layer's gradient is 1 % too large, and "
        "at small steps the slopes of R1 and R2 are 1.",
    )
    v_curve(page)
    taylor_curves(page)
    return page.figure


viz.show(picture, "ch02_directional_derivatives")

# %% [markdown]
# ## What goes wrong in practice
#
# * **float32.** There $\mathrm{eps} = 1.2 \cdot 10^{-7}$, and a central difference has
#   four digits at best, $\mathrm{eps}^{2/3}$. Check in float64.
# * **Kinks.** At a corner of a ReLU the two sides of a difference see different slopes,
#   so that a right gradient looks wrong. `mg.check.kinks` tests at five points on the
#   line whether there is a derivative at all.
# * **Noise.** With a fresh $z$ or dropout in each call, a difference is noise divided
#   by $h$. Draw the random numbers once.
# * **Absolute tolerances.** $10^{-6}$ is strict for a gradient of 1 and blind for one
#   of $10^{-7}$, common in an early layer. Compare relative errors,
#   $|a - n| / \max(|a|, |n|)$.
# * All of it in one call: `mg.check.gradcheck(f, inputs, order=2)`. Its error names the
#   array, the element and the likely cause.

# %% [markdown]
# ## Exercises
#
# 1. *Warm-up.* Cancel the error $\frac{h^2}{6} f'''$ too: combine the central
#    differences with steps $h$ and $2h$.
# 2. *Bug hunt.* Three losses are below, each with one bug in its backward pass. There
#    are three tests: one random direction over all parameters together, to 1 %; one
#    direction for each array, to 1 %; and Taylor's test, with second derivatives. Which
#    test finds which bug? Answer before you compute.
# 3. *Research.* With $u \sim N(0, I)$, the vector $\hat g = (\nabla f \cdot u) \, u$
#    needs one directional derivative and no backward pass, and
#    $\mathbb{E} \hat g = \nabla f$. Has backpropagation had its day? Find
#    $\mathbb{E} \lVert \hat g - \nabla f \rVert^2$ for $n$ parameters.

# %%


def five_points(f, x, h):
    raise NotImplementedError("exercise 1 is yours")


@mg.op(x=lambda g: g, b=lambda g: g * 0.0)
def add_bias(x, b):
    return x + b


@mg.op(
    x=lambda g, out: (
        g * (1.0 - np.square(out.data if isinstance(out, mg.Tensor) else out))
    )
)
def forgetful_tanh(x):
    return np.tanh(x)


@mg.op(x=lambda g: g)
def clipped(x):
    return np.clip(x, -10.0, 10.0)


def buggy_loss(bias=ops.add, squash=ops.tanh, clip=lambda x: x):
    """Return the cross-entropy on pixels, 255 x, with a part of its vjps replaced."""

    def loss(w1, b1, w2, b2):
        on_real, on_fake = (
            bias(clip(squash(255 * x @ w1 + b1) @ w2 / 4), b2)
            for x in (real, generator(z, *theta))
        )
        return ops.softplus(-on_real).mean() + ops.softplus(on_fake).mean()

    return loss


pixel_psi = [psi[0] / 255, *psi[1:3], np.zeros(1)]  # the last bias as it is initialised
LOSSES = [
    buggy_loss(bias=add_bias),
    buggy_loss(squash=forgetful_tanh),
    buggy_loss(clip=clipped),
]


def which_finds_which():
    """Return a row per loss and a column per test: 1 if it finds the bug, else 0."""
    raise NotImplementedError("exercise 2 is yours")


def squared_error(g):
    """Return E |g^ - g|^2 for the gradient g, an array."""
    raise NotImplementedError("exercise 3 is yours")


# %% [markdown]
# ## Solutions

# %% tags=["solution"]


def richardson(f, x, h):
    return (4 * central(f, x, h) - central(f, x, 2 * h)) / 3


@claim(
    "2.E1",
    "(4 c(h) - c(2h)) / 3 has lost the error h^2 f''' / 6",
    source="Richardson 1911",
    tolerance=1e-10,
)
def fourth_order(answer=richardson):
    return answer(martins, points, 1e-3), derivatives(points, 1)[0]


fourth_order.wrong("the central difference with that step", answer=central)
fourth_order.wrong(
    "2 and 1 for 4 and 1, as for forward differences",
    answer=lambda f, x, h: 2 * central(f, x, h) - central(f, x, 2 * h),
)
check(fourth_order)
answer(fourth_order, five_points)

# %% [markdown] tags=["solution"]
# The inputs are as large as pixels, so the first layer's gradient is some 900 times
# that of the last bias, and in a test of all parameters together the error of the
# forgotten bias is too small to see: only one direction in 17 shows an error of 1 %. No
# first-order test sees a gradient that is right but has lost its history. And no test
# at all sees the clipping, because nothing is clipped at this point: **a test proves
# the code that it runs**.

# %% tags=["solution"]


def relative(a, n):
    return abs(a - n) / max(abs(a), abs(n))


def together(loss):
    """Return whether one direction over all parameters shows an error above 1 %."""
    parameters, u = leaves(pixel_psi), directions(pixel_psi)
    promised = along(mg.grad(loss(*parameters), parameters), pixel_psi)
    true = central(
        lambda t: loss(*[a + t * v for a, v in zip(pixel_psi, u, strict=True)]),
        0.0,
        6e-6,
    )
    return relative(sum(promised), true) > 0.01


def one_by_one(loss):
    parameters = leaves(pixel_psi)
    promised = along(mg.grad(loss(*parameters), parameters), pixel_psi)
    return max(map(relative, promised, by_differences(loss, pixel_psi))) > 0.01


def with_taylor(loss):
    powers = remainders(loss, pixel_psi).slopes
    return powers[1] < 1.8 or powers[2] < 2.8


@claim(
    "2.E2",
    "which test (together, one by one, Taylor) finds which bug",
    source="exercise 2",
    tolerance=0,
    measure="absolute",
)
def detectives(answer=lambda: [[0, 1, 1], [0, 0, 1], [0, 0, 0]]):
    tests = (together, one_by_one, with_taylor)
    return [[int(test(loss)) for test in tests] for loss in LOSSES], answer()


detectives.wrong(
    "any test finds a wrong first derivative",
    answer=lambda: [[1, 1, 1], [0, 0, 1], [0, 0, 0]],
)
detectives.wrong(
    "Taylor's test finds all", answer=lambda: [[0, 1, 1], [0, 0, 1], [0, 0, 1]]
)
check(detectives)
answer(detectives, which_finds_which)

# %% [markdown] tags=["solution"]
# $\hat g - g = (u u^\top - I) g$. With $\mathbb{E} u u^\top = I$ and
# $\mathbb{E} \lVert u \rVert^2 (g \cdot u)^2 = (n + 2) \lVert g \rVert^2$,
# $\mathbb{E} \lVert \hat g - g \rVert^2 = (n + 2 - 2 + 1) \lVert g \rVert^2$. A million
# parameters need a million directional derivatives for an error as large as the
# gradient: backpropagation stays.

# %% tags=["solution"]


def forward_gradient_error(g):
    return (g.size + 1) * (g * g).sum()


@claim(
    "2.E3",
    "E |g^ - g|^2 = (n + 1) |g|^2 for the forward gradient g^",
    source="Baydin et al. 2022; Wick's theorem",
    tolerance=4,
    measure="sigmas",
)
def forward_gradient(answer=forward_gradient_error):
    parameters = leaves(psi)
    # eight weights are enough to count
    g = mg.grad(value(parameters, theta), parameters)[0].numpy().ravel()[:8]
    u = np.random.default_rng(1).normal(size=(100_000, g.size))
    squares = (((u @ g)[:, None] * u - g) ** 2).sum(1)
    return squares.mean(), answer(g), squares.std() / np.sqrt(len(squares))


forward_gradient.wrong("n |g|^2", answer=lambda g: g.size * (g * g).sum())
forward_gradient.wrong(
    "(n - 1) |g|^2, which is true for random signs",
    answer=lambda g: (g.size - 1) * (g * g).sum(),
)
check(forward_gradient)
answer(forward_gradient, squared_error)

# %% [markdown]
# ## Sources
#
# * W. Press et al., *Numerical Recipes*, third edition, 2007, section 5.7: steps and
#   errors of differences.
# * W. Squire and G. Trapp, *Using complex variables to estimate derivatives of real
#   functions*, SIAM Review 40, 1998.
# * J. Martins, P. Sturdza, J. Alonso, *The complex-step derivative approximation*, ACM
#   Transactions on Mathematical Software 29, 2003: the function of check 2, at
#   $x = 1.5$.
# * P. Farrell, D. Ham, S. Funke, M. Rognes, *Automated derivation of the adjoint of
#   high-level transient finite element programs*, SIAM Journal on Scientific Computing
#   35, 2013: Taylor's test.
# * I. Goodfellow et al., *Generative adversarial nets*, 2014, equation 1: the value of
#   check 5.
# * A. Baydin, B. Pearlmutter, D. Syme, F. Wood, P. Torr, *Gradients without
#   backpropagation*, 2022.
# * L. F. Richardson, *The approximate arithmetical solution by finite
#   differences*, 1911.
# * The article of check 5, in Chinese and without author: 方向导数和梯度在GANs中的应用
#   (the use of directional derivatives and gradients in GANs), sections 2 to 4.

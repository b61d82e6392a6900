# %% [markdown]
# # 6. Least squares and f-divergences
#
# **What you need**: chapter 4 ($D^*$), chapter 5 (the gradient through a frozen
# critic).
#
# Replace the logarithm by a square, and a GAN becomes a least-squares problem: the
# critic should output $b$ for data and $a$ for fakes, and the generator wants the
# critic to output $c$. A famous theorem names labels for which the value of this game
# is a $\chi^2$ divergence. The theorem is true, but a generator with these labels does
# not minimise that divergence. We show both, then study the family of f-divergences.
#
# **Claims**
#
# 1. The best critic is $D^* = \frac{b\,p + a\,q}{p + q}$.
# 2. With $b - c = 1$ and $b - a = 2$ the value at $D^*$ is
#    $\chi^2 = \int \frac{(p - q)^2}{p + q}$: 1.211082 in our example.
# 3. A $\chi^2$ divergence needs no special labels: the value is always
#    $\frac{(a + b - 2c)^2}{2} + \frac{(b - a)^2}{4} \chi^2$. Labels 0 and 1 give
#    $0.802771 = \frac12 + \frac14 \cdot 1.211082$.
# 4. The generator does not follow the gradient of that value. With labels 0 and 1 it
#    follows the gradient of another divergence.
# 5. With the labels of the theorem, $-1, 1, 0$, it follows the gradient of no
#    divergence: near the data its force vanishes, and a generator that is too narrow is
#    pushed to become narrower.
# 6. For every convex $f$: $D_f(p \Vert q) = \mathbb{E}_p T - \mathbb{E}_q f^*(T)$ at
#    $T = f'(p / q)$.
# 7. Near the data all f-divergences are alike:
#    $D_f \approx \frac{f''(1)}{2} \int \frac{(p - q)^2}{q}$.

# %% [markdown]
# ## Derivation
#
# The critic minimises
# $\frac12 \mathbb{E}_p (D - b)^2 + \frac12 \mathbb{E}_q (D - a)^2$, the generator
# $\frac12 \mathbb{E}_q (D - c)^2$.
#
# (a) As in chapter 4, point by point: $p (D - b) + q (D - a) = 0$. [claim 1] In other
# words $D^* = a + (b - a) \frac{p}{p + q}$, which is chapter 4's optimum on another
# scale.
#
# (b) The theorem adds $\frac12 \mathbb{E}_p (D - c)^2$ to the generator's loss, which
# does not change the generator's gradient while $D$ is fixed. At $D^*$, twice that
# value is
#
# $$\int (p + q) (D^* - c)^2 =
#   \int \frac{\left( (b - c) p + (a - c) q \right)^2}{p + q} .$$
#
# For $b - c = 1$, $a - c = -1$ it is $\chi^2 = \int \frac{(p - q)^2}{p + q}$: Pearson's
# divergence of $2 q$ from $p + q$, or twice that of $q$ from the mixture $m$. It is
# also known as Le Cam's or the triangular divergence, and never exceeds 2. [claim 2]
#
# (c) For any labels write
# $(b - c) p + (a - c) q = \frac{a + b - 2 c}{2} (p + q) + \frac{b - a}{2} (p - q)$ and
# square. The mixed term integrates to $\int (p - q) = 0$, the first to
# $\frac{(a + b - 2 c)^2}{4} \cdot 2$. [claim 3]
#
# (d) *The generator's gradient is another matter.* In chapter 4 the two players shared
# one value, so the dependence of $D^*$ on the generator could be ignored. Here they do
# not share one. With $D^*$ fixed,
#
# $$\nabla_\theta \, \tfrac12 \mathbb{E}_{q_\theta} (D^* - c)^2
#   = \int f'(u) \, \nabla q_\theta
#   = \nabla_\theta \int p\, f(u), \qquad u = \frac{q}{p}, \quad
#   f'(u) = \tfrac12 \left( \frac{(b - c) + (a - c) u}{1 + u} \right)^2 .$$
#
# That is the gradient of an f-divergence if $f$ is convex. For the labels 0, 1, 1,
# $f' = \frac12 \left( \frac{u}{1 + u} \right)^2$ grows with $u$, so $f$ is convex, and
# $2 f = u - 2 \log(1 + u) - \frac{1}{1 + u} + 2 \log 2 - \frac12$. [claim 4]
#
# (e) For $-1, 1, 0$, $f' = \frac12 \left( \frac{1 - u}{1 + u} \right)^2$ *falls* until
# $u = 1$. Where data outnumber fakes, $D^* > 0$, and the generator moves away from
# there, because it wants $D = 0$. Put $q_\theta$ near $p$: with
# $\log u = \epsilon\, s(x)$, $s$ the score, $f' \approx \frac{\epsilon^2}{8} s^2$ and
# the force is $\frac{\epsilon^2}{8} \mathbb{E}\, s^3$. If $q = \mathcal{N}(\theta, 1)$
# and $p = \mathcal{N}(0, 1)$ the score is $x$: its third moment is 0, and the next
# order gives $\theta^3 / 8$. If $q = \mathcal{N}(0, 1 + \epsilon)$ it is $x^2 - 1$,
# whose third moment is 8: the derivative in the width is $\epsilon^2$, *of one sign on
# both sides*. [claim 5]
#
# (f) For convex $f$ with $f(1) = 0$, $D_f(p \Vert q) = \int q f(\frac{p}{q})$. A convex
# function is the envelope of its tangents, $f(u) = \max_t \left[ t u - f^*(t) \right]$,
# with the maximum at $t = f'(u)$. So for any function $T$
#
# $$D_f(p \Vert q) \ge \mathbb{E}_p T - \mathbb{E}_q f^*(T), \quad
#   \text{with equality at } T = f'(p / q) :$$
#
# a critic's objective for every $f$. [claim 6] Expand $f$ around 1 for the last claim;
# $f'(1) \int q (\frac{p}{q} - 1) = 0$.

# %%
import numpy as np

import minigan as mg
from minigan import ops, viz
from minigan.check import answer, check, claim
from minigan.gan import losses

z = np.linspace(-14.0, 14.0, 2801)
# E f(z) = sum(weights * f(z))
weights = np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi) * (z[1] - z[0])
x = np.linspace(-12.0, 18.0, 3001)
dx = x[1] - x[0]


def log_normal(x, centre, width):
    root = np.array(np.sqrt(2 * np.pi))
    return -0.5 * ((x - centre) / width) ** 2 - ops.log(width * root)


# the example, as probabilities of the points
p = np.exp(log_normal(x, 0.0, 1.0)) * dx
q = np.exp(log_normal(x, 2.5, 1.3)) * dx


def labelled(a, b, c):
    """Return the loss with the labels a for fakes, b for data, c for the generator."""
    return losses.Loss(
        "least squares",
        "Mao et al. 2017, equation 2",
        lambda real, fake: 0.5 * (((real - b) ** 2).mean() + ((fake - a) ** 2).mean()),
        lambda fake: 0.5 * ((fake - c) ** 2).mean(),
    )


def optimum(a, b, p, q):
    """Return the best critic D* at each point."""
    return (b * p + a * q) / (p + q)


def chi2(p, q):
    """Return Pearson's divergence of 2 q from p + q."""
    return ((p - q) ** 2 / (p + q)).sum()


def generator_gradient(a, b, c, centre, width):
    """Return the gradient in centre and width against the best critic, held fixed."""
    parameters = [mg.tensor(number, requires_grad=True) for number in (centre, width)]
    fake = parameters[0] + parameters[1] * z
    logits = log_normal(fake, 0.0, 1.0) - log_normal(fake, centre, width)
    scores = a + (b - a) * ops.sigmoid(logits)
    # the gradient of the plain mean over z
    (pull,) = mg.grad(labelled(a, b, c).generator(scores), [scores], retain_graph=True)
    gradients = mg.grad(scores, parameters, grad_outputs=pull * len(z) * weights)
    return np.array([g.item() for g in gradients])


def divergence_gradient(divergence, centre, width):
    """Return the derivative of divergence(p, q), by the densities on the grid."""
    parameters = [mg.tensor(number, requires_grad=True) for number in (centre, width)]
    q = ops.exp(log_normal(x, *parameters)) * dx
    gradients = mg.grad(divergence(p, q), parameters)
    return np.array([g.item() for g in gradients])


# %% [markdown]
# ## Check 1: the optimum and its value
#
# The two derivatives of a loss, weighted with $p$ and $q$, must cancel at $D^*$
# everywhere. The first loss tested is the library's own, whose labels are 0, 1, 1.

# %%
MAO = "Mao et al. 2017"


@claim(
    "6.1", "D* = (b p + a q) / (p + q)", source=MAO, tolerance=1e-15, measure="absolute"
)
def stationary(best=optimum):
    forces = []
    for a, b, loss in [
        (0.0, 1.0, losses.least_squares),
        (-1.0, 1.0, labelled(-1, 1, 0)),
    ]:
        real, fake = (mg.tensor(best(a, b, p, q), requires_grad=True) for _ in range(2))
        pulls = mg.grad(loss.critic(real, fake), [real, fake])
        forces.append(len(x) * (p * pulls[0] + q * pulls[1]).numpy())
    return np.array(forces), np.zeros((2, len(x)))


stationary.wrong("labels exchanged", best=lambda a, b, p, q: (a * p + b * q) / (p + q))
stationary.wrong(
    "without the denominator's q", best=lambda a, b, p, q: (b * p + a * q) / p
)
check(stationary)


def value(a, b, c):
    """Return E_p (D* - c)^2 + E_q (D* - c)^2."""
    return ((p + q) * (optimum(a, b, p, q) - c) ** 2).sum()


@claim(
    "6.2",
    "b - c = 1, b - a = 2: the value at D* is chi^2 = 1.211082",
    source=MAO,
    tolerance=1e-13,
)
def pearson(divergence=chi2, labels=(-1.0, 1.0, 0.0)):
    return value(*labels), divergence(p, q)


pearson.wrong(
    "Pearson's chi^2 of p and q themselves",
    divergence=lambda p, q: ((p - q) ** 2 / q).sum(),
)
pearson.wrong(
    "of q from the mixture, once",
    divergence=lambda p, q: ((p - q) ** 2 / (p + q)).sum() / 2,
)
pearson.wrong("labels 0, 1, 1", labels=(0.0, 1.0, 1.0))
check(pearson)
print(
    f"     labels -1, 1, 0: {value(-1, 1, 0):.6f}; labels 0, 1, 1: {value(0, 1, 1):.6f}"
)


@claim(
    "6.3",
    "any labels: the value is (a + b - 2c)^2 / 2 + (b - a)^2 / 4 chi^2",
    source="step (c)",
    tolerance=1e-12,
)
def any_labels(
    formula=lambda a, b, c: (a + b - 2 * c) ** 2 / 2 + (b - a) ** 2 / 4 * chi2(p, q),
):
    labels = [(0.0, 1.0, 1.0), *np.random.default_rng(0).normal(size=(5, 3))]
    right = np.array([formula(*abc) for abc in labels])
    return np.array([value(*abc) for abc in labels]), right


any_labels.wrong("chi^2 whatever the labels", formula=lambda a, b, c: chi2(p, q))
any_labels.wrong("no constant", formula=lambda a, b, c: (b - a) ** 2 / 4 * chi2(p, q))
check(any_labels)

# %% [markdown]
# ## Check 2: the divergence that the generator sees
#
# This compares the gradient through the frozen $D^*$, in centre and width, for a
# generator that overlaps the data and for one far away. The most important wrong
# variant is the first, which states that "LSGAN minimises $\chi^2$".

# %%


def least_squares_divergence(p, q):
    """Return the integral of p f(q / p) with f of step (d), labels 0, 1, 1."""
    u = q / p
    return 0.5 * (p * (u - 2 * ops.log1p(u) - 1 / (1 + u))).sum()


@claim(
    "6.4",
    "labels 0, 1, 1: the gradient is that of f with f' = (u / (1 + u))^2 / 2",
    source="step (d)",
    tolerance=1e-8,
)
def what_it_follows(divergence=least_squares_divergence):
    places = [(1.0, 1.3), (4.0, 1.1)]
    through_d = [generator_gradient(0, 1, 1, *place) for place in places]
    right = np.array([divergence_gradient(divergence, *place) for place in places])
    return np.array(through_d), right


what_it_follows.wrong("chi^2 / 8, from claim 3", divergence=lambda p, q: chi2(p, q) / 8)
what_it_follows.wrong(
    "E_q (D* - 1)^2 / 2, with a D* that moves",
    divergence=lambda p, q: (q * (optimum(0, 1, p, q) - 1) ** 2).sum() / 2,
)
what_it_follows.wrong(
    "u / (1 + u) not squared, as in the minimax game",
    divergence=lambda p, q: 0.5 * (p * (q / p - ops.log1p(q / p))).sum(),
)
check(what_it_follows)

# %% [markdown]
# The next claim puts the generator 0.01 away from the data. With the theorem's labels
# the force on its centre is of the third order, and that on its width of the second,
# with the same sign at $1 + 0.01$ and $1 - 0.01$: a generator that is too narrow gets
# narrower. With the labels 0, 1, 1 both forces are of the first order, and point back
# to the data.

# %%


def forces(labels, h=0.01):
    """Return the forces on a centre at h, and on the widths 1 + h and 1 - h."""
    moved = generator_gradient(*labels, centre=h, width=1.0)[0]
    narrow, wide = (
        generator_gradient(*labels, centre=0.0, width=width)[1]
        for width in (1.0 - h, 1.0 + h)
    )
    return moved, wide, narrow


@claim(
    "6.5",
    "labels -1, 1, 0: forces h^3 / 8 on a centre at h, and h^2 on widths 1 + h and 1 "
    "- h",
    source="step (e)",
    tolerance=0.02,
)
def theorems_labels(labels=(-1, 1, 0), sides=(1.0, 1.0)):
    h = 0.01
    right = np.array([h**3 / 8, sides[0] * h**2, sides[1] * h**2])
    return np.array(forces(labels, h)), right


theorems_labels.wrong("labels 0, 1, 1", labels=(0, 1, 1))
theorems_labels.wrong("restoring on both sides, as chi^2 would be", sides=(1.0, -1.0))
check(theorems_labels)

# %% [markdown]
# ## Check 3: every convex function makes a GAN
#
# $f'$ and the conjugate's derivative come from minigan's `grad`. Two things are
# compared: the value at $T = f'(p / q)$ with $D_f$, and $q f^{*\prime}(T)$ with $p$,
# which says that this $T$ is the *best* one. The value alone would not be a sufficient
# test: if the term $t$ is missing from Pearson's conjugate $\frac{t^2}{4} + t$, the
# value is still right, because $\mathbb{E}_q T = 2 \int (p - q) = 0$ at this $T$.

# %%
F = {
    "KL": lambda u: u * ops.log(u),
    "reverse KL": lambda u: -ops.log(u),
    "Pearson": lambda u: (u - 1) ** 2,
    "squared Hellinger": lambda u: (ops.sqrt(u) - 1) ** 2,
    "GAN": lambda u: u * ops.log(u) - (u + 1) * ops.log1p(u),
}
CONJUGATE = {
    "KL": lambda t: ops.exp(t - 1),
    "reverse KL": lambda t: -1 - ops.log(-t),
    "Pearson": lambda t: t**2 / 4 + t,
    "squared Hellinger": lambda t: t / (1 - t),
    "GAN": lambda t: -ops.log(-ops.expm1(t)),
}
rng = np.random.default_rng(1)
r, s = rng.dirichlet(np.full(50, 5.0), size=2)


def slope(f, u):
    """Return f'(u) at every point."""
    u = mg.tensor(u, requires_grad=True)
    return mg.grad(f(u).sum(), [u])[0].numpy()


@claim(
    "6.6",
    "E_p T - E_q f*(T) is D_f(p || q) at its best T, f'(p / q), for five f",
    source="Nowozin et al. 2016, section 2",
    tolerance=1e-11,
)
def variational(ratio=lambda p, q: p / q, **replaced):
    left, right = [], []
    for name, conjugate in (CONJUGATE | replaced).items():
        t = slope(F[name], ratio(r, s))
        left += [(r * t - s * conjugate(t)).sum(), *(s * slope(conjugate, t))]
        right += [(s * F[name](r / s)).sum(), *r]
    return np.array(left), np.array(right)


variational.wrong("Pearson's conjugate without its t", Pearson=lambda t: t**2 / 4)
variational.wrong("KL's conjugate without its 1", KL=ops.exp)
variational.wrong("the ratio q / p", ratio=lambda p, q: q / p)
check(variational)


@claim(
    "6.7",
    "near the data D_f = f''(1) / 2 chi^2, for five f",
    source="Taylor's formula",
    tolerance=1e-2,
)
def all_alike(curvature=(1, 1, 2, 0.5, 0.5)):
    near = s + 1e-3 * (r - s)
    excess = [(s * (f(near / s) - f(np.ones(50)))).sum() for f in F.values()]
    return np.array(excess), np.array(curvature) / 2 * ((near - s) ** 2 / s).sum()


all_alike.wrong("one curvature for all", curvature=(1, 1, 1, 1, 1))
all_alike.wrong("GAN taken for 2 JSD of f'' = 1", curvature=(1, 1, 2, 0.5, 1))
check(all_alike)

# %% [markdown]
# ## Picture

# %%


def picture():
    page = viz.Page(
        2.15,
        "The same theorem, opposite pushes",
        "Data N(0, 1), a generator N(theta, width), and the best least-squares "
        "discriminator, fixed. Left: the gradient in theta, at width 1. Right: that "
        "in the width, at theta 0; where it is positive the generator gets narrower. "
        "Dashed: the gradient of chi² / 8, which is in the value at D* whatever the "
        "labels. Green: labels 0, 1, 1. Red: labels -1, 1, 0 (divided by 4, for one "
        "scale), which make a narrow generator narrower still.",
    )
    left, right = page.axes(0.55, 0.2, 2.65, 1.65), page.axes(3.75, 0.2, 2.65, 1.65)
    theta, width = np.linspace(0.0, 5.0, 51), np.linspace(0.4, 1.8, 57)
    for axes, places, k in [
        (left, [(t, 1.0) for t in theta], 0),
        (right, [(0.0, w) for w in width], 1),
    ]:
        along = theta if k == 0 else width
        promise = [
            divergence_gradient(lambda p, q: chi2(p, q) / 8, *place)[k]
            for place in places
        ]
        honest = [generator_gradient(0, 1, 1, *place)[k] for place in places]
        theorem = [generator_gradient(-1, 1, 0, *place)[k] / 4 for place in places]
        axes.axhline(0, color=viz.style.MUTED, linewidth=0.6)
        axes.plot(along, promise, "--", color=viz.style.MUTED, linewidth=1)
        axes.plot(along, honest, color=viz.style.GREEN)
        axes.plot(along, theorem, color=viz.style.VERMILLION)
    for edge, name in [(0.55, "theta"), (3.75, "width")]:
        page.text(
            edge, 0.0, f"gradient in {name}", viz.style.SMALL, color=viz.style.MUTED
        )
        page.text(
            edge + 2.65, 2.02, name, viz.style.SMALL, color=viz.style.MUTED, ha="right"
        )
    right.plot(1.0, 0.0, "o", color=viz.style.BLUE, markersize=4)
    return page.figure


viz.show(picture, "ch06_least_squares_and_f_divergences")

# %% [markdown]
# ## What goes wrong in practice
#
# * **"LSGAN minimises $\chi^2$."** The value at $D^*$ is a $\chi^2$ divergence, for
#   *any* labels, but the generator does not minimise it. Its gradient is that of the
#   value only in zero-sum games (chapter 4, claim 6). Mao et al. report that training
#   with either set of labels gives similar results: a critic in training is far from
#   $D^*$, and with a linear output it has a slope where $D^*$ is flat.
# * **A critic that ends in a sigmoid.** Its output is less than 1, and the generator's
#   pull $D - 1$ is multiplied by $D (1 - D)$: chapter 5's vanishing gradient is back.
#   Least squares wants a linear output.
# * **Outputs outside the conjugate's domain.** Reverse KL needs $T < 0$, Hellinger
#   $T < 1$, GAN $T < 0$. An f-GAN's network must end in a function that guarantees it,
#   or the loss is NaN after some steps.
# * **A divergence of densities that share no support.** Then $\chi^2 = 2$ and
#   $2\,\mathrm{JSD} = \log 4$, whatever the distance. No choice of $f$ helps: all of
#   them depend on the ratio $p / q$ alone, none on how far apart the points are. The
#   distance of chapter 8 depends on that.

# %% [markdown]
# ## Exercises
#
# 1. *Warm-up.* For which $c$ is the value at $D^*$ a pure multiple of $\chi^2$?
# 2. *Bug hunt.* Someone trains a Pearson f-GAN with `buggy_pearson_critic`. Real scores
#    settle near $2 p / q$ instead of $2 (p / q - 1)$, and the estimate of $\chi^2$ is
#    too large by 1. Fix it.
# 3. *Research.* The hinge loss,
#    $\mathbb{E}_p \max(0, 1 - D) + \mathbb{E}_q \max(0, 1 + D)$. Which divergence is
#    hidden in its smallest value? (And what does the generator learn from that $D$?)

# %%


def neutral_label(a, b):
    raise NotImplementedError("exercise 1 is yours")


def buggy_pearson_critic(p, q, scores):
    raise NotImplementedError("exercise 2 is yours: fix the bug, then delete this line")
    return -(p * scores).sum() + (q * scores**2 / 4).sum()


def smallest_hinge_loss(p, q):
    raise NotImplementedError("exercise 3 is yours")


# %% [markdown]
# ## Solutions

# %% [markdown] tags=["solution"]
# Exercise 3: point by point, $p \max(0, 1 - D) + q \max(0, 1 + D)$ is piecewise linear,
# with corners at $\pm 1$: at the corners it is $2 q$ and $2 p$, so
# $D^* = \operatorname{sign}(p - q)$ and the sum is
# $2 \int \min(p, q) = 2 - \int |p - q|$: the total variation. $D^*$ is a staircase
# whose slope is 0 almost everywhere. The hinge loss works because a trained network is
# *not* $D^*$ but smoother. It became popular together with spectral normalisation
# (chapter 10), which keeps the critic smooth.

# %% tags=["solution"]


@claim(
    "6.E1",
    "c = (a + b) / 2 leaves (b - a)^2 / 4 chi^2",
    source="claim 6.3",
    tolerance=1e-12,
)
def neutral(answer=lambda a, b: (a + b) / 2):
    a, b = np.random.default_rng(2).normal(size=(2, 5))
    right = (b - a) ** 2 / 4 * chi2(p, q)
    labels = zip(a, b, answer(a, b), strict=True)
    return np.array([value(*abc) for abc in labels]), right


neutral.wrong("c = b, as in 0, 1, 1", answer=lambda a, b: b)
neutral.wrong("c = 0, as in -1, 1, 0", answer=lambda a, b: 0 * a)
check(neutral)
answer(neutral, neutral_label)


@claim(
    "6.E2",
    "f*(t) = t^2 / 4 + t: the loss is -chi^2 and stationary at 2 (p / q - 1)",
    source="claim 6.6",
    tolerance=1e-11,
)
def mended(answer=lambda p, q, t: -(p * t).sum() + (q * (t**2 / 4 + t)).sum()):
    t = mg.tensor(2 * (r / s - 1), requires_grad=True)
    loss = answer(r, s, t)
    (g,) = mg.grad(loss, [t])
    right = np.array([-((r - s) ** 2 / s).sum(), *r])
    return np.array([loss.item(), *(g.numpy() + r)]), right


mended.wrong("the bug", answer=lambda p, q, t: -(p * t).sum() + (q * t**2 / 4).sum())
mended.wrong(
    "t subtracted", answer=lambda p, q, t: -(p * t).sum() + (q * (t**2 / 4 - t)).sum()
)
check(mended)
answer(mended, buggy_pearson_critic)


@claim(
    "6.E3",
    "the hinge loss is 2 - integral |p - q| at its best",
    source="Lim and Ye 2017",
    tolerance=1e-12,
)
def hinge(answer=lambda p, q: 2 - abs(p - q).sum()):
    scores = np.linspace(-3, 3, 61)
    point = lambda d: r * max(0, 1 - d) + s * max(0, 1 + d)
    return np.min([point(d) for d in scores], axis=0).sum(), answer(r, s)


hinge.wrong(
    "total variation with its factor 1/2", answer=lambda p, q: 2 - abs(p - q).sum() / 2
)
hinge.wrong("2 - chi^2, the bound of least squares", answer=lambda p, q: 2 - chi2(p, q))
check(hinge)
answer(hinge, smallest_hinge_loss)

# %% [markdown]
# ## Sources
#
# * X. Mao et al., *Least squares generative adversarial networks*, 2017: the
#   objectives, $D^*$, and the theorem of step (b).
# * S. Nowozin, B. Cseke and R. Tomioka, *f-GAN: training generative neural samplers
#   using variational divergence minimization*, 2016: section 2, with the table of
#   conjugates.
# * X. Nguyen, M. J. Wainwright and M. I. Jordan, *Estimating divergence functionals and
#   the likelihood ratio by convex risk minimization*, 2010: the bound of step (f).
# * J. H. Lim and J. C. Ye, *Geometric GAN*, 2017: the hinge loss.

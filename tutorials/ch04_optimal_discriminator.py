# %% [markdown]
# # 4. The optimal discriminator and the Jensen-Shannon divergence
#
# **What you need**: chapter 3 (gradients of arrays), logarithms, expectations.
#
# A GAN's discriminator does not say whether a picture is good. It estimates a ratio of
# densities, and the best that it can do is a distance between the data and the
# generator. This chapter proves both, then lets the computer try to refute the proof.
#
# **Claims**
#
# 1. For a fixed generator, $V(D) = \mathbb{E}_p \log D + \mathbb{E}_q \log(1 - D)$ is
#    largest at $D^* = \frac{p}{p + q}$.
# 2. $D^*$'s logit is the log-ratio of the densities, $\log p - \log q$.
# 3. The largest value is $V(D^*) = 2\,\mathrm{JSD}(p, q) - \log 4$.
# 4. On a grid that misses some of the mass of both densities, that identity is wrong by
#    exactly $\log 2$ times the lost mass.
# 5. For any other $D$, the difference $V(D^*) - V(D)$ is a Kullback-Leibler divergence
#    between two coins, integrated over $x$ with the weight $p + q$.
# 6. The generator's gradient through a *fixed* $D^*$ is the gradient of
#    $2\,\mathrm{JSD}$, though $D^*$ depends on it.

# %% [markdown]
# ## Derivation
#
# $p$ is the density of the data, $q$ that of the generator, $D(x) \in (0, 1)$ the
# discriminator's belief that $x$ is real. (*Discriminator* is the original name of this
# network. In the other chapters it is called the *critic*, because its output need not
# be a probability.)
#
# $$V(D) = \int p(x) \log D(x) + q(x) \log(1 - D(x)) \, dx .$$
#
# (a) *No derivative of $D$ appears*, so the integrand may be maximised separately for
# every $x$. With $a = p(x)$ and $b = q(x)$, $f(D) = a \log D + b \log (1 - D)$ has
# $f'(D) = \frac{a}{D} - \frac{b}{1 - D}$, which is 0 only at $D^* = \frac{a}{a + b}$,
# and $f'' < 0$ everywhere: a maximum. [claim 1]
#
# (b) $\operatorname{logit} D^* = \log \frac{D^*}{1 - D^*} = \log a - \log b$. [claim 2]
#
# (c) Put $D^*$ back, with the mixture $m = \frac{p + q}{2}$, so $D^* = \frac{p}{2m}$
# and $1 - D^* = \frac{q}{2m}$:
#
# $$V(D^*) = \int p \log \frac{p}{2m} + q \log \frac{q}{2m}
#   = \mathrm{KL}(p \| m) + \mathrm{KL}(q \| m) -
#   \log 2 \left(\int p + \int q\right) .$$
#
# The two divergences are $2\,\mathrm{JSD}(p, q)$ by definition, and the two integrals
# are 1 each. [claim 3] If the integrals are smaller, as on a grid that ends too early,
# an error of $\log 2$ times the missing mass remains. [claim 4]
#
# (d) $V(D^*) - V(D) = \int (p + q) \left[ D^* \log \frac{D^*}{D} + (1 - D^*) \log
# \frac{1 - D^*}{1 - D} \right]$: the divergence between a coin with $D^*$ and one with
# $D$. [claim 5]
#
# (e) Let $q$ depend on $\theta$. By the chain rule the derivative of
# $V(D^*_\theta, \theta)$ is
#
# $$\frac{d}{d\theta} V(D^*_\theta, \theta)
#   = \frac{\partial V}{\partial D} \frac{d D^*}{d\theta} +
#   \frac{\partial V}{\partial \theta} ,$$
#
# and at the maximum $\frac{\partial V}{\partial D} = 0$: the dependence of $D^*$ on
# $\theta$ can be ignored (Danskin's theorem). [claim 6]

# %%
import numpy as np

import minigan as mg
from minigan import ops, viz
from minigan.check import answer, check, claim

rng = np.random.default_rng(0)
p, q = rng.dirichlet(np.ones(50), size=2)  # two distributions on 50 points


def value(logits, p, q):
    """Return V(D) for D = sigmoid(logits), by expectations under p and q."""
    return (p * ops.log_sigmoid(logits) + q * ops.log_sigmoid(-logits)).sum()


def kl(p, q):
    """Return KL(p || q) of distributions on points."""
    return (p * (ops.log(p) - ops.log(q))).sum()


def jsd(p, q):
    """Return the Jensen-Shannon divergence of p and q."""
    m = (p + q) / 2
    return (kl(p, m) + kl(q, m)) / 2


def optimum(p, q):
    """Return the best discriminator D* at each point."""
    return p / (p + q)


def logit(d):
    return np.log(d) - np.log1p(-d)


# %% [markdown]
# ## Check 1: nothing beats $D^*$
#
# minigan differentiates $V$ in the discriminator's logits. The derivation says the
# gradient vanishes at $D^*$.

# %%
LOG4 = np.log(4)
GOODFELLOW = "Goodfellow et al. 2014, proposition 1"


@claim(
    "4.1",
    "the gradient of V vanishes at D* = p / (p + q)",
    source=GOODFELLOW,
    tolerance=1e-15,
    measure="absolute",
)
def stationary(best=optimum):
    logits = mg.tensor(logit(best(p, q)), requires_grad=True)
    (g,) = mg.grad(value(logits, p, q), [logits])
    return g, np.zeros(50)


stationary.wrong("the fakes' share, q / (p + q)", best=lambda p, q: q / (p + q))
stationary.wrong("weights squared", best=lambda p, q: p**2 / (p**2 + q**2))
check(stationary)


@claim("4.2", "the logit of D* is log p - log q", source=GOODFELLOW, tolerance=1e-12)
def density_ratio(ratio=lambda p, q: np.log(p) - np.log(q)):
    return logit(optimum(p, q)), ratio(p, q)


density_ratio.wrong(
    "against the mixture", ratio=lambda p, q: np.log(p) - np.log((p + q) / 2)
)
check(density_ratio)

# %% [markdown]
# ## Check 2: the value there

# %%
THEOREM = "Goodfellow et al. 2014, theorem 1"


@claim("4.3", "V(D*) = 2 JSD(p, q) - log 4", source=THEOREM, tolerance=1e-13)
def value_at_the_optimum(divergence=jsd, constant=LOG4):
    return value(logit(optimum(p, q)), p, q), 2 * divergence(p, q) - constant


value_at_the_optimum.wrong("JSD once", divergence=lambda p, q: jsd(p, q) / 2)
value_at_the_optimum.wrong("log 2", constant=LOG4 / 2)
value_at_the_optimum.wrong(
    "the symmetric KL for the JSD", divergence=lambda p, q: (kl(p, q) + kl(q, p)) / 2
)
check(value_at_the_optimum)

# %% [markdown]
# Next come densities on a line: two normal densities, on a grid that cuts off their
# tails. The identity is now wrong by $\log 2$ for each unit of mass outside, wherever
# their centres are.

# %%
x = np.linspace(-3.0, 3.0, 2001)
dx = x[1] - x[0]


def bell(centre, width):
    """Return a normal density on the grid, times dx."""
    return (
        np.exp(-0.5 * ((x - centre) / width) ** 2) / (width * np.sqrt(2 * np.pi)) * dx
    )


@claim(
    "4.4",
    "on a cut grid, V(D*) - (2 JSD - log 4) = log 2 x lost mass",
    source="step (c)",
    tolerance=1e-11,
)
def truncation(price=LOG4 / 2):
    real, fake = bell(-1.0, 1.2), bell(1.5, 0.8)
    lost = 2 - real.sum() - fake.sum()
    best = value(logit(optimum(real, fake)), real, fake)
    return best - (2 * jsd(real, fake) - LOG4), price * lost


truncation.wrong("nothing is lost", price=0.0)
truncation.wrong("log 4 for each", price=LOG4)
check(truncation)


@claim(
    "4.5",
    "V(D*) - V(D) = E_(p + q) KL(coin D* || coin D)",
    source="step (d)",
    tolerance=1e-12,
)
def regret(weight=lambda p, q: p + q):
    logits = rng_logits
    best, d = optimum(p, q), 1 / (1 + np.exp(-logits))
    coins = best * np.log(best / d) + (1 - best) * np.log((1 - best) / (1 - d))
    return value(logit(best), p, q) - value(logits, p, q), (weight(p, q) * coins).sum()


rng_logits = rng.normal(size=50)
regret.wrong("averaged over the mixture", weight=lambda p, q: (p + q) / 2)
regret.wrong("over the data alone", weight=lambda p, q: p)
check(regret)

# %% [markdown]
# ## Check 3: the generator may treat $D^*$ as a constant
#
# The generator has one parameter, $\theta$, the centre of its density. On the left side
# $D^*$ is frozen; on the right $2\,\mathrm{JSD}$ is differentiated as a whole.

# %%


def moved(theta):
    """Return the generator's distribution at theta, normalised on the grid."""
    weights = ops.exp(-0.5 * ((x - theta) / 0.8) ** 2)
    return weights / weights.sum()


@claim(
    "4.6",
    "d/dtheta V(D* held fixed) = d/dtheta 2 JSD",
    source="Danskin 1966; step (e)",
    tolerance=1e-9,
)
def danskin(shift=0.0):
    real = bell(-1.0, 1.2) / bell(-1.0, 1.2).sum()
    theta = mg.tensor(np.array(1.5), requires_grad=True)
    fixed = logit(optimum(real, moved(np.array(1.5 + shift))))
    (through_v,) = mg.grad(value(fixed, real, moved(theta)), [theta])
    (through_jsd,) = mg.grad(2 * jsd(real, moved(theta)), [theta])
    return through_v, through_jsd


danskin.wrong("a discriminator that lags behind by 0.1", shift=0.1)
check(danskin)

# %% [markdown]
# ## Picture

# %%


def picture():
    page = viz.Page(
        2.5,
        "What the best discriminator knows",
        "Above: the densities of data p (blue) and generator q (red). Below: the "
        "discriminator that tells them apart best, D* = p / (p + q). Where only one "
        "of them lives it is sure, and flat: a generator whose samples lie there "
        "learns nothing from its slope (chapter 5).",
    )
    real, fake = bell(-1.0, 0.5) / dx, bell(1.0, 0.5) / dx
    above = page.axes(0.5, 0.05, 5.8, 1.1)
    above.plot(x, real, color=viz.style.REAL)
    above.plot(x, fake, color=viz.style.FAKE)
    above.set_xticklabels([])
    below = page.axes(0.5, 1.3, 5.8, 0.95)
    below.plot(x, optimum(real, fake), color=viz.style.CRITIC)
    below.set_ylim(-0.05, 1.05)
    return page.figure


viz.show(picture, "ch04_optimal_discriminator")

# %% [markdown]
# ## What goes wrong in practice
#
# * **No discriminator is optimal.** By claim 5 the value that training reports is below
#   $2\,\mathrm{JSD} - \log 4$ by an unknown amount. A falling loss can mean a better
#   discriminator or a worse generator, so the loss does not measure quality.
# * **$D = \frac12$ everywhere is not a sign of success.** A discriminator that has
#   collapsed, or was never trained, says the same: at $\frac12$, $V = -\log 4$ whatever
#   $p$ and $q$ are.
# * **Unequal batches change the game.** With $k$ fakes for each real sample,
#   $D^* = p / (p + k q)$ (exercise 3).

# %% [markdown]
# ## Exercises
#
# 1. *Warm-up.* Labels are smoothed on both sides: real samples get the target $a$,
#    fakes the target $b$. Which $D$ is best now?
# 2. *Bug hunt.* `buggy_jsd` below is symmetric, 0 for equal distributions, and wrong.
#    Fix it.
# 3. *Research.* Each batch has $k$ fakes for one real sample, and the loss is their
#    mean. Find $D^*$.

# %%


def smoothed_optimum(p, q, a, b):
    raise NotImplementedError("exercise 1 is yours")


def buggy_jsd(p, q):
    m = np.sqrt(p * q)
    raise NotImplementedError("exercise 2 is yours: fix the bug, then delete this line")
    return (kl(p, m) + kl(q, m)) / 2


def unequal_optimum(p, q, k):
    raise NotImplementedError("exercise 3 is yours")


# %% [markdown]
# ## Solutions

# %% tags=["solution"]


def smoothed_solution(p, q, a, b):
    return (a * p + b * q) / (p + q)


@claim(
    "4.E1",
    "with targets a and b the best D is (a p + b q) / (p + q)",
    source="Salimans et al. 2016, section 3.4",
    tolerance=1e-15,
    measure="absolute",
)
def smoothing(answer=smoothed_solution):
    a, b = 0.9, 0.1
    logits = mg.tensor(logit(answer(p, q, a, b)), requires_grad=True)
    bce = ops.binary_cross_entropy_with_logits
    loss = (
        p * bce(logits, np.full(50, a), "none")
        + q * bce(logits, np.full(50, b), "none")
    ).sum()
    (g,) = mg.grad(loss, [logits])
    return g, np.zeros(50)


smoothing.wrong("as if nothing were smoothed", answer=lambda p, q, a, b: p / (p + q))
smoothing.wrong("only the real side", answer=lambda p, q, a, b: a * p / (p + q))
check(smoothing)
answer(smoothing, smoothed_optimum)


@claim(
    "4.E2",
    "the mixture is the arithmetic mean",
    source="Lin 1991, the Jensen-Shannon divergence",
    tolerance=1e-12,
)
def mended(answer=jsd):
    # JSD: what a sample tells of the coin that chose p or q
    coin, mixture = np.concatenate([p, q]) / 2, (p + q) / 2
    return answer(p, q), kl(coin, np.concatenate([mixture, mixture]) / 2)


mended.wrong(
    "the geometric mean",
    answer=lambda p, q: (kl(p, np.sqrt(p * q)) + kl(q, np.sqrt(p * q))) / 2,
)
check(mended)
answer(mended, buggy_jsd)


@claim(
    "4.E3",
    "with k fakes for a real sample, D* = p / (p + k q)",
    source="Bayes' rule",
    tolerance=1e-15,
    measure="absolute",
)
def unequal(answer=lambda p, q, k: p / (p + k * q)):
    k = 3.0
    logits = mg.tensor(logit(answer(p, q, k)), requires_grad=True)
    (g,) = mg.grad(value(logits, p / (1 + k), k * q / (1 + k)), [logits])
    return g, np.zeros(50)


unequal.wrong("as in equal batches", answer=lambda p, q, k: p / (p + q))
check(unequal)
answer(unequal, unequal_optimum)

# %% [markdown]
# ## Sources
#
# * I. Goodfellow et al., *Generative adversarial nets*, 2014: proposition 1, theorem 1.
# * J. Lin, *Divergence measures based on the Shannon entropy*, 1991.
# * J. M. Danskin, *The theory of max-min, with applications*, 1966.
# * T. Salimans et al., *Improved techniques for training GANs*, 2016: one-sided label
#   smoothing.

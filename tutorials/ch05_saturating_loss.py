# %% [markdown]
# # 5. Vanishing gradients of the saturating loss
#
# **What you need**: chapter 4 ($D^*$ and the Jensen-Shannon divergence), the chain
# rule.
#
# The game of chapter 4 has a flaw that its inventors saw at once: the better the
# critic, the less the generator learns from it. Their remedy changes one line,
# $\log(1 - D)$ into $-\log D$, and nearly every GAN since has used it. What does the
# new loss minimise? For years the answer was a formula with an alarming minus sign. We
# check the formula, then show that the minus sign is harmless.
#
# **Claims**
#
# 1. If the critic gives a generated sample the probability $D$ of being real, the
#    saturating loss pulls it with the force $D$, and the non-saturating loss with
#    $1 - D$.
# 2. At $D = D^*$ the two gradients add up to that of $\mathrm{KL}(q \Vert p)$:
#    $0.137 + 3.863 = 4$ in our example.
# 3. The non-saturating gradient is that of
#    $\mathrm{KL}(q \Vert p) - 2\,\mathrm{JSD}(p, q)$.
# 4. That difference is $2\,\mathrm{KL}(m \Vert p)$: a divergence, never negative.
# 5. At a distance $\theta$ the saturating gradient is
#    $\sqrt{\pi / 2}\; e^{-\theta^2 / 8}$, with a relative error of at most
#    $\pi^2 / (2 \theta^2)$.
# 6. A batch of samples gives the same two gradients, up to its noise.
# 7. In float32, `log(sigmoid(x))` breaks at ordinary logits; `log_sigmoid` never does.
# 8. In float32, a critic is *certain*, $D = 1$ exactly, from the logit
#    $24 \log 2 = 16.6$ on.

# %% [markdown]
# ## Derivation
#
# $l(x)$ is the critic's logit, $D = \sigma(l)$. The generator minimises one of
#
# $$L_{\mathrm{sat}} = \mathbb{E}_q \log(1 - D) =
#   -\mathbb{E}_q \operatorname{softplus}(l), \qquad
#   L_{\mathrm{non}} = -\mathbb{E}_q \log D =
#   \mathbb{E}_q \operatorname{softplus}(-l) .$$
#
# (a) $\operatorname{softplus}' = \sigma$, so $\frac{d}{dl} L_{\mathrm{sat}} = -D$ and
# $\frac{d}{dl} L_{\mathrm{non}} = -(1 - D)$ for each sample. Both are negative: *both
# losses want a larger logit*. But a fake that the critic recognises has $D \approx 0$,
# and there the gradient of the saturating loss nearly vanishes. [claim 1]
#
# (b) The sum is $L_{\mathrm{non}} + L_{\mathrm{sat}} = -\mathbb{E}_q\, l$, as
# $\operatorname{softplus}(-l) - \operatorname{softplus}(l) = -l$. Now freeze
# $l = l^* = \log p - \log q_0$, with $q_0$ the density of the generator as it is now:
#
# $$\nabla_\theta \, \mathbb{E}_{q_\theta} \left[ \log q_0 - \log p \right]
#   = \nabla_\theta \, \mathrm{KL}(q_\theta \Vert p) ,$$
#
# for in $\mathrm{KL}(q_\theta \Vert p) = \int q_\theta (\log q_\theta - \log p)$ the
# logarithm's own derivative contributes $\int q_\theta \frac{\nabla
# q_\theta}{q_\theta} = \nabla \int q_\theta = \nabla 1 = 0$. [claim 2]
#
# (c) Chapter 4 (claim 6): $\nabla L_{\mathrm{sat}} = \nabla 2\,\mathrm{JSD}$. Subtract.
# [claim 3]
#
# (d) With $m = \frac{p + q}{2}$, and
# $2\,\mathrm{JSD} = \mathrm{KL}(p \Vert m) + \mathrm{KL}(q \Vert m)$:
#
# $$\mathrm{KL}(q \Vert p) - 2\,\mathrm{JSD}
#   = \int q \left( \log \frac{q}{p} - \log \frac{q}{m} \right) - p \log \frac{p}{m}
#   = \int (q + p) \log \frac{m}{p} = 2\,\mathrm{KL}(m \Vert p) .$$
#
# The minus sign looked as if the generator were told to *increase* the Jensen-Shannon
# divergence. It is not: the difference is a divergence too, and an unbounded one.
# [claim 4]
#
# (e) Data $\mathcal{N}(0, 1)$ and generator $\mathcal{N}(\theta, 1)$:
# $l^*(x) = \frac{\theta^2}{2} - \theta x$ has the slope $-\theta$, so by (a) the
# saturating gradient is $\theta\, \mathbb{E}_q D^* = \theta \int \frac{p q}{p + q}$.
# Measure from the point half-way between the two centres, $x = \frac{\theta}{2} + t$,
# with $\varphi$ the standard normal density:
#
# $$\frac{p q}{p + q} = \frac{\sqrt{p q}}{2 \cosh (l / 2)}
#   = e^{-\theta^2 / 8} \, \frac{\varphi(t)}{2 \cosh(\theta t / 2)} .$$
#
# The cosh leaves only small $t$, where
# $\varphi(0) (1 - \frac{t^2}{2}) \le \varphi(t) \le \varphi(0)$. With
# $\int \frac{du}{\cosh u} = \pi$ and $\int \frac{u^2 du}{\cosh u} = \frac{\pi^3}{4}$
# the gradient is at most $\sqrt{\pi / 2} \, e^{-\theta^2/8}$, and at least
# $1 - \frac{\pi^2}{2 \theta^2}$ times that. [claim 5]

# %%
import numpy as np

import minigan as mg
from minigan import ops, viz
from minigan.check import answer, check, claim
from minigan.gan import losses

LOG2 = np.log(2)
z = np.linspace(-14.0, 14.0, 2801)
# E f(z) = sum(weights * f(z)), to round-off
weights = np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi) * (z[1] - z[0])
x = np.linspace(-12.0, 18.0, 3001)
dx = x[1] - x[0]


def log_normal(x, centre, width):
    """Return the log-density of a normal distribution."""
    return -0.5 * ((x - centre) / width) ** 2 - np.log(width * np.sqrt(2 * np.pi))


def generator_gradient(loss, centre, width=1.0):
    """Return dL/dtheta of the generator theta + width * z at theta = `centre`.

    The critic is the best one for this generator, and is held fixed.
    """
    theta = mg.tensor(centre, requires_grad=True)
    fake = theta + width * z
    logits = log_normal(fake, 0.0, 1.0) - log_normal(fake, centre, width)
    # the gradient of the plain mean over z
    (pull,) = mg.grad(loss.generator(logits), [logits], retain_graph=True)
    return mg.grad(logits, [theta], grad_outputs=pull * len(z) * weights)[0]


def divergence_gradient(divergence, centre, width=1.0):
    """Return the derivative of divergence(log p, log q) in q's centre, on a grid."""
    theta = mg.tensor(centre, requires_grad=True)
    p, q = log_normal(x, 0.0, 1.0), log_normal(x, theta, width)
    return mg.grad(divergence(p, q), [theta])[0]


def kl(log_a, log_b):
    """Return KL(a || b), given the log-densities."""
    return (ops.exp(log_a) * (log_a - log_b)).sum() * dx


def jsd(log_p, log_q):
    """Return the Jensen-Shannon divergence as (V(D*) + log 4) / 2, by chapter 4."""
    on_real = ops.exp(log_p) * ops.log_sigmoid(log_p - log_q)
    on_fake = ops.exp(log_q) * ops.log_sigmoid(log_q - log_p)
    return (on_real + on_fake).sum() * dx / 2 + LOG2


def log_mixture(log_p, log_q):
    return log_p + ops.softplus(log_q - log_p) - LOG2


def everywhere(gradient, of):
    """Return gradients for three generators: the example, a wide one, a narrow one."""
    return np.array(
        [gradient(of, *place).item() for place in [(4.0, 1.0), (2.0, 1.5), (0.5, 0.7)]]
    )


# %% [markdown]
# ## Check 1: the pull on one sample
#
# The losses are the library's. An extra sigmoid, the commonest slip in this line,
# multiplies the pull by $D (1 - D)$.

# %%
GOODFELLOW = "Goodfellow et al. 2014, section 3"


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


@claim(
    "5.1",
    "one fake is pulled by -D (saturating) and by -(1 - D)",
    source=GOODFELLOW,
    tolerance=1e-14,
)
def pulls(
    saturating=losses.minimax, other=losses.non_saturating, output=lambda logits: logits
):
    logits = np.linspace(-8, 8, 33)
    x = mg.tensor(logits, requires_grad=True)
    both = [
        mg.grad(loss.generator(output(x)), [x])[0].numpy() * len(x)
        for loss in (saturating, other)
    ]
    return np.array(both), np.array([-sigmoid(logits), -sigmoid(-logits)])


pulls.wrong("the two exchanged", saturating=losses.non_saturating, other=losses.minimax)
pulls.wrong("a sigmoid before a loss that has its own", output=ops.sigmoid)
pulls.wrong("the generator maximises log(1 - D)", output=lambda logits: -logits)
check(pulls)

# %% [markdown]
# ## Check 2: what the two losses minimise
#
# The left sides are derivatives along the *samples*, through a frozen critic, as
# training computes them. The right sides are derivatives of integrals over *densities*,
# which training never sees.

# %%
ARJOVSKY = "Arjovsky and Bottou 2017, theorem 2.5"


@claim(
    "5.2",
    "the two gradients add up to that of KL(q || p)",
    source="step (b)",
    tolerance=1e-10,
)
def sum_of_both(divergence=lambda p, q: kl(q, p)):
    both = [
        everywhere(generator_gradient, loss)
        for loss in (losses.minimax, losses.non_saturating)
    ]
    return both[0] + both[1], everywhere(divergence_gradient, divergence)


sum_of_both.wrong("KL(p || q), the other way round", divergence=kl)
sum_of_both.wrong("twice the JSD", divergence=lambda p, q: 2 * jsd(p, q))
check(sum_of_both)
for loss in (losses.minimax, losses.non_saturating):
    print(f"     at theta = 4, {loss.name}: {generator_gradient(loss, 4.0).item():.6f}")


@claim(
    "5.3",
    "-log D follows the gradient of KL(q || p) - 2 JSD",
    source=ARJOVSKY,
    tolerance=1e-10,
)
def difference(divergence=lambda p, q: kl(q, p) - 2 * jsd(p, q)):
    right = everywhere(divergence_gradient, divergence)
    return everywhere(generator_gradient, losses.non_saturating), right


difference.wrong("JSD once", divergence=lambda p, q: kl(q, p) - jsd(p, q))
difference.wrong("plus", divergence=lambda p, q: kl(q, p) + 2 * jsd(p, q))
difference.wrong(
    "KL(p || q), as for maximum likelihood",
    divergence=lambda p, q: kl(p, q) - 2 * jsd(p, q),
)
difference.wrong(
    "the JSD, as for the minimax game", divergence=lambda p, q: 2 * jsd(p, q)
)
check(difference)


@claim(
    "5.4",
    "KL(q || p) - 2 JSD = 2 KL(m || p)",
    source="Shannon et al. 2020; step (d)",
    tolerance=1e-10,
)
def one_divergence(divergence=lambda m, p, q: 2 * kl(m, p)):
    p, q = log_normal(x, 0.0, 1.0), log_normal(x, 2.0, 1.5)
    return kl(q, p) - 2 * jsd(p, q), divergence(log_mixture(p, q), p, q)


one_divergence.wrong("KL(p || m)", divergence=lambda m, p, q: 2 * kl(p, m))
one_divergence.wrong("KL(m || q)", divergence=lambda m, p, q: 2 * kl(m, q))
one_divergence.wrong("once", divergence=lambda m, p, q: kl(m, p))
check(one_divergence)

# %% [markdown]
# ## Check 3: how fast the gradient vanishes
#
# This checks both bounds of step (e), divided by the upper one. The wrong variants are
# guesses that one makes without computing: the density of the other distribution at the
# centre, and the overlap $\int \sqrt{p q}$ without the denominator.

# %%


@claim(
    "5.5",
    "1 - (pi / theta)^2 / 2 <= sat. gradient / (sqrt(pi / 2) e^(-theta^2 / 8)) <= 1",
    source="step (e)",
    tolerance=1e-9,
    measure="excess",
)
def vanishing(rate=lambda theta: np.sqrt(np.pi / 2) * np.exp(-(theta**2) / 8)):
    theta = np.arange(1.0, 17.0)
    exact = np.array([generator_gradient(losses.minimax, t).item() for t in theta])
    ratio = exact / rate(theta)
    least = 1 - (np.pi / theta) ** 2 / 2
    return np.array([ratio, least]), np.array([np.ones(16), ratio])


vanishing.wrong(
    "e^(-theta^2 / 2)", rate=lambda theta: np.sqrt(np.pi / 2) * np.exp(-(theta**2) / 2)
)
vanishing.wrong(
    "theta / 2 times the overlap",
    rate=lambda theta: theta / 2 * np.exp(-(theta**2) / 8),
)
check(vanishing)

# %% [markdown]
# ## Check 4: by samples
#
# Here is a batch of 10,000 samples, with the library's random numbers. Each sample has
# its own copy of $\theta$, so that one sweep gives every sample's gradient, and their
# spread gives the standard error. It is 0.005 for both: 0.1 % of the non-saturating
# gradient, but 4 % of the other, which is carried by the few fakes that look real.

# %%


@claim(
    "5.6",
    "a batch gives 0.137 and 3.863 at theta = 4",
    source=ARJOVSKY,
    tolerance=4,
    measure="sigmas",
)
def by_samples(sign=1.0):
    samples = mg.random.Generator(0).normal((10_000,), np.float64)
    theta = mg.tensor(np.full(10_000, 4.0), requires_grad=True)
    logits = sign * (8 - 4 * (theta + samples))
    each = [
        mg.grad(loss.generator(logits), [theta], retain_graph=True)[0].numpy() * 10_000
        for loss in (losses.minimax, losses.non_saturating)
    ]
    exact = [
        generator_gradient(loss, 4.0).item()
        for loss in (losses.minimax, losses.non_saturating)
    ]
    return np.mean(each, axis=1), np.array(exact), np.std(each, axis=1) / 100


by_samples.wrong("labels exchanged: 0 for real, 1 for fake", sign=-1.0)
by_samples.wrong("logits divided by 2, as by a temperature", sign=0.5)
check(by_samples)

# %% [markdown]
# ## Check 5: float32
#
# A critic that is right has large logits. The formula as printed in the papers,
# $\log \frac{1}{1 + e^{-x}}$, takes the exponential of a large number, then the
# logarithm of 0. Two repairs are popular: to clip the argument of the logarithm, or to
# add a small number to it. Both hide the infinity instead of avoiding it: they set the
# gradient to 0 just where the non-saturating loss should pull most.

# %%


def naive(x):
    return ops.log(1 / (1 + ops.exp(-x)))


@claim(
    "5.7",
    "log_sigmoid in float32: right values and right slopes",
    source="softplus(x) = max(x, 0) + log1p(e^-|x|)",
    tolerance=1e-5,
    measure="absolute",
)
def single_precision(formula=ops.log_sigmoid):
    points = np.array([-120.0, -90.0, -30.0, -1.0, 0.0, 1.0, 30.0, 120.0])
    x = mg.tensor(points.astype(np.float32), requires_grad=True)
    with np.errstate(all="ignore"):
        y = formula(x)
        (slope,) = mg.grad(y.sum(), [x])
    exact = -np.logaddexp(0, -points), np.exp(-np.logaddexp(0, points))
    return np.array([y.numpy(), slope.numpy()]), np.array(exact)


single_precision.wrong("log(1 / (1 + exp(-x)))", formula=naive)
single_precision.wrong(
    "log(sigmoid(x) + 1e-8)", formula=lambda x: ops.log(ops.sigmoid(x) + 1e-8)
)
single_precision.wrong(
    "sigmoid clipped to [1e-7, 1]",
    formula=lambda x: ops.log(ops.clip(ops.sigmoid(x), 1e-7, 1)),
)
check(single_precision)

# %% [markdown]
# On the other side there is no overflow, only rounding. The float32 next above 1 is
# $1 + 2^{-23}$, so $1 + e^{-x}$ becomes 1 as soon as $e^{-x}$ is at most half of that
# step. From $x = 24 \log 2$ on $D$ is 1, and $\log(1 - D)$ is $-\infty$.

# %%


@claim(
    "5.8",
    "in float32, sigmoid(x) = 1 from x = 24 log 2 on",
    source="IEEE 754, round to nearest",
    tolerance=1e-6,
)
def certainty(bits=24):
    logits = np.linspace(16, 17, 1_000_001).astype(np.float32)
    return logits[ops.sigmoid(logits) == 1].min(), bits * LOG2


certainty.wrong("a whole step of float32 at 1: without the rounding", bits=23)
certainty.wrong("half a step below 1: the rounding of D, not of 1 + e^-x", bits=25)
certainty.wrong("where exp overflows", bits=128)
check(certainty)

# %% [markdown]
# ## Picture

# %%


def picture():
    page = viz.Page(
        2.45,
        "One line, and the generator learns from afar",
        "Left: the gradient of a generator N(theta, 1) at a distance theta from the "
        "data N(0, 1), against the best discriminator. That of the saturating loss "
        "log(1 - D) (blue) dies like exp(-theta² / 8) (dotted: claim 5), that of "
        "-log D (red) grows. Dots: 0.137 and 3.863 at theta = 4. Right: why. The "
        "pull on one fake is D in the one case, 1 - D in the other, and a fake that "
        "is seen through has a logit far below 0.",
    )
    theta = np.linspace(0.05, 10, 100)
    colours = {
        losses.minimax: viz.style.BLUE,
        losses.non_saturating: viz.style.VERMILLION,
    }
    left, right = page.axes(0.55, 0.2, 3.3, 1.9), page.axes(4.45, 0.2, 1.9, 1.9)
    for loss, colour in colours.items():
        left.plot(
            theta, [generator_gradient(loss, t).item() for t in theta], color=colour
        )
        left.plot(
            4, generator_gradient(loss, 4.0).item(), "o", color=colour, markersize=4
        )
    left.plot(
        theta,
        np.sqrt(np.pi / 2) * np.exp(-(theta**2) / 8),
        ":",
        color=viz.style.MUTED,
        linewidth=1,
    )
    left.set(yscale="log", xlim=(0, 10), ylim=(1e-5, 20))
    logits = np.linspace(-8, 8, 100)
    right.plot(logits, sigmoid(logits), color=viz.style.BLUE)
    right.plot(logits, sigmoid(-logits), color=viz.style.VERMILLION)
    page.text(0.55, 0.0, "gradient in theta", viz.style.SMALL, color=viz.style.MUTED)
    page.text(3.85, 2.27, "theta", viz.style.SMALL, color=viz.style.MUTED, ha="right")
    page.text(4.45, 0.0, "pull on one fake", viz.style.SMALL, color=viz.style.MUTED)
    page.text(
        6.35, 2.27, "its logit", viz.style.SMALL, color=viz.style.MUTED, ha="right"
    )
    left.text(
        6.3,
        2.2,
        "non-saturating",
        color=viz.style.VERMILLION,
        fontdict=viz.style.font(viz.style.SMALL),
    )
    left.text(
        6.3,
        2e-2,
        "saturating",
        color=viz.style.BLUE,
        fontdict=viz.style.font(viz.style.SMALL),
    )
    return page.figure


viz.show(picture, "ch05_saturating_loss")

# %% [markdown]
# ## What goes wrong in practice
#
# * **The saturating loss by mistake.** `-bce(D(G(z)), 0)` is the minimax loss,
#   `bce(D(G(z)), 1)` the non-saturating one. With the first, training may begin well
#   and then stop for good, the critic's loss near 0.
# * **Two sigmoids.** A network that ends in a sigmoid is trained by a loss "with
#   logits", which applies a second one: this is claim 1's wrong variant. The pull on a
#   fake falls from $1 - D$ to $(1 - \sigma(D)) D (1 - D)$, which is 0 again where it is
#   needed, and the loss cannot fall below $\log(1 + e^{-1}) = 0.313$.
# * **Non-saturating is not zero-sum.** Generator and critic no longer play for the same
#   value, so a falling sum of their losses means nothing. Near the equilibrium the two
#   pulls are equal, $D = 1 - D = \frac12$, and the change cures nothing there: see
#   chapter 7.
# * **Strong is not right.** Where the data have no mass at all,
#   $\mathrm{KL}(m \Vert p)$ is infinite and $D^*$ has no slope to follow. The
#   non-saturating loss needs *some* overlap. The distance of chapter 8 needs no
#   overlap.

# %% [markdown]
# ## Exercises
#
# 1. *Warm-up.* For which $D$ does the non-saturating loss pull $k$ times as hard as the
#    saturating one?
# 2. *Bug hunt.* `buggy_log_sigmoid` is exact on every test its author tried, with
#    logits from -5 to 5. Fix it.
# 3. *Research.* A third generator loss: find a function of the logit whose gradient at
#    $D^*$ is that of $\mathrm{KL}(p \Vert q)$, maximum likelihood. (Then think about
#    its pull on a fake that the critic recognises.)

# %%


def fooled(k):
    raise NotImplementedError("exercise 1 is yours")


def buggy_log_sigmoid(x):
    raise NotImplementedError("exercise 2 is yours: fix the bug, then delete this line")
    return ops.minimum(x, 0) - ops.log1p(ops.exp(-x))


def likelihood_loss(logits):
    raise NotImplementedError("exercise 3 is yours")


# %% [markdown]
# ## Solutions

# %% [markdown] tags=["solution"]
# 3: in $\nabla \mathbb{E}_{q_\theta} h(l^*) = \int h(\log \frac{p}{q})\, \nabla q$,
# compare with $\nabla \mathrm{KL}(p \Vert q) = -\int \frac{p}{q} \nabla q$:
# $h(l) = -e^l$. Its pull $e^l$ vanishes as fast as $D$ does for a fake that the critic
# recognises, and explodes for one that the critic takes for real: a few lucky samples
# carry the whole gradient.

# %% tags=["solution"]


@claim("5.E1", "(1 - D) / D = k at D = 1 / (1 + k)", source=GOODFELLOW, tolerance=1e-12)
def warm_up(answer=lambda k: 1 / (1 + k)):
    k = np.array([0.1, 1.0, 50.0])
    d = answer(k)
    logits = mg.tensor(np.log(d) - np.log1p(-d), requires_grad=True)
    saturating, other = (
        mg.grad(loss.generator(logits), [logits])[0]
        for loss in (losses.minimax, losses.non_saturating)
    )
    return other / saturating, k


warm_up.wrong("the odds the wrong way", answer=lambda k: k / (1 + k))
check(warm_up)
answer(warm_up, fooled)


@claim(
    "5.E2",
    "the argument of the exponential is -|x|",
    source="claim 5.7",
    tolerance=1e-5,
    measure="absolute",
)
def mended(answer=lambda x: ops.minimum(x, 0) - ops.log1p(ops.exp(-ops.abs(x)))):
    return single_precision(formula=answer)


mended.wrong("the bug", answer=lambda x: ops.minimum(x, 0) - ops.log1p(ops.exp(-x)))
mended.wrong(
    "the exponent capped at 80",
    answer=lambda x: -ops.log1p(ops.exp(ops.minimum(-x, 80))),
)
check(mended)
answer(mended, buggy_log_sigmoid)


@claim(
    "5.E3",
    "-E e^l follows the gradient of KL(p || q)",
    source="Goodfellow 2016, section 3.2.4",
    tolerance=1e-9,
)
def likelihood(answer=lambda logits: -ops.exp(logits).mean()):
    loss = losses.Loss(
        "maximum likelihood", "exercise 3", losses.minimax.critic, answer
    )
    return everywhere(generator_gradient, loss), everywhere(divergence_gradient, kl)


likelihood.wrong("-E l: this is KL(q || p)", answer=lambda logits: -logits.mean())
likelihood.wrong("E e^(-l)", answer=lambda logits: ops.exp(-logits).mean())
check(likelihood)
answer(likelihood, likelihood_loss)

# %% [markdown]
# ## Sources
#
# * I. Goodfellow et al., *Generative adversarial nets*, 2014: section 3, both losses.
# * M. Arjovsky and L. Bottou, *Towards principled methods for training generative
#   adversarial networks*, 2017: theorem 2.5.
# * M. Shannon et al., *Non-saturating GAN training as divergence minimization*, 2020:
#   the softened reverse KL divergence, $4\,\mathrm{KL}(m \Vert p)$.
# * I. Goodfellow, *NIPS 2016 tutorial: generative adversarial networks*, 2016: section
#   3.2.4.

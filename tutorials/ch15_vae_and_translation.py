# %% [markdown]
# # 15. Pixels, likelihoods, adversaries
#
# **What you need**: chapter 4 (the divergence behind a GAN), chapter 8 (Wasserstein),
# chapter 11 (convolutions).
#
# Ask a network for the picture of a three. There are thousands of right answers, but
# the network gives one, and the loss decides which. The best answer for squared errors
# is the average of all threes, for absolute errors a three with some strokes missing,
# and for an adversary a three that somebody might have written. A variational
# autoencoder avoids the choice: a second network tells it *which* three is meant. This
# chapter derives all four answers, and what a critic of patches can judge.
#
# **Claims**
#
# 1. $\log p(x)$ is the evidence lower bound (ELBO) plus
#    $\mathrm{KL}(q(z|x) \,\|\, p(z|x))$, whatever the encoder is.
# 2. The KL divergence in the bound has a closed form in the *log variance* that the
#    encoder outputs.
# 3. The gradient through $z = \mu + \sigma \epsilon$ is that of the expectation.
# 4. The best answer for squared errors is the conditional mean. Its variance lacks the
#    part of the data's variance that $x$ does not explain.
# 5. An adversary's divergence from a single answer depends only on how probable that
#    answer is, and not on how close it is to others.
# 6. So squared errors choose the mean, absolute errors the median, and the adversary
#    the mode. A *Wasserstein* adversary chooses the median.
# 7. A logit of a patch critic sees $r$ pixels, and $r$ grows by
#    $r \mapsto s \, r + k - s$ from layer to layer.
# 8. Its output for two places that are farther apart than that is the sum of two terms,
#    one for each place.

# %% [markdown]
# ## Derivation
#
# In this chapter $q(z|x) = N(\mu, \operatorname{diag} \sigma^2)$ is the encoder's
# distribution of the noise $z$ that produced $x$, $p(z) = N(0, I)$ is the prior, and
# $p(x|z)$ the decoder's likelihood.
#
# (a) For every $z$, $p(x) = p(x|z) \, p(z) / p(z|x)$. Take the logarithm, insert
# $q(z|x)$, and average over it:
#
# $$\log p(x) = \underbrace{\mathbb E_q \log p(x|z) -
#   \mathrm{KL}(q(z|x) \,\|\, p(z))}_{\mathrm{ELBO}} +
#   \mathrm{KL}(q(z|x) \,\|\, p(z|x)) .$$
#
# The last term is not negative, so the ELBO is a lower bound; it is tight only for the
# true posterior. [claim 1]
#
# (b) $\log q - \log p = \frac12 \sum \left( z^2 - \frac{(z - \mu)^2}{\sigma^2} - \log
# \sigma^2 \right)$, and under $q$ the squares average to $\mu^2 + \sigma^2$ and 1. So
# $\mathrm{KL} = \frac12 \sum (\sigma^2 + \mu^2 - 1 - \log \sigma^2)$. [claim 2]
#
# (c) Draw $\epsilon \sim N(0, 1)$ and put $z = \mu + \sigma \epsilon$. Then
# $\mathbb E_q f(z) = \mathbb E_\epsilon f(\mu + \sigma \epsilon)$, the distribution of
# $\epsilon$ does not depend on the parameters, and the gradient moves inside:
# $\frac{\partial}{\partial \mu} \mathbb E f = \mathbb E f'(z)$,
# $\frac{\partial}{\partial \log \sigma^2} \mathbb E f = \frac12 \mathbb E [f'(z) \,
# \sigma \epsilon]$. [claim 3]
#
# (d) *Squares.* With $c = \mathbb E[y|x]$, the cross term of
# $y - \mathbb E y = (y - c) + (c - \mathbb E y)$ averages to 0:
# $\operatorname{Var} y = \mathbb E (y - c)^2 + \operatorname{Var} c$. The first part is
# the smallest possible loss, and it is the variance that the answers lack. [claim 4]
#
# (e) *Absolute errors.* $\frac{d}{dc} \mathbb E |y - c| = P(y < c) - P(y > c)$, which
# changes its sign at the median.
#
# (f) *An adversary.* The answers $y_k$ have probabilities $p_k$, the generator always
# gives $y_j$. The mixture is $m_k = p_k / 2$ for $k \ne j$ and $m_j = (1 + p_j) / 2$,
# so
#
# $$2 \, \mathrm{JSD} = (1 - p_j) \log 2 + p_j \log \frac{2 p_j}{1 + p_j} +
#   \log \frac{2}{1 + p_j}
#   = \log 4 + p_j \log p_j - (1 + p_j) \log(1 + p_j) . $$
#
# [claim 5] Its derivative in $p_j$ is $\log \frac{p_j}{1 + p_j} < 0$: the more probable
# the answer, the better, and the best is the mode. For $p_j = 0$ the divergence is
# $\log 4$, its largest value: the mean of all answers, which never occurs, is the worst
# answer.
#
# (g) *A Wasserstein adversary.* A single answer $c$ leaves only one transport plan,
# everything to $c$: $W_1 = \mathbb E \lVert y - c \rVert$. For one pixel that is step
# (e) again; for all together the *geometric* median. [claim 6]
#
# (h) Outputs $i, \dots, i + r - 1$ of a convolution of stride $s$ and size $k$ read the
# inputs $s i - p, \dots, s (i + r - 1) - p + k - 1$: which are $s (r - 1) + k$ inputs.
# [claim 7]
#
# (i) Let the two places be farther apart than a patch. Then each logit depends on one
# of them at most, and the mean of all logits is $f(\text{one}) + g(\text{other})$.
# [claim 8]

# %%
import numpy as np

import minigan as mg
from minigan import data, ops, viz
from minigan.check import answer, check, claim
from minigan.metrics.sharpness import laplacian_variance
from minigan.models import translation, vae
from minigan.random import Generator

KINGMA = "Kingma, Welling 2014"
rng = np.random.default_rng(15)
NOISE, PIXELS, SIGMA = 2, 5, 0.5
W = rng.normal(size=(NOISE, PIXELS))  # the decoder z -> z W
A, B = rng.normal(size=(2, PIXELS, NOISE)) / 3  # the two heads of an encoder
x0 = rng.normal(size=(3, PIXELS))


def encode(x):
    """Return mean and log variance, (N, NOISE) each, of an encoder without training."""
    return ops.matmul(x, A), ops.tanh(ops.matmul(x, B))


def average(f):
    """Return E f(noise), noise ~ N(0, I): exact for polynomials f of degree up to 3."""
    points = np.sqrt(NOISE) * np.concatenate([np.eye(NOISE), -np.eye(NOISE)])
    return np.mean([f(np.tile(e, (len(x0), 1))) for e in points], axis=0)


def kl_of_normals(mean, cov, other_mean, other_cov):
    """Return KL(N(mean, cov) || N(other_mean, other_cov))."""
    precision, d = np.linalg.inv(other_cov), mean - other_mean
    log_ratio = np.linalg.slogdet(other_cov)[1] - np.linalg.slogdet(cov)[1]
    return 0.5 * (np.trace(precision @ cov) + d @ precision @ d - len(d) + log_ratio)


# %% [markdown]
# ## Check 1: the bound
#
# In the linear decoder with Gaussian noise, everything is known:
# $p(x) = N(0, W^\top W + \sigma^2 I)$, and the posterior is a normal distribution with
# the precision $I + W W^\top / \sigma^2$. The bound is the library's; only encoder and
# decoder are replaced. Its terms are quadratic in $z$, so the average over four points
# is that over all noise.

# %%


def bound(log_likelihood=lambda x, y: vae.gaussian(x, y, SIGMA)):
    """Return the ELBO of every x0, averaged over the noise."""
    return average(lambda e: vae.elbo(x0, e, encode, lambda z: z @ W, log_likelihood))


def evidence():
    """Return log p(x) of every x0."""
    covariance = W.T @ W + SIGMA**2 * np.eye(PIXELS)
    squares = np.einsum("ni,ij,nj->n", x0, np.linalg.inv(covariance), x0)
    return -0.5 * (squares + np.linalg.slogdet(2 * np.pi * covariance)[1])


def to_posterior(kl=kl_of_normals):
    """Return KL(q(z|x) || p(z|x)) of every x0."""
    posterior = np.linalg.inv(np.eye(NOISE) + W @ W.T / SIGMA**2)
    means = x0 @ W.T @ posterior / SIGMA**2
    return np.array(
        [
            kl(m, np.diag(np.exp(v)), true, posterior)
            for m, v, true in zip(*map(np.asarray, encode(x0)), means, strict=True)
        ]
    )


@claim(
    "15.1",
    "log p(x) = ELBO + KL(q(z|x) || p(z|x))",
    source=f"{KINGMA}, equation 1",
    tolerance=1e-13,
)
def elbo_identity(gap=to_posterior, prior=0):
    return evidence(), bound() + gap() + prior * vae.kl(*encode(x0))


elbo_identity.wrong("the bound is the likelihood", gap=lambda: 0)
elbo_identity.wrong(
    "the KL the other way around",
    gap=lambda: to_posterior(lambda m, c, true, cov: kl_of_normals(true, cov, m, c)),
)
elbo_identity.wrong("reconstruction alone, the KL to the prior left out", prior=1)
check(elbo_identity)
print(
    f"     log p(x) of the three: {evidence().sum():.10f}; ELBO + KL: "
    f"{(bound() + to_posterior()).sum():.10f}"
)


@claim(
    "15.2",
    "KL(q || N(0, I)) = 1/2 sum (s^2 + m^2 - 1 - log s^2)",
    source=f"{KINGMA}, appendix B",
    tolerance=1e-13,
)
def closed_form(kl=vae.kl):
    mean, log_variance = encode(x0)
    normal = lambda z, m, v: (
        -0.5 * ((z - m) ** 2 / np.exp(v) + v + np.log(2 * np.pi)).sum(1)
    )

    def log_ratio(noise):
        z = vae.reparametrise(mean, log_variance, noise)
        return normal(z, mean, log_variance) - normal(z, 0, 0)

    return average(log_ratio), kl(mean, log_variance)


closed_form.wrong(
    "the head taken for a log deviation", kl=lambda m, v: vae.kl(m, 2 * v)
)
closed_form.wrong(
    "the head taken for a deviation", kl=lambda m, v: vae.kl(m, np.log(v * v))
)
closed_form.wrong(
    "mean over the noise's axes for the sum", kl=lambda m, v: vae.kl(m, v) / NOISE
)
check(closed_form)

# %% [markdown]
# ## Check 2: the gradient through a random draw
#
# The left side needs no draws: $\mathbb E \sin z = e^{-\sigma^2 / 2} \sin \mu$ for
# $z \sim N(\mu, \sigma^2)$. The right side averages the gradient of
# $\sin(\mu + \sigma \epsilon)$ over the noise, by Gauss's rule.

# %%
nodes, weights = np.polynomial.hermite_e.hermegauss(30)


def by_integral(m, v):
    return ops.sin(m) * ops.exp(-0.5 * ops.exp(v))


def by_draws(m, v, draw=vae.reparametrise):
    return (weights / weights.sum() * ops.sin(draw(m, v, nodes))).sum()


def both_slopes(expectation):
    m, v = (
        mg.tensor(np.array(0.7), requires_grad=True),
        mg.tensor(np.array(-0.4), requires_grad=True),
    )
    return [g.item() for g in mg.grad(expectation(m, v) + 0 * (m + v), [m, v])]


@claim(
    "15.3",
    "the gradient of E f(z) = the mean gradient of f(m + s e)",
    source=f"{KINGMA}, section 2.4",
    tolerance=1e-13,
)
def pathwise(**bug):
    return both_slopes(by_integral), both_slopes(lambda m, v: by_draws(m, v, **bug))


pathwise.wrong(
    "z is a sample, so it has no gradient",
    draw=lambda m, v, e: vae.reparametrise(m.item(), v.item(), e),
)
pathwise.wrong(
    "variance for deviation", draw=lambda m, v, e: vae.reparametrise(m, 2 * v, e)
)
check(pathwise)

# %% [markdown]
# ## Check 3: one answer for many
#
# The task is a translation from a label to an image, with MNIST's images as the right
# answers: 80 pictures for each label.

# %%
mnist = data.load("mnist-10k")
# (label, picture, H, W)
answers = np.stack(
    [mnist.images[mnist.labels == k][:80, ..., 0] / 255 for k in range(10)]
)


@claim(
    "15.4",
    "Var y = E (y - c)^2 + Var c for c = E[y|x]",
    source="step (d)",
    tolerance=1e-12,
)
def lost_contrast(best=lambda y: y.mean(1)):
    c = best(answers)[:, None]
    loss = ((answers - c) ** 2).mean((0, 1))
    return answers.var((0, 1)).sum(), (loss + c.var(0)[0]).sum()


lost_contrast.wrong("the median", best=lambda y: np.median(y, axis=1))
lost_contrast.wrong("one of the pictures", best=lambda y: y[:, 0])
check(lost_contrast)

print("     answer     ink  sharpness  loss in squares  absolute loss")
for name, c in (
    ("a picture", answers[:, 0]),
    ("mean", answers.mean(1)),
    ("median", np.median(answers, axis=1)),
):
    r = answers - c[:, None]
    sharp = (
        laplacian_variance(c[..., None]).mean()
        / laplacian_variance(answers.reshape(-1, 28, 28, 1)).mean()
    )
    ink = c.mean() / answers.mean()
    print(
        f"     {name:9} {ink:5.0%}  {sharp:9.0%}  {(r * r).mean():15.4f}  "
        f"{abs(r).mean():13.4f}"
    )

# %% [markdown]
# The mean keeps all of the ink and little of the sharpness. The median looks sharper,
# but has no ink wherever fewer than half of the writers put any. Both have far smaller
# losses than a picture that somebody wrote.
#
# The next two claims are about an adversary: first its divergence from a single answer,
# then all losses on one pixel that is 0, 0.1 or 1 with the probabilities 0.3, 0.3 and
# 0.4.

# %%


def double_jsd(p, q):
    """Return 2 JSD(p, q) of distributions on points, with 0 log 0 = 0."""
    m = (p + q) / 2
    logs = lambda a: np.log(np.where(a > 0, a, 1) / np.where(a > 0, m, 1))
    return (p * logs(p)).sum() + (q * logs(q)).sum()


def of_single_answer(p):
    safe = np.where(p > 0, p, 1)
    return np.log(4) + p * np.log(safe) - (1 + p) * np.log(1 + p)


@claim(
    "15.5",
    "2 JSD(p, answer j) = log 4 + p_j log p_j - (1 + p_j) log(1 + p_j)",
    source="step (f)",
    tolerance=1e-13,
)
def single_answer(divergence=of_single_answer):
    # the last answer is never right
    p = np.append(rng_answers.dirichlet(np.ones(8)), 0.0)
    return [double_jsd(p, q) for q in np.eye(9)], divergence(p)


rng_answers = np.random.default_rng(1)
single_answer.wrong(
    "log 4 - p_j log 4: the share of right answers",
    divergence=lambda p: (1 - p) * np.log(4),
)
single_answer.wrong(
    "the value V of the game, which is lower by log 4",
    divergence=lambda p: of_single_answer(p) - np.log(4),
)
check(single_answer)

levels = np.arange(101) / 100
p = np.zeros(101)
p[[0, 10, 100]] = 0.3, 0.3, 0.4
LOSSES = {
    "squares": lambda c: p @ (levels - c) ** 2,
    "absolute": lambda c: p @ abs(levels - c),
    "adversary": lambda c: double_jsd(p, (levels == c).astype(float)),
    # the area between P and Q, chapter 8
    "Wasserstein": lambda c: abs(np.cumsum(p) - (levels >= c)).sum() / 100,
}


@claim(
    "15.6",
    "squares: mean; absolute: median; adversary: mode; Wasserstein: median",
    source="steps (d) to (g)",
    tolerance=1e-12,
    measure="absolute",
)
def winners(expected=(0.43, 0.1, 1.0, 0.1)):
    best = [np.argmin([loss(c) for c in levels]) for loss in LOSSES.values()]
    return levels[best], expected


winners.wrong("every adversary chooses the mode", expected=(0.43, 0.1, 1.0, 1.0))
winners.wrong("L1 is robust, so it chooses the mode", expected=(0.43, 1.0, 1.0, 0.1))
winners.wrong("all choose the middle", expected=(0.43, 0.43, 0.43, 0.43))
check(winners)

# %% [markdown]
# That an adversary makes images sharp is thus a property of the divergence, and of a
# generator that has no noise. For a generator with noise, every adversary asks for the
# whole distribution. In image translation the noise is usually ignored, which is why
# the claims about a single answer matter there.
#
# ## Check 4: what a critic of patches sees
#
# The gradient shows on which pixels one logit in the middle depends.

# %%


def critic(depth, **more):
    return translation.patch_critic(
        1, width=2, depth=depth, rng=Generator(depth), dtype="float64", **more
    )


def seen(depth):
    """Return the (rows, columns) of pixels that have an influence on one logit."""
    size = 24 << depth >> 1
    x = mg.tensor(rng_pixels.normal(size=(1, size, size, 1)), requires_grad=True)
    logits = critic(depth)(x)
    middle = logits.shape[1] // 2
    (g,) = mg.grad(logits[0, middle, middle, 0], [x])
    return [np.ptp(where) + 1 for where in np.nonzero(g.numpy()[0, ..., 0])]


def walk_back(depth, step=lambda r, k, s: s * r + k - s):
    """Return the patch size behind `depth` layers of stride 2 and two of stride 1."""
    r = 1
    for s in [1, 1] + [2] * depth:
        r = step(r, 4, s)
    return [r, r]


rng_pixels = np.random.default_rng(2)


@claim(
    "15.7",
    "r -> s r + k - s: patches of 16, 34 and 70 pixels",
    source="Isola et al. 2017, appendix 6.1.2",
    tolerance=0,
    measure="absolute",
)
def field(**bug):
    formula = [walk_back(depth, **bug) for depth in (1, 2, 3)]
    library = [translation.receptive_field(critic(depth)) for depth in (1, 2, 3)]
    return [[seen(depth) for depth in (1, 2, 3)], library], [formula, formula]


field.wrong("strides forgotten: r + k - 1", step=lambda r, k, s: r + k - 1)
field.wrong("patches side by side: s r + k - 1", step=lambda r, k, s: s * r + k - 1)
field.wrong("k s for every layer", step=lambda r, k, s: r * s if r > 1 else k)
check(field)

# %% [markdown]
# If $f$ is a sum of two terms, one for each place, then changing both places changes it
# by the sum of the changes: $f(x + a + b) - f(x + a) - f(x + b) + f(x) = 0$. The test
# uses two strokes, 16 pixels apart, and a critic of patches of 16:

# %%
image = np.random.default_rng(3).normal(size=(1, 64, 64, 1))


@claim(
    "15.8",
    "beyond r pixels, a patch critic's verdicts add up",
    source="step (i)",
    tolerance=1e-14,
    measure="absolute",
)
def blind_to_pairs(apart=16, depth=1, **more):
    network = critic(depth, **more)
    a, b = np.zeros_like(image), np.zeros_like(image)
    a[:, 10:50, 20], b[:, 10:50, 20 + apart] = 3.0, 3.0
    verdict = lambda x: network(x).mean().item()
    right = verdict(image + a) + verdict(image + b)
    return verdict(image + a + b) + verdict(image), right


blind_to_pairs.wrong("strokes in one patch", apart=8)
blind_to_pairs.wrong("a deeper critic: patches of 34", depth=2)
blind_to_pairs.wrong("batch norm, which sees everything", batch_norm=True)
check(blind_to_pairs)

# %% [markdown]
# ## Picture

# %%


def digit_rows(page):
    """Draw ten labels, and four answers to each."""
    rows = {
        "written": answers[:, 0],
        "squares": answers.mean(1),
        "absolute": np.median(answers, axis=1),
    }
    for k, (name, row) in enumerate(rows.items()):
        strip = np.concatenate([np.pad(digit, 1) for digit in row], axis=1)
        axes = page.axes(0.75, 0.02 + 0.58 * k, 5.6, 0.56)
        axes.imshow(
            strip, cmap="gray_r", vmin=0, vmax=1, aspect="auto", interpolation="nearest"
        )
        axes.set_axis_off()
        page.text(0.1, 0.21 + 0.58 * k, name, viz.style.SMALL)


def loss_curves(page):
    """Draw the four losses of one pixel, each scaled to [0, 1], its minimum marked."""
    colors = (viz.style.BLUE, viz.style.ORANGE, viz.style.VERMILLION, viz.style.ORANGE)
    for k, ((name, loss), color) in enumerate(zip(LOSSES.items(), colors, strict=True)):
        axes = page.axes(
            0.3 + 1.56 * k,
            2.15,
            1.35,
            0.95,
            ylim=(-0.1, 1.15),
            xticks=[0, 0.1, 0.43, 1],
            yticks=[],
        )
        axes.set_xticklabels(["0", "", "0.43", "1"])
        y = np.array([loss(c) for c in levels])
        y = (y - y.min()) / np.ptp(y)
        best = np.argmin(y)
        axes.plot(levels, y, color=color, linewidth=1.2)
        axes.plot(levels[best], y[best], "o", color=viz.style.BLACK, markersize=4)
        page.text(0.3 + 1.56 * k, 1.92, f"{name}: {levels[best]:.2f}", viz.style.SMALL)


def picture():
    page = viz.Page(
        3.3,
        "One answer where many are right: the loss chooses it",
        "Above: for each label a digit that somebody wrote, the answer with the "
        "least squared error (the mean of 80 digits), and that with the least "
        "absolute error (the median of every pixel: where fewer than half of the "
        "writers put ink there is none). Below: the losses of a pixel that is 0, 0.1 "
        "or 1 with probabilities 0.3, 0.3, 0.4, against the answer, each at its own "
        "scale; the dot is the best answer. The adversary accepts only what occurs, "
        "and prefers what occurs most. A Wasserstein adversary has the loss of "
        "absolute errors.",
    )
    digit_rows(page)
    loss_curves(page)
    return page.figure


viz.show(picture, "ch15_vae_and_translation")

# %% [markdown]
# ## What goes wrong in practice
#
# * **A mean instead of a sum.** The ELBO sums over pixels. With the mean over 784
#   pixels and the sum over $z$, the KL divergence has 784 times its weight, and
#   $q(z|x)$ becomes the prior: every output is the mean image (exercise 2).
# * **Blur is not the network's fault.** For squared errors no decoder of any size is
#   better than the mean. Add what is missing to the input (the VAE's $z$), or change
#   the loss.
# * **VAE samples without their noise.** $p(x|z) = N(y, \sigma^2 I)$: the model's
#   samples are $y$ *plus noise*. Usually the mean $y$ is shown, which is smoother than
#   any sample of the model.
# * **ELBOs of different likelihoods do not compare.** A density of $x$ in $[-1, 1]$ and
#   one of $x$ in $[0, 255]$ differ by $\log 127.5$ for each pixel.
# * **L1 erases thin lines** (claim 6, and the picture), which then cost it little. An
#   adversary of patches puts lines back, but not necessarily in the right places: check
#   translations for content, not for looks alone.
# * **The divergence does not tell near from far.** By claim 5 an answer that just
#   misses costs as much as one that is far off. A generator is pulled towards an answer
#   by the *slope* of a critic that is not optimal, or by an L1 loss beside the critic.

# %% [markdown]
# ## Exercises
#
# 1. *Warm-up.* `depth` convolutions of stride 2, then two of stride 1, all 4 x 4: how
#    many pixels does a logit see? Give a formula without a loop.
# 2. *Bug hunt.* `buggy_loss` should be $-\mathrm{ELBO}$ per image, without the constant
#    $\log(\sigma \sqrt{2 \pi})$ of each pixel. It has three bugs, each of which is
#    found in public repositories.
# 3. *Research.* One pixel, $x \sim N(0, s^2)$; decoder $N(w z, \sigma^2)$; the best
#    encoder. Which $w \ge 0$ maximises the mean ELBO? When does the decoder ignore $z$?

# %%


def patch_size(depth):
    raise NotImplementedError("exercise 1 is yours")


def buggy_loss(x, y, mean, log_variance, sigma):
    """Return the loss for x, y (N, H, W, C); mean and log variance are (N, latent)."""
    reconstruction = ops.square((x - y) / sigma).mean()
    raise NotImplementedError("exercise 2 is yours: fix the bug, then delete this line")
    kl = -0.5 * (1 + log_variance - mean**2 - ops.exp(log_variance)).sum()
    return reconstruction + kl


def best_weight(s, sigma):
    raise NotImplementedError("exercise 3 is yours")


# %% [markdown]
# ## Solutions

# %% tags=["solution"]


@claim(
    "15.E1",
    "9 2^depth - 2 pixels",
    source="step (h): two layers of stride 1 see 7, and r + 2 doubles",
    tolerance=0,
    measure="absolute",
)
def doubling(answer=lambda depth: 9 * 2**depth - 2):
    right = [answer(depth) for depth in range(1, 8)]
    return [walk_back(depth)[0] for depth in range(1, 8)], right


doubling.wrong(
    "8 2^depth, which is right at depth 1", answer=lambda depth: 8 * 2**depth
)
doubling.wrong("r, not r + 2, doubles", answer=lambda depth: 7 * 2**depth)
check(doubling)
answer(doubling, patch_size)


def mended(x, y, mean, log_variance, sigma, *, half=0.5, pixels=1, images=None):
    reconstruction = half * ops.square((x - y) / sigma).sum() / (pixels * len(x))
    kl = (
        -0.5
        * (1 + log_variance - mean**2 - ops.exp(log_variance)).sum()
        / (images or len(x))
    )
    return reconstruction + kl


@claim(
    "15.E2",
    "1/2, the sum over pixels, and the mean over images",
    source=f"{KINGMA}, equation 10",
    tolerance=1e-13,
)
def hunted(answer=mended):
    """Compare with the library's `elbo`, with which the VAE trains."""
    x, y = np.random.default_rng(4).uniform(-1, 1, size=(2, 6, 4, 4, 1))
    mean, log_variance = np.random.default_rng(5).normal(size=(2, 6, 3))
    given = vae.elbo(
        x,
        np.zeros((6, 3)),
        lambda x: (mean, log_variance),
        lambda z: y,
        lambda x, y: vae.gaussian(x, y, 0.3),
    )
    constant = 16 * np.log(0.3 * np.sqrt(2 * np.pi))
    return answer(x, y, mean, log_variance, 0.3), -given.mean() - constant


hunted.wrong("the 1/2 of the Gaussian is missing", answer=lambda *a: mended(*a, half=1))
hunted.wrong("the mean over pixels", answer=lambda *a: mended(*a, pixels=16))
hunted.wrong("the KL summed over the batch", answer=lambda *a: mended(*a, images=1))
check(hunted)
answer(hunted, buggy_loss)

# %% [markdown] tags=["solution"]
# The best encoder makes the bound tight, so the mean ELBO is the mean of
# $\log N(x; 0, w^2 + \sigma^2)$. That is largest at $w^2 + \sigma^2 = s^2$, if it can
# be reached; else at $w = 0$. A decoder whose $\sigma$ exceeds the deviation of the
# data explains all variation as noise: the posterior *collapses* to the prior. That is
# a property of the optimum, not a failure of the optimizer. The cause is a $\sigma$ set
# by hand, such as the $\sigma^2 = \frac12$ that is implicit in "squared error + KL".

# %% tags=["solution"]


grid = np.linspace(0, 3, 30_001)  # for each of the weights w


def best_bound(s, sigma):
    """Return the mean ELBO for every w, with the posterior as encoder.

    It is quadratic in x and in the noise, so x = +-s and noise +-1 suffice.
    """
    w = grid[:, None]
    precision = 1 + w**2 / sigma**2
    encoder = lambda x: (w * x / sigma**2 / precision, -np.log(precision))
    likelihood = lambda x, y: vae.gaussian(x, y, sigma)
    both = [
        vae.elbo(
            np.full_like(w, x), np.full_like(w, e), encoder, lambda z: w * z, likelihood
        )
        for x in (-s, s)
        for e in (-1.0, 1.0)
    ]
    return np.mean(both, axis=0)


def collapse(s, sigma):
    return np.sqrt(max(s**2 - sigma**2, 0.0))


@claim(
    "15.E3",
    "w^2 = max(s^2 - sigma^2, 0)",
    source="Tipping, Bishop 1999, the optimum; Lucas et al. 2019",
    tolerance=1e-4,
    measure="absolute",
)
def collapsed(answer=collapse):
    """Compare with the w on a fine grid that has the best bound."""
    cases = ((2.0, 0.5), (2.0, 1.9), (1.0, 1.3))
    right = [answer(*case) for case in cases]
    return [grid[np.argmax(best_bound(*case))] for case in cases], right


collapsed.wrong("the decoder explains all of the variance", answer=lambda s, sigma: s)
collapsed.wrong(
    "it explains what is left of the deviation",
    answer=lambda s, sigma: max(s - sigma, 0),
)
collapsed.wrong("no collapse", answer=lambda s, sigma: np.sqrt(abs(s**2 - sigma**2)))
check(collapsed)
answer(collapsed, best_weight)

# %% [markdown]
# ## Sources
#
# * D. Kingma, M. Welling, *Auto-encoding variational Bayes*, 2014: equations 1, 3 and
#   10, section 2.4, appendix B.
# * P. Isola, J.-Y. Zhu, T. Zhou, A. Efros, *Image-to-image translation with conditional
#   adversarial networks*, 2017: L1 beside the adversary (equation 4), the ignored noise
#   (section 3.1), PatchGAN (section 3.2.2; its patches of 16 and 70 pixels: appendix
#   6.1.2).
# * I. Goodfellow et al., *Generative adversarial nets*, 2014, theorem 1: the divergence
#   of step (f).
# * M. Tipping, C. Bishop, *Probabilistic principal component analysis*, 1999: the
#   linear model and its optimum.
# * J. Lucas, G. Tucker, R. Grosse, M. Norouzi, *Don't blame the ELBO! A linear VAE
#   perspective on posterior collapse*, 2019.

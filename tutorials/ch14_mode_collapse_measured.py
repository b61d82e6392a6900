# %% [markdown]
# # 14. Mode collapse, measured
#
# **What you need**: chapter 4 (divergences), expectations and variances.
#
# Below is a generator that can draw 16 pictures. In the space of features where it is
# judged, its FID is exactly 0, and so is its KID. Every number by which a GAN is judged
# is a statistic of a finite sample. It has a blind spot, a bias and a floor, which is
# the score of real data under the same protocol. This chapter derives all three for the
# numbers that papers report, and ends with a table of the failures that each of them
# detects.
#
# **Claims**
#
# 1. Between two samples of $N$ from one normal distribution in $d$ dimensions the
#    Frechet distance (FID) is not 0 but
#    $\frac{1}{N} \left( 2 d + \frac{d (d + 1)}{2} \right)$ on average.
# 2. On digits as well: against $N$ its logarithm falls with slope $-1$.
# 3. Twice the value at $2N$, less the value at $N$, is free of that bias.
# 4. The unbiased estimate of MMD, such as KID, has no such bias at any $N$.
# 5. The $2d$ points $\pm \sqrt d\, e_i$ and a standard normal distribution have FID 0
#    and KID 0.
# 6. The birthday test detects them: $n$ samples have on average
#    $\frac{n (n - 1)}{2} \sum_i q_i^2$ pairs of twins.
# 7. A perfect generator's coverage is $1 - \binom{N - 1}{k} / \binom{2N - 1}{k}$,
#    whatever the distribution.
# 8. One outlier among the real samples can raise the precision of garbage from 0 to 1;
#    its density is then $\frac{1}{k}$.
# 9. The KL divergence over $K$ modes of a perfect sampler is
#    $\frac{K - 1}{2 N} + \frac{K^2 - 1}{12 N^2}$.

# %% [markdown]
# ## Derivation
#
# (a) Two samples of $N$ have means that differ by $\mathcal N(0, \frac{2}{N} C)$, of
# mean square $\frac{2}{N} \operatorname{tr} C$. Their covariances differ by $\Delta$.
# In the axes where $C$ is diagonal, with eigenvalues $\lambda_i$, the rest of the
# Frechet distance is, to second order,
#
# $$\operatorname{tr} \left( C_1 + C_2 - 2 (C_1^{1/2} C_2 C_1^{1/2})^{1/2} \right)
#   \approx \frac12 \sum_{ij} \frac{\Delta_{ij}^2}{\lambda_i + \lambda_j}, $$
#
# the metric of Bures. For normal samples $\mathbb E\, \Delta_{ij}^2 = \frac{2}{N}
# (\lambda_i \lambda_j + \delta_{ij} \lambda_i^2)$. With $C = I$: $2d$ from the means,
# $\frac12 \cdot \frac12 \cdot 2 (d^2 + d)$ from the covariances, all divided by $N$.
# [claim 1] Other distributions have another constant, and there are terms in $1 / N^2$,
# but the leading term is $1 / N$. [claim 2] So
# $2 (f + \frac{c}{2N}) - (f + \frac{c}{N}) = f$. [claim 3]
#
# (b) $\mathrm{MMD}^2 = \mathbb E\, k(x, x') - 2\, \mathbb E\, k(x, y) + \mathbb E\,
# k(y, y')$, where $x$ and $x'$ are *different* draws. The mean over all pairs of
# different samples has that expectation, for every $N$. [claim 4] If the pairs of a
# sample with itself are included, the estimate is too large by
# $\frac{1}{N} \mathbb E\, (k(x, x) - k(x, x'))$ for each side.
#
# (c) FID depends on mean and covariance alone: 0 and
# $\frac{1}{2d} \sum_i 2 d\, e_i e_i^\top = I$ for the points of claim 5, as for
# $\mathcal N(0, I)$. KID's kernel $(\frac{x \cdot y}{d} + 1)^3$ is a polynomial of
# degree 3, so its MMD depends on the moments up to the third; those of order 3 vanish
# for both. [claim 5]
#
# (d) Each of the $\frac{n (n - 1)}{2}$ pairs shows the same picture twice with
# probability $\sum q_i^2$. [claim 6]
#
# (e) Coverage is the fraction of real samples with a fake inside the ball that reaches
# to their $k$-th real neighbour. For a perfect generator the other $2N - 1$ samples, in
# the order of their distances, are $N - 1$ real and $N$ fake ones in random order.
# There is no fake in the ball if the $k$ nearest are all real. [claim 7]
#
# (f) Precision is the fraction of fakes that lie in *any* ball of a real sample. An
# outlier at a distance $R$ has a ball of radius about $R$. Density counts the balls
# that contain a fake, divided by $k$. [claim 8]
#
# (g) $\frac{n_i}{N} = \frac{1}{K} (1 + \xi_i)$. $\mathrm{KL} = \frac{1}{K} \sum (1 +
# \xi_i) \log (1 + \xi_i) \approx \frac{1}{K} \sum \frac{\xi_i^2}{2} -
# \frac{\xi_i^3}{6} + \frac{\xi_i^4}{12}$, as $\sum \xi_i = 0$, and
# $\mathbb E\, \xi_i^2 = \frac{K - 1}{N}$. The next two moments give the term in
# $1 / N^2$. [claim 9]

# %%
import math

import numpy as np

import minigan as mg
from minigan import viz
from minigan.check import answer, check, claim
from minigan.metrics import frechet, kernel, mixture, prdc, two_sample

rng = np.random.default_rng(0)
DIGITS = mg.data.load("digits-8x8").images.reshape(-1, 64) / 255


def mean_and_error(draws):
    """Return the mean of draws along the first axis, and its standard error."""
    draws = np.array(draws, dtype=np.float64)
    return draws.mean(0), draws.std(0, ddof=1) / np.sqrt(len(draws))


# %% [markdown]
# ## Check 1: the floor of FID
#
# Claims about expectations are checked by means over many draws, in units of the
# standard error.

# %%
CHONG = "Chong, Forsyth 2020, the bias of FID"
D, N = 8, 2000
floors = [frechet.distance(*rng.normal(size=(2, N, D))) for _ in range(300)]


@claim(
    "14.1",
    "FID of real against real = (2 d + d (d + 1) / 2) / N",
    source=f"step (a); {CHONG}",
    tolerance=4,
    measure="sigmas",
)
def fid_floor(constant=lambda d: 2 * d + d * (d + 1) / 2):
    measured, error = mean_and_error(floors)
    return measured, constant(D) / N, error


fid_floor.wrong("0, as of a distance between equals", constant=lambda d: 0)
fid_floor.wrong("the means alone", constant=lambda d: 2 * d)
fid_floor.wrong(
    "one of the two samples is exact", constant=lambda d: d + d * (d + 1) / 4
)
check(fid_floor)

# %% [markdown]
# The next data are digits of 8 by 8 pixels, in the space of their first sixteen
# principal components. Two disjoint sets of $N$ are compared.

# %%
features = frechet.pca(DIGITS, 16)(DIGITS)
SIZES = np.array([100, 200, 400, 800])


def real_against_real():
    """Return the Frechet distance for each of SIZES, of one shuffle of the digits."""
    shuffled = rng.permutation(features)
    return [frechet.distance(shuffled[:n], shuffled[n : 2 * n]) for n in SIZES]


by_size = np.array([real_against_real() for _ in range(60)])


@claim(
    "14.2",
    "log FID against log N: slope -1",
    source=CHONG,
    tolerance=4,
    measure="sigmas",
)
def slope(expected=-1.0):
    slopes = [np.polyfit(np.log(SIZES), np.log(fid), 1)[0] for fid in by_size]
    measured, error = mean_and_error(slopes)
    return measured, expected, error


slope.wrong("as a standard error: -1/2", expected=-0.5)
slope.wrong("no bias", expected=0.0)
check(slope)
print("FID at N = 100, 200, 400, 800:", *by_size.mean(0).round(4))
print(
    f"slope {slope()[0]:.3f} +- {slope()[2]:.3f}; of one series +- "
    f"{np.sqrt(len(by_size)) * slope()[2]:.2f}"
)

# %% [markdown]
# Papers show one series of four sizes. Its slope can be $-0.85$ or $-1.15$ by chance
# alone.

# %%


@claim(
    "14.3",
    "2 FID(2 N) - FID(N) is free of bias: 0 for real against real",
    source=CHONG,
    tolerance=4,
    measure="sigmas",
)
def extrapolated(fit=lambda small, large: 2 * large - small):
    measured, error = mean_and_error(fit(by_size[:, 2], by_size[:, 3]))
    return measured, 0.0, error


extrapolated.wrong("the larger sample alone", fit=lambda small, large: large)
extrapolated.wrong(
    "fitted in 1 / sqrt(N)",
    fit=lambda small, large: (np.sqrt(2) * large - small) / (np.sqrt(2) - 1),
)
check(extrapolated)

# %% [markdown]
# ## Check 2: KID has no such floor
#
# For two distributions $p$, $q$ on thirty points,
# $\mathrm{MMD}^2 = (p - q)^\top K (p - q)$ is a finite sum. It is estimated from
# samples of ten, fifteen hundred times.

# %%
points = rng.normal(size=(30, 4))
p, q = rng.dirichlet(np.ones(30), size=2)
cubic = kernel.polynomial()


def with_diagonal(x, y, k):
    """Return the estimate that includes the pairs of a sample with itself."""
    return k(x, x).mean() + k(y, y).mean() - 2 * k(x, y).mean()


def estimates(estimate, q, n=10, times=1500):
    """Return the mean and standard error of estimates from n samples of p and q."""
    draw = np.random.default_rng(1)
    x, y = (points[draw.choice(30, size=(times, n), p=weights)] for weights in (p, q))
    return mean_and_error([estimate(a, b, cubic) for a, b in zip(x, y, strict=True)])


@claim(
    "14.4",
    "the mean of the unbiased MMD^2 is the MMD^2, at N = 10",
    source="Gretton et al. 2012, lemma 6",
    tolerance=4,
    measure="sigmas",
)
def unbiased(estimate=kernel.mmd2):
    sides = [
        (*estimates(estimate, other), (p - other) @ cubic(points, points) @ (p - other))
        for other in (q, p)
    ]
    measured, error, exact = np.transpose(sides)
    return measured, exact, error


unbiased.wrong("with the pairs of a sample with itself", estimate=with_diagonal)
unbiased.wrong(
    "its root, to have a distance", estimate=lambda *a: np.sqrt(max(kernel.mmd2(*a), 0))
)
check(unbiased)

# %% [markdown]
# ## Check 3: sixteen pictures, FID 0, KID 0
#
# Both distances are computed exactly, without sampling: FID from the mean and
# covariance of the points; KID from the means of $(s + 1)^m$, $s = x \cdot y / d$, over
# pairs of points, over pairs of normal samples, and over mixed pairs. For the last two
# the moments of $s$ are known: $\frac1d$ and 0 for orders 2 and 3; for order 4,
# $3 \frac{d^2 + 2d}{d^4}$ and $\frac{3}{d^2}$.

# %%
corners = np.sqrt(D) * np.concatenate([np.eye(D), -np.eye(D)])


def population_distances(points, degree=3):
    """Return (FID, MMD^2 with a kernel of that degree) of points against N(0, I)."""
    mean, covariance = points.mean(0), points.T @ points / len(points)
    fid = frechet.between_gaussians(
        mean, covariance - np.outer(mean, mean), np.zeros(D), np.eye(D)
    )
    binomials = [math.comb(degree, k) for k in range(5)]
    normal = np.dot(binomials, [1, 0, 1 / D, 0, 3 * (D**2 + 2 * D) / D**4])
    lengths = (points**2).sum(1)
    mixed = np.dot(
        binomials, [1, 0, lengths.mean() / D**2, 0, 3 * (lengths**2).mean() / D**4]
    )
    return fid, kernel.polynomial(degree)(points, points).mean() - 2 * mixed + normal


@claim(
    "14.5",
    "2 d points have FID 0 and KID 0 against N(0, I)",
    source="step (c)",
    tolerance=1e-12,
    measure="absolute",
)
def blind_spot(points=corners, degree=3):
    return population_distances(points, degree), (0.0, 0.0)


blind_spot.wrong("a kernel of degree 4 sees them", degree=4)
blind_spot.wrong("one pair of points less", points=np.delete(corners, [0, D], axis=0))
blind_spot.wrong("half of them: sqrt(d) e_i", points=corners[:D])
check(blind_spot)

# %% [markdown]
# Inception's features would not change that, because FID depends on two of their
# moments alone. But no distance is needed to notice that there are only sixteen
# pictures.
#
# The library's birthday test calls two samples twins if they are nearer than the
# nearest real ones. Here a generator has memorised forty digits, and draws the $i$-th
# with a probability proportional to $1 / i$.

# %%
SHOWN = 300
zipf = 1 / np.arange(1, 41)
zipf /= zipf.sum()


def twins():
    """Return the number of twins among the samples of a generator with 40 pictures."""
    shuffled = rng.permutation(DIGITS)
    samples, pairs = shuffled[rng.choice(40, SHOWN, p=zipf)], math.comb(SHOWN, 2)
    return pairs * two_sample.near_pair_rate(shuffled[-SHOWN:], samples, 1 / pairs)


counted = [twins() for _ in range(60)]


@claim(
    "14.6",
    "twins = n (n - 1) / 2 x sum of q_i^2",
    source="Arora, Zhang 2018, the birthday test",
    tolerance=4,
    measure="sigmas",
)
def birthday(collision=lambda q: (q**2).sum()):
    measured, error = mean_and_error(counted)
    return measured, math.comb(SHOWN, 2) * collision(zipf), error


birthday.wrong("as if all 40 were equally likely", collision=lambda q: 1 / len(q))
birthday.wrong("counted for each of the two", collision=lambda q: 2 * (q**2).sum())
check(birthday)
print(
    f"40 pictures; the twins speak of {1 / (zipf**2).sum():.1f}: the test sees "
    "repetition, not the support"
)

# %% [markdown]
# ## Check 4: precision, recall, density, coverage
#
# A perfect generator is tested on three distributions, with ten samples each.

# %%
SMALL, K = 10, 3
WORLDS = {
    "normal, 2 dimensions": lambda: rng.normal(size=(2, SMALL, 2)),
    "normal, 100 dimensions": lambda: rng.normal(size=(2, SMALL, 100)),
    "Cauchy, 3 dimensions": lambda: rng.standard_cauchy(size=(2, SMALL, 3)),
}
scores = {
    name: [
        list(prdc.prdc(real, fake, K).values())
        for real, fake in (draw() for _ in range(1200))
    ]
    for name, draw in WORLDS.items()
}


def none_in_ball(n, k):
    return math.comb(n - 1, k) / math.comb(2 * n - 1, k)


@claim(
    "14.7",
    "coverage of a perfect generator = 1 - C(N - 1, k) / C(2 N - 1, k)",
    source="Naeem et al. 2020, section 3",
    tolerance=4,
    measure="sigmas",
)
def coverage(missed=none_in_ball):
    measured, error = mean_and_error(
        list(zip(*(np.array(s)[:, 3] for s in scores.values()), strict=True))
    )
    return measured, np.full(3, 1 - missed(SMALL, K)), error


coverage.wrong("1: it covers everything", missed=lambda n, k: 0.0)
coverage.wrong("1 - 2^-k, as for large N", missed=lambda n, k: 2.0**-k)
coverage.wrong(
    "the sample itself is one of the N",
    missed=lambda n, k: math.comb(n, k) / math.comb(2 * n, k),
)
check(coverage)

print(f"{'perfect generators':24}precision, recall, density, coverage")
for name, found in scores.items():
    print(f"{name:24}", *(f"{value:9.3f}" for value in np.mean(found, axis=0)))

# %% [markdown]
# Precision and recall of a *perfect* generator depend on the space, on $N$ and $k$.
# They mean nothing without their floor beside them.
#
# The next generator makes garbage: fakes that are 500 standard deviations away from all
# the data. Among two hundred real samples there is one outlier, such as a broken file.

# %%
bulk, garbage = rng.normal(size=(2, 200, 2))
garbage = garbage + [500, 0]
broken = np.concatenate([bulk[1:], [[1000, 0]]])


@claim(
    "14.8",
    "with one outlier garbage has precision 1, density 1 / k, coverage 1 / N",
    source="Naeem et al. 2020, section 3",
    tolerance=1e-12,
)
def outlier(real=broken, expected=(1.0, 1 / K, 1 / 200)):
    found = prdc.prdc(real, garbage, K)
    return [found[name] for name in ("precision", "density", "coverage")], expected


outlier.wrong("without it", real=bulk)
outlier.wrong("precision sees garbage", expected=(0.0, 0.0, 0.0))
check(outlier)

# %% [markdown]
# ## Check 5: counting modes
#
# This is the KL divergence of a *perfect* sampler on the ring, the grid and stacked
# MNIST, for the usual numbers of samples.

# %%
MIXTURES = {"ring": (8, 2500), "grid": (25, 2500), "stacked MNIST": (1000, 26_000)}


def perfect_kl(count, n, times=600):
    even = np.full(count, 1 / count)
    return [
        mixture.kl_divergence(counts, even)
        for counts in rng.multinomial(n, even, size=times)
    ]


drawn = {name: mean_and_error(perfect_kl(*size)) for name, size in MIXTURES.items()}


@claim(
    "14.9",
    "KL of a perfect sampler = (K - 1) / 2N + (K^2 - 1) / 12 N^2",
    source="step (g)",
    tolerance=4,
    measure="sigmas",
)
def kl_floor(formula=lambda k, n: (k - 1) / (2 * n) + (k**2 - 1) / (12 * n**2)):
    measured, error = np.transpose(list(drawn.values()))
    return measured, [formula(*size) for size in MIXTURES.values()], error


kl_floor.wrong("0", formula=lambda k, n: 0.0)
kl_floor.wrong("K / 2N", formula=lambda k, n: k / (2 * n))
kl_floor.wrong("in bits", formula=lambda k, n: (k - 1) / (2 * n) / np.log(2))
check(kl_floor)
for name, (count, n) in MIXTURES.items():
    print(f"{name:14} {count:4} modes, {n:,} samples: floor {drawn[name][0]:.4f}")

# %% [markdown]
# The number of modes has a floor as well, which is too high instead of too low: if one
# sample per class is enough, a generator of a single digit covers all ten classes,
# because a classifier that is wrong once in a hundred times puts some of its samples
# into each. `class_balance` therefore counts a class only if it has at least a tenth of
# the samples that an equal distribution would give it.
#
# ## Picture
#
# Each of these generators for the grid of 25 modes fails in one way. The picture shows
# how each metric reacts, in standard deviations of a perfect sampler's score.

# %%
GRID = mg.data.grid()


def sampled(n, seed, weights=None, width=1.0):
    """Return samples of the grid, with other weights, or another width."""
    draw = np.random.default_rng(seed)
    mode = draw.choice(25, n, p=weights)
    return GRID.modes[mode] + width * GRID.sigma * draw.normal(size=(n, 2))


def noisy(n, seed):
    """Return samples of the grid, of which one in twenty lies anywhere."""
    draw = np.random.default_rng(seed + 1000)
    return np.where(
        draw.uniform(size=(n, 1)) < 0.05, draw.uniform(-5, 5, (n, 2)), sampled(n, seed)
    )


NO_CORNERS = np.isin(np.arange(25), [0, 4, 20, 24], invert=True) / 21
UNEVEN = np.tile([1.5, 0.5], 13)[:25] / np.tile([1.5, 0.5], 13)[:25].sum()
FAILURES = {
    "no modes at the corners": lambda n, seed: sampled(n, seed, NO_CORNERS),
    "uneven, 3 : 1": lambda n, seed: sampled(n, seed, UNEVEN),
    "modes too narrow, 1/2": lambda n, seed: sampled(n, seed, width=0.5),
    "modes too wide, 3/2": lambda n, seed: sampled(n, seed, width=1.5),
    "noise, one in twenty": noisy,
    "100 points, repeated": lambda n, seed: sampled(100, seed)[
        np.random.default_rng(seed).integers(0, 100, n)
    ],
}


def judged(real, samples):
    """Return every metric of this chapter for one set of samples."""
    modes = mixture.mode_statistics(samples, GRID.modes, GRID.sigma)
    four = prdc.prdc(real, samples)
    pairs = math.comb(len(samples), 2)
    return {
        "FID": frechet.distance(real, samples),
        "KID": kernel.mmd2(real, samples, cubic),
        "precision": four["precision"],
        "recall": four["recall"],
        "density": four["density"],
        "coverage": four["coverage"],
        "twins": pairs * two_sample.near_pair_rate(real, samples, 20 / pairs),
        "modes": modes["modes"],
        "in 3 sigma": modes["high_quality"],
        "KL": modes["reverse_kl"],
        "width": modes["width_min"],
    }


def scored(generator, draws, first, n=500):
    """Return the metrics of several draws, (draws, metrics)."""
    seeds = range(first, first + draws)
    return np.array(
        [list(judged(sampled(n, 100 + s), generator(n, s)).values()) for s in seeds],
        dtype=float,
    )


def picture():
    page = viz.Page(
        2.4,
        "Which number sees which failure",
        "Six generators for a mixture of 25 narrow modes, each with one failure. In "
        "the cells: by how many standard deviations a metric differs from its floor, "
        "the score of a perfect sampler (500 samples, means of 6 draws). Dark cells "
        "see the failure; in white ones the number cannot be told from a perfect one "
        "(infinity: the floor never varies). Every failure is invisible to some "
        "metric; FID and KID see only what moves the low moments.",
    )
    perfect = scored(sampled, 25, 200)
    off = np.array(
        [abs(scored(g, 6, 0).mean(0) - perfect.mean(0)) for g in FAILURES.values()]
    )
    # the number of modes has a floor that never varies
    z = off / np.maximum(perfect.std(0, ddof=1), 1e-6)
    axes = page.axes(1.55, 0.25, 4.8, 2.05)
    axes.imshow(
        np.minimum(np.log1p(z), np.log1p(30)),
        cmap="Blues",
        vmin=np.log1p(1.5),
        vmax=np.log1p(40),
        aspect="auto",
    )
    names = list(judged(sampled(500, 0), sampled(500, 1)))
    for (row, column), value in np.ndenumerate(z):
        color = "white" if value > 12 else viz.style.INK
        text = (
            f"{value:.1f}"
            if value < 9.95
            else f"{value:.0f}"
            if value < 1e4
            else "\N{INFINITY}"
        )
        axes.text(
            column,
            row,
            text,
            ha="center",
            va="center",
            color=color,
            fontdict=viz.style.font(viz.style.SMALL),
        )
    axes.set_xticks(range(len(names)), names, fontsize=6.2)
    axes.set_yticks(range(len(FAILURES)), list(FAILURES))
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.grid(False)
    return page.figure


viz.show(picture, "ch14_mode_collapse_measured")

# %% [markdown]
# ## What goes wrong in practice
#
# * **FIDs at different $N$ are compared.** By claim 1 more samples alone make any
#   generator better. In 2,048 dimensions the constant of a normal distribution with
#   $C = I$ is two million. With fewer samples than dimensions the covariance is
#   singular, and the number is mostly bias; `frechet_distance` raises an error.
# * **The bias is not a constant offset.** It depends on the generator's spectrum
#   (exercise 3): a larger $N$ can reverse the order of two generators.
# * **A small KL over the samples that hit a mode** says nothing about the other
#   samples: state how many those are.
# * **More than 98.89 % within 3 sigma** is not a success but a sign of modes that are
#   too narrow.
# * **Hubs.** In 1,000 dimensions a few real samples are neighbours of nearly all
#   others, and claim 7's mean, though exact, is that of a wide distribution: one draw
#   of 10,000 ($k = 5$) gave 0.956 where the mean is 0.969.
# * **The best of five seeds** is a statistic too, and has another floor.

# %% [markdown]
# ## Exercises
#
# 1. *Warm-up.* A generator draws from `s` pictures evenly. How many samples does it
#    take until twins are at least as likely as not?
# 2. *Bug hunt.* `buggy_frechet` is right for all pairs of covariances that its author
#    tried. Which were those?
# 3. *Research.* The constant of claim 1 for a covariance with the eigenvalues
#    `spectrum`: what is $N$ times the FID of real against real?

# %%


def samples_for_twins(s):
    raise NotImplementedError("exercise 1 is yours")


def buggy_frechet(mean1, cov1, mean2, cov2):
    cross = np.sqrt(np.linalg.eigvalsh(cov1) * np.linalg.eigvalsh(cov2)).sum()
    raise NotImplementedError("exercise 2 is yours: fix the bug, then delete this line")
    return ((mean1 - mean2) ** 2).sum() + np.trace(cov1) + np.trace(cov2) - 2 * cross


def floor_constant(spectrum):
    raise NotImplementedError("exercise 3 is yours")


# %% [markdown]
# ## Solutions

# %% tags=["solution"]


def birthdays(s):
    """Return the first n with (1 - 1/s)(1 - 2/s) ... (1 - (n - 1)/s) <= 1/2."""
    different = np.cumprod(1 - np.arange(s) / s)
    return int(np.argmax(different <= 0.5)) + 1


@claim(
    "14.E1",
    "23 for 365: about sqrt(2 log 2 s)",
    source="von Mises 1939",
    tolerance=0.03,
)
def first_twins(answer=birthdays):
    """Compare with the approximation 1.1774 sqrt(s) + 1/2."""
    sizes = np.array([365, 10_000, 250_000])
    return [answer(s) for s in sizes], np.sqrt(2 * np.log(2) * sizes) + 0.5


first_twins.wrong("half of them", answer=lambda s: s // 2)
first_twins.wrong("the root", answer=lambda s: np.sqrt(s))
first_twins.wrong(
    "the mean number of pairs is 1/2", answer=lambda s: (1 + np.sqrt(1 + 4 * s)) / 2
)
check(first_twins)
answer(first_twins, samples_for_twins)


def mended_frechet(mean1, cov1, mean2, cov2):
    """Use the eigenvalues of the product, which are those of C1^(1/2) C2 C1^(1/2)."""
    cross = np.sqrt(np.linalg.eigvals(cov1 @ cov2).real).sum()
    return ((mean1 - mean2) ** 2).sum() + np.trace(cov1) + np.trace(cov2) - 2 * cross


def separate_spectra(mean1, cov1, mean2, cov2):
    cross = np.sqrt(np.linalg.eigvalsh(cov1) * np.linalg.eigvalsh(cov2)).sum()
    return ((mean1 - mean2) ** 2).sum() + np.trace(cov1) + np.trace(cov2) - 2 * cross


@claim(
    "14.E2",
    "the eigenvalues of C1 C2, not of each: they differ unless both share their "
    "axes, in one order",
    source="Dowson, Landau 1982",
    tolerance=1e-10,
)
def products(answer=mended_frechet):
    factors = np.random.default_rng(3).normal(size=(2, 5, 9))
    moments = [(factor.mean(1), factor @ factor.T) for factor in factors]
    right = frechet.between_gaussians(*moments[0], *moments[1])
    return answer(*moments[0], *moments[1]), right


products.wrong("as it was", answer=separate_spectra)
products.wrong(
    "element by element",
    answer=lambda m1, c1, m2, c2: separate_spectra(
        m1, np.diag(np.diag(c1)), m2, np.diag(np.diag(c2))
    ),
)
check(products)
answer(products, buggy_frechet)


def constant_of(spectrum):
    """Return 2 sum l_i + sum_ij (l_i l_j + delta_ij l_i^2) / (l_i + l_j)."""
    sums = np.add.outer(spectrum, spectrum)
    return (
        2 * spectrum.sum()
        + ((np.outer(spectrum, spectrum) + np.diag(spectrum**2)) / sums).sum()
    )


wide = np.array([4.0, 1.0, 0.25, 0.0625])
wide_floors = [
    2000 * frechet.distance(*(np.sqrt(wide) * rng.normal(size=(2, 2000, 4))))
    for _ in range(700)
]


@claim(
    "14.E3",
    "2 sum l_i + sum_ij (l_i l_j + delta_ij l_i^2) / (l_i + l_j)",
    source="step (a)",
    tolerance=4,
    measure="sigmas",
)
def spectra(answer=constant_of):
    measured, error = mean_and_error(wide_floors)
    return measured, answer(wide), error


spectra.wrong(
    "a round one of the same trace",
    answer=lambda s: s.mean() * (2 * len(s) + len(s) * (len(s) + 1) / 2),
)
spectra.wrong("the means alone", answer=lambda s: 2 * s.sum())
spectra.wrong("the diagonal once", answer=lambda s: constant_of(s) - s.sum() / 2)
check(spectra)
answer(spectra, floor_constant)

# %% [markdown]
# ## Sources
#
# * M. Heusel et al., *GANs trained by a two time-scale update rule*, 2017: FID.
# * M. Chong, D. Forsyth, *Effectively unbiased FID and Inception score*, 2020: the bias
#   and the extrapolation.
# * R. Bhatia, T. Jain, Y. Lim, *On the Bures-Wasserstein distance between positive
#   definite matrices*, 2019.
# * A. Gretton et al., *A kernel two-sample test*, 2012; M. Binkowski et al.,
#   *Demystifying MMD GANs*, 2018: KID.
# * S. Arora, Y. Zhang, *Do GANs actually learn the distribution? An empirical study*,
#   2018: the birthday test.
# * T. Kynkaanniemi et al., *Improved precision and recall metric*, 2019; M. F. Naeem et
#   al., *Reliable fidelity and diversity metrics*, 2020: density and coverage.
# * Z. Lin et al., *PacGAN*, 2018: the protocol of the ring, the grid and stacked MNIST.
# * G. A. Miller, *Note on the bias of information estimates*, 1955: the first term of
#   claim 9.

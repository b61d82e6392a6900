# %% [markdown]
# # 8. The Wasserstein dual
#
# **What you need**: chapter 6 (why ratios of densities fail), gradients of norms.
#
# The Wasserstein distance is the least work that turns one heap of sand into another:
# it is about *moving*, while every divergence so far was about ratios. So it can tell
# whether two heaps that do not overlap are near or far. But a critic moves nothing. It
# only names a price for every place. How can it know the work? By the most useful
# theorem of this course: the cheapest transport costs exactly what the best price list
# earns.
#
# **Claims**
#
# 1. On a line the best of all matchings joins the sorted points, and costs
#    $\int |P - Q|$, the area between the two distribution functions.
# 2. The critic with the slope $\operatorname{sign}(Q - P)$ earns exactly that cost.
# 3. No critic with slopes of at most 1 earns more than the transport costs.
# 4. In the plane too there is a critic that earns as much: an upper envelope of cones
#    with their tips on the data.
# 5. Each fake slides up a cone: the gradient at it has the length 1 (divided by $n$, as
#    the loss is a mean), whatever the distance.
# 6. The Wasserstein distance between uniform distributions on two parallel lines at a
#    distance $\theta$ is $|\theta|$.
# 7. Weights clipped to $[-c, c]$ allow slopes up to
#    $c^k \sqrt{n_0}\, n_1 \cdots n_{k-1}$: a power of $c$ that depends on the network.
# 8. So a clipped critic reports the distance times an unknown factor: between 0.0009
#    and 8.7 for one network.

# %% [markdown]
# ## Derivation
#
# For $n$ data points $x_i$ and $n$ fakes $y_j$ a transport is a matching $\pi$ (by
# Birkhoff's theorem, splitting points cannot be cheaper), and
#
# $$W_1 = \min_\pi \frac1n \sum_i \lVert x_i - y_{\pi(i)} \rVert .$$
#
# (a) On a line, crossing paths are never cheaper: if $x_1 \le x_2$ and $y_1 \le y_2$,
# then $|x_1 - y_1| + |x_2 - y_2| \le |x_1 - y_2| + |x_2 - y_1|$. So the sorted points
# are joined. The fraction of points that must pass a place $s$ is the surplus on one
# side of it, $|P(s) - Q(s)|$, with $P$ and $Q$ the distribution functions of data and
# fakes. [claim 1]
#
# (b) A critic $D$ names a price for each place, and offers to do the moving: it buys
# sand at $D(y)$ and sells it at $D(x)$. It is hired only if its price is nowhere above
# the cost of walking: $D(x) - D(y) \le \lVert x - y \rVert$, which means slopes of at
# most 1. Then for any matching, including the best,
#
# $$\frac1n \sum_i D(x_i) - \frac1n \sum_j D(y_j)
#   = \frac1n \sum_i \left[ D(x_i) - D(y_{\pi(i)}) \right]
#   \le \frac1n \sum_i \lVert x_i - y_{\pi(i)} \rVert . \quad \text{[claim 3]}$$
#
# (c) On a line, integrate by parts:
# $\mathbb{E}_p D - \mathbb{E}_q D = \int D' (Q - P)$. With $|D'| \le 1$ the best is
# $D' = \operatorname{sign}(Q - P)$, and the value $\int |P - Q|$. [claim 2]
#
# (d) In general, equality in (b) needs
# $D(x_i) - D(y_{\pi(i)}) = \lVert x_i - y_{\pi(i)} \rVert$ for every matched pair.
# Write $v_i = D(x_i)$. The price of $y_{\pi(j)}$ is then fixed,
# $v_j - \lVert x_j - y_{\pi(j)} \rVert$, and the price at $x_i$ may exceed it by at
# most the distance:
#
# $$v_i \le v_j + c_{ij}, \qquad
#   c_{ij} = \lVert x_i - y_{\pi(j)} \rVert - \lVert x_j - y_{\pi(j)} \rVert .$$
#
# Shortest paths in a graph with lengths $c_{ij}$ solve these inequalities. They exist
# unless some cycle has a negative length, and the length of a cycle is the change in
# cost if the points on it are matched anew. *The best matching has no negative cycle.*
# Each starting point of the paths gives a price list. If the best matching is unique,
# then for the mean of all these lists no two cones are tied at a fake. Now
# $D(z) = \max_i \left[ v_i - \lVert z - x_i \rVert \right]$ has slope 1, and earns the
# cost. [claim 4]
#
# (e) At a fake, the largest cone is that of its own match: $\nabla D$ is the unit
# vector towards $x_{\pi^{-1}(j)}$, far or near. $W_1$ has the same gradient, as the
# best matching stays the best if a point moves a little. [claims 5, 6]
#
# (f) The Jacobian of a ReLU network of $k$ layers is a product of its matrices and of
# masks of 0 and 1. With weights in $[-c, c]$ an $n_{i-1} \times n_i$ matrix has a
# spectral norm of at most $c \sqrt{n_{i-1} n_i}$, with equality when all weights are
# $c$; multiply. In that case, with a positive input, no mask is 0. [claim 7]

# %%
import itertools
from math import comb, erf

import numpy as np

import minigan as mg
from minigan import ops, optim, viz
from minigan.check import answer, check, claim
from minigan.gan import losses, penalties
from minigan.metrics import sliced
from minigan.models import dense

N = 7
MATCHINGS = np.array(list(itertools.permutations(range(N))))  # all 5040
rng = np.random.default_rng(0)
x, fake = 1.5 * rng.normal(size=(N, 2)), 0.7 * rng.normal(size=(N, 2)) + 0.7


def distances(x, y):
    return np.linalg.norm(x[:, None] - y, axis=2)


def cheapest(x, y):
    """Return the best of all matchings and its cost, W1."""
    costs = distances(x, y)[np.arange(N), MATCHINGS].mean(axis=1)
    return MATCHINGS[costs.argmin()], costs.min()


def prices(x, y, matching, rounds=N):
    """Return the price v of each x: shortest paths by Bellman and Ford, averaged."""
    d = distances(x, y[matching])
    c = d - np.diag(d)
    paths = c.T
    for _ in range(rounds):
        paths = (paths[:, None] + c).min(axis=2)
    return paths.mean(axis=0)


def cones(x, v):
    """Return the critic max_i v_i - |z - x_i| as a function of points z (M, 2)."""
    return lambda z: ops.max(v - ops.norm(ops.expand_dims(z, 1) - x, axis=2), axis=1)


def earned(critic, x, y):
    """Return E_p D - E_q D, minus the critic's loss."""
    return -losses.wasserstein.critic(critic(x), critic(y))


# %% [markdown]
# ## Check 1: a line
#
# This check uses the first coordinates alone. On the left is the cheapest of 5040
# matchings, found by trying them all; on the right are the area between the
# distribution functions, and the library's distance by sorting.

# %%
VILLANI = "Villani 2003, section 2.2"
line = np.sort(np.concatenate([x[:, 0], fake[:, 0]]))
middle, gap = (line[1:] + line[:-1]) / 2, np.diff(line)


def distribution(points, s):
    return (points[:, None] <= s).mean(axis=0)


P, Q = distribution(x[:, 0], middle), distribution(fake[:, 0], middle)


@claim(
    "8.1",
    "on a line: cheapest matching = area between P and Q = sorted points",
    source=VILLANI,
    tolerance=1e-14,
)
def on_a_line(area=lambda: (abs(P - Q) * gap).sum(), p=1):
    by_sorting = sliced.distance(x[:, :1], fake[:, :1], np.ones((1, 1)), p)
    right = np.array([area(), by_sorting])
    return np.full(2, cheapest(x[:, :1], fake[:, :1])[1]), right


on_a_line.wrong(
    "the area with its sign: the difference of the means",
    area=lambda: ((P - Q) * gap).sum(),
)
on_a_line.wrong(
    "the largest gap between P and Q (Kolmogorov-Smirnov)",
    area=lambda: abs(P - Q).max(),
)
on_a_line.wrong(
    "points matched as they come", area=lambda: abs(x[:, 0] - fake[:, 0]).mean()
)
on_a_line.wrong("W2", p=2)
check(on_a_line)
print(f"     W1 = {cheapest(x[:, :1], fake[:, :1])[1]:.8f}")


@claim(
    "8.2",
    "the critic of slope sign(Q - P) earns it",
    source="step (c)",
    tolerance=1e-14,
)
def staircase(slope=lambda: np.sign(Q - P)):
    heights = np.concatenate([[0.0], np.cumsum(slope() * gap)])
    critic = lambda points: np.interp(points[:, 0], line, heights)
    return earned(critic, x, fake), cheapest(x[:, :1], fake[:, :1])[1]


staircase.wrong("sign(P - Q): real is low, fake is high", slope=lambda: np.sign(P - Q))
staircase.wrong(
    "the best linear critic: it sees the means only", slope=lambda: -np.ones(2 * N - 1)
)
check(staircase)

# %% [markdown]
# ## Check 2: the plane

# %%
ARJOVSKY = "Arjovsky et al. 2017"


def random_critics(length=1.0, count=300):
    """Yield linear critics u . z and waves sin(u . z + b), with |u| = length."""
    draws = np.random.default_rng(1)
    for _ in range(count):
        u, b = draws.normal(size=2), draws.uniform(0, 6)
        u *= length / np.linalg.norm(u)
        yield from (lambda z, u=u: z @ u, lambda z, u=u, b=b: np.sin(z @ u + b))


@claim(
    "8.3",
    "no critic of slope at most 1 earns more than W1",
    source="step (b)",
    tolerance=0,
    measure="excess",
)
def weak_duality(length=1.0):
    earnings = np.array([earned(critic, x, fake) for critic in random_critics(length)])
    return earnings, np.full(len(earnings), cheapest(x, fake)[1])


weak_duality.wrong("a slope of 1 for each coordinate: sqrt(2)", length=np.sqrt(2))
check(weak_duality)


@claim(
    "8.4",
    "the cones of step (d) earn W1: primal = dual",
    tolerance=1e-13,
    source=f"Kantorovich and Rubinstein 1958; {ARJOVSKY}, equation 2",
)
def strong_duality(rounds=N, envelope=cones):
    v = prices(x, fake, cheapest(x, fake)[0], rounds)
    return earned(envelope(x, v), x, fake), cheapest(x, fake)[1]


strong_duality.wrong("paths of one edge", rounds=0)
strong_duality.wrong("all data at one price", envelope=lambda x, v: cones(x, 0 * v))
strong_duality.wrong(
    "a lower envelope of cones that open upwards",
    envelope=lambda x, v: (
        lambda z: ops.min(v + ops.norm(z[:, None] - x, axis=2), axis=1)
    ),
)
check(strong_duality)
print(f"     W1 in the plane = {cheapest(x, fake)[1]:.8f}")

# %% [markdown]
# On the left, the library's generator loss is differentiated in the fakes, through that
# frozen critic. On the right are central differences of the cost of the best matching
# alone.

# %%


def moved_cost(j, k, h=1e-6):
    """Return the derivative of W1 in coordinate k of the j-th fake."""
    step = np.zeros((N, 2))
    step[j, k] = h
    return (cheapest(x, fake + step)[1] - cheapest(x, fake - step)[1]) / (2 * h)


@claim(
    "8.5",
    "the generator's gradient through D* is that of W1: 1 / n, towards the match",
    tolerance=1e-7,
    source=f"{ARJOVSKY}, theorem 3",
    measure="absolute",
)
def slide(v=None, scale=lambda length: 1.0):
    matching, _ = cheapest(x, fake)
    critic = cones(x, prices(x, fake, matching) if v is None else v)
    y = mg.tensor(fake, requires_grad=True)
    (g,) = mg.grad(losses.wasserstein.generator(critic(y)), [y])
    walks = distances(x, fake)[matching.argsort(), np.arange(N)]
    right = np.array([[moved_cost(j, k) for k in range(2)] for j in range(N)])
    return g * scale(walks[:, None]), right


slide.wrong("towards the nearest data point", v=np.zeros(N))
slide.wrong("in proportion to the distance, as for W2", scale=lambda length: length)
check(slide)


@claim(
    "8.6",
    "parallel lines at theta: W1 = |theta|",
    source=f"{ARJOVSKY}, example 1",
    tolerance=1e-14,
)
def parallel(cost=lambda x, y: cheapest(x, y)[1]):
    theta, u = np.array([-3.0, -0.01, 0.0, 0.5, 10.0]), rng_u
    places = [
        (np.column_stack([np.zeros(N), u]), np.column_stack([np.full(N, t), u[::-1]]))
        for t in theta
    ]
    return np.array([cost(*place) for place in places]), abs(theta)


rng_u = rng.uniform(size=N)
parallel.wrong(
    "without the minimum: points as they come",
    cost=lambda x, y: distances(x, y).diagonal().mean(),
)
parallel.wrong(
    "2 JSD, which is log 4 for all theta but 0",
    cost=lambda x, y: np.log(4) * (x[0, 0] != y[0, 0]),
)
check(parallel)

# %% [markdown]
# ## Check 3: clipping
#
# The first WGAN kept its critic's slope bounded by clipping each weight. The slope *is*
# bounded, but by which number? The library clips a network whose weights are all too
# large, and differentiates it.

# %%


def network(width=64, depth=2, inputs=1):
    return dense.critic(
        (inputs,), width, depth, slope=0.0, rng=mg.random.Generator(0), dtype="float64"
    )


def steepest(critic, points):
    """Return the largest slope of a critic at the points."""
    x = mg.tensor(points, requires_grad=True)
    gradients = penalties.input_gradient(critic, x).numpy()
    return np.linalg.norm(gradients, axis=1).max()


@claim(
    "8.7",
    "clipping to c allows slopes of c^k sqrt(n_0) n_1 ... n_(k-1)",
    source="step (f)",
    tolerance=1e-12,
)
def clipped_slope(
    bound=lambda c, n, width, depth: c ** (depth + 1) * np.sqrt(n) * width**depth,
):
    cases = [(0.01, 1, 64, 2), (0.1, 1, 64, 2), (0.1, 2, 64, 3), (0.01, 784, 128, 2)]
    slopes = []
    for c, n, width, depth in cases:
        critic = network(width, depth, n)
        for parameter in critic.parameters():
            parameter.assign_(np.full(parameter.shape, 9.0))
        penalties.clip_weights(critic, c)
        slopes.append(steepest(critic, np.ones((1, n))))
    return np.array(slopes), np.array([bound(*case) for case in cases])


clipped_slope.wrong("c", bound=lambda c, n, width, depth: c)
clipped_slope.wrong(
    "c^k: the widths forgotten", bound=lambda c, n, width, depth: c ** (depth + 1)
)
clipped_slope.wrong("a critic of slope 1", bound=lambda c, n, width, depth: 1.0)
check(clipped_slope)

# %% [markdown]
# Now train one network, 1-64-64-1, to tell two heaps apart whose distance is about 2,
# with three values of $c$ that all look reasonable. It reports at most its steepest
# slope times $W_1$, so to learn $W_1$ one would have to know that slope.

# %%


def trained(c, heaps, steps=100):
    critic = network()
    parameters = list(critic.parameters())
    optimizer = optim.RMSprop(parameters, lr=c / 10)
    for _ in range(steps):
        optimizer.step(
            mg.grad(losses.wasserstein.critic(*map(critic, heaps)), parameters)
        )
        penalties.clip_weights(critic, c)
    return critic


HEAPS = rng.normal(size=(128, 1)), rng.normal(size=(128, 1)) + 2.0
W1 = sliced.distance(*HEAPS, np.ones((1, 1)), 1)
CRITICS = {c: trained(c, HEAPS) for c in (0.01, 0.1, 0.2)}
REPORTS = {c: earned(critic, *HEAPS).item() for c, critic in CRITICS.items()}


@claim(
    "8.8",
    "a clipped critic's report <= its steepest slope x W1, and it is no estimate of W1",
    source="step (b)",
    tolerance=1e-9,
    measure="excess",
)
def reports(slope=lambda critic: steepest(critic, np.linspace(-6, 8, 2801)[:, None])):
    right = np.array([slope(critic) * W1 for critic in CRITICS.values()])
    return np.array(list(REPORTS.values())), right


reports.wrong("as if clipping made the slope 1", slope=lambda critic: 1.0)
reports.wrong(
    "the slope far to the left, where there is neither",
    slope=lambda critic: steepest(critic, [[-6.0]]),
)
check(reports)
for c, report in REPORTS.items():
    print(
        f"     c = {c}: it reports {report:.4f} for W1 = {W1:.4f}, a factor of "
        f"{report / W1:.4f}"
    )

# %% [markdown]
# ## Picture

# %%


def picture():
    page = viz.Page(
        2.25,
        "Prices that pay for the transport",
        "Left: data (blue), fakes (red), and the cheapest of 5040 matchings. Shades: "
        "the best critic, darker where its price is higher, an upper envelope of "
        "cones with their tips on data. Each walk climbs one cone straight up, with "
        "slope 1. Middle: two parallel lines at a distance theta. W1 (black) says "
        "how far, and which way to go; 2 JSD (dashed) is log 4 but at 0, and flat. "
        "Right: what a network with weights clipped to [-c, c] reports, over W1. It "
        "should be 1, and grows with the third power of c.",
    )
    small, muted = viz.style.SMALL, viz.style.MUTED
    plane, middle, right = (
        page.axes(left, 0.2, width, 1.75)
        for left, width in [(0.3, 2.45), (3.2, 1.25), (5.1, 1.25)]
    )
    matching, _ = cheapest(x, fake)
    critic = cones(x, prices(x, fake, matching))
    across, up = np.linspace(-4.2, 2.8, 210), np.linspace(-2.6, 2.4, 150)
    grid = np.stack(np.meshgrid(across, up), axis=-1).reshape(-1, 2)
    plane.contourf(
        across, up, critic(grid).reshape(150, 210), 20, cmap="Greys", alpha=0.6
    )
    for start, end in zip(x, fake[matching], strict=True):
        plane.plot(
            *np.stack([start, end], axis=1), color=viz.style.BLACK, linewidth=0.8
        )
    plane.plot(*x.T, "o", color=viz.style.REAL, markersize=4)
    plane.plot(*fake.T, "o", color=viz.style.FAKE, markersize=4)
    plane.grid(False)
    middle.plot([-2, 0, 2], [2, 0, 2], color=viz.style.CRITIC)
    for side in (-1, 1):
        middle.plot(
            [0, 2 * side], [np.log(4)] * 2, "--", color=viz.style.PURPLE, linewidth=1
        )
    middle.plot(0, 0, "o", color=viz.style.PURPLE, markersize=4)
    viz.style.number_axis(middle.yaxis)
    clips = np.geomspace(0.01, 0.3, 6)
    factors = [earned(trained(c, HEAPS), *HEAPS).item() / W1 for c in clips]
    right.axhline(1, color=viz.style.CRITIC, linewidth=0.8)
    right.plot(clips, factors, "o-", color=viz.style.VERMILLION, markersize=3)
    viz.style.number_axis(right.xaxis, log=True)
    viz.style.number_axis(right.yaxis, log=True)
    page.text(3.2, 0.0, "W1 and 2 JSD", small, color=muted)
    page.text(4.45, 2.12, "theta", small, color=muted, ha="right")
    page.text(5.1, 0.0, "reported / W1", small, color=muted)
    page.text(6.35, 2.12, "c", small, color=muted, ha="right")
    return page.figure


viz.show(picture, "ch08_wasserstein_dual")

# %% [markdown]
# ## What goes wrong in practice
#
# * **Clipping.** With $c$ too small the critic's slopes, and with them the generator's
#   gradients, are 1000 times too small; with $c$ a little larger they explode, by the
#   power $k$. No value in between stays right for long, and most weights end up at
#   $\pm c$. The penalty of chapter 9 controls the slope itself.
# * **Reading the loss as a distance.** It is $W_1$ times the critic's slope. Falling
#   losses of *one* run may be compared, those of two networks may not.
# * **A critic that is not trained enough.** By claim 3 any critic gives a lower bound,
#   and its gradient is that of $W_1$ only at the best one: hence the 5 critic steps for
#   each of the generator.
# * **Batches.** $W_1$ between two batches of one distribution is not 0, and the best
#   generator for small batches is not the right one (exercise 3).

# %% [markdown]
# ## Exercises
#
# 1. *Warm-up.* What is $W_1$ between $\mathcal{N}(0, 1)$ and $\mathcal{N}(0, s)$, with
#    $s$ the standard deviation?
# 2. *Bug hunt.* `buggy_w1` is right for points that happen to be sorted. Its author
#    tested it on those. Fix it.
# 3. *Research.* The data are coins, 1 with probability $p$. A generator of coins with
#    probability $\theta$ minimises the expectation of $W_1$ between a batch of $n$ data
#    and itself, $\mathbb{E}\, |K / n - \theta|$ with $K$ the number of ones. Which
#    $\theta$ does it find?

# %%


def between_normals(s):
    raise NotImplementedError("exercise 1 is yours")


def buggy_w1(x, y):
    raise NotImplementedError("exercise 2 is yours: fix the bug, then delete this line")
    return abs(x - y).mean()


def best_coin(n, p):
    raise NotImplementedError("exercise 3 is yours")


# %% [markdown]
# ## Solutions

# %% [markdown] tags=["solution"]
# Exercise 1: points are joined at equal quantiles, $z$ with $s z$, so
# $W_1 = \mathbb{E} |s z - z| = |s - 1| \sqrt{2 / \pi}$. Exercise 3:
# $\mathbb{E} |K / n - \theta|$ is least at the *median* of $K / n$, not at its mean
# $p$. For batches of one, coins of probability 0.3 are best imitated by never
# showing 1. Gradients of $W_1$ estimated from batches are biased.

# %% tags=["solution"]


@claim(
    "8.E1",
    "W1 of N(0, 1) and N(0, s) is |s - 1| sqrt(2 / pi)",
    source="step (a)",
    tolerance=1e-4,
)
def normals(answer=lambda s: abs(s - 1) * np.sqrt(2 / np.pi)):
    s, t = np.array([0.5, 1.0, 3.0]), np.linspace(-20, 20, 4001)
    below = lambda t: np.array([1 + erf(value) for value in t / np.sqrt(2)]) / 2
    areas = [abs(below(t) - below(t / width)).sum() * (t[1] - t[0]) for width in s]
    return np.array(areas), np.array([answer(width) for width in s])


normals.wrong("W2: |s - 1|", answer=lambda s: abs(s - 1))
normals.wrong("the distance of the means", answer=lambda s: 0.0)
check(normals)
answer(normals, between_normals)


@claim("8.E2", "both sides are sorted", source="step (a)", tolerance=1e-14)
def mended(answer=lambda x, y: abs(np.sort(x) - np.sort(y)).mean()):
    return answer(x[:, 0], fake[:, 0]), cheapest(x[:, :1], fake[:, :1])[1]


mended.wrong("the bug", answer=lambda x, y: abs(x - y).mean())
mended.wrong("one side sorted", answer=lambda x, y: abs(np.sort(x) - y).mean())
check(mended)
answer(mended, buggy_w1)


def chances(n, p):
    """Return the binomial probabilities of K = 0, ..., n."""
    return np.array([comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(n + 1)])


def median_coin(n, p):
    return np.searchsorted(chances(n, p).cumsum(), 0.5) / n


@claim(
    "8.E3",
    "batches of n coins: the best theta is the median of K / n",
    source="Bellemare et al. 2017, section 3",
    tolerance=1e-12,
)
def biased(answer=median_coin):
    theta, cases = np.linspace(0, 1, 601), [(1, 0.3), (1, 0.6), (4, 0.45), (6, 0.6)]
    costs = [
        chances(n, p) @ abs(np.arange(n + 1)[:, None] / n - theta) for n, p in cases
    ]
    return theta[np.argmin(costs, axis=1)], np.array([answer(n, p) for n, p in cases])


biased.wrong("the mean, p", answer=lambda n, p: p)
biased.wrong(
    "the likeliest batch by rounding down", answer=lambda n, p: np.floor(n * p) / n
)
check(biased)
answer(biased, best_coin)

# %% [markdown]
# ## Sources
#
# * L. V. Kantorovich and G. Sh. Rubinstein, *On a space of totally additive functions*,
#   1958: the duality.
# * C. Villani, *Topics in optimal transportation*, 2003: theorem 1.14 (the same),
#   section 2.2 (the line).
# * M. Arjovsky, S. Chintala and L. Bottou, *Wasserstein generative adversarial
#   networks*, 2017: example 1, equation 2, theorem 3, algorithm 1 (clipping).
# * M. G. Bellemare et al., *The Cramer distance as a solution to biased Wasserstein
#   gradients*, 2017.

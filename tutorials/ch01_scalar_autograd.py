# %% [markdown]
# # 1. Scalar autograd in 50 lines
#
# **What you need**: the chain rule of school calculus, and Python. No arrays yet.
#
# How does the last number of a program change with the first? Between the two there may
# be more paths than there are atoms in a book, and calculus says: follow them all and
# add up. Reverse mode computes that whole sum, exactly, in about the time that the
# program itself took. A GAN needs nothing else to learn: all that a generator learns
# about the data reaches it as such a sum, taken through its opponent.
#
# **Claims**
#
# 1. The derivative of a program is a sum over paths, and one sweep from the output back
#    to the inputs computes it exactly.
# 2. Dual numbers, which go forward, give the same derivatives. They need one run for
#    each input, where the sweep does all inputs at once.
# 3. Forty doublings make $2^{40}$ paths, and the sweep adds them in 80 multiplications.
# 4. An operation needs to know only its own slope. The example is the tanh neuron of
#    micrograd.
# 5. In a GAN, every path from the generator's parameter to the loss goes through the
#    critic.

# %% [markdown]
# ## Derivation
#
# A program computes numbers, each from earlier ones. Draw an edge from every number to
# each number that it was computed from, and write on the edge the *slope*: the partial
# derivative of that one operation.
#
# (a) *One operation.* If $y = f(x_1, \dots, x_k)$, then
# $dy = \sum_i \frac{\partial y}{\partial x_i} \, dx_i$: the chain rule, and all of
# calculus that we need. A number used twice, as in $x \cdot x$, has two edges.
#
# (b) *Unroll it.* Each $dx_i$ is itself such a sum. Multiply out until only the input's
# own $dx$ is left:
#
# $$\frac{dL}{dx} = \sum_{\text{paths } x \to L} \;\;
#   \prod_{\text{edges of the path}} \text{slope} .$$
#
# This is Bauer's formula of 1974. [claim 1]
#
# (c) *Do not enumerate: factor.* All paths from $v$ begin with an edge from $v$ to one
# of its users $w$. Let $\bar v = \frac{dL}{dv}$ be the sum over all paths from $v$;
# then
#
# $$\bar v = \sum_{w \text{ uses } v} \frac{\partial w}{\partial v} \, \bar w , \qquad
#   \bar L = 1 .$$
#
# Each edge is used once. The price is that $\bar w$ must be complete before it is
# passed on, so **every user comes before what it uses**. A result is made after its
# inputs, so the order of creation, reversed, will do. [claims 1, 3]
#
# (d) *Or factor from the other end.*
# $\dot w = \sum_v \frac{\partial w}{\partial v} \dot v$ goes forward, and for a product
# this is how one multiplies the numbers $a + b \varepsilon$ with $\varepsilon^2 = 0$:
# $(a + b \varepsilon)(c + d \varepsilon) = ac + (ad + bc) \varepsilon$. It is the same
# sum, begun at *one input*; (c) is begun at *one output*. A network has millions of
# inputs (its weights) and one output (its loss). [claim 2]
#
# (e) Let $D(x) = w x + b$ be a critic's logit and $G(z) = z + \theta$. The loss that
# holds the critic to "real" at $x$ and to "fake" at $G(z)$ is
# $L = \operatorname{softplus}(-D(x)) + \operatorname{softplus}(D(G(z)))$. The only path
# from $\theta$ to $L$ is $\theta \to G(z) \to D \to L$, with slopes $1$, $w$ and
# $\sigma(D)$: $\frac{dL}{d\theta} = \sigma(D(G(z))) \, w$. The critic descends on $L$,
# the generator ascends. [claim 5]
#
# ## Code: the whole engine

# %%
import itertools
import math
import operator
import random
from typing import Any

from minigan import viz
from minigan.check import answer, check, claim

clock = itertools.count()


class Value:
    """A number, with an edge (input, slope) for each input of its operation."""

    def __init__(self, data, edges=()):
        self.data, self.edges, self.born = data, edges, next(clock)

    def __add__(self, other):
        return Value(self.data + other.data, [(self, 1), (other, 1)])

    def __mul__(self, other):
        return Value(self.data * other.data, [(self, other.data), (other, self.data)])

    def __neg__(self):
        return Value(-self.data, [(self, -1)])


def unary(kernel, slope):
    """Return the operation y = kernel(x) on Values, with the derivative slope(x, y)."""

    def apply(x):
        y = kernel(x.data)
        return Value(y, [(x, slope(x.data, y))])

    return apply


def history(output):
    """Return `output` and all values from which it was computed, the youngest first."""
    seen, stack = {output}, [output]
    while stack:
        fresh = {value for value, _ in stack.pop().edges} - seen
        seen |= fresh
        stack.extend(fresh)
    return sorted(seen, key=lambda value: value.born, reverse=True)


def backward(output, one: Any = 1):
    """Return {value: derivative of `output`} for every value of its history."""
    found = {output: one}
    for value in history(output):
        for source, slope in value.edges:
            share = found[value] * slope
            found[source] = found[source] + share if source in found else share
    return found


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


def log1p_exp(x):
    return math.log1p(math.exp(x))


tanh = unary(math.tanh, lambda x, y: 1 - y * y)
softplus = unary(log1p_exp, lambda x, y: sigmoid(x))

# %% [markdown]
# That is all. `backward` is step (c) to the letter, and `born` gives the order of
# creation. It returns its result and stores nothing in the values: exercise 2 shows
# why.
#
# ## Check 1: random programs, exactly
#
# The judge is step (b), taken literally: every path, one by one. The programs are
# random sums and products of whole numbers, and Python's whole numbers do not round, so
# the two sides must agree *exactly*: the tolerance is 0.

# %%


def paths(output, x):
    """Yield the slopes along each path from `output` down to x, path by path."""
    if output is x:
        yield ()
    for source, slope in output.edges:
        for rest in paths(source, x):
            yield (slope, *rest)


def program(seed, inputs, steps=9):
    """Run a random program, whose steps add or multiply two earlier numbers."""
    rng, values = random.Random(seed), list(inputs)
    for _ in range(steps):
        values.append(
            rng.choice([operator.add, operator.mul])(*rng.choices(values[-4:], k=2))
        )
    return values[-1]


SEEDS, POINT = range(100), (2, -1, 3)


def gradient(seed, sweep=backward):
    """Return the derivatives of a random program in its inputs, by one sweep."""
    inputs = [Value(number) for number in POINT]
    found = sweep(program(seed, inputs))
    return [found.get(x, 0) for x in inputs]


# %% [markdown]
# Two wrong sweeps must be rejected. One overwrites where it should add, and so keeps
# one path of many. The other passes a derivative on as soon as it meets a value, before
# all users of that value have reported.

# %%


def overwriting(output):
    found = {output: 1}
    for value in history(output):
        for source, slope in value.edges:
            found[source] = found[value] * slope
    return found


def hasty(output):
    found, queue = {output: 1}, [output]
    for value in queue:  # the queue grows during the loop: breadth first
        for source, slope in value.edges:
            if source not in found:
                queue.append(source)
            found[source] = found.get(source, 0) + found[value] * slope
    return found


@claim(
    "1.1",
    "one reverse sweep is the sum over all paths",
    source="Bauer 1974; steps (b), (c)",
    tolerance=0,
)
def sum_over_paths(sweep=backward):
    swept, enumerated = [], []
    for seed in SEEDS:
        inputs = [Value(number) for number in POINT]
        output = program(seed, inputs)
        swept += gradient(seed, sweep)
        enumerated += [
            sum(math.prod(path) for path in paths(output, x)) for x in inputs
        ]
    return swept, enumerated


sum_over_paths.wrong("overwrites: one path of many", sweep=overwriting)
sum_over_paths.wrong("breadth first: passes on what is not complete", sweep=hasty)
check(sum_over_paths)

# %% [markdown]
# ## Check 2: forward, the same
#
# `Dual` knows nothing of graphs. It runs the *same* programs, because they only add and
# multiply.

# %%


class Dual:
    """a + b epsilon, with epsilon^2 = 0: a number and its derivative in one input."""

    def __init__(self, a, b=0):
        self.a, self.b = a, b

    def __add__(self, other):
        return Dual(self.a + other.a, self.b + other.b)

    def __mul__(self, other):
        return Dual(self.a * other.a, self.a * other.b + self.b * other.a)


class Naive(Dual):
    """Dual numbers by the wrong rule d(u v) = du dv, which Leibniz rejected in 1675."""

    def __add__(self, other):
        return Naive(self.a + other.a, self.b + other.b)

    def __mul__(self, other):
        return Naive(self.a * other.a, self.b * other.b)


@claim(
    "1.2",
    "forward mode, run once per input, agrees with one reverse sweep",
    source="step (d)",
    tolerance=0,
)
def two_directions(number=Dual):
    runs = [
        [number(a, int(i == k)) for i, a in enumerate(POINT)] for k in range(len(POINT))
    ]
    forward = [program(seed, inputs).b for seed in SEEDS for inputs in runs]
    return forward, [derivative for seed in SEEDS for derivative in gradient(seed)]


two_directions.wrong(
    "the derivative of a product as the product of derivatives", number=Naive
)
check(two_directions)

# %% [markdown]
# ## Check 3: more paths than anyone can walk
#
# The program is $x \to x + x \to \dots$, forty times. All slopes are 1, so the
# derivative *is* the number of paths: $2^{40}$, about $10^{12}$. At a million paths a
# second, enumeration would need thirteen days. The sweep meets 80 edges.

# %%


def doubled(x, times):
    for _ in range(times):
        x = x + x
    return x


def without_repeats(output):
    """`backward` for operations that had kept only the *set* of their inputs."""
    for value in history(output):
        value.edges = list(dict(value.edges).items())
    return backward(output)


@claim("1.3", "40 doublings: 2^40 paths, over 80 edges", source="step (c)", tolerance=0)
def exponential(sweep=backward):
    x = Value(1)
    output = doubled(x, 40)
    edges = sum(len(value.edges) for value in history(output))
    return [sweep(output)[x], edges], [2**40, 80]


exponential.wrong(
    "an operation remembers each input once: x + x has one edge", sweep=without_repeats
)
exponential.wrong("overwrites", sweep=overwriting)
check(exponential)

# %% [markdown]
# ## Check 4: a neuron
#
# This is the example with which micrograd is taught: $o = \tanh(x_1 w_1 + x_2 w_2 + b)$
# at a point where $o = \frac{1}{\sqrt 2}$, so that tanh has the slope
# $1 - o^2 = \frac12$.

# %%


@claim(
    "1.4",
    "the tanh neuron: d o / d (x1, w1, x2, w2, b)",
    source="Karpathy 2020, micrograd",
    tolerance=1e-14,
)
def neuron(squash=tanh):
    x1, w1, x2, w2, b = inputs = [
        Value(v) for v in (2.0, -3.0, 0.0, 1.0, 6 + math.asinh(1))
    ]
    found = backward(squash(x1 * w1 + x2 * w2 + b))
    return [found[v] for v in inputs], [-1.5, 1.0, 0.5, 0.0, 0.5]


neuron.wrong(
    "the slope as 1 - x^2: from the input, not the output",
    squash=unary(math.tanh, lambda x, y: 1 - x * x),
)
neuron.wrong("the slope as 1 - y", squash=unary(math.tanh, lambda x, y: 1 - y))
check(neuron)

# %% [markdown]
# ## Check 5: the smallest GAN
#
# This GAN has one real number, one generated number and three parameters. The generator
# never sees $x$. All that it learns about the data is $w$, the critic's slope at the
# generated sample.

# %%


@claim(
    "1.5",
    "dL/d(w, b, theta) of a GAN: theta's one path leads through w",
    source="step (e)",
    tolerance=1e-14,
)
def smallest_gan(loss=softplus, send=lambda fake: fake):
    x, z, w, b, theta = 1.5, 0.3, 0.8, -0.2, -1.0
    parameters = [Value(w), Value(b), Value(theta)]
    fake = send(Value(z) + parameters[2])
    on_real, on_fake = (
        parameters[0] * sample + parameters[1] for sample in (Value(x), fake)
    )
    found = backward(loss(-on_real) + loss(on_fake))
    pushed_up, pushed_down = sigmoid(-(w * x + b)), sigmoid(w * (z + theta) + b)
    by_hand = [
        pushed_down * (z + theta) - pushed_up * x,
        pushed_down - pushed_up,
        pushed_down * w,
    ]
    return [found.get(v, 0) for v in parameters], by_hand


smallest_gan.wrong(
    "the fake was detached: no path is left", send=lambda fake: Value(fake.data)
)
smallest_gan.wrong(
    "the slope of sigmoid, s (1 - s), for that of softplus",
    loss=unary(log1p_exp, lambda x, y: sigmoid(x) * sigmoid(-x)),
)
check(smallest_gan)

# %% [markdown]
# ## Picture

# %%

PLACES = {
    "a": (0.4, 1.95),
    "b": (0.4, 0.35),
    "c": (1.5, 1.95),
    "y": (2.35, 0.35),
    "L": (3.2, 1.95),
}
PATHS = [
    ("bcyL", viz.style.BLUE),
    ("byL", viz.style.VERMILLION),
    ("bcL", viz.style.GREEN),
]
SLOPES = {
    (0.95, 2.03): "1",
    (0.78, 1.2): "1",
    (1.37, 0.43): "c = 5",
    (2.2, 1.2): "b = 3",
    (2.98, 1.1): "1",
    (2.35, 2.03): "1",
}


def arrow(axes, edge, color, shift):
    """Draw an edge, moved sideways by `shift`, so that two paths can share it."""
    (x0, y0), (x1, y1) = (PLACES[name] for name in edge)
    length = math.hypot(x1 - x0, y1 - y0)
    dx, dy = -(y1 - y0) / length * shift, (x1 - x0) / length * shift
    look = {
        "arrowstyle": "-|>",
        "color": color,
        "lw": 1.6,
        "shrinkA": 15,
        "shrinkB": 15,
        "mutation_scale": 9,
    }
    axes.annotate("", (x1 + dx, y1 + dy), (x0 + dx, y0 + dy), arrowprops=look)


def graph(page):
    """Draw the program c = a + b, y = c b, L = y + c, and the three paths from b."""
    axes = page.axes(0.1, 0, 3.7, 2.4, xlim=(0, 3.7), ylim=(0, 2.4))
    axes.set_axis_off()
    arrow(axes, "ac", viz.style.MUTED, 0)
    users = {}
    for path, color in PATHS:
        for edge in itertools.pairwise(path):
            users.setdefault(edge, []).append(color)
    for edge, colors in users.items():
        for k, color in enumerate(colors):
            arrow(axes, edge, color, 0.1 * (k - (len(colors) - 1) / 2))
    a, b = Value(2), Value(3)
    c = a + b
    y = c * b
    for name, value in {"a": a, "b": b, "c": c, "y": y, "L": y + c}.items():
        axes.plot(
            *PLACES[name],
            "o",
            markersize=28,
            color="white",
            markeredgecolor=viz.style.INK,
        )
        axes.text(
            *PLACES[name],
            f"{name} = {value.data}",
            fontdict=viz.style.font(7),
            ha="center",
            va="center",
        )
    for place, slope in SLOPES.items():
        axes.text(*place, slope, fontdict=viz.style.font(7), ha="center")


def race(page):
    """Draw the number of paths and of edges after n doublings, both counted."""
    axes = page.axes(
        4.35, 0.15, 2.0, 1.85, yscale="log", ylim=(0.7, 1e4), xticks=range(2, 13, 2)
    )
    axes.set_xlabel("doublings n", fontdict=viz.style.font(7))
    steps, x = range(1, 13), Value(1)
    outputs = [doubled(x, n) for n in steps]
    walked = [sum(1 for _ in paths(output, x)) for output in outputs]
    edges = [sum(len(value.edges) for value in history(output)) for output in outputs]
    axes.plot(steps, walked, "o-", color=viz.style.VERMILLION, markersize=3)
    axes.plot(steps, edges, "o-", color=viz.style.BLUE, markersize=3)
    axes.text(
        8,
        1000,
        "paths",
        fontdict=viz.style.font(7),
        color=viz.style.VERMILLION,
        ha="right",
    )
    axes.text(
        12, 8, "edges", fontdict=viz.style.font(7), color=viz.style.BLUE, ha="right"
    )


def picture():
    page = viz.Page(
        2.5,
        "A derivative is a sum over paths",
        "Left: a program, c = a + b, y = c b, L = y + c, with the slope of every "
        "edge. From b to L lead three paths: blue 1 × 3 × 1, red 5 × 1, green 1 × 1. "
        "Their sum, 9, is dL/db; from a lead two, through c: 3 + 1 = 4. Right: after "
        "n times x + x there are 2ⁿ paths, but only 2n edges; the reverse sweep "
        "visits each edge once.",
    )
    graph(page)
    race(page)
    return page.figure


viz.show(picture, "ch01_scalar_autograd")

# %% [markdown]
# ## What goes wrong in practice
#
# * **`=` for `+=`.** A value used twice keeps only the derivative that arrived last.
#   Where values are whole arrays, a plain chain of layers hides the bug, as it uses
#   each array once. A GAN shows it, because the critic runs twice: on real and on fake
#   samples.
# * **A wrong order.** It fails only where a short and a long path meet, as in a
#   residual block.
# * **Recursion.** A depth-first sort written recursively dies at about a thousand
#   operations, Python's limit; an unrolled training loop has more. `history` has a
#   stack of its own, and so has minigan.
# * **A detached fake.** In the critic's step that is right, and saves work. In the
#   generator's step it leaves no path, and an engine that reports 0 for a missing path
#   will not complain. `mg.grad` raises an error instead.
# * **Memory.** The price of (c) is that all slopes are kept until the sweep. Forward
#   mode keeps nothing.

# %% [markdown]
# ## Exercises
#
# 1. *Warm-up.* Write `divide(a, b)` for two Values, with both slopes.
# 2. *Bug hunt.* `buggy_backward` stores derivatives in the values, as `loss.backward()`
#    does in most libraries. After one call the result is right. After two calls,
#    `x.grad` should hold twice the derivative, but it holds more. Fix it.
# 3. *Research.* Compute $f''(x)$ of a program $f$ of sums and products: apply
#    `backward` to the result of `backward`. What must an edge remember, if not a
#    number? (`backward(output, one)` is ready for it.)

# %%


def divide(a, b):
    raise NotImplementedError("exercise 1 is yours")


def buggy_backward(output):
    raise NotImplementedError("exercise 2 is yours: delete this line and fix the rest")
    output.grad = 1
    for value in history(output):
        for source, slope in value.edges:
            source.grad = getattr(source, "grad", 0) + value.grad * slope


def second_derivative(f, number):
    raise NotImplementedError("exercise 3 is yours")


# %% [markdown]
# ## Solutions

# %% tags=["solution"]


def quotient(a, b):
    y = a.data / b.data
    return Value(y, [(a, 1 / b.data), (b, -y / b.data)])


@claim(
    "1.E1",
    "the slopes of a / b are 1 / b and -a / b^2",
    source="the quotient rule",
    tolerance=1e-14,
)
def division(answer=quotient):
    a, b = Value(3.0), Value(7.0)
    ratio = answer(a, b)
    found = backward(ratio * ratio)  # a^2 / b^2
    return [found[a], found[b]], [2 * 3 / 7**2, -2 * 3**2 / 7**3]


division.wrong(
    "the minus forgotten",
    answer=lambda a, b: Value(
        a.data / b.data, [(a, 1 / b.data), (b, a.data / b.data**2)]
    ),
)
division.wrong(
    "divided by b, not b^2",
    answer=lambda a, b: Value(
        a.data / b.data, [(a, 1 / b.data), (b, -a.data / b.data)]
    ),
)
check(division)
answer(division, divide)

# %% [markdown] tags=["solution"]
# The derivatives of the values between the leaves and the output belong to one sweep
# alone. Only the leaves, which were computed from nothing, may accumulate.

# %% tags=["solution"]


def mended_backward(output):
    for value, derivative in backward(output).items():
        if not value.edges:
            value.grad = getattr(value, "grad", 0) + derivative


def storing(output):
    """Store derivatives as in exercise 2, with its bug."""
    output.grad = 1
    for value in history(output):
        for source, slope in value.edges:
            source.grad = getattr(source, "grad", 0) + value.grad * slope


def forgetting(output):
    """Start from 0 in every call, so that the first loss is lost."""
    for value, derivative in backward(output).items():
        value.grad = derivative


@claim(
    "1.E2",
    "backward() twice on one graph adds up to twice the derivative",
    source="step (c)",
    tolerance=0,
)
def twice(answer=mended_backward):
    x = Value(5)
    output = x * x * x
    answer(output)
    once = vars(x)["grad"]
    answer(output)
    return [once, vars(x)["grad"]], [3 * 5**2, 2 * 3 * 5**2]


twice.wrong("values between keep the first sweep's derivatives", answer=storing)
twice.wrong("all derivatives are set to 0 before", answer=forgetting)
check(twice)
answer(twice, buggy_backward)

# %% [markdown] tags=["solution"]
# A slope that is itself a `Value` has a history, so what `backward` multiplies and adds
# has one too. minigan calls this `create_graph=True`; chapter 9 trains with it.

# %% tags=["solution"]


class Traced(Value):
    """A Value whose slopes are Values."""

    def __add__(self, other):
        return Traced(self.data + other.data, [(self, Traced(1)), (other, Traced(1))])

    def __mul__(self, other):
        return Traced(self.data * other.data, [(self, other), (other, self)])


def differentiate_twice(f, number):
    x = Traced(number)
    first = backward(f(x), Traced(1))[x]
    return backward(first, Traced(1))[x].data


@claim(
    "1.E3",
    "backward of backward is the second derivative",
    source="calculus: (x^4 + x^2)'' = 12 x^2 + 2",
    tolerance=0,
)
def second_order(answer=differentiate_twice):
    points = range(-5, 6)
    found = [answer(lambda x: x * x * x * x + x * x, number) for number in points]
    return found, [12 * number**2 + 2 for number in points]


def without_history(f, number):
    """Take the slopes as plain numbers, so that the gradient is a constant."""
    x = Value(number)
    first = Value(backward(f(x))[x])
    return backward(first).get(x, 0)


def squared(f, number):
    x = Value(number)
    return backward(f(x))[x] ** 2


second_order.wrong(
    "slopes are numbers: the gradient has no history", answer=without_history
)
second_order.wrong("the square of the first derivative", answer=squared)
check(second_order)
answer(second_order, second_derivative)

# %% [markdown]
# ## Sources
#
# * F. L. Bauer, *Computational graphs and rounding error*, SIAM Journal on Numerical
#   Analysis 11, 1974: derivatives as sums over paths.
# * S. Linnainmaa, *Taylor expansion of the accumulated rounding error*, BIT 16, 1976:
#   reverse mode.
# * R. E. Wengert, *A simple automatic derivative evaluation program*, Communications of
#   the ACM 7, 1964: forward mode.
# * A. Griewank and A. Walther, *Evaluating Derivatives*, second edition, 2008, chapter
#   3: both modes and their cost.
# * A. Karpathy, *micrograd*, 2020: the neuron of check 4. J. M. Child, *The Early
#   Mathematical Manuscripts of Leibniz*, 1920: the product rule that Leibniz rejected.

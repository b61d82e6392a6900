# %% [markdown]
# # 7. The Dirac-GAN: why it spins, and R1
#
# **What you need**: chapter 5 (the losses), eigenvalues of a 2 x 2 matrix, gradients of
# gradients (chapter 1).
#
# Chapters 4 to 6 train the critic to its optimum before the generator moves. Real
# training moves both, a step at a time, and then a GAN can circle its goal forever. The
# smallest game that does so has two numbers in it. The data are one point, at 0. The
# generator makes one point, at $\theta$. The critic is a line through the origin,
# $D(x) = \psi x$. Every statement about this game can be made exact, and most are true
# of large networks near their equilibrium.
#
# **Claims**
#
# 1. Under gradient flow the GAN and the WGAN go round in circles: $\theta^2 + \psi^2$
#    never changes.
# 2. At the equilibrium $(0, 0)$ the flow has the eigenvalues $\pm i f'(0)$: $\pm i / 2$
#    for both GAN losses, $\pm i$ for the WGAN.
# 3. Simultaneous steps $h$ spiral outwards, by $\sqrt{1 + h^2 / 4}$ each: 1.00125 at
#    $h = 0.1$.
# 4. Alternating steps do not spiral outwards: their factor is 1.000000. But they do not
#    come nearer either.
# 5. R1 with weight $\gamma$ makes the eigenvalues
#    $-\frac{\gamma}{2} \pm \sqrt{\frac{\gamma^2}{4} - \frac14}$: a factor of 0.950 for
#    each step at $\gamma = 1$.
# 6. The forces that minigan computes, with penalties, are those of the derivation.
# 7. Those forces give a table of 16 numbers that says which methods reach the
#    equilibrium in 500 steps.
# 8. On this game the relativistic GAN is the non-saturating GAN.

# %% [markdown]
# ## Derivation
#
# $f$ is the function in the losses, $f = \operatorname{softplus}$ for a GAN and
# $f(t) = t$ for the WGAN. Both losses depend on the fake's score $t = \psi \theta$; the
# score of the data is always 0.
#
# $$L_D = f(\psi \theta) + \text{const}, \qquad L_G = -f(\psi \theta) .$$
#
# (a) Each player descends its own loss: $\theta' = f'(t)\, \psi$ and
# $\psi' = -f'(t)\, \theta$. So
# $\frac{d}{ds} (\theta^2 + \psi^2) = 2 \theta \theta' + 2 \psi \psi' = 0$. [claim 1]
# When the generator arrives at the data, the critic still has a slope and pushes it on.
#
# (b) At $(0, 0)$ only $f'(0)$ survives differentiation:
#
# $$A = \begin{pmatrix} 0 & f'(0) \\ -f'(0) & 0 \end{pmatrix}, \qquad
#   \lambda = \pm i f'(0) .$$
#
# The non-saturating generator has $\theta' = f'(-t)\, \psi$: the same at $t = 0$.
# [claim 2]
#
# (c) A simultaneous step of length $h$ is $I + h A$, with eigenvalues
# $1 \pm i h f'(0)$. Their modulus is above 1 for *every* $h$. [claim 3] A smaller step
# only slows the spiral down.
#
# (d) If the critic answers after the generator has moved, a step is a product of two
# shears,
#
# $$\begin{pmatrix} 1 & 0 \\ -k & 1 \end{pmatrix}
#   \begin{pmatrix} 1 & k \\ 0 & 1 \end{pmatrix}, \qquad k = h f'(0) ,$$
#
# of determinant 1. For $k < 2$ the eigenvalues are complex conjugates, so both have
# modulus 1. [claim 4]
#
# (e) R1 adds $\frac{\gamma}{2} \lvert D'(0) \rvert^2 = \frac{\gamma}{2} \psi^2$ to
# $L_D$: a brake on the critic.
# $A = \begin{pmatrix} 0 & 1/2 \\ -1/2 & -\gamma \end{pmatrix}$ has
# $\lambda^2 + \gamma \lambda + \frac14 = 0$. [claim 5] From $\gamma = 1$ on nothing
# oscillates any more.
#
# (f) WGAN-GP adds $\frac{\gamma}{2} (\lvert \psi \rvert - 1)^2$: it wants a slope of 1
# even when the generator has reached the data. The force on $\psi$ at the equilibrium
# is $\pm \gamma$, the sign depending on the side from which one comes.
# [claims 6 and 7: it does not converge]
#
# (g) The relativistic loss depends on $D(\text{real}) - D(\text{fake}) = -t$ only:
# $L_D = f(t)$ and $L_G = f(-t)$, the non-saturating pair. [claim 8]

# %%
from dataclasses import replace

import numpy as np

import minigan as mg
from minigan import viz
from minigan.check import answer, check, claim
from minigan.gan import losses, penalties
from minigan.protocols.dirac import METHODS, STEP, STEPS

METHOD = {method.name: method for method in METHODS}
GAN, NON_SATURATING, WGAN = (
    replace(METHODS[0], loss=loss)
    for loss in (losses.minimax, losses.non_saturating, losses.wasserstein)
)


def forces(method, theta, psi):
    """Return (theta, psi) as leaves, and each player's gradient in its parameter."""
    place = [mg.tensor([[value]], requires_grad=True) for value in (theta, psi)]
    critic = lambda x: x @ place[1]
    real, fake = mg.tensor([[0.0]]), place[0]
    generator_loss = method.loss.generator(critic(fake), critic(real))
    (on_theta,) = mg.grad(generator_loss, [place[0]], create_graph=True)
    (on_psi,) = mg.grad(
        method.critic_loss(critic, real, fake), [place[1]], create_graph=True
    )
    return place, (on_theta, on_psi)


def velocity(method, theta, psi):
    """Return (theta', psi') by autograd: minus each player's gradient."""
    return -np.array([force.item() for force in forces(method, theta, psi)[1]])


def jacobian(method):
    """Return the velocity's Jacobian A at the equilibrium: gradients of gradients."""
    place, both = forces(method, 0.0, 0.0)
    rows = [
        mg.grad(force.sum(), place, retain_graph=True, allow_unused=True)
        for force in both
    ]
    return -np.array([[0.0 if g is None else g.item() for g in row] for row in rows])


def alternating(a, h):
    """Return the matrix of a generator step followed by a critic step, linearised."""
    generator, critic = np.diag([1.0, 0.0]), np.diag([0.0, 1.0])
    return (np.eye(2) + h * critic @ a) @ (np.eye(2) + h * generator @ a)


def moduli(step):
    return np.sort(abs(np.linalg.eigvals(step)))


# %% [markdown]
# ## Check 1: circles

# %%
MESCHEDER = "Mescheder et al. 2018"
POINTS = np.random.default_rng(0).normal(size=(6, 2))


@claim(
    "7.1",
    "the flow keeps theta^2 + psi^2",
    source=f"{MESCHEDER}, section 2",
    tolerance=1e-15,
    measure="absolute",
)
def circles(methods=(GAN, WGAN)):
    growth = [
        point @ velocity(method, *point) for method in methods for point in POINTS
    ]
    return np.array(growth), np.zeros(len(growth))


circles.wrong("the non-saturating loss", methods=(NON_SATURATING,))
circles.wrong("with R1", methods=(METHOD["GAN + R1, gamma 0.3"],))
check(circles)


@claim(
    "7.2",
    "eigenvalues +-i f'(0): 1/2, 1/2 and 1",
    source=f"{MESCHEDER}, section 2",
    tolerance=1e-14,
)
def eigenvalues(slopes=(0.5, 0.5, 1.0)):
    found = [
        np.linalg.eigvals(jacobian(method)) for method in (GAN, NON_SATURATING, WGAN)
    ]
    right = np.outer(slopes, [-1j, 1j])
    return np.array([sorted(pair, key=np.imag) for pair in found]), right


eigenvalues.wrong("sigmoid' for softplus': 1/4", slopes=(0.25, 0.25, 1.0))
eigenvalues.wrong("real ones, as of a loss that is minimised", slopes=(0.5j, 0.5j, 1j))
check(eigenvalues)

# %% [markdown]
# ## Check 2: steps
#
# The Jacobian is minigan's, the eigenvalues are NumPy's, the right sides those of the
# derivation.

# %%
H = 0.1


@claim(
    "7.3",
    "simultaneous steps: |eigenvalue| = sqrt(1 + h^2 / 4) = 1.00125",
    source="step (c)",
    tolerance=1e-14,
)
def simultaneous_steps(step=lambda a: np.eye(2) + H * a):
    return moduli(step(jacobian(GAN))), np.full(2, np.sqrt(1 + H**2 / 4))


simultaneous_steps.wrong("alternating steps", step=lambda a: alternating(a, H))
simultaneous_steps.wrong(
    "both players minimise one loss", step=lambda a: np.eye(2) + H * abs(a)
)
check(simultaneous_steps)


@claim(
    "7.4",
    "alternating steps: |eigenvalue| = 1.000000",
    source="step (d)",
    tolerance=1e-14,
)
def alternating_steps(step=alternating):
    return moduli(step(jacobian(GAN), H)), np.ones(2)


alternating_steps.wrong("simultaneous steps", step=lambda a, h: np.eye(2) + h * a)
alternating_steps.wrong(
    "a step of h k > 2: it overshoots", step=lambda a, h: alternating(a, 5.0)
)
check(alternating_steps)


@claim(
    "7.5",
    "R1: eigenvalues -gamma / 2 +- sqrt(gamma^2 / 4 - 1 / 4)",
    source=f"{MESCHEDER}, section 3",
    tolerance=1e-7,
)
def r1(half=1.0):
    gammas = np.array([0.3, 0.9, 2.0])
    found = [
        np.linalg.eigvals(jacobian(replace(GAN, r1=half * gamma))) for gamma in gammas
    ]
    root = np.sqrt(gammas**2 / 4 - 0.25 + 0j)
    right = np.sort_complex(np.stack([-gammas / 2 - root, -gammas / 2 + root], axis=1))
    return np.sort_complex(np.array(found, complex)), right


r1.wrong("|grad D|^2 without its 1/2", half=2.0)
r1.wrong(
    "a gradient that was not recorded: the penalty has a value and no force", half=0.0
)
check(r1)
print(
    f"     at gamma = 1 a step of {H} shortens by "
    f"{moduli(np.eye(2) + H * jacobian(replace(GAN, r1=1.0)))[0]:.3f}"
)

# %% [markdown]
# ## Check 3: the truth table
#
# minigan's protocol `dirac` has a table of eight methods, and of the distance of each
# from the equilibrium after 500 steps of 0.2 from $(\theta, \psi) = (1, -1)$. Here are
# the forces by hand, for all of its rows. They must agree with autograd's everywhere,
# not only at the equilibrium. Consensus optimisation (Mescheder et al. 2017) adds to
# each player's gradient that of half the squared length of both; in the GAN that length
# is $\sigma(t) \sqrt{\theta^2 + \psi^2}$.

# %%
PULL = {  # for each loss: the generator's f'(t) and the critic's
    losses.minimax: lambda s: (s, s),
    losses.non_saturating: lambda s: (1 - s, s),
    losses.wasserstein: lambda s: (1.0, 1.0),
}


def by_hand(method, theta, psi):
    """Return (theta', psi') by the formulas of the derivation."""
    s = (1 + np.tanh(theta * psi / 2)) / 2  # sigmoid(t)
    generator, critic = PULL[method.loss](s)
    brake = method.r1 * psi + method.gradient_penalty * (abs(psi) - 1) * np.sign(psi)
    both = (theta**2 + psi**2) * s * s * (1 - s)  # r^2 s s'
    consensus = method.consensus * np.array(
        [s * s * theta + both * psi, s * s * psi + both * theta]
    )
    return np.array([generator * psi, -critic * theta - brake]) - consensus


@claim(
    "7.6",
    "forces of the table's losses and penalties, by hand and by autograd",
    source="steps (a), (e), (f)",
    tolerance=1e-13,
)
def every_force(change=lambda method: method):
    without = [method for method in METHODS if not method.consensus]
    cases = [(method, point) for method in without for point in POINTS]
    derived = [by_hand(change(method), *point) for method, point in cases]
    exact = [velocity(method, *point) for method, point in cases]
    return np.array(derived), np.array(exact)


every_force.wrong("no penalty", change=lambda m: replace(m, r1=0, gradient_penalty=0))
every_force.wrong(
    "target 0 for 1",
    change=lambda m: replace(m, gradient_penalty=0, r1=m.r1 + m.gradient_penalty),
)
check(every_force)


def path(method, alternate, step=STEP, steps=STEPS):
    """Return the successive values of (theta, psi), from (1, -1) on."""
    places = [np.array([1.0, -1.0])]
    for _ in range(steps):
        theta, psi = places[-1]
        moved = theta + step * by_hand(method, theta, psi)[0]
        pushed = psi + step * by_hand(method, moved if alternate else theta, psi)[1]
        places.append(np.array([moved, np.clip(pushed, -method.clip, method.clip)]))
    return np.array(places)


@claim(
    "7.7",
    "the truth table: 8 methods, simultaneous and alternating",
    source="minigan.protocols.dirac",
    tolerance=5e-4,
)
def truth_table(change=lambda method: method, swap=False):
    ends = [
        np.hypot(*path(change(method), alternate != swap)[-1])
        for method in METHODS
        for alternate in (False, True)
    ]
    right = np.array(
        [radius for m in METHODS for radius in (m.simultaneous, m.alternating)]
    )
    return np.array(ends), right


truth_table.wrong("simultaneous and alternating exchanged", swap=True)
truth_table.wrong(
    "gamma doubled: R1 without its 1/2",
    change=lambda method: replace(method, r1=2 * method.r1),
)
truth_table.wrong(
    "the clipping forgotten", change=lambda method: replace(method, clip=np.inf)
)
check(truth_table)
for m in METHODS:
    print(
        f"     {m.name:32} simultaneous {m.simultaneous:9.4g}   alternating "
        f"{m.alternating:9.4g}"
    )


@claim(
    "7.8",
    "the relativistic GAN moves like the non-saturating one",
    source="step (g)",
    tolerance=1e-14,
)
def relativistic(like=NON_SATURATING):
    pairs = replace(GAN, loss=losses.relativistic)
    right = np.array([velocity(like, *p) for p in POINTS])
    return np.array([velocity(pairs, *p) for p in POINTS]), right


relativistic.wrong("like the saturating GAN", like=GAN)
relativistic.wrong("like the WGAN, which looks at differences too", like=WGAN)
check(relativistic)

# %% [markdown]
# ## Picture

# %%


def picture():
    page = viz.Page(
        1.85,
        "Four ways round one equilibrium",
        "The Dirac-GAN: generator theta (across) and critic psi (up), 500 steps of "
        "0.2 from the white dot (1, -1) to the black one. The cross is the "
        "equilibrium. Simultaneous steps spiral outwards and alternating ones go "
        "round for ever. WGAN-GP ends in a cycle: it wants |psi| = 1 even there. R1, "
        "a brake on the critic, leads home.",
    )
    panels = [
        (
            "GAN, simultaneous",
            METHOD["GAN, saturating"],
            False,
            3.4,
            viz.style.VERMILLION,
        ),
        ("GAN, alternating", METHOD["GAN, saturating"], True, 1.7, viz.style.ORANGE),
        (
            "WGAN-GP, alternating",
            METHOD["WGAN-GP, gamma 0.7, target 1"],
            True,
            1.7,
            viz.style.PURPLE,
        ),
        (
            "GAN + R1, simultaneous",
            METHOD["GAN + R1, gamma 0.3"],
            False,
            1.7,
            viz.style.BLUE,
        ),
    ]
    for k, (name, method, alternate, limit, colour) in enumerate(panels):
        left = 0.35 + 1.56 * k
        axes = page.axes(left, 0.25, 1.35, 1.35)
        places = path(method, alternate)
        axes.plot(*places.T, color=colour, linewidth=0.7)
        axes.plot(0, 0, "+", color=viz.style.BLACK, markersize=8)
        axes.plot(
            *places[0],
            "o",
            color="white",
            markeredgecolor=viz.style.BLACK,
            markersize=4,
        )
        axes.plot(*places[-1], "o", color=viz.style.BLACK, markersize=3)
        axes.set(xlim=(-limit, limit), ylim=(-limit, limit))
        page.text(left, 0.0, name, viz.style.SMALL)
    return page.figure


viz.show(picture, "ch07_dirac_gan")

# %% [markdown]
# ## What goes wrong in practice
#
# * **A smaller learning rate.** It does not cure the spiral: for a given distance along
#   the flow, steps of half the size only halve the rate at which it opens. Only
#   friction, such as R1, cures it.
# * **Momentum.** On a circle the average of past directions points outwards. That is
#   why the recipes for GANs set Adam's $\beta_1$ to 0 or 0.5, and why negative momentum
#   has been proposed.
# * **Too much R1.** Above $\gamma = 1$ the slow eigenvalue is about
#   $-\frac{1}{4 \gamma}$: no oscillation, and hardly any progress. The best $\gamma$ is
#   the critical one (exercise 1), and it is not the same for every loss.
# * **Reading the loss.** On a circle each loss goes up and down with a period of
#   $4 \pi / h$ steps and its mean never changes. Neither a rising nor a flat curve says
#   that training is stuck.
# * **WGAN-GP's last mile.** Its critic has slope 1 even when the generator is done, and
#   keeps pushing it off the goal. R1 has its target, 0, at the equilibrium. With
#   1-centred penalties the learning rate must fall to 0.

# %% [markdown]
# ## Exercises
#
# 1. *Warm-up.* For which $\gamma$ does R1 converge fastest, given $f'(0)$?
# 2. *Bug hunt.* `buggy_r1` returns the right number, yet training goes round in circles
#    as if there were no penalty. Fix it.
# 3. *Research.* The critic makes $n$ steps for each of the generator, all with R1. What
#    is the modulus of the eigenvalues, while they are complex? Does it help to train
#    the critic longer when $\gamma = 0$?

# %%


def critical_gamma(slope):
    raise NotImplementedError("exercise 1 is yours")


def buggy_r1(critic, real):
    raise NotImplementedError("exercise 2 is yours: fix the bug, then delete this line")
    x = mg.tensor(real.numpy(), requires_grad=True)
    (g,) = mg.grad(critic(x).sum(), [x])
    return 0.5 * (g**2).sum() / len(x)


def modulus_with_n_steps(n, h, gamma):
    raise NotImplementedError("exercise 3 is yours")


# %% [markdown]
# ## Solutions

# %% [markdown] tags=["solution"]
# Exercise 1: the two roots of $\lambda^2 + \gamma \lambda + f'(0)^2 = 0$ meet at
# $\gamma = 2 f'(0)$. For smaller $\gamma$ the real part of both, $-\gamma / 2$, is
# larger; for larger $\gamma$ the slower root moves back towards 0. Exercise 3: the
# determinant of the step is $(1 - h \gamma)^n$, and each of two conjugate eigenvalues
# has the square root of it as its modulus. Without a penalty it is 1 for every $n$: a
# better trained critic makes the players turn faster, not inwards.

# %% tags=["solution"]


def slowest(method):
    """Return the largest real part of an eigenvalue, the rate of the slowest mode."""
    return np.linalg.eigvals(jacobian(method)).real.max()


@claim("7.E1", "R1 is fastest at gamma = 2 f'(0)", source="claim 7.5", tolerance=1e-6)
def warm_up(answer=lambda slope: 2 * slope):
    rates, best = [], []
    for method, slope in [(GAN, 0.5), (WGAN, 1.0)]:
        rates.append(slowest(replace(method, r1=answer(slope))))
        best.append(
            min(slowest(replace(method, r1=gamma)) for gamma in np.linspace(0, 4, 81))
        )
    return np.array(rates), np.array(best)


warm_up.wrong("gamma = f'(0)", answer=lambda slope: slope)
warm_up.wrong("the more the better", answer=lambda slope: 4.0)
check(warm_up)
answer(warm_up, critical_gamma)


def r1_of(critic, real, create_graph=True):
    x = mg.tensor(real.numpy(), requires_grad=True)
    (g,) = mg.grad(critic(x).sum(), [x], create_graph=create_graph)
    return 0.5 * (g**2).sum() / len(x)


@claim(
    "7.E2",
    "the gradient in x must be recorded: create_graph=True",
    source=f"{MESCHEDER}, equation 9",
    tolerance=1e-14,
)
def mended(answer=r1_of):
    x, psi = mg.tensor(POINTS), mg.tensor([[0.5], [-2.0]], requires_grad=True)
    critic = lambda x: (x @ psi) ** 2
    both = [penalty(critic, x) + 0 * psi.sum() for penalty in (answer, penalties.r1)]
    gradients = [mg.grad(loss, [psi])[0] for loss in both]
    return tuple(
        np.array([loss.item(), *g.numpy().ravel()])
        for loss, g in zip(both, gradients, strict=True)
    )


mended.wrong(
    "the bug: right value, no force",
    answer=lambda critic, real: r1_of(critic, real, create_graph=False),
)
mended.wrong("without the 1/2", answer=lambda critic, real: 2 * r1_of(critic, real))
check(mended)
answer(mended, buggy_r1)


@claim(
    "7.E3",
    "n critic steps: |eigenvalue| = (1 - h gamma)^(n / 2)",
    source="determinants",
    tolerance=1e-12,
)
def more_critic_steps(answer=lambda n, h, gamma: (1 - h * gamma) ** (n / 2)):
    left, right = [], []
    for n, gamma in [(1, 0.0), (5, 0.0), (1, 0.3), (5, 0.3)]:
        a = jacobian(replace(GAN, r1=gamma))
        critic = np.eye(2) + H * np.diag([0.0, 1.0]) @ a
        left.append(moduli(np.linalg.matrix_power(critic, n - 1) @ alternating(a, H)))
        right.append(np.full(2, answer(n, H, gamma)))
    return np.array(left), np.array(right)


more_critic_steps.wrong(
    "as for one step", answer=lambda n, h, gamma: (1 - h * gamma) ** 0.5
)
more_critic_steps.wrong(
    "the determinant itself", answer=lambda n, h, gamma: (1 - h * gamma) ** n
)
check(more_critic_steps)
answer(more_critic_steps, modulus_with_n_steps)

# %% [markdown]
# ## Sources
#
# * L. Mescheder, A. Geiger and S. Nowozin, *Which training methods for GANs do actually
#   converge?*, 2018: the Dirac-GAN and its eigenvalues (section 2), the methods that do
#   not converge and the eigenvalues with penalties (section 3), R1 (section 4, equation
#   9).
# * L. Mescheder, S. Nowozin and A. Geiger, *The numerics of GANs*, 2017: consensus
#   optimisation.
# * G. Gidel et al., *Negative momentum for improved game dynamics*, 2019.
# * A. Jolicoeur-Martineau, *The relativistic discriminator*, 2019.

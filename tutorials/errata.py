# %% [markdown]
# # The errata museum
#
# **What you need**: any chapter that an exhibit names.
#
# Everybody who writes about GANs makes mistakes, and so did we, as the last room shows.
# A wrong formula is worth keeping, because it convinced somebody: it looks like the
# right one, and the loss goes down. Each exhibit has three parts: the formula as it was
# published, a refutation in one line with both numbers, and the right formula. **The
# point is never to shame a source.** The point is to learn which check would have found
# the error before anybody trained with it.
#
# The rooms:
#
# 1. *Five articles.* Tutorials on GANs with gradient penalties (A), Wasserstein GANs
#    (B), image synthesis (C), directional derivatives (D) and training tricks (E), in
#    Chinese; see "Sources".
# 2. *Papers and much-copied programs.*
# 3. *False alarms*: statements that were called errors and are right.
# 4. *Our own errors.*
#
# Other errors are shown in the chapters that derive the right formula. Article D has
# four in chapter 2: a constant with a gradient (claim 2.6), a lost minus sign (2.7),
# one logarithm too many (2.8), and a loss to be minimised that should be maximised
# (2.9). These are in other chapters:
#
# | as published | right | claim |
# |---|---|---|
# | least squares, labels 0 and 1: $\chi^2$ | $b - c = 1$, $b - a = 2$ | 6.2, 6.3 |
# | a clipped critic estimates $W_1$ | an unknown multiple of it | 8.8 |
# | the penalty's norm over channels or batch | over all axes of a sample | 9.5 |
# | $\hat x$ by one $\epsilon$ for each pixel | one for each sample | 9.7 |
# | reshaped kernel's norm | up to $\sqrt{k_H k_W}$ times too small | 10.5, 10.6 |
# | a transposed convolution inverts a convolution | it is its transpose | 11.2 |
# | batch norm's third derivative, in a framework | $\mu$ and $r$ depend on $x$ | 12.7 |
# | an adversary's best answer is a mode | with Wasserstein, a median | 15.6 |

# %%
import numpy as np

import minigan as mg
from minigan import data, nn, ops, optim, viz
from minigan.check import check, claim
from minigan.gan import losses, penalties
from minigan.gan.undisturbed import undisturbed
from minigan.metrics.mixture import mode_statistics
from minigan.models import dcgan, dense
from minigan.random import Generator

rng = np.random.default_rng(0)


def both(what, wrong, right, names=("as published", "right")):
    """Print the two numbers of an exhibit."""
    print(f"     {what}: {names[0]} {wrong:.6g}, {names[1]} {right:.6g}")


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


# %% [markdown]
# ## Room 1: five articles
#
# ### Article A: the penalty on the wrong network
#
# **Published.** The penalty is
# $\lambda \, \mathbb E \lVert \nabla_\omega G(z) - \nabla_\omega x \rVert^2$. The
# program takes the gradient of $G$ in $G$'s weights, at a *real image* plus noise, and
# a single norm of all these numbers.
#
# **Refuted.** $x$ does not depend on any weight, so $\nabla_\omega x = 0$. The rest
# does not contain the critic: for a critic with slope 50, neither the formula nor the
# program has a derivative other than 0.
#
# **Right.** $\mathbb E (\lVert \nabla_x D(\hat x) \rVert - 1)^2$; for the critic
# $w \cdot x$ the derivative is $2 (\lVert w \rVert - 1) \, w / \lVert w \rVert$ (claim
# 9.2), here 98 along $w$.

# %%
real, fake, z = rng.normal(size=(3, 64, 2))
steep = 50 * np.array([0.6, 0.8])
generator_weights = rng.normal(size=(2, 2))


def right_penalty(w, theta):
    return penalties.gradient_penalty(lambda x: x @ w, real, fake, Generator(0))


def text_of_a(w, theta):
    """Return E |grad_theta G(z) - grad_theta x|^2 for G(z) = tanh(z theta).

    Entry (i, k) of a gradient is z_i (1 - G_k^2).
    """
    slope = 1 - ops.square(ops.tanh(z @ theta))
    return (ops.square(z).sum(1) * ops.square(slope).sum(1)).mean()


def program_of_a(w, theta):
    (g,) = mg.grad(ops.tanh((real + 0.1 * z) @ theta).sum(), [theta], create_graph=True)
    return ops.square(ops.norm(ops.ravel(g)) - 1)


@claim(
    "E.1",
    "the penalty pulls a critic of slope 50 with 2 (50 - 1) = 98",
    source="article A, sections 3.2 and 4.4",
    tolerance=1e-13,
)
def pull(penalty=right_penalty):
    w, theta = (
        mg.tensor(steep, requires_grad=True),
        mg.tensor(generator_weights, requires_grad=True),
    )
    (g,) = mg.grad(penalty(w, theta) + 0 * w.sum(), [w])
    return (g.numpy() * steep / 50).sum(), 98.0


pull.wrong("as published, the text", penalty=text_of_a)
pull.wrong("as published, the program", penalty=program_of_a)
check(pull)
both("pull on the critic", pull(penalty=text_of_a)[0], pull()[0])

# %% [markdown]
# **Published.** The penalty's points are $\operatorname{clip}(x + \epsilon n, 0, 1)$,
# with normal noise $n$. The images are outputs of a tanh.
#
# **Refuted.** In images from a tanh, black is $-1$. Let both images be black: the
# points are grey, because every dark pixel is clipped to 0 or above. (That such points
# are not between data and fakes either is claim 9.7.)
#
# **Right.** $\hat x = \epsilon x + (1 - \epsilon) G(z)$ needs no clipping: a point
# between two pictures is in the range of pictures.

# %%
black = -np.ones((8, 4, 4, 1))


def where_the_penalty_looks():
    """Return the points at which the library's penalty takes the gradient."""
    seen = []

    def critic(x):
        seen.append(x.numpy())
        return (x * x).sum((1, 2, 3))

    penalties.gradient_penalty(critic, black, black, Generator(0))
    return seen[0]


def points_of_a():
    return np.clip(
        black + 0.1 * np.random.default_rng(1).normal(size=black.shape), 0, 1
    )


@claim(
    "E.2",
    "between two black images, -1, lies a black one",
    source="article A, section 4.4",
    tolerance=1e-15,
)
def between(points=where_the_penalty_looks):
    return points(), black


between.wrong("as published: clipped to [0, 1]", points=points_of_a)
check(between)
both(
    "mean brightness of the points",
    points_of_a().mean(),
    where_the_penalty_looks().mean(),
)

# %% [markdown]
# **Published.** "The generator's aim is to *maximise* $\mathbb E \log(1 - D(G(z)))$."
#
# **Refuted.** $\frac{d}{d\ell} \log(1 - \sigma(\ell)) = -\sigma(\ell)$: a step that
# maximises it *lowers* the logit of every fake.
#
# **Right.** The generator minimises it: its step in the logit is $+D(G(z))$.

# %%
logits = np.linspace(-2, 2, 5)


@claim(
    "E.3",
    "the generator's step raises the logit of a fake by D(G(z))",
    source="article A, section 3.1",
    tolerance=1e-13,
)
def towards_real(direction=-1):
    fakes = mg.tensor(logits, requires_grad=True)
    (g,) = mg.grad(losses.minimax.generator(fakes), [fakes])
    return direction * len(logits) * g, sigmoid(logits)


towards_real.wrong("as published: a step up", direction=+1)
check(towards_real)
both(
    "step of the logit at D = 1/2",
    towards_real(direction=1)[0][2].item(),
    towards_real()[0][2].item(),
)

# %% [markdown]
# **Published.** The penalty "helps the generator to consider more modes": it cures mode
# collapse.
#
# **Refuted.** The data are at $\pm 1$. One generator finds both modes, the other only
# one. For both of them the penalty of a critic of slope 1 is 0. The article's own
# formula does differ: it is 0 for the collapsed generator, and so *rewards* collapse.
#
# **Right.** A penalty constrains the critic. Coverage must be measured (chapter 14); it
# does not follow from a penalty.

# %%
GENERATORS = {"both modes": (9.0, 0.0), "one mode": (0.0, 9.0)}  # G(z) = tanh(a z + c)
noise = rng.normal(size=(1000, 1))


def penalty_for(a, c):
    critic, real, fake = lambda x: x.sum(1), np.sign(noise), np.tanh(a * noise + c)
    return penalties.gradient_penalty(critic, real, fake, Generator(0)).item()


def penalty_of_a(a, c):
    """Return E |grad_(a, c) G(z)|^2."""
    return ((1 - np.tanh(a * noise + c) ** 2) ** 2 * (noise**2 + 1)).mean()


@claim(
    "E.4",
    "a critic of slope 1 pays 0 for two modes and for one",
    source="article A, sections 2.2 and 6",
    tolerance=1e-12,
    measure="absolute",
)
def blind_to_modes(penalty=penalty_for):
    return [penalty(*g) for g in GENERATORS.values()], [0.0, 0.0]


blind_to_modes.wrong(
    "as published: it punishes the generator with both", penalty=penalty_of_a
)
check(blind_to_modes)
for name, (a, c) in GENERATORS.items():
    points = np.tanh(a * noise + c) * [[1.0, 0.0]]
    found = mode_statistics(points, np.array([[1.0, 0.0], [-1.0, 0.0]]), 0.1)["modes"]
    both(
        f"a generator with {found} of 2 modes ({name}), its penalty",
        penalty_of_a(a, c),
        penalty_for(a, c),
    )

# %% [markdown]
# **Published.** Pixels are $127 x + 127$. **Refuted.** White, $x = 1$, becomes 254.
# **Right.** $127.5 (x + 1)$, rounded.

# %%
gray = np.arange(256, dtype=np.uint8)


def pixels_of_a(x):
    return np.rint(127 * x + 127).astype(np.uint8)


@claim(
    "E.5",
    "256 gray values survive the way to [-1, 1] and back",
    source="article A, section 4.6",
    tolerance=0,
    measure="absolute",
)
def there_and_back(pixels=data.to_uint8):
    return pixels(data.scale(gray)).astype(int), gray.astype(int)


there_and_back.wrong("as published: 127 x + 127", pixels=pixels_of_a)
there_and_back.wrong(
    "127.5 (x + 1), cut off instead of rounded",
    pixels=lambda x: (127.5 * (x + 1)).astype(np.uint8),
)
check(there_and_back)
both(
    "gray values that survive",
    *(np.sum(f(data.scale(gray)) == gray) for f in (pixels_of_a, data.to_uint8)),
)

# %% [markdown]
# ### Article B: a penalty that trains nothing
#
# **Published.** `slopes = stop_gradient(gradients_norm - 1)`, for the gradient in the
# critic's *weights*. The mean of its square is added to the loss.
#
# **Refuted.** A number behind `stop_gradient` has the derivative 0. The log shows a
# penalty, and the critic learns as if there were none: for fakes at distance 3 from the
# data a linear critic of slope 1.15 is right (claim 9.E3), but the slope of this one
# grows by 3 per unit of training time, without limit.
#
# **Right.** The gradient in $x$, recorded with `create_graph`.

# %%
SHIFT = np.array([3.0, 0.0])


def penalty_of_b(w):
    (g,) = mg.grad(
        losses.wasserstein.critic(real @ w, (real - SHIFT) @ w), [w], create_graph=True
    )
    return ops.square((ops.norm(g) - 1).detach())


def no_penalty(w):
    return 0.0


def trained_slope(penalty, steps=150):
    """Return the slope of a linear critic after so many steps of 0.05."""
    w = mg.Parameter(np.array([0.1, 0.1]))
    descent = optim.SGD([w], lr=0.05)
    for _ in range(steps):
        loss = losses.wasserstein.critic(real @ w, (real - SHIFT) @ w) + 10 * penalty(w)
        descent.step(mg.grad(loss, [w]))
    return np.linalg.norm(w.numpy())


def penalty_of_gulrajani(w):
    return penalties.gradient_penalty(lambda x: x @ w, real, real - SHIFT, Generator(0))


@claim(
    "E.6",
    "with the penalty the slope settles at 1 + 3 / (2 lambda) = 1.15",
    source="article B; claim 9.E3",
    tolerance=1e-12,
)
def settled(penalty=penalty_of_gulrajani):
    return trained_slope(penalty), 1.15


settled.wrong(
    "as published: stop_gradient, and the gradient in the weights", penalty=penalty_of_b
)
settled.wrong("no penalty at all", penalty=no_penalty)
check(settled)
both(
    "slope after training",
    trained_slope(penalty_of_b),
    trained_slope(penalty_of_gulrajani),
)
print(
    f"     without any penalty it is {trained_slope(no_penalty):.6g}: the same number"
)

# %% [markdown]
# **Published.** $\max_D L_d$ with
# $L_d = -\frac{1}{m} \sum [\log D(x) + \log(1 - D(G(z)))]$.
#
# **Refuted.** There is one minus sign too many: the second derivative in a logit,
# $L_d''$ at $D^* = p / (p + q)$ is $\frac{p q}{p + q} > 0$. The best critic is at the
# *minimum* of $L_d$; a maximum does not exist.
#
# **Right.** $\min_D L_d$, or $\max_D V$ with $V = -L_d$ (claim 4.1).

# %%
p, q = np.random.default_rng(2).dirichlet(np.ones(5), size=2)


def curvature_at_the_optimum(sign):
    """Return the second derivative of sign x V in every logit."""
    v = lambda logit: (
        sign * (p * ops.log_sigmoid(logit) + q * ops.log_sigmoid(-logit)).sum()
    )
    return mg.hvp(v, np.log(p / q), np.ones(5))


@claim(
    "E.7",
    "what D maximises has the curvature -p q / (p + q) at D*",
    source="article B, the mathematical model",
    tolerance=1e-12,
)
def maximum(sign=1):
    return curvature_at_the_optimum(sign), -p * q / (p + q)


maximum.wrong("as published: D maximises L_d = -V", sign=-1)
check(maximum)
both(
    "curvature of what D maximises",
    maximum(sign=-1)[0][0].item(),
    maximum()[0][0].item(),
)

# %% [markdown]
# **Published.** "In every iteration train the discriminator for one *epoch*, then the
# generator for one *epoch*."
#
# **Refuted.** While the other player is fixed, $k$ steps of size $h$ are one step of
# size $k h$. In the Dirac-GAN with Wasserstein's loss (chapter 7) a round of both is
# $\begin{pmatrix} 1 & k h \\ -k h & 1 - (k h)^2 \end{pmatrix}$ with determinant 1 and
# trace $2 - (k h)^2$. Beyond $k h = 2$ one $|\lambda|$ exceeds 1. For an epoch of 250
# steps of 0.01 the trace is $-4.25$ and the eigenvalues $-4$ and $-\frac14$: every
# round makes the distance four times as large.
#
# **Right.** The players take turns after every step, or after a few of the critic:
# $|\lambda| = 1$.

# %%


def round_of(turns, h=0.01):
    """Return the matrix of `turns` steps of the critic and then of the generator."""
    columns = []
    for theta, psi in np.eye(2):
        for _ in range(turns):
            d = mg.tensor(psi, requires_grad=True)
            psi -= (
                h * mg.grad(losses.wasserstein.critic(0 * d, theta * d), [d])[0].item()
            )
        for _ in range(turns):
            g = mg.tensor(theta, requires_grad=True)
            theta -= h * mg.grad(losses.wasserstein.generator(psi * g), [g])[0].item()
        columns.append([theta, psi])
    return np.array(columns).T


def growth(turns):
    return abs(np.linalg.eigvals(round_of(turns))).max()


@claim(
    "E.8",
    "turn by turn, the distance from the equilibrium stays: |eigenvalue| = 1",
    source="article B, training",
    tolerance=1e-12,
)
def in_turn(turns=1):
    return growth(turns), 1.0


in_turn.wrong("as published: an epoch of 250 steps each", turns=250)
check(in_turn)
both("growth per round", growth(250), growth(1))

# %% [markdown]
# ### Article C: a game without a game
#
# **Published**, in the program (the text is right). The generator's loss is the
# cross-entropy of *its own output* with the labels; the critic's loss is the
# cross-entropy of its output for real images with their labels.
#
# **Refuted.** $D$ sees only one class: the constant logit 40 has a loss of
# $4 \cdot 10^{-18}$, and there is nothing more to learn. ($G$'s loss does not contain
# $D$ at all.)
#
# **Right.** With fakes in the loss no constant logit is better than 0, which is
# $D = \frac12$, and its loss is $\log 4$.

# %%
constants = np.linspace(-40, 40, 8001)


def best_constant(on_fakes=1):
    """Return the constant logit with the least loss, and that loss."""
    loss = ops.softplus(-constants) + on_fakes * ops.softplus(constants)
    return np.array([constants[np.argmin(loss)], np.min(loss)])


@claim(
    "E.9",
    "the best constant logit is 0, its loss log 4",
    source="article C, section 4",
    tolerance=1e-12,
    measure="absolute",
)
def constant_answer(on_fakes=1):
    return best_constant(on_fakes), [0.0, np.log(4)]


constant_answer.wrong("as published: real images alone", on_fakes=0)
check(constant_answer)
both("least loss of a constant answer", best_constant(0)[1], best_constant()[1])

# %% [markdown]
# **Published.** The last layer of $D$ is a sigmoid, and its output goes to
# `sigmoid_cross_entropy_with_logits`, which applies another.
#
# **Refuted.** The second sigmoid sees numbers from 0 to 1. So a perfect $D$ has the
# loss $\log(1 + e^{-1}) + \log 2 = 1.0064$, hardly less than the $\log 4 = 1.3863$ of a
# critic that guesses: the curve looks as if the players were in balance.
#
# **Right.** One sigmoid: the loss of a perfect $D$ is 0. Give the loss logits.

# %%


def perfect_loss(output):
    """Return the critic's loss where its logits are +-40."""
    real, fake = output(np.array([40.0])), output(np.array([-40.0]))
    return losses.minimax.critic(real, fake).item()


@claim(
    "E.10",
    "a perfect discriminator has the loss 0",
    source="article C, section 4",
    tolerance=1e-15,
    measure="absolute",
)
def perfect(output=lambda logit: logit):
    return perfect_loss(output), 0.0


perfect.wrong("as published: two sigmoids", output=sigmoid)
perfect.wrong("a tanh before the loss", output=np.tanh)
check(perfect)
both("loss of a perfect D", perfect_loss(sigmoid), perfect_loss(lambda logit: logit))

# %% [markdown]
# **Published.** The remedy for vanishing gradients is "deeper networks, to pass more
# information".
#
# **Refuted.** Take the article's layers: leaky ReLU of slope 0.2, Glorot's weights (its
# framework's default), equal widths. The signs of the weights are symmetric, so every
# unit has the slope 1 or 0.2 with equal chance, whatever its input is, and a layer
# multiplies the mean square of the gradient by $\frac{1 + 0.2^2}{2} = 0.52$, *exactly*.
# Ten layers leave 0.0014 of it.
#
# **Right.** A deep network needs the right initialisation: weights of variance
# $\frac{2}{(1 + 0.2^2) \, n}$ make it 1.

# %%
WIDTH, NETWORKS = 32, 500


def input_gradients(depth, gain=1.0):
    """Return the mean square of grad_x D(x) of each network, which is 1 at depth 0."""
    draw = Generator(depth)
    x = h = mg.tensor(
        draw.normal((NETWORKS, 1, WIDTH), dtype=np.float64), requires_grad=True
    )
    for _ in range(depth):
        xavier = nn.init.xavier(draw, (NETWORKS, WIDTH, WIDTH), WIDTH, WIDTH)
        weights = (np.sqrt(gain) * xavier).astype(np.float64)
        h = ops.leaky_relu(ops.matmul(h, weights), 0.2)
    (g,) = mg.grad((h * draw.normal(h.shape, dtype=np.float64)).sum(), [x])
    return (g.numpy() ** 2).mean((1, 2))


@claim(
    "E.11",
    "each of 10 layers multiplies E |grad_x D|^2 by 0.52, and by 1 with the right "
    "variance",
    source="article C, section 6; He et al. 2015, section 2.2",
    tolerance=4,
    measure="sigmas",
)
def depth(factors=(0.52, 1.0)):
    found = [input_gradients(10, gain) for gain in (1.0, 1 / 0.52)]
    error = [f.std() / np.sqrt(NETWORKS) for f in found]
    return [f.mean() for f in found], np.array(factors) ** 10, error


depth.wrong("as published: deeper networks lose nothing", factors=(1.0, 1.0))
depth.wrong(
    "a leaky ReLU loses nothing to speak of: 0.6, the mean slope", factors=(0.6, 1.0)
)
check(depth)
both("what ten layers leave", 1.0, depth()[0][0])

# %% [markdown]
# ### Article E: a test that trains
#
# **Published.** `d_loss = d_loss_real + d_loss_fake`, where the first is the *output*
# $\sigma(\ell)$ for real images and the second the logit for fakes.
#
# **Refuted.** Neither is a loss. Descent on $\sigma(\ell)$ lowers $D$ on real images:
# the step in their logit is $-\sigma' = -\frac14$ at $D = \frac12$. For fakes it is
# $-1$, however certain $D$ is already.
#
# **Right.** $-\log \sigma(\ell)$ and $-\log(1 - \sigma(\ell))$: steps of $1 - D(x)$ and
# $-D(G(z))$.

# %%


def loss_of_e(on_real, on_fake):
    return (ops.sigmoid(on_real) + on_fake).mean()


@claim(
    "E.12",
    "the discriminator's steps in the logits are 1 - D(x) and -D(G(z))",
    source="article E, section 4.3",
    tolerance=1e-13,
)
def logit_steps(loss=losses.minimax.critic):
    pair = [mg.tensor(logits, requires_grad=True) for _ in range(2)]
    steps = [-len(logits) * g.numpy() for g in mg.grad(loss(*pair), pair)]
    return steps, [1 - sigmoid(logits), -sigmoid(logits)]


logit_steps.wrong("as published: sigmoid + logit", loss=loss_of_e)
logit_steps.wrong(
    "signs of the two swapped",
    loss=lambda real, fake: losses.minimax.critic(fake, real),
)
check(logit_steps)
both(
    "step for real images at D = 1/2",
    logit_steps(loss=loss_of_e)[0][0][2],
    logit_steps()[0][0][2],
)

# %% [markdown]
# **Published.** The test phase runs `train_op_g` for every batch of the test set. (Its
# loss, `tf.log_prob`, does not exist, so the line cannot run as it is printed.)
#
# **Refuted.** A test must not change anything: count the arrays of weights and
# statistics that do change. One forward pass in training mode is enough to change the
# statistics of batch norm.
#
# **Right.** Evaluation mode, no gradients, and all state as it was.

# %%


def arrays_changed(test):
    network = dense.generator(
        4, (8,), width=16, depth=2, batch_norm=True, rng=Generator(0)
    )
    before = {name: array.copy() for name, array in network.state_dict().items()}
    test(network, np.random.default_rng(3).normal(size=(16, 4)).astype("float32"))
    return sum(
        not np.array_equal(array, before[name])
        for name, array in network.state_dict().items()
    )


def undisturbed_test(network, z):
    with undisturbed(network), mg.no_grad():
        network.eval()(z)


def test_of_e(network, z):
    loss = ops.square(network(z)).mean()
    optim.Adam(network.parameters()).step(mg.grad(loss, network.parameters()))


@claim(
    "E.13",
    "a test changes no array",
    source="article E, section 4.4",
    tolerance=0,
    measure="absolute",
)
def unchanged(test=undisturbed_test):
    return arrays_changed(test), 0


unchanged.wrong(
    "as published: the generator is trained on the test set", test=test_of_e
)
unchanged.wrong("a forward pass in training mode", test=lambda network, z: network(z))
check(unchanged)
both(
    "arrays that the test changes",
    arrays_changed(test_of_e),
    arrays_changed(undisturbed_test),
)

# %% [markdown]
# **Published.** "The discriminator usually consists of convolutions *and transposed
# convolutions*."
#
# **Refuted.** A transposed convolution doubles the sides that a convolution has just
# halved. With one of each, 28 pixels stay 28, and the last layer needs 16 times as many
# weights for each channel.
#
# **Right.** A critic only halves the sides: 28, 14, 7.

# %%


def sides(layers):
    """Return the sides of a critic's maps, for 28 x 28 images, wherever they change."""
    x, found = np.zeros((1, 28, 28, 1), dtype="float32"), [28]
    for layer in layers:
        x = layer(x)
        if x.ndim == 4 and x.shape[1] != found[-1]:
            found.append(x.shape[1])
    return found


def critic_layers(second=None):
    layers = [
        layer
        for name, layer in dcgan.critic(width=4, rng=Generator(0)).named_children()
    ]
    return [
        second if second and isinstance(layer, nn.Conv2d) and k else layer
        for k, layer in enumerate(layers)
    ]


@claim(
    "E.14",
    "a discriminator's maps have 28, 14 and 7 pixels a side",
    source="article E, section 3.2; DCGAN 2015",
    tolerance=0,
    measure="absolute",
)
def only_down(second=None):
    return sides(critic_layers(second)[:4]), [28, 14, 7]


only_down.wrong(
    "as published: the second is transposed",
    second=nn.ConvTranspose2d(4, 8, 5, 2, "same", rng=Generator(0)),
)
check(only_down)
both(
    "numbers for each channel of the last layer",
    28**2,
    sides(critic_layers()[:4])[-1] ** 2,
)

# %% [markdown]
# ## Room 2: papers and much-copied programs
#
# **Published.** The ring of eight Gaussians, `np.linspace(0, 2 * np.pi, 8)`, in several
# programs that count modes.
#
# **Refuted.** The last angle is the first one. There are seven modes, one of them with
# twice the weight, and a perfect sampler is reported as unbalanced.
#
# **Right.** $2 \pi i / 8$ for $i = 0, \dots, 7$: neighbours are
# $2 \sin \frac{\pi}{8} = 0.765$ apart.

# %%


def nearest(centres):
    """Return the smallest distance between two centres."""
    gaps = np.linalg.norm(centres[:, None] - centres, axis=-1)
    return gaps[~np.eye(len(gaps), dtype=bool)].min()


def circle(angles):
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


@claim(
    "E.15",
    "neighbours on the ring of 8 are 2 sin(pi / 8) apart",
    source="Lin et al. 2018, the synthetic data",
    tolerance=1e-13,
)
def eight(centres=None):
    centres = data.mixtures.ring().modes if centres is None else centres
    return nearest(centres), 2 * np.sin(np.pi / 8)


eight.wrong(
    "as published: both ends of the circle",
    centres=circle(np.linspace(0, 2 * np.pi, 8)),
)
eight.wrong("7 modes, evenly", centres=circle(np.arange(7) * 2 * np.pi / 7))
check(eight)
both(
    "smallest distance of two modes",
    nearest(circle(np.linspace(0, 2 * np.pi, 8))),
    eight()[0],
)

# %% [markdown]
# **Published.** `BatchNorm2d(128, 0.8)`, in a well-known collection of GANs. It seems
# to be copied from a framework in which 0.8 is the momentum.
#
# **Refuted.** Here the second argument is $\varepsilon$. A channel of variance 1 has
# the standard deviation $1 / \sqrt{1 + 0.8} = 0.745$ afterwards, one of variance 0.01
# has 0.111: this batch norm does not normalise.
#
# **Right.** `momentum=0.2`, as a keyword: a momentum of 0.8 in that framework is
# $1 - 0.8$ here (claim 12.8).

# %%
channel = rng.normal(size=(1000, 1))
channel = 0.1 * (channel - channel.mean()) / channel.std()


def deviation_after(*args, **options):
    return nn.BatchNorm(1, *args, dtype="float64", **options)(channel).numpy().std()


@claim(
    "E.16",
    "a channel of deviation 0.1 leaves batch norm with 1",
    source="Ioffe, Szegedy 2015, section 3",
    tolerance=1e-3,
)
def normalised(args=(), momentum=0.2):
    return deviation_after(*args, **({"momentum": momentum} if not args else {})), 1.0


normalised.wrong("as published: 0.8 in the place of eps", args=(0.8,))
check(normalised)
both("deviation after batch norm", deviation_after(0.8), deviation_after(momentum=0.2))

# %% [markdown]
# **Published.** A theorem in one of the most cited papers of the field: Adam's average
# regret tends to 0 on convex losses.
#
# **Refuted.** On $[-1, 1]$ let the losses be linear, with the slopes
# $3, -1, -1, 3, -1, -1, \dots$. The mean slope is $\frac13$, so $-1$ is best. With
# $\beta_1 = 0$ and a short memory, $\beta_2 = \frac{1}{1 + 3^2}$, Adam divides the rare
# large slope by its own size and forgets it before the small slopes arrive. It goes to
# $+1$, the worst point of all.
#
# **Right.** A memory longer than the gap between rare gradients, or one that never
# forgets a maximum (AMSGrad). This is relevant in practice: critics of GANs have rare
# large gradients, and are trained with $\beta_1 = 0$.

# %%


def where_adam_ends(beta2):
    """Return the point after 1500 steps of 0.5 / sqrt(t) from 0, held in [-1, 1]."""
    x = mg.Parameter(np.zeros(1))
    adam = optim.Adam([x], betas=(0.0, beta2))
    for t in range(1500):
        adam.lr = 0.5 / np.sqrt(t + 1)
        adam.step([np.array([3.0 if t % 3 == 0 else -1.0])])
        x.assign_(np.clip(x.numpy(), -1, 1))
    return x.numpy()[0]


@claim(
    "E.17",
    "slopes 3, -1, -1, ...: Adam ends at +1 with beta2 = 0.1, at -1 with 0.999",
    source="Reddi et al. 2018, theorem 1",
    tolerance=0.05,
    measure="absolute",
)
def regret(ends=(1.0, -1.0)):
    return [where_adam_ends(0.1), where_adam_ends(0.999)], ends


regret.wrong("as published: at the best point, -1, with both", ends=(-1.0, -1.0))
check(regret)
both("Adam ends at", -1.0, where_adam_ends(0.1))

# %% [markdown]
# ## Room 3: false alarms
#
# **Alarm.** "The backward pass of batch norm forgets
# $\frac{\partial \sigma^2}{\partial \mu}$."
#
# **All clear.** $\frac{\partial}{\partial \mu} \langle (x - \mu)^2 \rangle = -2 \langle
# x - \mu \rangle$: exactly 0, if $\mu$ is the mean of *this* batch. With any other
# $\mu$, such as the running mean, it is not.

# %%
batch = np.random.default_rng(4).normal(size=(64, 8)) + 1.0


def variance_slope(behind=0.0):
    """Return d var / d mu of each channel at mu = (1 - behind) x the batch's mean."""
    mu = mg.tensor((1 - behind) * batch.mean(0), requires_grad=True)
    (g,) = mg.grad(ops.square(batch - mu).mean(0).sum(), [mu])
    return g.numpy()


@claim(
    "E.18",
    "d var / d mu = 0",
    source="chapter 12, step (a)",
    tolerance=1e-14,
    measure="absolute",
)
def missing_term(behind=0.0):
    return variance_slope(behind), np.zeros(8)


missing_term.wrong("a running mean, 10 % behind", behind=0.1)
check(missing_term)
both(
    "the missing term",
    abs(variance_slope(0.1)).max(),
    abs(variance_slope()).max(),
    ("running mean", "batch mean"),
)

# %% [markdown]
# **Alarm.** "With smoothed labels the loss never reaches 0: the critic does not learn."
#
# **All clear.** With the target 0.9 the least cross-entropy is the entropy of the
# label, 0.325, and $D = 0.9$ reaches it. A loss should be compared with its floor,
# which is seldom 0, or judged by its gradient.

# %%
beliefs = np.linspace(0.001, 0.999, 999)
ENTROPY = -0.9 * np.log(0.9) - 0.1 * np.log(0.1)


@claim(
    "E.19",
    "with the target 0.9 the least loss is 0.325, at D = 0.9",
    source="claim 4.E1",
    tolerance=1e-12,
)
def floor(least=ENTROPY, at=0.9):
    loss = ops.binary_cross_entropy_with_logits(
        np.log(beliefs / (1 - beliefs)), np.full(999, 0.9), "none"
    )
    return [np.min(loss), beliefs[np.argmin(loss)]], [least, at]


floor.wrong("0, at D = 0.9", least=0.0)
floor.wrong("-log 0.9, at D = 1", least=-np.log(0.9), at=1.0)
check(floor)
both("least loss", 0.0, floor()[0][0], ("alarm", "all clear"))

# %% [markdown]
# ## Room 4: our own
#
# **We wrote**, in the plan of this museum, about article C's two sigmoids (E.10): "the
# gradient is at most $\frac14$ of the right one", since $\sigma' \le \frac14$.
#
# **Refuted** when the exhibit was built. The right gradient contains $\sigma'$ too, but
# it cancels there. Let $s = \sigma(\ell)$. For real samples the ratio is
# $\frac{\sigma(-s) \, s (1 - s)}{1 - s} = s \, \sigma(-s)$, up to $\sigma(-1) = 0.269$;
# for fakes $\frac{\sigma(s) \, s (1 - s)}{s} = (1 - s) \, \sigma(s)$, up to $\frac12$.
#
# **Right.** It is at most 0.269 (real samples) and 0.5 (fakes) of the right one; where
# $D$ is certain and wrong, it nearly vanishes.

# %%


def ratio(label):
    """Return the largest ratio of the gradients with two sigmoids and with one."""
    slopes = []
    for output in (ops.sigmoid, lambda logit: logit):
        logit = mg.tensor(np.linspace(-30, 30, 601), requires_grad=True)
        labels = np.full(601, label)
        each = ops.binary_cross_entropy_with_logits(output(logit), labels, "none")
        slopes.append(mg.grad(each.sum(), [logit])[0].numpy())
    return (slopes[0] / slopes[1]).max()


LARGEST = sigmoid(-1.0)


@claim(
    "E.20",
    "two sigmoids: at most sigmoid(-1) = 0.269 (real) and 1/2 (fake) of the gradient",
    source="room 4",
    tolerance=1e-10,
)
def two_sigmoids(bounds=(LARGEST, 0.5)):
    return [ratio(1.0), ratio(0.0)], bounds


two_sigmoids.wrong("as we wrote: 1/4", bounds=(0.25, 0.25))
two_sigmoids.wrong("1/2 for both", bounds=(0.5, 0.5))
check(two_sigmoids)
both("largest ratio for fakes", 0.25, ratio(0.0), ("as we wrote", "right"))

# %% [markdown]
# **We wrote** a benchmark that first compares our gradients with another library's, in
# float32, and stops if they differ by more than rounding. It stopped: one sum was wrong
# by a percent, and that looked like a bug.
#
# **Refuted.** Nothing was wrong. One number in a million was so near a leaky ReLU's
# kink that rounding moved it to the other side. Its slope was 0.2 instead of 1, and the
# sum, whose terms nearly cancel, changed by 0.8 of that term. Below, one of 2000
# pre-activations is $4 \cdot 10^{-8}$ in float64 and 0 in float32: the sum changes by
# 4.6 %.
#
# **Right.** Judge agreement in float64. In float32 correct for the units that changed
# sides, and judge the rest.

# %%
readout = np.random.default_rng(5).normal(size=2000)
inputs = np.random.default_rng(6).normal(size=2000)
inputs[0], offset = 1 + 4e-8, -1.0  # the first unit computes x - 1


def sum_of_slopes(dtype):
    """Return d/dt of readout . leaky_relu(x + t) at t = offset, and pre-activations."""
    x, t = (
        inputs.astype(dtype),
        mg.tensor(np.array(offset, dtype=dtype), requires_grad=True),
    )
    h = x + t
    (g,) = mg.grad((readout.astype(dtype) * ops.leaky_relu(h, 0.2)).sum(), [t])
    return g.item(), h.numpy()


def explained():
    """Return the contribution of units whose slope differs in float32."""
    slope = lambda h: np.where(h > 0, 1.0, 0.2)
    exact, rounded = (sum_of_slopes(dtype)[1] for dtype in ("float64", "float32"))
    return (readout * (slope(rounded) - slope(exact))).sum()


@claim(
    "E.21",
    "float32 - float64 = -0.8 x the terms of the flipped units",
    source="room 4; minigan.check.kinks",
    tolerance=1e-3,
)
def kink(by_flips=explained):
    return sum_of_slopes("float32")[0] - sum_of_slopes("float64")[0], by_flips()


kink.wrong(
    "as we thought: rounding alone, eps |g|",
    by_flips=lambda: 1.2e-7 * sum_of_slopes("float64")[0],
)
kink.wrong("the whole term of the unit", by_flips=lambda: -readout[0])
check(kink)
both(
    "relative difference",
    1.2e-7,
    abs(kink()[0] / sum_of_slopes("float64")[0]),
    ("as we thought", "found"),
)

# %% [markdown]
# ## Picture

# %%


def picture():
    page = viz.Page(
        2.1,
        "Four exhibits: as published (red, dashed) and right (blue)",
        "From the left. The slope of a linear critic in training, under a penalty "
        "behind stop_gradient and under a real one (E.6). Distance from the "
        "equilibrium, round by round, if each player trains for an epoch, and if "
        "they take turns (E.8). The discriminator's loss against its logit, on "
        "images that it judges right, with two sigmoids and with one (E.10). What is "
        "left of the squared gradient behind so many layers, by Glorot's weights and "
        "by those that fit the leaky ReLU (E.11).",
    )
    place = lambda k, title, **more: (
        page.text(0.3 + 1.58 * k, 0.0, title, viz.style.SMALL),
        page.axes(0.3 + 1.58 * k, 0.25, 1.25, 1.55, **more),
    )[1]
    looks = (viz.style.FAKE, "--"), (viz.style.REAL, "-")

    axes = place(0, "critic's slope, by steps")
    for penalty, look in zip((penalty_of_b, penalty_of_gulrajani), looks, strict=True):
        trained = [trained_slope(penalty, steps) for steps in range(0, 51, 5)]
        axes.plot(trained, color=look[0], linestyle=look[1])
    axes.set_xticks([0, 5, 10], ["0", "25", "50"])

    axes = place(1, "distance, by rounds", yscale="log", xticks=[0, 4, 8])
    for turns, look in zip((250, 1), looks, strict=True):
        matrix, state = round_of(turns), np.array([1.0, 0.0])
        axes.plot(
            [
                np.linalg.norm(np.linalg.matrix_power(matrix, k) @ state)
                for k in range(9)
            ],
            marker=".",
            color=look[0],
            linestyle=look[1],
        )

    axes = place(2, "loss of D, by its logit", ylim=(0, 1.5), yticks=[0, 0.5, 1, 1.5])
    sure = np.linspace(0, 6, 61)
    for output, look in zip((sigmoid, lambda logit: logit), looks, strict=True):
        loss = ops.softplus(-output(sure)) + ops.softplus(output(-sure))
        axes.plot(sure, loss, color=look[0], linestyle=look[1])

    axes = place(3, "gradient left, by layers", yscale="log", xticks=[2, 6, 10])
    for gain, look in zip((1.0, 1 / 0.52), looks, strict=True):
        layers = [1, 2, 4, 6, 8, 10]
        axes.plot(
            layers,
            [input_gradients(depth, gain).mean() for depth in layers],
            marker=".",
            color=look[0],
            linestyle=look[1],
        )
    return page.figure


viz.show(picture, "errata")

# %% [markdown]
# ## What the exhibits have in common
#
# * **The wrong line runs.** A line that does not run is found in a minute.
# * **The value is right, the derivative is not** (E.6), or the loss looks healthy
#   because it is wrong (E.10). Test derivatives, not curves.
# * **The smallest case shows the error**: a linear critic, a black image, one logit,
#   two numbers in $[-1, 1]$.
# * **A comparison that fails does not prove an error**, and one that succeeds does not
#   prove that the code is right. Three of these exhibits are about knowing the floor of
#   a number (E.18, E.19, E.21).
#
# If you have found another error: an exhibit needs the formula as published, one line
# that refutes it, and the right formula.
#
# ## Sources
#
# * The articles of room 1, in Chinese and without author, in the words in which each
#   names its subject. A: 梯度共轭方向生成在 GANs 中的应用和实践 (gradient conjugate
#   directions in GANs). B: 生成对抗网络 (an introduction to GANs). C: GANs
#   在图像合成和转化任务中的挑战 (image synthesis and translation). D:
#   方向导数和梯度在GANs中的应用 (directional derivatives, chapter 2). E: 提高 GANs
#   训练性能和稳定性的技巧 (tricks for training).
# * D. Kingma, J. Ba, *Adam: a method for stochastic optimization*, 2015, theorem 4.1
#   and its corollary 4.2.
# * S. Reddi, S. Kale, S. Kumar, *On the convergence of Adam and beyond*, 2018: theorem
#   1, AMSGrad.
# * K. He, X. Zhang, S. Ren, J. Sun, *Delving deep into rectifiers*, 2015, section 2.2:
#   the variance of weights.
# * S. Ioffe, C. Szegedy, *Batch normalization*, 2015. The 0.8 of E.16 was reported by a
#   reader: PyTorch-GAN, issue 116, 2020.
# * Z. Lin, A. Khetan, G. Fanti, S. Oh, *PacGAN*, 2018: the ring.
# * A. Radford, L. Metz, S. Chintala, *Unsupervised representation learning with deep
#   convolutional GANs*, 2015.
# * I. Goodfellow et al., *Generative adversarial nets*, 2014; I. Gulrajani et al.,
#   *Improved training of Wasserstein GANs*, 2017.

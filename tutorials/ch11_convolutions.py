# %% [markdown]
# # 11. Convolution, transposed convolution, checkerboards
#
# **What you need**: chapter 3 (vjps are adjoints).
#
# A convolution is a matrix, mostly zeros, with few different numbers. That matrix
# explains the rest of this chapter: the two gradients, the "transposed convolution"
# with which a generator enlarges its images, why it is not a deconvolution, and why
# generated images so often show a chessboard pattern.
#
# **Claims**
#
# 1. `conv2d` computes $y_{i o} = \sum_{a c} x_{i s + a - p,\, c} \, w_{a c o}$: the
#    kernel is not flipped.
# 2. The transposed convolution is the transposed matrix,
#    $\langle A x, y \rangle = \langle x, A^\top y \rangle$.
# 3. It is not the inverse, except for orthonormal kernels that do not overlap.
# 4. The gradient in the kernel is itself a convolution: the images are convolved with
#    the output's gradient, *dilated* by the stride.
# 5. The gradient in the images is a convolution too: of the output's gradient, with
#    zeros between its pixels, and with the kernel flipped.
# 6. All three are derivatives of one trilinear form. Its third derivative is the form
#    itself, so derivatives of every order stay in this family.
# 7. With a box kernel of $5 \times 5$ and stride 2, some pixels receive 9 copies and
#    others 4.
# 8. With any kernel a transposed convolution turns a flat image into tiles of
#    $s \times s$ numbers, the *phase sums* of the kernel. They need not be equal, even
#    if the stride divides the kernel's size.
# 9. Upsampling followed by a convolution keeps a flat image flat.

# %% [markdown]
# ## Derivation
#
# $i$ is a pixel of the output, $a$ one of the kernel, each a pair of numbers; $c$ and
# $o$ are channels in and out; $s$ is the stride, $p$ the padding. The sum over the
# samples $N$ of a batch is left out.
#
# (a) $y = A x$ with $A_{(i o), (m c)} = w_{a c o}$ where $m = i s + a - p$, and 0
# elsewhere. [claim 1] A row of $A$ holds one kernel; rows differ by a shift.
#
# (b) $(A^\top y)_{m c} = \sum_{i o} w_{a c o} \, y_{i o}$ over all $i, a$ with
# $i s + a - p = m$: each pixel of $y$ stamps a copy of the kernel, weighted by its
# value, and overlapping stamps add up. [claim 2]
#
# (c) $A^\top A = I$ would need orthonormal columns. If $s = k$ the patches do not
# overlap, $A$ consists of one block for each patch. If the kernel is an orthonormal
# matrix of shape $(k^2 C, k^2 C)$, every block is orthonormal, and so is $A$. [claim 3]
#
# (d) Let $T(x, w, y) = \langle y, A_w x \rangle = \sum x_{i s + a - p, c} \, w_{a c o}
# \, y_{i o}$. It is linear in each argument. Its derivatives are
#
# $$\frac{\partial T}{\partial y} = \text{conv}(x, w), \qquad
#   \frac{\partial T}{\partial x} = A_w^\top y, \qquad
#   \left( \frac{\partial T}{\partial w} \right)_{\!a c o}
#   = \sum_i x_{i s + a - p,\, c} \; y_{i o} .$$
#
# In the last one $y$ takes the place of the kernel, and neighbours in $y$ are
# multiplied with pixels that are $s$ apart: dilation $s$. [claim 4]
#
# (e) In $A^\top y$, put $s - 1$ zeros between the pixels of $y$, so that $i s$ becomes
# an index $j$. The sum is over $j = m + p - a$: the kernel runs backwards, channels
# swapped, stride 1, padding $k - 1 - p$. [claim 5]
#
# (f) A derivative of $T$ in one argument no longer depends on that argument, and stays
# linear in the others. So
# $\frac{\partial^3 T}{\partial x \, \partial w \, \partial y}$, along
# $(\dot x, \dot w, \dot y)$, is $T(\dot x, \dot w, \dot y)$, wherever it is taken, and
# the fourth is 0. [claim 6] Double backward through a convolution needs no new code.
#
# (g) Let $y = 1$ everywhere. By (b), pixel $m$ receives $\sum_a w_a$ over those $a$
# with $a \equiv m + p \pmod{s}$: one of $s \times s$ phase sums. [claims 7, 8]
# Upsampling repeats each value, so a flat image stays flat, and a stride-1 convolution
# has only one phase. [claim 9]

# %%
import numpy as np

import minigan as mg
from minigan import ops, viz
from minigan.check import adjoint_test, answer, check, claim

rng = np.random.default_rng(0)
S, P = 2, 1  # stride, padding
x0, w0, y0 = (
    rng.normal(size=(2, 7, 7, 3)),
    rng.normal(size=(3, 3, 3, 4)),
    rng.normal(size=(2, 4, 4, 4)),
)


def by_the_formula(x, w):
    """Return the convolution by step (a): pixel by pixel, a patch times the kernel."""
    x, k = np.pad(x, [(0, 0), (P, P), (P, P), (0, 0)]), len(w)
    rows, columns = ((n - k) // S + 1 for n in x.shape[1:3])
    y = np.zeros((len(x), rows, columns, w.shape[-1]))
    for i, j in np.ndindex(rows, columns):
        y[:, i, j] = np.tensordot(x[:, i * S : i * S + k, j * S : j * S + k], w, 3)
    return y


def conv(x, w):
    return ops.conv2d(x, w, stride=S, padding=P)


def transposed(y, w):
    return ops.conv_transpose2d(y, w, stride=S, padding=P)


def flipped(w):
    return w[::-1, ::-1]


# %% [markdown]
# ## Check 1: the matrix and its transpose

# %%


@claim(
    "11.1",
    "conv2d: y_i = sum_a x_(i s + a - p) w_a",
    source="Dumoulin, Visin 2016",
    tolerance=1e-12,
    measure="absolute",
)
def definition(by=conv):
    return by(x0, w0), by_the_formula(x0, w0)


definition.wrong(
    "the convolution of mathematics, kernel flipped",
    by=lambda x, w: conv(x, flipped(w)),
)
definition.wrong(
    "padded at one side",
    by=lambda x, w: ops.conv2d(x, w, stride=S, padding=((0, 2), (0, 2))),
)
check(definition)


@claim(
    "11.2",
    "<conv(x), y> = <x, conv_transpose(y)>",
    source="Claerbout 1992",
    tolerance=1e-13,
)
def dot_test(twin=transposed):
    return (by_the_formula(x0, w0) * y0).sum(), (x0 * twin(y0, w0)).sum()


dot_test.wrong("kernel flipped once more", twin=lambda y, w: transposed(y, flipped(w)))
dot_test.wrong(
    "one pixel off",
    twin=lambda y, w: ops.conv_transpose2d(y, w, stride=S, padding=((0, 2), (0, 2))),
)
check(dot_test)
print(
    "dot test: "
    f"{adjoint_test(lambda x: conv(x, w0), lambda y: transposed(y, w0), x0, y0):.1e} "
    "of the norms"
)

# %% [markdown]
# "Deconvolution" is the wrong name. After a convolution with a random kernel and its
# transpose, the image is too large, and blurred by the kernel's autocorrelation: here
# the norm of the error is sixteen times that of the image. The exception is a kernel
# that is an orthonormal basis of its patch, such as the discrete cosine transform of
# JPEG.

# %%
# from 2 x 2 x 3 values to as many channels
basis = np.linalg.qr(rng.normal(size=(12, 12)))[0].reshape(2, 2, 3, 12)


@claim(
    "11.3",
    "orthonormal kernels with stride = size: there and back is the identity",
    source="step (c)",
    tolerance=1e-14,
    measure="absolute",
)
def there_and_back(w=basis, stride=2):
    x = x0[:, :6, :6]
    back = ops.conv_transpose2d(ops.conv2d(x, w, stride=stride), w, stride=stride)
    return np.linalg.norm(back - x) / np.linalg.norm(x), 0.0


there_and_back.wrong("a random kernel", w=rng.normal(size=(2, 2, 3, 12)))
there_and_back.wrong(
    "a kernel of the same length, not a basis", w=np.full((2, 2, 3, 12), 12**-0.5)
)
there_and_back.wrong("an orthonormal one that overlaps", stride=1)
check(there_and_back)

# %% [markdown]
# ## Check 2: the gradients are convolutions

# %%


def swap(images):
    """Exchange samples and channels: (N, H, W, C) to (C, H, W, N)."""
    return images.transpose(3, 1, 2, 0)


@claim(
    "11.4",
    "dT/dw = the images convolved with y, dilated by the stride",
    source="step (d)",
    tolerance=1e-12,
    measure="absolute",
)
def in_the_kernel(options=(("dilation", S),)):
    w = mg.tensor(w0, requires_grad=True)
    (g,) = mg.grad((conv(x0, w) * y0).sum(), [w])
    kernel = y0.transpose(1, 2, 0, 3)
    found = ops.conv2d(swap(x0), kernel, padding=P, **dict(options))
    return g, found.transpose(1, 2, 0, 3)


in_the_kernel.wrong("stride for dilation: the shape is right", options=(("stride", S),))
check(in_the_kernel)


@claim(
    "11.5",
    "dT/dx = y with zeros between, kernel flipped, channels swapped",
    source="Dumoulin, Visin 2016",
    tolerance=1e-12,
    measure="absolute",
)
def in_the_images(turn=flipped):
    x = mg.tensor(x0, requires_grad=True)
    (g,) = mg.grad((conv(x, w0) * y0).sum(), [x])
    spread = np.zeros((2, 7, 7, 4))
    spread[:, ::S, ::S] = y0
    return g, ops.conv2d(spread, turn(w0).swapaxes(2, 3), padding=2 - P)


in_the_images.wrong("not flipped", turn=lambda w: w)
in_the_images.wrong("flipped along one axis", turn=lambda w: w[::-1])
check(in_the_images)


@claim(
    "11.6",
    "the third derivative of T along (a, b, c) is T(a, b, c)",
    source="step (f)",
    tolerance=1e-12,
)
def closed(at=lambda x: 0 * x):
    directions = [rng_closed.normal(size=z.shape) for z in (x0, w0, y0)]
    variables = [mg.tensor(z, requires_grad=True) for z in (x0, w0, y0)]
    x, w, y = variables
    value = (conv(x, w) * y).sum()
    for variable, direction in zip(variables, directions, strict=True):
        (g,) = mg.grad(value, [variable], create_graph=True)
        value = (g * direction).sum()
    a, b, c = directions
    return value, (by_the_formula(a + at(x0), b) * c).sum()


rng_closed = np.random.default_rng(1)
closed.wrong("a trace of x is left", at=lambda x: x)
check(closed)

# %% [markdown]
# ## Check 3: checkerboards
#
# A flat image of ones, with one channel, is enlarged by two. Away from its edges, the
# result is one tile repeated.

# %%


def tile(grow, w):
    """Return 2 x 2 pixels, even rows first, from inside an enlarged flat image."""
    image = grow(np.ones((1, 8, 8, 1)), w[:, :, None, None])
    return ops.reshape(image, image.shape[1:3])[8:10, 8:10]


def stamped(y, w):
    """Enlarge y by a transposed convolution with stride 2."""
    return ops.conv_transpose2d(y, w, stride=2)


def resized(y, w):
    """Enlarge y by nearest-neighbour upsampling, then convolve."""
    return ops.conv2d(ops.upsample(y, 2), w, padding="same")


def phase_sums(w):
    """Return the phase sums of step (g), for p = 0."""
    return np.array([[w[i::2, j::2].sum() for j in range(2)] for i in range(2)])


@claim(
    "11.7",
    "a 5 x 5 box, stride 2: 9, 6, 6 and 4 stamps",
    source="Odena et al. 2016",
    tolerance=0,
    measure="absolute",
)
def stamps(expected=((9.0, 6.0), (6.0, 4.0))):
    return tile(stamped, np.ones((5, 5))), expected


stamps.wrong("25 values on 4 pixels: 6.25 each", expected=np.full((2, 2), 6.25))
check(stamps)

w5, w4 = rng.normal(size=(5, 5)), rng.normal(size=(4, 4))


@claim(
    "11.8",
    "a flat image becomes tiles of phase sums, also if s divides k",
    source="step (g)",
    tolerance=1e-12,
)
def phases(expected=phase_sums):
    right = np.stack([expected(w5), expected(w4)])
    return np.stack([tile(stamped, w5), tile(stamped, w4)]), right


phases.wrong("even, since 2 divides 4", expected=lambda w: np.full((2, 2), w.sum() / 4))
check(phases)
print(
    "a random 4 x 4 kernel, stride 2, on a flat image:",
    *phase_sums(w4).round(2).ravel(),
)


@claim(
    "11.9",
    "upsampling and a convolution keep a flat image flat",
    source="Odena et al. 2016",
    tolerance=1e-12,
)
def flat(grow=resized):
    right = np.stack([np.full((2, 2), w.sum()) for w in (w5, w4)])
    return np.stack([tile(grow, w5), tile(grow, w4)]), right


flat.wrong(
    "a transposed convolution of four times the weight",
    grow=lambda y, w: stamped(y, 4 * w),
)
check(flat)

# %% [markdown]
# ## Picture

# %%


def picture():
    page = viz.Page(
        2.55,
        "A matrix, and the chessboard in its transpose",
        "Left: a 3 x 3 convolution of a 6 x 6 image as a matrix of 36 x 36, white "
        "where it is 0, a colour for each of its nine weights. Right, above: a flat "
        "image, enlarged by two, edges left out, with a 5 x 5 box as stamp (claim "
        "7), with a 4 x 4 stamp of random positive weights (claim 8), and by "
        "upsampling before a convolution (claim 9). Below: the same for a smooth "
        "spot.",
    )
    image = mg.tensor(np.zeros((1, 6, 6, 1)))
    matrix = mg.jacobian(
        lambda x: ops.conv2d(x, np.arange(1.0, 10).reshape(3, 3, 1, 1), padding=1),
        image,
    )
    left = page.axes(0.15, 0.12, 2.3, 2.3)
    left.imshow(
        np.ma.masked_equal(matrix.numpy().reshape(36, 36), 0),
        cmap="viridis",
        interpolation="nearest",
    )
    left.axis("off")
    ramp = np.linspace(-1.5, 1.5, 18)
    spot = np.exp(-(ramp[:, None] ** 2) - ramp**2)
    kernels = [
        (stamped, np.ones((5, 5)), "5 x 5 box"),
        (stamped, abs(w4), "random 4 x 4"),
        (resized, w5**2, "resized"),
    ]
    for column, (grow, w, title) in enumerate(kernels):
        page.text(2.85 + 1.2 * column, 0.0, title, viz.style.SMALL)
        for row, start in enumerate((np.ones((18, 18)), spot)):
            grown = grow(start[None, :, :, None], w[:, :, None, None])[0, 6:30, 6:30, 0]
            axes = page.axes(2.85 + 1.2 * column, 0.18 + 1.17 * row, 1.07, 1.07)
            axes.imshow(
                grown,
                cmap="gray",
                vmin=0,
                vmax=1.1 * grown.max(),
                interpolation="nearest",
            )
            axes.axis("off")
    return page.figure


viz.show(picture, "ch11_convolutions")

# %% [markdown]
# ## What goes wrong in practice
#
# * **Checkerboards from the other side.** The gradient that a generator receives has
#   come back through the critic's strided convolutions, by step (b) the same operation.
#   A critic of $5 \times 5$ kernels with stride 2 gives every other pixel a larger
#   gradient, however smooth its output is.
# * **Choosing $s \mid k$ helps only at the start.** It makes the number of stamps equal
#   (claim 7), not their sums (claim 8). Training decides whether the pattern
#   disappears, and a high learning rate keeps bringing it back.
# * **Kernels from another library come flipped, or with their channels swapped.** Both
#   run without an error. Only numbers show the mistake: claims 1 and 2 are the test.
# * **"Same" padding is not symmetric** for even sizes with a stride: the odd pixel goes
#   to the end. Libraries differ, and images shift by a pixel per layer.

# %% [markdown]
# ## Exercises
#
# 1. *Warm-up.* An image of $n$ pixels a side goes through a transposed convolution,
#    kernel $k$, stride $s$, padding $p$. How many pixels come out?
# 2. *Bug hunt.* `buggy_stamping` is step (b) in NumPy, right for $s = k$ and wrong for
#    every other stride.
# 3. *Research.* Given any kernel of $4 \times 4$, find the *nearest* kernel (in least
#    squares) that makes no checkerboard with stride 2. Then initialise a generator with
#    it.

# %%


def grown_size(n, k, s, p):
    raise NotImplementedError("exercise 1 is yours")


def buggy_stamping(y, w, s):
    rows, columns, k = y.shape[0], y.shape[1], len(w)
    x = np.zeros(((rows - 1) * s + k, (columns - 1) * s + k))
    for i, j in np.ndindex(rows, columns):
        x[i * s : i * s + k, j * s : j * s + k] = y[i, j] * w
    raise NotImplementedError("exercise 2 is yours: fix the bug, then delete this line")
    return x


def evened(w):
    raise NotImplementedError("exercise 3 is yours: a kernel of shape (4, 4)")


# %% [markdown]
# ## Solutions

# %% [markdown] tags=["solution"]
# Exercise 3: the nearest kernel differs from $w$ by a multiple of the constraints'
# gradients, which are constant on each phase. So every phase is shifted by a constant,
# to the mean of the phase sums.

# %% tags=["solution"]


@claim(
    "11.E1",
    "(n - 1) s + k - 2 p",
    source="Dumoulin, Visin 2016",
    tolerance=0,
    measure="absolute",
)
def sizes(answer=lambda n, k, s, p: (n - 1) * s + k - 2 * p):
    cases = [(7, 5, 2, 2), (4, 4, 2, 1), (5, 3, 1, 1), (3, 2, 3, 0)]
    image = lambda n: np.ones((1, n, n, 1))
    kernel = lambda k: np.ones((k, k, 1, 1))
    grown = [
        ops.conv_transpose2d(image(n), kernel(k), stride=s, padding=p).shape[1]
        for n, k, s, p in cases
    ]
    return [answer(*case) for case in cases], grown


sizes.wrong("n s, as for padding='same'", answer=lambda n, k, s, p: n * s)
sizes.wrong("padding added", answer=lambda n, k, s, p: (n - 1) * s + k + 2 * p)
check(sizes)
answer(sizes, grown_size)


def stamping(y, w, s, add=True):
    rows, columns, k = y.shape[0], y.shape[1], len(w)
    x = np.zeros(((rows - 1) * s + k, (columns - 1) * s + k))
    for i, j in np.ndindex(rows, columns):
        window = x[i * s : i * s + k, j * s : j * s + k]
        window[...] = y[i, j] * w + add * window
    return x


@claim(
    "11.E2",
    "overlapping stamps add up",
    source="step (b)",
    tolerance=1e-13,
    measure="absolute",
)
def summed(answer=stamping):
    y = y0[0, :, :, 0]
    image, kernel = y[None, :, :, None], w5[:, :, None, None]
    expected = ops.conv_transpose2d(image, kernel, stride=2)
    return answer(y, w5, 2), expected[0, :, :, 0]


summed.wrong("the last stamp wins", answer=lambda y, w, s: stamping(y, w, s, add=False))
check(summed)
answer(summed, buggy_stamping)


def nearest_even(w):
    sums = phase_sums(w)
    return w - np.tile((sums - sums.mean()) / 4, (2, 2))


@claim(
    "11.E3",
    "shift every phase: w - (its sum - the mean sum) / 4",
    source="compare Aitken et al. 2017",
    tolerance=1e-12,
    measure="absolute",
)
def no_checkerboard(answer=nearest_even):
    """Compare with the projection on kernels of equal phase sums, by `pinv`."""
    impulses = np.eye(16).reshape(16, 4, 4)
    sums = np.array([phase_sums(e).ravel() for e in impulses]).T
    differences = sums - sums.mean(0)
    removed = np.linalg.pinv(differences) @ differences @ w4.ravel()
    return answer(w4).ravel(), w4.ravel() - removed


no_checkerboard.wrong(
    "every phase the same: flat, but far",
    answer=lambda w: np.repeat(np.repeat(w[::2, ::2], 2, 0), 2, 1),
)
no_checkerboard.wrong("the mean subtracted", answer=lambda w: w - w.mean())
check(no_checkerboard)
answer(no_checkerboard, evened)

# %% [markdown]
# ## Sources
#
# * V. Dumoulin, F. Visin, *A guide to convolution arithmetic for deep learning*, 2016.
# * A. Odena, V. Dumoulin, C. Olah, *Deconvolution and checkerboard artifacts*,
#   Distill 2016.
# * A. Aitken et al., *Checkerboard artifact free sub-pixel convolution*, 2017: kernels
#   with equal phases ("ICNR").
# * J. Claerbout, *Earth soundings analysis*, 1992: the dot-product test.

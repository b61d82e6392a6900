"""Convolution as seven loops: a reference that is slow and simple enough to be right.

Sizes are counted here, not taken from the library's formulas.
"""

import numpy as np


def padding_sides(padding, size, kernel, stride, dilation):
    """((top, bottom), (left, right)) of any form of padding that the library accepts."""
    if padding == "valid":
        return (0, 0), (0, 0)
    if isinstance(padding, int):
        return (padding, padding), (padding, padding)
    if padding != "same":
        return padding
    sides = []
    for n, k, s, d in zip(size, kernel, stride, dilation, strict=True):
        positions = len(range(0, n, s))  # ceil(n / s)
        covered = (positions - 1) * s + (k - 1) * d + 1
        missing = max(covered - n, 0)
        sides.append((missing // 2, missing - missing // 2))
    return tuple(sides)


def pair(value):
    return value if isinstance(value, tuple) else (value, value)


def positions(size, kernel, stride, pads, dilation):
    """Number of places along one axis at which the kernel fits, counted one by one."""
    count = 0
    while count * stride + (kernel - 1) * dilation < size + sum(pads):
        count += 1
    return count


def taps(n, size, kernel, output, c_in, c_out, stride, pads, dilation, groups):
    """Every (index of x, index of w, index of y) whose product the trilinear form sums: seven loops."""
    (h, w), (kh, kw), (oh, ow), (sh, sw), (dh, dw) = size, kernel, output, stride, dilation
    (top, _), (left, _) = pads
    per_in, per_out = c_in // groups, c_out // groups
    for b in range(n):
        for p in range(oh):
            for q in range(ow):
                for i in range(kh):
                    for j in range(kw):
                        row, column = p * sh + i * dh - top, q * sw + j * dw - left
                        if not (0 <= row < h and 0 <= column < w):
                            continue
                        for o in range(c_out):
                            first = (o // per_out) * per_in
                            for c in range(per_in):
                                yield (b, row, column, first + c), (i, j, c, o), (b, p, q, o)


def conv2d(x, w, *, stride=1, padding=0, dilation=1, groups=1):
    stride, dilation = pair(stride), pair(dilation)
    size, kernel = x.shape[1:3], w.shape[:2]
    pads = padding_sides(padding, size, kernel, stride, dilation)
    output = tuple(map(positions, size, kernel, stride, pads, dilation))
    y = np.zeros((x.shape[0], *output, w.shape[3]), np.result_type(x, w))
    for a, b, c in taps(x.shape[0], size, kernel, output, x.shape[3], w.shape[3], stride, pads, dilation, groups):
        y[c] += x[a] * w[b]
    return y


def conv_transpose2d(y, w, *, stride=1, padding=0, output_padding=0, dilation=1, groups=1):
    stride, dilation, extra = pair(stride), pair(dilation), pair(output_padding)
    output, kernel = y.shape[1:3], w.shape[:2]
    if padding == "same":
        size = tuple(n * s for n, s in zip(output, stride, strict=True))
        pads = padding_sides("same", size, kernel, stride, dilation)
    else:
        pads = padding_sides(padding, None, kernel, stride, dilation)
        sizes = zip(output, kernel, stride, pads, dilation, extra, strict=True)
        size = tuple((n - 1) * s + (k - 1) * d + 1 - sum(p) + e for n, k, s, p, d, e in sizes)
    c_in = w.shape[2] * groups
    x = np.zeros((y.shape[0], *size, c_in), np.result_type(y, w))
    for a, b, c in taps(y.shape[0], size, kernel, output, c_in, w.shape[3], stride, pads, dilation, groups):
        x[a] += y[c] * w[b]
    return x


def conv2d_weight(x, y, kernel, *, stride=1, padding=0, dilation=1, groups=1):
    stride, dilation = pair(stride), pair(dilation)
    size, output = x.shape[1:3], y.shape[1:3]
    pads = padding_sides(padding, size, kernel, stride, dilation)
    w = np.zeros((*kernel, x.shape[3] // groups, y.shape[3]), np.result_type(x, y))
    for a, b, c in taps(x.shape[0], size, kernel, output, x.shape[3], y.shape[3], stride, pads, dilation, groups):
        w[b] += x[a] * y[c]
    return w

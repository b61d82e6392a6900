"""The complex step: a derivative without a difference.

    f(x + i h v) = f(x) + i h f'(x) v - h^2 f''(x) v^2 / 2 - ...     so     Im f(x + i h v) / h = f'(x) v - O(h^2)

Nothing is subtracted, so nothing cancels, and h can be so small that h^2 vanishes: the result is exact to round-off.
It holds for analytic code only: comparisons must look at the real part, and nothing may conjugate or take a modulus.

Source: W. Squire and G. Trapp, Using complex variables to estimate derivatives of real functions, SIAM Review 40
(1998).
"""

import warnings

import numpy as np

from .arguments import on_line


def complex_step(f, x, v, h=1e-30):
    """The directional derivative of f at x along v: an array in the shape of f(x), a list of them for several outputs.

    x, v: one array or Tensor each, or sequences of them.  f gets complex128 arrays where x holds arrays, and Tensors
        with requires_grad=True where it holds Tensors, so that f may itself call `mg.grad`:
        `complex_step(lambda x: mg.grad(f(x), [x])[0], x, v)` is H v, and the same of a second derivative is of order 3.
    h: small enough that h^2 is nothing beside 1, large enough that h v is not denormal.

    TypeError if f returned something real: an operation dropped the imaginary part, and with it the derivative.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("error", np.exceptions.ComplexWarning)
        try:
            outputs = on_line(f, x, v)(h * 1j)
        except np.exceptions.ComplexWarning as error:
            raise TypeError(
                "complex_step: f casts a complex array to real values, and drops the derivative with it"
            ) from error
    for j, y in enumerate(outputs):
        if y.dtype.kind != "c":
            raise TypeError(
                f"complex_step: output {j} of f is {y.dtype}, not complex: some operation is not analytic (abs, .real, "
                "a comparison as a number, a cast to float), or f does not depend on x"
            )
    found = [y.imag / h for y in outputs]
    return found[0] if len(found) == 1 else found

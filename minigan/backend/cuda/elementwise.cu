// One number in, one number out.
#include "kernels.cuh"

// out (rows, columns) = activation(x + bias), size = rows * columns; no bias if it is null.  out may be x.
KERNEL(bias_activation)(const REAL *x, const REAL *__restrict__ bias, REAL *out, long long size, long long columns,
                        long long activation, double slope) {
    EACH_IN_COLUMN(i, c, size, columns) out[i] = activate(bias ? x[i] + bias[c] : x[i], activation, REAL(slope));
}

// g times the derivative of the activation, in terms of its output.  dx may be g.
KERNEL(activation_gradient)(const REAL *g, const REAL *__restrict__ out, REAL *dx, long long size,
                            long long activation, double slope) {
    const REAL below = activation == LEAKY_RELU ? REAL(slope) : REAL(0);
    EACH(i, size) {
        const REAL y = out[i];
        const REAL factor = activation == IDENTITY ? REAL(1)
                            : activation == TANH   ? 1 - y * y
                            : y > 0                ? REAL(1)
                                                   : below;
        dx[i] = g[i] * factor;
    }
}

// out = x where mask, slope * x elsewhere: the derivative of leaky ReLU to every order.  out may be x.
KERNEL(gate)(const REAL *x, const bool *__restrict__ mask, REAL *out, long long size, double slope) {
    EACH(i, size) out[i] = x[i] * (mask[i] ? REAL(1) : REAL(slope));
}

// log(1 + e^x) = max(x, 0) + log(1 + e^-|x|): no overflow.
KERNEL(softplus)(const REAL *x, REAL *out, long long size) {
    EACH(i, size) out[i] = (x[i] < 0 ? REAL(0) : x[i]) + log1p(exp(-fabs(x[i])));
}

// 1 / (1 + e^-x), with full relative accuracy on both sides.
KERNEL(sigmoid)(const REAL *x, REAL *out, long long size) {
    EACH(i, size) {
        const REAL e = exp(-fabs(x[i]));
        out[i] = (x[i] < 0 ? e : REAL(1)) / (1 + e);
    }
}

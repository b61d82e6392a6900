// Elementwise functions.
#include "kernels.cuh"

// x where x > 0, slope * x elsewhere, and NaN stays NaN.  With slope = 0 an infinity below 0 is 0, not NaN.
KERNEL(leaky_relu)(const REAL *__restrict__ x, REAL *__restrict__ out, long long size, double slope) {
    EACH(i, size) out[i] = x[i] > 0 ? x[i] : slope > 0 ? REAL(slope) * x[i] : x[i] < 0 ? REAL(0) : x[i];
}

// x where mask > 0, slope * x elsewhere: the derivative of leaky ReLU to every order; mask is its output.
KERNEL(gate)(const REAL *__restrict__ x, const REAL *__restrict__ mask, REAL *__restrict__ out, long long size,
             double slope) {
    EACH(i, size) out[i] = x[i] * (mask[i] > 0 ? REAL(1) : REAL(slope));
}

// x / y, and 0 where y is 0.
KERNEL(quotient)(const REAL *__restrict__ x, const REAL *__restrict__ y, REAL *__restrict__ out, long long size) {
    EACH(i, size) out[i] = y[i] == 0 ? REAL(0) : x[i] / y[i];
}

// (x - center) * (y * factor) with one number y.
KERNEL(scaled)(const REAL *__restrict__ x, const REAL *__restrict__ y, REAL *__restrict__ out, long long size,
               double factor, double center) {
    EACH(i, size) out[i] = (x[i] - REAL(center)) * (*y * REAL(factor));
}

// e * x + (1 - e) * y, with one e for every `length` elements.
KERNEL(between)(const REAL *__restrict__ e, const REAL *__restrict__ x, const REAL *__restrict__ y,
                REAL *__restrict__ out, long long size, long long length) {
    EACH(i, size) {
        const REAL own = e[i / length];
        out[i] = own * x[i] + (1 - own) * y[i];
    }
}

// log(1 + e^x) = max(x, 0) + log(1 + e^-|x|): no overflow.
KERNEL(softplus)(const REAL *__restrict__ x, REAL *__restrict__ out, long long size) {
    EACH(i, size) out[i] = (x[i] < 0 ? REAL(0) : x[i]) + log1p(exp(-fabs(x[i])));
}

// 1 / (1 + e^-x), with full relative accuracy on both sides.
KERNEL(sigmoid)(const REAL *__restrict__ x, REAL *__restrict__ out, long long size) {
    EACH(i, size) {
        const REAL e = exp(-fabs(x[i]));
        out[i] = (x[i] < 0 ? e : REAL(1)) / (1 + e);
    }
}

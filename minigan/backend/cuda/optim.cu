// Updates of flat buffers that hold all parameters of a network.  What changes between steps, the count and the
// hyper-parameters, lies on the device, where a captured graph reads it anew.
#include "kernels.cuh"

// One thread counts the step and works out in double what Adam's formula needs of it:
// numbers = lr, beta1, beta2, eps; coefficients = 1 - beta1, beta1, 1 - beta2, beta2, eps', lr' (see adam).
KERNEL(adam_coefficients)(const double *numbers, long long *steps, REAL *coefficients) {
    if (blockIdx.x || threadIdx.x) return;
    const double lr = numbers[0], beta1 = numbers[1], beta2 = numbers[2], eps = numbers[3], t = double(++*steps);
    const double m_scale = 1 - pow(beta1, t), v_root = sqrt(1 - pow(beta2, t));
    coefficients[0] = REAL(1 - beta1);
    coefficients[1] = REAL(beta1);
    coefficients[2] = REAL(1 - beta2);
    coefficients[3] = REAL(beta2);
    coefficients[4] = REAL(eps * v_root);
    coefficients[5] = REAL(lr * v_root / m_scale);
}

// Adam (Kingma and Ba 2015, algorithm 1), with PyTorch's placement of eps; both bias corrections are in eps' and lr':
// m <- beta1 m + (1 - beta1) g,  v <- beta2 v + (1 - beta2) g^2,  p -= lr' m / (sqrt(v) + eps').
KERNEL(adam)(REAL *__restrict__ p, const REAL *__restrict__ g, REAL *__restrict__ m, REAL *__restrict__ v,
             const REAL *__restrict__ coefficients, long long size) {
    EACH(i, size) {
        m[i] = m[i] * coefficients[1] + g[i] * coefficients[0];
        v[i] = v[i] * coefficients[3] + g[i] * g[i] * coefficients[2];
        p[i] -= m[i] / (sqrt(v[i]) + coefficients[4]) * coefficients[5];
    }
}

// One thread counts the update t; weight = 1 - min(decay, (1 + t) / (10 + t)).
KERNEL(ema_weight)(const double *decay, long long *updates, REAL *weight) {
    if (blockIdx.x || threadIdx.x) return;
    const double t = double(++*updates), early = (1 + t) / (10 + t);
    *weight = REAL(1 - (*decay < early ? *decay : early));
}

// average += weight * (value - average).
KERNEL(ema)(REAL *__restrict__ average, const REAL *__restrict__ value, const REAL *__restrict__ weight,
            long long size) {
    EACH(i, size) average[i] += *weight * (value[i] - average[i]);
}

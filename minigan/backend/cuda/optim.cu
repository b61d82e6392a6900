// Updates of parameters in place.  Scalars come from the host and are rounded to REAL, as CuPy rounds Python numbers.
#include "kernels.cuh"

// Adam (Kingma and Ba 2015, algorithm 1); both bias corrections are in eps and lr, see minigan.optim.Adam:
// m <- beta1 m + (1 - beta1) g,  v <- beta2 v + (1 - beta2) g^2,  p -= lr m / (sqrt(v) + eps).
KERNEL(adam)(REAL *__restrict__ p, const REAL *__restrict__ g, REAL *__restrict__ m, REAL *__restrict__ v,
             long long size, double new1, double beta1, double new2, double beta2, double eps, double lr) {
    EACH(i, size) {
        m[i] = m[i] * REAL(beta1) + g[i] * REAL(new1);
        v[i] = v[i] * REAL(beta2) + g[i] * g[i] * REAL(new2);
        p[i] -= m[i] / (sqrt(v[i]) + REAL(eps)) * REAL(lr);
    }
}

// average += weight * (value - average).
KERNEL(approach)(REAL *__restrict__ average, const REAL *__restrict__ value, long long size, double weight) {
    EACH(i, size) average[i] += REAL(weight) * (value[i] - average[i]);
}

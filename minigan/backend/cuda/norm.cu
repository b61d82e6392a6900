// Batch normalisation of a matrix x (rows, columns) over its rows; the means are column_sums with divisor = rows.
// Source: Ioffe and Szegedy 2015, algorithm 1.  And Euclidean norms.
#include "kernels.cuh"

struct Pair {
    REAL a, b;
};

static __device__ Pair operator+(Pair p, Pair q) { return {p.a + q.a, p.b + q.b}; }

// Second pass: out[s] = the sum of (x - mean)^2 over slab s = blockIdx.y of the rows, divided by `divisor`.
KERNEL(squared_deviations)(const REAL *__restrict__ x, const REAL *__restrict__ mean, REAL *__restrict__ out,
                           long long rows, long long columns, double divisor) {
    sum_columns<REAL>(
        rows, columns, [=](long long i, long long c) { return (x[i] - mean[c]) * (x[i] - mean[c]); },
        [=](long long slab, long long c, REAL sum) { out[slab * columns + c] = sum / REAL(divisor); });
}

// 1 / sqrt(variance + eps): computed for every element, since a launch for the columns would take longer.
static __device__ REAL inverse(REAL variance, double eps) { return 1 / sqrt(variance + REAL(eps)); }

// out = (x - mean) * inverse(variance) * gamma + beta, size = rows * columns.
KERNEL(normalize)(const REAL *__restrict__ x, const REAL *__restrict__ gamma, const REAL *__restrict__ beta,
                  const REAL *__restrict__ mean, const REAL *__restrict__ variance, REAL *__restrict__ out,
                  long long size, long long columns, double eps) {
    EACH_IN_COLUMN(i, c, size, columns) out[i] = (x[i] - mean[c]) * inverse(variance[c], eps) * gamma[c] + beta[c];
}

// sums (slabs, 2, columns): the sum of g, which is d beta, and the sum of g * (x - mean) * inverse, which is d gamma.
// column_sums adds several slabs, as a matrix (slabs, 2 * columns).
KERNEL(normalize_sums)(const REAL *__restrict__ g, const REAL *__restrict__ x, const REAL *__restrict__ mean,
                       const REAL *__restrict__ variance, double eps, REAL *__restrict__ sums, long long rows,
                       long long columns) {
    sum_columns<Pair>(
        rows, columns,
        [=](long long i, long long c) { return Pair{g[i], g[i] * ((x[i] - mean[c]) * inverse(variance[c], eps))}; },
        [=](long long slab, long long c, Pair sum) {
            sums[2 * slab * columns + c] = sum.a;
            sums[(2 * slab + 1) * columns + c] = sum.b;
        });
}

// dx = gamma * inv * (g - (d beta + normal * d gamma) / rows) from sums (2, columns), where inv = inverse(variance) and
// normal = (x - mean) * inv.
KERNEL(normalize_gradient)(const REAL *__restrict__ g, const REAL *__restrict__ x, const REAL *__restrict__ gamma,
                           const REAL *__restrict__ mean, const REAL *__restrict__ variance,
                           const REAL *__restrict__ sums, REAL *__restrict__ dx, long long rows, long long columns,
                           double eps) {
    const REAL share = 1 / REAL(rows);
    EACH_IN_COLUMN(i, c, rows * columns, columns) {
        const REAL inv = inverse(variance[c], eps), normal = (x[i] - mean[c]) * inv;
        dx[i] = gamma[c] * inv * (g[i] - (sums[c] + normal * sums[columns + c]) * share);
    }
}

// running += momentum * (newest - running) for both statistics of a layer; `correction` makes the variance unbiased.
KERNEL(track)(REAL *__restrict__ running_mean, REAL *__restrict__ running_var, const REAL *__restrict__ mean,
              const REAL *__restrict__ variance, long long size, double correction, double momentum) {
    EACH(i, size) {
        running_mean[i] += REAL(momentum) * (mean[i] - running_mean[i]);
        running_var[i] += REAL(momentum) * (variance[i] * REAL(correction) - running_var[i]);
    }
}

// out[s] = the sum of (x - center)^2 over slab s = blockIdx.y of the rows of x, divided by `divisor`; as column_sums.
KERNEL(column_squares)(const REAL *__restrict__ x, double center, REAL *__restrict__ out, long long rows,
                       long long columns, double divisor) {
    const REAL from = REAL(center);
    sum_columns<REAL>(
        rows, columns, [=](long long i, long long) { return (x[i] - from) * (x[i] - from); },
        [=](long long slab, long long c, REAL sum) { out[slab * columns + c] = sum / REAL(divisor); });
}

// out[r] = the Euclidean norm of row r of x (rows, columns), by blocks of threads along y.
KERNEL(row_norms)(const REAL *__restrict__ x, REAL *__restrict__ out, long long rows, long long columns) {
    for (long long r = blockIdx.x; r < rows; r += gridDim.x) {
        REAL sum = 0;
        for (long long c = threadIdx.y; c < columns; c += blockDim.y) sum += x[r * columns + c] * x[r * columns + c];
        sum = sum_over_y(sum);
        if (threadIdx.y == 0) out[r] = sqrt(sum);
    }
}

// Sums without atomics: the order of the additions follows from the launch alone.
#include "kernels.cuh"

// out[s] = the sum of slab s = blockIdx.y of the rows of x (rows, columns), divided by `divisor`.  With many rows,
// launch many slabs and sum out (slabs, columns) by a second launch with one.
KERNEL(column_sums)(const REAL *__restrict__ x, REAL *__restrict__ out, long long rows, long long columns,
                    double divisor) {
    sum_columns<REAL>(
        rows, columns, [=](long long i, long long) { return x[i]; },
        [=](long long slab, long long c, REAL sum) { out[slab * columns + c] = sum / REAL(divisor); });
}

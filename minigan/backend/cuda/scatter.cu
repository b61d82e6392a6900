// Values into elements that an index names; where it may name one more than once, sums without atomics: the same bits
// every time.
#include "kernels.cuh"

// out[index[i]] += x[i] for all i below `size`; `order` is the stable argsort of `index`.  The thread of the first of
// several equal indices adds the values of all of them: as many threads work as there are different indices.
KERNEL(add_at)(REAL *__restrict__ out, const long long *__restrict__ index, const long long *__restrict__ order,
               const REAL *__restrict__ x, long long size) {
    EACH(i, size) {
        const long long place = index[order[i]];
        if (i > 0 && index[order[i - 1]] == place) continue;
        REAL sum = out[place];
        for (long long j = i; j < size && index[order[j]] == place; ++j) sum += x[order[j]];
        out[place] = sum;
    }
}

// out = 0 except for `length` elements from `first` on, which are those of x, one every `step`: 0 repeats a single one.
KERNEL(placed)(const REAL *__restrict__ x, REAL *__restrict__ out, long long size, long long first, long long length,
               long long step) {
    EACH(i, size) out[i] = i < first || i - first >= length ? REAL(0) : x[(i - first) * step];
}

// The elements of x, and behind them those of y.
KERNEL(joined)(const REAL *__restrict__ x, const REAL *__restrict__ y, REAL *__restrict__ out, long long first,
               long long size) {
    EACH(i, size) out[i] = i < first ? x[i] : y[i - first];
}

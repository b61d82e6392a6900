// Updates of parameters in place, of many arrays in one launch, and the sums of squares of many gradients.
//
// Numbers that change from step to step are read from `moved` if it is not null, since a CUDA graph repeats the numbers
// of its recording; they are rounded to REAL, as CuPy rounds Python numbers.  Where `finite` is not null and points to
// 0, a launch changes nothing.
#include "kernels.cuh"

#define MOST 48    // arrays in a launch, so that Arrays fits into the parameters of a kernel, which have 4 KiB
#define PART 2048  // elements of an array that a block of threads takes at a time

struct Arrays {
    long long count;
    long long ends[MOST];     // the number of parts in this array and in those before it
    long long sizes[MOST];    // of the arrays, in elements
    REAL *columns[4][MOST];  // addresses; what the columns are depends on the kernel
};

// update(array, i) for the elements i of every part of every array.  A part belongs to one block.
template <typename Update, typename Finish>
static __device__ void each_part(const Arrays &arrays, Update update, Finish finish) {
    const unsigned thread = threadIdx.y * blockDim.x + threadIdx.x, threads = blockDim.x * blockDim.y;
    int array = 0;
    for (long long part = blockIdx.x; part < arrays.ends[arrays.count - 1]; part += gridDim.x) {
        while (part >= arrays.ends[array]) ++array;
        const long long start = (part - (array ? arrays.ends[array - 1] : 0)) * PART, size = arrays.sizes[array];
        const long long end = start + PART < size ? start + PART : size;
        for (long long i = start + thread; i < end; i += threads) update(array, i);
        finish(part);
    }
}

static __device__ void nothing(long long) {}

struct Adam {
    double new1, beta1, new2, beta2, eps, lr;
};

// Adam (Kingma and Ba 2015, algorithm 1); both bias corrections are in eps and lr, see minigan.optim.Adam:
// m <- beta1 m + (1 - beta1) g,  v <- beta2 v + (1 - beta2) g^2,  p -= lr m / (sqrt(v) + eps).
KERNEL(adam)(Arrays pgmv, Adam given, const Adam *__restrict__ moved, const int *__restrict__ finite) {
    if (finite && !*finite) return;
    const Adam n = moved ? *moved : given;
    const REAL new1 = REAL(n.new1), beta1 = REAL(n.beta1), new2 = REAL(n.new2), beta2 = REAL(n.beta2);
    const REAL eps = REAL(n.eps), lr = REAL(n.lr);
    each_part(pgmv, [&](int k, long long i) {
        const REAL g = pgmv.columns[1][k][i];
        const REAL m = pgmv.columns[2][k][i] * beta1 + g * new1, v = pgmv.columns[3][k][i] * beta2 + g * g * new2;
        pgmv.columns[2][k][i] = m;
        pgmv.columns[3][k][i] = v;
        pgmv.columns[0][k][i] -= m / (sqrt(v) + eps) * lr;
    }, nothing);
}

struct Rmsprop {
    double alpha, fresh, eps, lr;  // fresh = 1 - alpha
};

// v <- alpha v + (1 - alpha) g^2,  p -= lr g / (sqrt(v) + eps) (Tieleman and Hinton 2012).
KERNEL(rmsprop)(Arrays pgv, Rmsprop given, const Rmsprop *__restrict__ moved, const int *__restrict__ finite) {
    if (finite && !*finite) return;
    const Rmsprop n = moved ? *moved : given;
    each_part(pgv, [&](int k, long long i) {
        const REAL g = pgv.columns[1][k][i], v = pgv.columns[2][k][i] * REAL(n.alpha) + g * g * REAL(n.fresh);
        pgv.columns[2][k][i] = v;
        pgv.columns[0][k][i] -= g / (sqrt(v) + REAL(n.eps)) * REAL(n.lr);
    }, nothing);
}

struct Sgd {
    double momentum, lr;
};

// b <- momentum b + g,  p -= lr b.
KERNEL(sgd)(Arrays pgb, Sgd given, const Sgd *__restrict__ moved, const int *__restrict__ finite) {
    if (finite && !*finite) return;
    const Sgd n = moved ? *moved : given;
    each_part(pgb, [&](int k, long long i) {
        const REAL b = pgb.columns[2][k][i] * REAL(n.momentum) + pgb.columns[1][k][i];
        pgb.columns[2][k][i] = b;
        pgb.columns[0][k][i] -= REAL(n.lr) * b;
    }, nothing);
}

struct Weight {
    double weight;
};

// average += weight * (value - average).
KERNEL(approach)(Arrays averages_values, Weight given, const Weight *__restrict__ moved,
                 const int *__restrict__ finite) {
    if (finite && !*finite) return;
    const REAL weight = REAL((moved ? *moved : given).weight);
    each_part(averages_values, [&](int k, long long i) {
        REAL *average = averages_values.columns[0][k];
        average[i] += weight * (averages_values.columns[1][k][i] - average[i]);
    }, nothing);
}

// sums[part] = the sum of the squares of the part.
KERNEL(square_parts)(Arrays x, double *__restrict__ sums) {
    double sum = 0;
    each_part(x, [&](int k, long long i) { sum += double(x.columns[0][k][i]) * double(x.columns[0][k][i]); },
              [&](long long part) {
                  const double total = sum_over_y(sum);
                  if (threadIdx.y == 0) sums[part] = total;
                  sum = 0;
              });
}

// squares[k] = the sum of the parts of array k = blockIdx.x.
KERNEL(array_sums)(Arrays x, const double *__restrict__ parts, double *__restrict__ squares) {
    for (long long k = blockIdx.x; k < x.count; k += gridDim.x) {
        double sum = 0;
        for (long long part = (k ? x.ends[k - 1] : 0) + threadIdx.y; part < x.ends[k]; part += blockDim.y)
            sum += parts[part];
        sum = sum_over_y(sum);
        if (threadIdx.y == 0) squares[k] = sum;
    }
}

static __device__ double total_of(const double *squares, long long count) {
    double total = 0;
    for (long long k = 0; k < count; ++k) total += squares[k];
    return total;
}

// One thread.
KERNEL(total)(const double *__restrict__ squares, double *__restrict__ out, long long count) {
    *out = total_of(squares, count);
}

#define TERMS 8  // of a loss, at most

struct Terms {
    long long count;
    const REAL *values[TERMS];
};

// The record of a step, by one thread: row = (sum of squares, whether all is finite, TERMS terms, count squares).
// If something is not finite, *finite becomes 0 and stays so.
KERNEL(judge)(Terms terms, const double *__restrict__ squares, long long count, double *__restrict__ rows,
              long long given, const long long *__restrict__ moved, int *__restrict__ finite) {
    double *row = rows + (moved ? *moved : given) * (2 + TERMS + count);
    row[0] = total_of(squares, count);
    bool good = row[0] - row[0] == 0;
    for (int k = 0; k < TERMS; ++k) {
        row[2 + k] = k < terms.count ? double(*terms.values[k]) : 0;
        good = good && row[2 + k] - row[2 + k] == 0;
    }
    row[1] = good;
    for (long long k = 0; k < count; ++k) row[2 + TERMS + k] = squares[k];
    if (!good) *finite = 0;
}

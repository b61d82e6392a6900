// Common header of all kernels.  It is compiled by NVRTC (which has no host headers), by nvcc, and by g++ in the tests.
//
// REAL is the type of the numbers, float unless -DREAL=double, and part of every name: KERNEL(adam) is adam_float.
// Numbers among the arguments are long long or double, because CuPy passes Python's int and float as these; sizes count
// elements.  Arrays are in C order and channels are the last axis, so that neighbouring threads touch neighbouring
// addresses.  A launch has any number of blocks, of at most BLOCK threads: every loop strides over the whole grid.
#ifndef MINIGAN_KERNELS
#define MINIGAN_KERNELS

#ifndef REAL
#define REAL float
#endif

#define BLOCK 256
// A multiprocessor has room for this many blocks at least, of 64 registers a thread.  Without the number, the compiler
// saves registers for more blocks by making loads wait for one another, or by spilling numbers to memory.
#define BLOCKS_AT_ONCE 4

#define NAME_OF(name, type) name##_##type
#define NAME(name, type) NAME_OF(name, type)
#define PLAIN_KERNEL(name) extern "C" __global__ void __launch_bounds__(BLOCK, BLOCKS_AT_ONCE) name
#define KERNEL(name) PLAIN_KERNEL(NAME(name, REAL))

// Loop over every i below `size`, each in one thread of a one-dimensional grid; EACH_AS counts in a type of its own.
#define EACH(i, size) EACH_AS(long long, i, size)
#define EACH_AS(type, i, size)                                                                      \
    for (type i = (type)(blockIdx.x * (long long)blockDim.x + threadIdx.x), i##_end = (type)(size), \
              i##_step = (type)(gridDim.x * (long long)blockDim.x);                                 \
         i < i##_end; i += i##_step)

// The same loop over a matrix with `columns` columns, where c is the column of i: one division for each thread, not for
// each element.
#define EACH_IN_COLUMN(i, c, size, columns)                                                      \
    for (long long i = blockIdx.x * (long long)blockDim.x + threadIdx.x, i##_end = (size),       \
                   i##_step = gridDim.x * (long long)blockDim.x, c = i % (columns),              \
                   c##_step = i##_step % (columns);                                              \
         i < i##_end; i += i##_step, c += c##_step - (c + c##_step < (columns) ? 0 : (columns)))

// A number that many others are divided by.  An int n >= 0 is divided by a multiplication; columns.py finds its factor.
struct Divider {
    int divisor;
    unsigned multiplier, shift;

    __device__ operator int() const { return divisor; }
    friend __device__ int operator/(int n, const Divider &d) {
        return int((unsigned long long)unsigned(n) * d.multiplier >> d.shift);
    }
    friend __device__ int operator%(int n, const Divider &d) { return n - n / d * d.divisor; }
    friend __device__ long long operator/(long long n, const Divider &d) { return n / d.divisor; }
};

// The sum of `value` over threadIdx.y, for each threadIdx.x, by a tree whose shape depends on blockDim.y only.
// All threads of the block must call it; those with threadIdx.y == 0 get the sum.
template <typename Value>
static __device__ Value sum_over_y(Value value) {
    __shared__ Value tile[BLOCK];
    const unsigned me = threadIdx.y * blockDim.x + threadIdx.x;
    tile[me] = value;
    for (unsigned rows = blockDim.y; rows > 1;) {
        const unsigned half = (rows + 1) / 2;
        __syncthreads();
        if (threadIdx.y + half < rows) tile[me] = value = value + tile[me + half * blockDim.x];
        rows = half;
    }
    __syncthreads();  // the next call writes into the same tile
    return value;
}

// store(slab, column, sum of value(i, column) over the slab's rows), i running over a matrix (rows, columns).
// blockIdx.x and threadIdx.x stride over the columns, threadIdx.y and the slabs blockIdx.y over pairs of rows, one of
// each half, so that terms that cancel between the halves (real and generated samples) cancel to exactly 0.  The last
// of an odd number of rows is added by one thread.
// Four pairs are added at a time: their eight loads do not wait for one another, nor for a branch.
template <typename Value, typename Function, typename Store>
static __device__ void sum_columns(long long rows, long long columns, Function value, Store store) {
    const long long half = rows / 2 * columns, width = blockDim.x;
    const long long start = blockIdx.y * (long long)blockDim.y + threadIdx.y;
    const long long step = gridDim.y * (long long)blockDim.y * columns;
    for (long long first = blockIdx.x * width; first < columns; first += gridDim.x * width) {
        const long long c = first + threadIdx.x;
        const auto pair = [=](long long i) { return value(i, c) + value(half + i, c); };
        Value sum = {};
        if (c < columns) {
            long long i = start * columns + c;
            for (; i + 3 * step < half; i += 4 * step)
                sum = sum + ((pair(i) + pair(i + step)) + (pair(i + 2 * step) + pair(i + 3 * step)));
            for (; i < half; i += step) sum = sum + pair(i);
            if (rows % 2 && start == 0) sum = sum + value(2 * half + c, c);
        }
        sum = sum_over_y(sum);
        if (threadIdx.y == 0 && c < columns) store(blockIdx.y, c, sum);
    }
}

#endif

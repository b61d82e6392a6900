// What the emulator must notice, and what it must let pass.
#include "kernels.cuh"

// out[i] = x[size - 1 - i] by way of shared memory; a block of `size` threads.
template <typename Barrier>
static __device__ void reversed(const float *x, float *out, long long size, Barrier barrier) {
    __shared__ float tile[BLOCK];
    tile[threadIdx.x] = x[threadIdx.x];
    barrier();
    out[threadIdx.x] = tile[size - 1 - threadIdx.x];
}

PLAIN_KERNEL(reverse)(const float *x, float *out, long long size) {
    reversed(x, out, size, [] { __syncthreads(); });
}

PLAIN_KERNEL(reverse_without_a_barrier)(const float *x, float *out, long long size) {
    reversed(x, out, size, [] {});
}

PLAIN_KERNEL(a_barrier_for_some)(const float *x, float *out, long long size) {
    reversed(x, out, size, [] {
        if (threadIdx.x) __syncthreads();
    });
}

PLAIN_KERNEL(two_barriers_at_once)(const float *x, float *out, long long size) {
    reversed(x, out, size, [] {
        if (threadIdx.x)
            __syncthreads();
        else
            __syncthreads();
    });
}

// out[k] = (k + 1) * the sum of x; the barrier before the tile is filled again is missing.
PLAIN_KERNEL(refills_its_tile_too_soon)(const float *x, float *out, long long size) {
    __shared__ float tile[BLOCK];
    for (long long k = 0; k < size; ++k) {
        tile[threadIdx.x] = x[threadIdx.x] * float(k + 1);
        __syncthreads();
        if (threadIdx.x == 0) {
            out[k] = 0;
            for (unsigned i = 0; i < blockDim.x; ++i) out[k] += tile[i];
        }
    }
}

PLAIN_KERNEL(warp_sums)(const float *x, float *out, long long size) {
    float sum = threadIdx.x < size ? x[threadIdx.x] : 0;
    for (int distance = 16; distance; distance /= 2) sum += __shfl_down_sync(~0u, sum, distance);
    if (threadIdx.x % 32 == 0) out[threadIdx.x / 32] = sum;
}

PLAIN_KERNEL(all_write_one_place)(const float *x, float *out, long long size) { EACH(i, size) out[0] = x[i]; }

PLAIN_KERNEL(next_block_reads)(const float *x, float *out, long long) {
    out[blockIdx.x] = blockIdx.x ? out[blockIdx.x - 1] + x[blockIdx.x] : x[0];
}

PLAIN_KERNEL(reads_behind_the_end)(const float *x, float *out, long long size) { EACH(i, size) out[i] = x[i + 1]; }

PLAIN_KERNEL(writes_before_the_start)(const float *x, float *out, long long size) { EACH(i, size) out[i - 1] = x[i]; }

PLAIN_KERNEL(reads_shared_memory_unwritten)(const float *x, float *out, long long size) {
    __shared__ float tile[BLOCK];
    EACH(i, size) {
        out[i] = tile[i % BLOCK];
        tile[i % BLOCK] = x[i];
    }
}

PLAIN_KERNEL(shares_too_little)(const float *x, float *out, long long size) {
    __shared__ float tile[4];
    EACH(i, size) out[i] = tile[threadIdx.x] = x[i];
}

PLAIN_KERNEL(overflows_an_int)(const float *x, float *out, long long size) {
    EACH(i, size) out[i] = x[(int(i) + 2147483647) % size];
}

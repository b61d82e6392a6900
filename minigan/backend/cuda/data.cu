// From a data set that lies on the device as bytes to a batch of numbers.
#include "kernels.cuh"

// out[r] = data[index[r]] / divisor + shift, for `rows` samples of `size` bytes; blockIdx.y strides over the samples.
// divisor = 127.5 and shift = -1 give pixels from -1 to 1, with the bits of minigan.data.scale: a quotient, unlike a
// product, is never fused with the sum.
KERNEL(gather_uint8)(const unsigned char *__restrict__ data, const long long *__restrict__ index,
                     REAL *__restrict__ out, long long rows, long long size, double divisor, double shift) {
    for (long long r = blockIdx.y; r < rows; r += gridDim.y) {
        const unsigned char *sample = data + index[r] * size;
        EACH(i, size) out[r * size + i] = REAL(sample[i]) / REAL(divisor) + REAL(shift);
    }
}

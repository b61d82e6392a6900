// Conversion to floating point of a data set that lies on the device as bytes.
#include "kernels.cuh"

// Pixels from 0 to 255 as numbers from -1 to 1, with the bits of minigan.data.scale: a quotient, unlike a product, is
// never fused with the difference.
PLAIN_KERNEL(scale_pixels)(const unsigned char *__restrict__ pixels, float *__restrict__ out, long long size) {
    EACH(i, size) out[i] = float(pixels[i]) / 127.5f - 1.0f;
}

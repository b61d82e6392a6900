// Single numbers on their way to the device and back.
#include "kernels.cuh"

#define WORDS 64  // in a launch

struct Words {
    unsigned long long x[WORDS];
};

// Numbers of the host that change between the launches of a CUDA graph; they are written to memory before each launch.
PLAIN_KERNEL(place)(unsigned long long *__restrict__ out, Words values, long long size) {
    EACH(i, size) out[i] = values.x[i];
}

#define NUMBERS 32  // in a launch

struct Numbers {
    const float *singles[NUMBERS];  // either of the two is null
    const double *doubles[NUMBERS];
};

// out[i] = the number at the i-th address.
PLAIN_KERNEL(gather)(Numbers numbers, double *__restrict__ out, long long size) {
    EACH(i, size) out[i] = numbers.singles[i] ? double(*numbers.singles[i]) : *numbers.doubles[i];
}

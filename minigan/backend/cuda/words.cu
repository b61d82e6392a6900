// Numbers of the host that change between the launches of a CUDA graph: they are written to memory before each launch.
#include "kernels.cuh"

#define WORDS 64  // in a launch

struct Words {
    unsigned long long x[WORDS];
};

PLAIN_KERNEL(place)(unsigned long long *__restrict__ out, Words values, long long size) {
    EACH(i, size) out[i] = values.x[i];
}

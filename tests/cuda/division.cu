// The division of kernels.cuh by itself.
#include "kernels.cuh"

// quotients[i], remainders[i] = n[i] / divider, n[i] % divider.
PLAIN_KERNEL(divided)(const int *n, int *quotients, int *remainders, long long size, Divider divider) {
    EACH_AS(int, i, size) {
        quotients[i] = n[i] / divider;
        remainders[i] = n[i] % divider;
    }
}

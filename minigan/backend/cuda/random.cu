// Philox4x32-10 and its mapping to values, to the bit as minigan/backend/random.py specifies them.
//
// A draw gets the key, that is the seed, and the number of its first block: counter + *moved, or counter alone if
// `moved` is null.  In a captured graph key and counter are constants, and `moved` lies on the device, where it is
// written before every replay.  A draw uses one block for every 4 elements of uniform_float and normal_float, and for
// every 2 elements of the others, rounded up.
// Source: Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3".
#include "kernels.cuh"

typedef unsigned long long Word;

struct Lanes {
    unsigned x[4];
    __device__ Word word(int j) const { return x[2 * j] | Word(x[2 * j + 1]) << 32; }
};

static __device__ Lanes scramble(Lanes counter, Word key) {
    unsigned x0 = counter.x[0], x1 = counter.x[1], x2 = counter.x[2], x3 = counter.x[3];
    unsigned k0 = unsigned(key), k1 = unsigned(key >> 32);
    for (int round = 0; round < 10; ++round, k0 += 0x9E3779B9u, k1 += 0xBB67AE85u) {
        const Word first = 0xD2511F53ull * x0, second = 0xCD9E8D57ull * x2;
        x0 = unsigned(second >> 32) ^ x1 ^ k0;
        x1 = unsigned(second);
        x2 = unsigned(first >> 32) ^ x3 ^ k1;
        x3 = unsigned(first);
    }
    return {{x0, x1, x2, x3}};
}

// Block b of a draw.
static __device__ Lanes block(long long key, long long counter, const Word *moved, long long b) {
    const Word number = Word(counter) + (moved ? *moved : 0) + Word(b);
    return scramble({{unsigned(number), unsigned(number >> 32), 0, 0}}, Word(key));
}

// The bijection itself, on `blocks` counters of four lanes, for tests with the known answers of its authors.
PLAIN_KERNEL(philox)(const Lanes *__restrict__ counters, Lanes *__restrict__ out, long long blocks, long long key) {
    EACH(b, blocks) out[b] = scramble(counters[b], Word(key));
}

// Uniform on [low, high): out = low + width * u, or the number before high if that is smaller.
PLAIN_KERNEL(uniform_float)(float *__restrict__ out, long long size, long long key, long long counter,
                            const Word *__restrict__ moved, double low, double width, double last) {
    EACH(b, (size + 3) / 4) {
        const Lanes lanes = block(key, counter, moved, b);
        for (int j = 0; j < 4 && 4 * b + j < size; ++j) {
            const float u = float(lanes.x[j] >> 8) * 0x1p-24f;
            out[4 * b + j] = fminf(__fadd_rn(__fmul_rn(u, float(width)), float(low)), float(last));
        }
    }
}

static __device__ double uniform(Word word) { return double(word >> 11) * 0x1p-53; }

PLAIN_KERNEL(uniform_double)(double *__restrict__ out, long long size, long long key, long long counter,
                             const Word *__restrict__ moved, double low, double width, double last) {
    EACH(b, (size + 1) / 2) {
        const Lanes lanes = block(key, counter, moved, b);
        for (int j = 0; j < 2 && 2 * b + j < size; ++j)
            out[2 * b + j] = fmin(__dadd_rn(__dmul_rn(uniform(lanes.word(j)), width), low), last);
    }
}

// Horner's rule, highest power first.  Every operation is rounded: fused products and sums would give other bits than
// the CPU's.
template <int N>
static __device__ float polynomial(float x, const float (&coefficients)[N]) {
    float result = coefficients[0];
    for (int k = 1; k < N; ++k) result = __fadd_rn(__fmul_rn(result, x), coefficients[k]);
    return result;
}

// Natural logarithm of a positive, normal u = 2^e m: 2 artanh((m - 1) / (m + 1)).
static __device__ float log_of(float u) {
    const float coefficients[] = {float(2. / 9), float(2. / 7), float(2. / 5), float(2. / 3), 2.f};
    const int bits = __float_as_int(u), exponent = (bits - 0x3F3504F3) >> 23;  // the bits of sqrt(1/2)
    const float m = __int_as_float(bits - exponent * (1 << 23));
    const float s = __fdiv_rn(__fadd_rn(m, -1.f), __fadd_rn(m, 1.f));
    return __fadd_rn(__fmul_rn(polynomial(__fmul_rn(s, s), coefficients), s),
                     __fmul_rn(float(exponent), float(0.693147180559945309)));
}

// cos(2 pi t) for t = int(turns) / 2^32: sin(2 pi (1/4 - |t|)).
static __device__ float cos_turns(unsigned turns) {
    const float coefficients[] = {float(1. / 6227020800), float(-1. / 39916800), float(1. / 362880), float(-1. / 5040),
                                  float(1. / 120),        float(-1. / 6),        1.f};
    const float t = __fmul_rn(fabsf(float(int(turns))), -0x1p-32f);
    const float angle = __fmul_rn(__fadd_rn(t, .25f), float(6.28318530717958648));
    return __fmul_rn(polynomial(__fmul_rn(angle, angle), coefficients), angle);
}

// Standard normal values by Box and Muller (1958): from each pair of lanes r cos(2 pi t) and r sin(2 pi t).
PLAIN_KERNEL(normal_float)(float *__restrict__ out, long long size, long long key, long long counter,
                           const Word *__restrict__ moved) {
    EACH(b, (size + 3) / 4) {
        const Lanes lanes = block(key, counter, moved, b);
        for (int j = 0; j < 4 && 4 * b + j < size; j += 2) {
            const float u = __fadd_rn(__fmul_rn(float(lanes.x[j]), 0x1p-32f), 0x1p-33f);
            const float r = __fsqrt_rn(__fmul_rn(log_of(u), -2.f));
            const unsigned turns = lanes.x[j + 1];
            out[4 * b + j] = __fmul_rn(r, cos_turns(turns));
            if (4 * b + j + 1 < size) out[4 * b + j + 1] = __fmul_rn(r, cos_turns(turns - (1u << 30)));
        }
    }
}

PLAIN_KERNEL(normal_double)(double *__restrict__ out, long long size, long long key, long long counter,
                            const Word *__restrict__ moved) {
    EACH(b, (size + 1) / 2) {
        const Lanes lanes = block(key, counter, moved, b);
        const double r = sqrt(-2 * log(1 - uniform(lanes.word(0))));
        double sine, cosine;
        sincospi(2 * uniform(lanes.word(1)), &sine, &cosine);
        out[2 * b] = r * cosine;
        if (2 * b + 1 < size) out[2 * b + 1] = r * sine;
    }
}

// low + floor(word * span / 2^64): uniform on low, ..., low + span - 1.
PLAIN_KERNEL(integers)(long long *__restrict__ out, long long size, long long key, long long counter,
                       const Word *__restrict__ moved, long long low, long long span) {
    EACH(b, (size + 1) / 2) {
        const Lanes lanes = block(key, counter, moved, b);
        for (int j = 0; j < 2 && 2 * b + j < size; ++j)
            out[2 * b + j] = (long long)(Word(low) + __umul64hi(lanes.word(j), Word(span)));
    }
}

// The words themselves; the stable order of n of them is a random permutation.
PLAIN_KERNEL(words)(Word *__restrict__ out, long long size, long long key, long long counter,
                    const Word *__restrict__ moved) {
    EACH(b, (size + 1) / 2) {
        const Lanes lanes = block(key, counter, moved, b);
        for (int j = 0; j < 2 && 2 * b + j < size; ++j) out[2 * b + j] = lanes.word(j);
    }
}

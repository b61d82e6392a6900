// What kernels that CuPy generates need beyond `cuda_on_cpu.h`, which minigan's own kernels are content with.
#pragma once
#include <cassert>
#include <cmath>
#include <cstddef>
#include <initializer_list>
#include <tuple>

#include "cuda_on_cpu.h"

inline int __popc(unsigned x) { return __builtin_popcount(x); }
inline int __popcll(unsigned long long x) { return __builtin_popcountll(x); }
inline int __clz(int x) { return x ? __builtin_clz(unsigned(x)) : 32; }
inline int __ffs(int x) { return __builtin_ffs(x); }
inline float rsqrtf(float x) { return 1 / sqrtf(x); }
inline float rsqrt(float x) { return 1 / sqrtf(x); }
inline double rsqrt(double x) { return 1 / sqrt(x); }
template <typename T>
T __ldg(const T *address) {
    return *address;
}

// One thread runs at a time, so that a read and a write are atomic.
template <typename T, typename Update>
T updated(T *address, Update update) {
    const T old = *address;
    *address = update(old);
    return old;
}
template <typename T>
T atomicCAS(T *address, T compare, T value) {
    return updated(address, [=](T old) { return old == compare ? value : old; });
}
#define ATOMIC(name, expression)                                          \
    template <typename T, typename = std::enable_if_t<std::is_arithmetic_v<T>>>                \
    T name(T *address, std::common_type_t<T> value) {                     \
        return updated(address, [=](T old) -> T { return expression; });  \
    }
ATOMIC(atomicAdd, old + value)
ATOMIC(atomicSub, old - value)
ATOMIC(atomicExch, value)
ATOMIC(atomicMax, old > value ? old : value)
ATOMIC(atomicMin, old < value ? old : value)
ATOMIC(atomicAnd, old &value)
ATOMIC(atomicOr, old | value)
ATOMIC(atomicXor, old ^ value)

// CUDA's max and min are for numbers of any two types.
template <typename A, typename B, typename = std::enable_if_t<std::is_arithmetic_v<A> && std::is_arithmetic_v<B>>>
constexpr std::common_type_t<A, B> max(A a, B b) {
    using Common = std::common_type_t<A, B>;
    return Common(a) > Common(b) ? Common(a) : Common(b);
}
template <typename A, typename B, typename = std::enable_if_t<std::is_arithmetic_v<A> && std::is_arithmetic_v<B>>>
constexpr std::common_type_t<A, B> min(A a, B b) {
    using Common = std::common_type_t<A, B>;
    return Common(a) < Common(b) ? Common(a) : Common(b);
}

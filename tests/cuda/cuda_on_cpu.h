// The language of CUDA's kernels, for g++: each kernel becomes a function that one thread runs at a time.
//
// `threads_on_cpu.h` runs the threads of a launch; kernels are compiled without it, which is most of the time saved.
#pragma once
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <type_traits>
#include <utility>

#include "kernel_on_cpu.h"

#define __host__
#define __device__
#define __global__
#define __noinline__ __attribute__((noinline))
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)
#define __align__(bytes) __attribute__((aligned(bytes)))
#define __constant__ static
#define __shared__ static __attribute__((section("shared_memory")))
#define ROUNDED __attribute__((noipa)) inline  // keeps the compiler from fusing it into a multiply-add

struct dim3 {
    unsigned x, y, z;
};
struct alignas(8) float2 {
    float x, y;
};
struct alignas(16) double2 {
    double x, y;
};
struct alignas(16) float4 {
    float x, y, z, w;
};
extern dim3 gridDim, blockDim, blockIdx, threadIdx;

namespace emulator {

// Waits for the other threads of the block, or of the warp; `line` is that of the barrier.
void wait_for_block(int line);
void wait_for_warp(int line);

// Replaces the value by that of another thread of the warp, where there is one, as all its threads call this.
void exchange(void *value, size_t size, size_t other, int line);
size_t thread_in_block();

// The shared memory whose size the launch gives: `extern __shared__` in CUDA.
void *dynamic_shared();

template <typename T>
constexpr Parameter parameter() {
    if (std::is_pointer_v<T>) return {'p', sizeof(T)};
    if (std::is_same_v<T, long long>) return {'q', sizeof(T)};
    if (std::is_same_v<T, double>) return {'d', sizeof(T)};
    return {'s', sizeof(T)};
}

template <auto kernel, typename Function = decltype(kernel)>
struct Described;

template <auto kernel, typename... A>
struct Described<kernel, void (*)(A...)> {
    static constexpr Parameter parameters[] = {parameter<A>()..., {}};

    template <size_t... I>
    static void apply(void **arguments, std::index_sequence<I...>) {
        kernel(*static_cast<std::remove_cv_t<A> *>(arguments[I])...);
    }
    static void call(void **arguments) { apply(arguments, std::index_sequence_for<A...>{}); }
};

}  // namespace emulator

// The bounds of all shared memory of the file, which the linker defines if there is any.
extern char __start_shared_memory[] __attribute__((weak, visibility("hidden")));
extern char __stop_shared_memory[] __attribute__((weak, visibility("hidden")));

namespace emulator {

template <auto kernel>
Kernel described(const char *name, unsigned most_threads = 1024, bool strides = false, bool exits = false) {
    using Its = Described<kernel>;
    constexpr unsigned count = sizeof(Its::parameters) / sizeof(Parameter) - 1;
    const size_t shared = __start_shared_memory ? size_t(__stop_shared_memory - __start_shared_memory) : 0;
    return {name, Its::call, Its::parameters, count, most_threads, strides, exits, __start_shared_memory, shared};
}

template <typename T>
T exchanged(T value, size_t other, int line) {
    exchange(&value, sizeof value, other, line);
    return value;
}

}  // namespace emulator

inline void __syncthreads(int line = __builtin_LINE()) { emulator::wait_for_block(line); }
inline void __syncwarp(unsigned = ~0u, int line = __builtin_LINE()) { emulator::wait_for_warp(line); }
// Exchanges within whole warps, which is what kernels use; it stops where `width` is that of a part.
#define SHUFFLE(name, type, other)                                                                        \
    template <typename T>                                                                                 \
    T name(unsigned, T value, type by, int width = 32, int line = __builtin_LINE()) {                     \
        if (width != 32) __builtin_trap();                                                                \
        return emulator::exchanged(value, other, line);                                                   \
    }
SHUFFLE(__shfl_down_sync, unsigned, emulator::thread_in_block() + by)
SHUFFLE(__shfl_up_sync, unsigned, emulator::thread_in_block() - by)
SHUFFLE(__shfl_xor_sync, int, emulator::thread_in_block() ^ size_t(by))
SHUFFLE(__shfl_sync, int, emulator::thread_in_block() / 32 * 32 + size_t(by) % 32)

ROUNDED float __fadd_rn(float a, float b) { return a + b; }
ROUNDED float __fmul_rn(float a, float b) { return a * b; }
ROUNDED float __fdiv_rn(float a, float b) { return a / b; }
ROUNDED float __fsqrt_rn(float a) { return sqrtf(a); }
ROUNDED double __dadd_rn(double a, double b) { return a + b; }
ROUNDED double __dmul_rn(double a, double b) { return a * b; }
inline unsigned long long __umul64hi(unsigned long long a, unsigned long long b) {
    return (unsigned long long)((unsigned __int128)a * b >> 64);
}
template <typename To, typename From>
To same_bits(From from) {
    static_assert(sizeof(To) == sizeof(From));
    To to;
    memcpy(&to, &from, sizeof to);
    return to;
}
inline int __float_as_int(float a) { return same_bits<int>(a); }
inline float __int_as_float(int a) { return same_bits<float>(a); }
inline unsigned __float_as_uint(float a) { return same_bits<unsigned>(a); }
inline float __uint_as_float(unsigned a) { return same_bits<float>(a); }
inline long long __double_as_longlong(double a) { return same_bits<long long>(a); }
inline double __longlong_as_double(long long a) { return same_bits<double>(a); }
inline void sincospi(double a, double *sine, double *cosine) {
    *sine = sin(a * M_PI);
    *cosine = cos(a * M_PI);
}

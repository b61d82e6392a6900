// CUDA kernels on the CPU: the threads of a block are fibers that run, one at a time, from barrier to barrier.
//
// Between two barriers the order is free on a GPU, and it is here: forward, backward or shuffled, threads and blocks
// alike.  A kernel that lacks a barrier, or writes one address from two threads, gives other results in another order:
// of two threads that touch the same address, each comes first once.  Shared memory starts as NaN in every block.  A
// barrier that not all threads reach is an error, as is undefined behaviour (-fsanitize=undefined).
// It cannot see what threads do in true parallel, nor the limits of a launch, nor how fast it would be.
#pragma once
#include <math.h>
#include <string.h>
#include <ucontext.h>

#include <algorithm>
#include <functional>
#include <map>
#include <numeric>
#include <random>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#define __global__
#define __device__
#define __launch_bounds__(...)
#define __shared__ static __attribute__((section("shared_memory")))
#define ROUNDED __attribute__((noipa)) inline  // keeps the compiler from fusing it into a multiply-add

struct dim3 {
    unsigned x, y, z;
};
struct alignas(16) double2 {
    double x, y;
};
struct alignas(16) float4 {
    float x, y, z, w;
};
inline dim3 gridDim, blockDim, blockIdx, threadIdx;

extern char __start_shared_memory[], __stop_shared_memory[];

namespace emulator {

enum State { READY, AT_BLOCK_BARRIER, AT_WARP_BARRIER, DONE };

struct Fiber {
    ucontext_t context;
    std::vector<char> stack = std::vector<char>(1 << 16);
    dim3 index;
    State state;
    int line;  // of the barrier where it waits
    char exchanged[16];
};

inline std::vector<Fiber> fibers;
inline ucontext_t scheduler;
inline size_t current, threads;
inline std::function<void()> body;
inline std::string error;
inline int reports;  // of the sanitizer

inline void enter() {
    body();
    fibers[current].state = DONE;
    swapcontext(&fibers[current].context, &scheduler);
}

inline void wait(State barrier, int line) {
    fibers[current].state = barrier;
    fibers[current].line = line;
    swapcontext(&fibers[current].context, &scheduler);
}

// Lets the threads first, ..., last - 1 go on, if all that have not ended wait at the same barrier.
inline bool release(size_t first, size_t last, State barrier) {
    int line = 0;
    for (size_t i = first; i < last; ++i) {
        const Fiber &f = fibers[i];
        if (f.state == DONE) continue;
        if (f.state != barrier || (line && f.line != line)) return false;
        line = f.line;
    }
    for (size_t i = first; i < last; ++i)
        if (fibers[i].state != DONE) fibers[i].state = READY;
    return line;
}

inline bool ended(const Fiber &f) { return f.state == DONE; }

inline bool release_some() {
    bool some = false;
    for (size_t warp = 0; warp < threads; warp += 32)
        some |= release(warp, std::min(warp + 32, threads), AT_WARP_BARRIER);
    if (some) return true;
    return std::none_of(fibers.begin(), fibers.begin() + threads, ended) && release(0, threads, AT_BLOCK_BARRIER);
}

struct Order {  // 0: forward, 1: backward, else shuffled by that seed
    unsigned kind;
    std::mt19937 random{kind};
    std::vector<size_t> of(size_t count) {
        std::vector<size_t> order(count);
        std::iota(order.begin(), order.end(), 0);
        if (kind == 1) std::reverse(order.begin(), order.end());
        if (kind > 1) std::shuffle(order.begin(), order.end(), random);
        return order;
    }
};

inline void run_block(Order &order) {
    memset(__start_shared_memory, 0xFF, __stop_shared_memory - __start_shared_memory);
    for (size_t i = 0; i < threads; ++i) {
        Fiber &f = fibers[i];
        f.state = READY;
        f.index = {unsigned(i % blockDim.x), unsigned(i / blockDim.x % blockDim.y),
                   unsigned(i / blockDim.x / blockDim.y)};
        getcontext(&f.context);
        f.context.uc_stack.ss_sp = f.stack.data();
        f.context.uc_stack.ss_size = f.stack.size();
        makecontext(&f.context, enter, 0);
    }
    do {
        for (size_t i : order.of(threads))
            if (fibers[i].state == READY) {
                current = i;
                threadIdx = fibers[i].index;
                swapcontext(&scheduler, &fibers[i].context);
            }
    } while (release_some());
    for (size_t i = 0; i < threads; ++i)
        if (!ended(fibers[i]))
            error = "the barrier in line " + std::to_string(fibers[i].line) + " is not reached by all";
}

struct Kernel {
    std::string signature;  // p: pointer, q: long long, d: double, s<size>: a struct
    std::function<void(void **)> call;
};
inline std::map<std::string, Kernel> kernels;

template <typename T>
std::string code() {
    if (std::is_pointer_v<T>) return "p";
    if (std::is_same_v<T, long long>) return "q";
    if (std::is_same_v<T, double>) return "d";
    return "s" + std::to_string(sizeof(T));
}

template <typename... A, size_t... I>
void apply(void (*kernel)(A...), void **args, std::index_sequence<I...>) {
    kernel(*static_cast<A *>(args[I])...);
}

template <typename... A>
bool add(const char *name, void (*kernel)(A...)) {
    kernels[name] = {(code<A>() + ... + ""),
                     [=](void **args) { apply(kernel, args, std::index_sequence_for<A...>{}); }};
    return true;
}

template <typename T>
T shuffle_down(T value, unsigned distance, int line) {
    memcpy(fibers[current].exchanged, &value, sizeof(T));
    wait(AT_WARP_BARRIER, line);
    const size_t from = current + distance;
    if (current % 32 + distance < 32) {
        memset(&value, 0xFF, sizeof(T));  // what a thread that has ended, or never was, would give
        if (from < threads && !ended(fibers[from])) memcpy(&value, fibers[from].exchanged, sizeof(T));
    }
    wait(AT_WARP_BARRIER, line);  // before anyone's next exchange
    return value;
}

}  // namespace emulator

inline void __syncthreads(int line = __builtin_LINE()) { emulator::wait(emulator::AT_BLOCK_BARRIER, line); }
template <typename T>
T __shfl_down_sync(unsigned, T value, unsigned distance, int line = __builtin_LINE()) {
    return emulator::shuffle_down(value, distance, line);
}

ROUNDED float __fadd_rn(float a, float b) { return a + b; }
ROUNDED float __fmul_rn(float a, float b) { return a * b; }
ROUNDED float __fdiv_rn(float a, float b) { return a / b; }
ROUNDED float __fsqrt_rn(float a) { return sqrtf(a); }
ROUNDED double __dadd_rn(double a, double b) { return a + b; }
ROUNDED double __dmul_rn(double a, double b) { return a * b; }
inline unsigned long long __umul64hi(unsigned long long a, unsigned long long b) {
    return (unsigned long long)((unsigned __int128)a * b >> 64);
}
inline int __float_as_int(float a) {
    int bits;
    memcpy(&bits, &a, sizeof bits);
    return bits;
}
inline float __int_as_float(int a) {
    float value;
    memcpy(&value, &a, sizeof value);
    return value;
}
inline void sincospi(double a, double *sine, double *cosine) {
    *sine = sin(a * M_PI);
    *cosine = cos(a * M_PI);
}

// What the tests call.
extern "C" void __ubsan_on_report() { ++emulator::reports; }

extern "C" const char *signature(const char *name) {
    const auto found = emulator::kernels.find(name);
    return found == emulator::kernels.end() ? "no such kernel" : found->second.signature.c_str();
}

// grid and block: x, y, z.  Returns what went wrong, or "".
extern "C" const char *launch(const char *name, const unsigned *grid, const unsigned *block, void **args,
                              unsigned kind) {
    using namespace emulator;
    gridDim = {grid[0], grid[1], grid[2]};
    blockDim = {block[0], block[1], block[2]};
    threads = size_t(block[0]) * block[1] * block[2];
    if (fibers.size() < threads) fibers = std::vector<Fiber>(threads);
    const Kernel &kernel = kernels.at(name);
    body = [&] { kernel.call(args); };
    error.clear();
    reports = 0;
    Order order{kind};
    for (size_t i : order.of(size_t(grid[0]) * grid[1] * grid[2])) {
        blockIdx = {unsigned(i % grid[0]), unsigned(i / grid[0] % grid[1]), unsigned(i / grid[0] / grid[1])};
        run_block(order);
        if (!error.empty()) break;
    }
    if (reports) error = "undefined behaviour: see the sanitizer's report on stderr";
    return error.c_str();
}

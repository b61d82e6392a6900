// CUDA kernels on the CPU: the threads of a block run one at a time, from barrier to barrier.
//
// Between two barriers the order is free on a GPU, and it is here: forward, backward or shuffled, threads and blocks
// alike.  A kernel that lacks a barrier, or writes one address from two threads, gives other results in another order:
// of two threads that touch the same address, each comes first once.  Shared memory starts as NaN in every block.  A
// barrier that not all threads reach is an error, as is undefined behaviour where the compiler checks it.
// It cannot see what threads do in true parallel, nor the limits of a launch, nor how fast it would be.
//
// A compiled file of kernels is a library with two functions, `signature` and `launch`, at the end of this header.
#pragma once
#include <math.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#include <algorithm>
#include <deque>
#include <map>
#include <numeric>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

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
static dim3 gridDim, blockDim, blockIdx, threadIdx;

// The bounds of all shared memory of the file, which the linker defines if there is any.
extern char __start_shared_memory[] __attribute__((weak, visibility("hidden")));
extern char __stop_shared_memory[] __attribute__((weak, visibility("hidden")));

namespace emulator {

enum State { READY, AT_BLOCK_BARRIER, AT_WARP_BARRIER, DONE };

struct Fiber;

struct Thread {
    State state;
    dim3 index;
    Fiber *fiber;  // where it waits at a barrier; null before it starts
    int line;      // of that barrier
    char exchanged[16];
};

// Every number below `count` once: forward (0), backward (1), or shuffled by any other seed.
class Order {
public:
    Order(size_t count, unsigned seed) : count_(count), first_(0), step_(1) {
        if (seed == 1) first_ = step_ = count - 1;
        if (seed < 2 || count < 3) return;
        const uint64_t mixed = (seed + 1) * 0x9E3779B97F4A7C15u;
        first_ = (mixed >> 32) % count;
        step_ = mixed % count | 1;
        while (std::gcd(step_, count) != 1) ++step_;
    }
    size_t operator[](size_t i) const { return size_t((first_ + (unsigned __int128)i * step_) % count_); }

private:
    size_t count_, first_, step_;
};

struct Kernel {
    std::string signature;  // p: pointer, q: long long, d: double, s<size>: anything else
    void (*call)(void **args);
    bool strides;  // its loop takes any number of threads, so one thread does the work of all
};

static std::map<std::string, Kernel> kernels;
static std::vector<Thread> threads;
static size_t count, next;  // the threads of the block, and the place in the order that comes next
static Order order(1, 0);
static Thread *current;
static void (*call)(void **args);
static void **arguments;
static jmp_buf scheduler;
static std::string error;
[[maybe_unused]] static int reports;  // of the sanitizer

inline void jump(jmp_buf &from, jmp_buf &to) {
    if (!_setjmp(from)) _longjmp(to, 1);
}

// A stack on which threads run: one after another, until one of them waits at a barrier.
struct Fiber {
    static constexpr size_t STACK = 1 << 16;
    ucontext_t context;
    jmp_buf here;
    Fiber();
    void resume() { jump(scheduler, here); }
    void run();
};

static std::deque<Fiber> fibers;
static std::vector<Fiber *> idle;

inline void enter() { fibers.back().run(); }

inline Fiber::Fiber() {
    void *stack = mmap(nullptr, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    getcontext(&context);
    context.uc_stack.ss_sp = stack;
    context.uc_stack.ss_size = STACK;
    makecontext(&context, enter, 0);
}

inline bool starts(const Thread &thread) { return thread.state == READY && !thread.fiber; }

inline void Fiber::run() {
    if (_setjmp(here) == 0) _longjmp(scheduler, 1);  // made, not yet in use
    for (;;) {
        while (next < count && starts(threads[order[next]])) {
            current = &threads[order[next++]];
            current->fiber = this;
            threadIdx = current->index;
            call(arguments);
            current->state = DONE;
        }
        idle.push_back(this);
        jump(here, scheduler);
    }
}

inline Fiber *idle_fiber() {
    if (idle.empty()) {
        fibers.emplace_back();
        if (!_setjmp(scheduler)) setcontext(&fibers.back().context);
        return &fibers.back();
    }
    Fiber *fiber = idle.back();
    idle.pop_back();
    return fiber;
}

inline void wait(State barrier, int line) {
    Thread *thread = current;
    thread->state = barrier;
    thread->line = line;
    jump(thread->fiber->here, scheduler);
    current = thread;
    threadIdx = thread->index;
}

// Lets the threads first, ..., last - 1 go on, if all that have not ended wait at the same barrier.
inline bool release(size_t first, size_t last, State barrier) {
    int line = 0;
    for (size_t i = first; i < last; ++i) {
        const Thread &t = threads[i];
        if (t.state == DONE) continue;
        if (t.state != barrier || (line && t.line != line)) return false;
        line = t.line;
    }
    for (size_t i = first; i < last; ++i)
        if (threads[i].state != DONE) threads[i].state = READY;
    return line;
}

inline bool ended(const Thread &t) { return t.state == DONE; }

inline bool release_some() {
    bool some = false;
    for (size_t warp = 0; warp < count; warp += 32) some |= release(warp, std::min(warp + 32, count), AT_WARP_BARRIER);
    if (some) return true;
    return std::none_of(threads.begin(), threads.begin() + long(count), ended) && release(0, count, AT_BLOCK_BARRIER);
}

inline dim3 place(size_t i, dim3 size) {
    return {unsigned(i % size.x), unsigned(i / size.x % size.y), unsigned(i / size.x / size.y)};
}

inline void run_block(unsigned seed) {
    if (__start_shared_memory) memset(__start_shared_memory, 0xFF, size_t(__stop_shared_memory - __start_shared_memory));
    for (size_t i = 0; i < count; ++i) {
        threads[i].state = READY;
        threads[i].fiber = nullptr;
    }
    order = Order(count, seed);
    do {
        for (next = 0; next < count;) {
            const Thread &thread = threads[order[next]];
            if (starts(thread)) {
                idle_fiber()->resume();
            } else {
                ++next;
                if (thread.state == READY) thread.fiber->resume();
            }
        }
    } while (release_some());
    for (size_t i = 0; i < count; ++i)
        if (!ended(threads[i]))
            error = "the barrier in line " + std::to_string(threads[i].line) + " is not reached by all";
}

inline void run_grid(dim3 grid, dim3 block, unsigned seed) {
    gridDim = grid;
    blockDim = block;
    count = size_t(block.x) * block.y * block.z;
    if (threads.size() < count) threads.resize(count);
    for (size_t i = 0; i < count; ++i) threads[i].index = place(i, block);
    const size_t blocks = size_t(grid.x) * grid.y * grid.z;
    const Order block_order(blocks, seed);
    for (size_t i = 0; i < blocks && error.empty(); ++i) {
        blockIdx = place(block_order[i], grid);
        run_block(seed < 2 ? seed : seed + unsigned(i));
    }
}

template <typename T>
std::string code() {
    if (std::is_pointer_v<T>) return "p";
    if (std::is_same_v<T, long long>) return "q";
    if (std::is_same_v<T, double>) return "d";
    return "s" + std::to_string(sizeof(T));
}

template <auto kernel, typename... A, size_t... I>
void apply(void **args, void (*)(A...), std::index_sequence<I...>) {
    kernel(*static_cast<std::remove_cv_t<A> *>(args[I])...);
}

template <typename... A>
std::string signature_of(void (*)(A...)) {
    return (code<A>() + ... + "");
}

template <typename... A>
std::index_sequence_for<A...> positions(void (*)(A...)) {
    return {};
}

template <auto kernel>
void call_with(void **args) {
    apply<kernel>(args, kernel, decltype(positions(kernel)){});
}

template <auto kernel>
bool add(const char *name, bool strides = false) {
    kernels[name] = {signature_of(kernel), call_with<kernel>, strides};
    return true;
}

// The value of the thread `from` of this warp, as all its threads call this.
template <typename T>
T exchange(T value, size_t from, int line) {
    memcpy(current->exchanged, &value, sizeof(T));
    wait(AT_WARP_BARRIER, line);
    const size_t me = size_t(current - threads.data());
    if (from / 32 == me / 32) {
        memset(&value, 0xFF, sizeof(T));  // what a thread that has ended, or never was, would give
        if (from < count && !ended(threads[from])) memcpy(&value, threads[from].exchanged, sizeof(T));
    }
    wait(AT_WARP_BARRIER, line);  // before anyone's next exchange
    return value;
}

inline size_t lane() { return size_t(current - threads.data()); }

}  // namespace emulator

inline void __syncthreads(int line = __builtin_LINE()) { emulator::wait(emulator::AT_BLOCK_BARRIER, line); }
inline void __syncwarp(unsigned = ~0u, int line = __builtin_LINE()) { emulator::wait(emulator::AT_WARP_BARRIER, line); }
template <typename T>
T __shfl_down_sync(unsigned, T value, unsigned distance, int line = __builtin_LINE()) {
    return emulator::exchange(value, emulator::lane() + distance, line);
}
template <typename T>
T __shfl_xor_sync(unsigned, T value, int mask, int line = __builtin_LINE()) {
    return emulator::exchange(value, emulator::lane() ^ size_t(mask), line);
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

// What the tests and the runtime call.
extern "C" void __ubsan_on_report() { ++emulator::reports; }

extern "C" const char *signature(const char *name) {
    const auto found = emulator::kernels.find(name);
    return found == emulator::kernels.end() ? "no such kernel" : found->second.signature.c_str();
}

// grid and block: x, y, z.  Returns what went wrong, or "".
extern "C" const char *launch(const char *name, const unsigned *grid, const unsigned *block, void **args,
                              unsigned seed) {
    using namespace emulator;
    const Kernel &kernel = kernels.at(name);
    call = kernel.call;
    arguments = args;
    error.clear();
    reports = 0;
    if (kernel.strides)
        run_grid({1, 1, 1}, {1, 1, 1}, seed);
    else
        run_grid({grid[0], grid[1], grid[2]}, {block[0], block[1], block[2]}, seed);
    if (reports) error = "undefined behaviour: see the sanitizer's report on stderr";
    return error.c_str();
}

// CUDA kernels on the CPU: the threads of a block run one at a time, from barrier to barrier.
//
// Between two barriers the order is free on a GPU, and it is here: forward, backward or shuffled, threads and blocks
// alike.  A kernel that lacks a barrier, or writes one address from two threads, gives other results in another order:
// of two threads that touch the same address, each comes first once.  Shared memory starts as NaN in every block.  A
// barrier that not all threads reach is an error.
// It cannot see what threads do in true parallel, nor how fast it would be.
//
// A program includes this header once.
#pragma once
#include <setjmp.h>
#include <sys/mman.h>
#include <ucontext.h>

#include <algorithm>
#include <deque>
#include <numeric>
#include <string>
#include <vector>

#include "cuda_on_cpu.h"

dim3 gridDim, blockDim, blockIdx, threadIdx;

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
    size_t operator[](size_t i) const { return (first_ + i * step_) % count_; }

private:
    size_t count_, first_, step_;
};

static std::vector<Thread> threads;
static size_t count, next;  // the threads of the block, and the place in the order that comes next
static Order order(1, 0);
static Thread *current;
static const Kernel *running;
static void **arguments;
static jmp_buf scheduler;
static std::string error;
static std::vector<double> dynamic;

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
            running->call(arguments);
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
    const bool all = std::none_of(threads.begin(), threads.begin() + long(count), ended);
    return (all || running->exits) && release(0, count, AT_BLOCK_BARRIER);
}

inline dim3 place(size_t i, dim3 size) {
    return {unsigned(i % size.x), unsigned(i / size.x % size.y), unsigned(i / size.x / size.y)};
}

inline void run_block(unsigned seed) {
    if (running->shared) memset(running->shared, 0xFF, running->shared_size);
    std::fill(dynamic.begin(), dynamic.end(), NAN);
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

// Runs a kernel: blocks and threads in the order of `seed`.  Returns what went wrong, or "".
inline const std::string &run(const Kernel &kernel, dim3 grid, dim3 block, size_t shared, void **values,
                              unsigned seed) {
    running = &kernel;
    dynamic.resize((shared + sizeof(double) - 1) / sizeof(double));
    arguments = values;
    error.clear();
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
    return error;
}

void wait_for_block(int line) { wait(AT_BLOCK_BARRIER, line); }
void wait_for_warp(int line) { wait(AT_WARP_BARRIER, line); }

void *dynamic_shared() { return dynamic.data(); }

size_t thread_in_block() { return size_t(current - threads.data()); }

void exchange(void *value, size_t size, size_t other, int line) {
    memcpy(current->exchanged, value, size);
    wait(AT_WARP_BARRIER, line);
    if (other / 32 == thread_in_block() / 32) {
        memset(value, 0xFF, size);  // what a thread that has ended, or never was, would give
        if (other < count && !ended(threads[other])) memcpy(value, threads[other].exchanged, size);
    }
    wait(AT_WARP_BARRIER, line);  // before anyone's next exchange
}

}  // namespace emulator

// Device memory is closed to the host, except while the device works.
//
// Its pages have a protection key of their own where the processor has such keys: opening and closing them is one
// instruction, for one thread.  Elsewhere they are always open, unless CUPY_ON_CPU_PROTECT=2 pays for system calls.
// An access outside of open pages is a fault: in work of the device it breaks the runtime down, as on a GPU; on the
// host the process ends, after a message that says what was read.
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>

#include <cstdio>

#include "runtime.h"

namespace {

constexpr size_t ADDRESSES = size_t(1) << 42;  // no address is used twice
enum Protection { NONE, KEY, PAGES };

int key = -1;
Protection protection = NONE;
std::map<char *, size_t> &ranges() {
    static auto &all = *new std::map<char *, size_t>;
    return all;
}
thread_local int opened;
thread_local sigjmp_buf *device;  // where to go on after a fault in work of the device
thread_local void *fault;
struct sigaction before;

void choose_protection() {
    const long wanted = setting("PROTECT", 1);
    if (wanted == 0) return;
    key = pkey_alloc(0, PKEY_DISABLE_ACCESS);
    if (key >= 0)
        protection = KEY;
    else if (wanted == 2)
        protection = PAGES;
}

void set_access(bool open) {
    if (protection == KEY) pkey_set(key, open ? 0 : PKEY_DISABLE_ACCESS);
    if (protection == PAGES)
        for (const auto &[start, size] : ranges()) mprotect(start, size, open ? PROT_READ | PROT_WRITE : PROT_NONE);
}

void on_fault(int, siginfo_t *info, void *) {
    if (device) {
        fault = info->si_addr;
        siglongjmp(*device, 1);
    }
    if (in_arena(info->si_addr)) {
        set_access(true);
        fprintf(stderr, "CuPy on the CPU: the host reads or writes device memory, at %s\n",
                describe(info->si_addr).c_str());
    }
    sigaction(SIGSEGV, &before, nullptr);  // which then sees the fault, as it comes again
}

// Again and again, as Python's faulthandler may have been installed in the meantime.
void watch_faults() {
    struct sigaction mine = {}, present;
    mine.sa_sigaction = on_fault;
    mine.sa_flags = SA_SIGINFO | SA_NODEFER | SA_ONSTACK;
    sigaction(SIGSEGV, &mine, &present);
    if (present.sa_sigaction != on_fault) before = present;
}

Arena reserve() {
    choose_protection();
    void *start = mmap(nullptr, ADDRESSES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (start == MAP_FAILED) {
        perror("CuPy on the CPU: no addresses for the memory of the device");
        abort();
    }
    return {static_cast<char *>(start), ADDRESSES};
}

}  // namespace

const Arena &arena() {
    static const Arena all = reserve();
    return all;
}

bool in_arena(const void *address) {
    return address >= arena().start && address < arena().start + arena().size;
}

void open_pages(char *start, size_t size) {
    const int access = protection == PAGES && !opened ? PROT_NONE : PROT_READ | PROT_WRITE;
    const int failed = protection == KEY ? pkey_mprotect(start, size, access, key) : mprotect(start, size, access);
    if (failed) refuse(cudaErrorMemoryAllocation, "the host has no memory left");
    ranges()[start] = size;
}

void close_pages(char *start, size_t size) {
    ranges().erase(start);
    mmap(start, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
}

Access::Access() {
    if (opened++ > 0) return;
    watch_faults();
    set_access(true);
}

Access::~Access() {
    if (--opened == 0) set_access(false);
}

void on_the_device(const std::string &what, const Work &work) {
    sigjmp_buf here;
    sigjmp_buf *outer = device;
    const int depth = opened;
    if (sigsetjmp(here, 0) == 0) {
        const Access access;
        device = &here;
        work();
    } else {
        opened = depth;
        set_access(depth > 0);
        break_down(cudaErrorIllegalAddress, what + " reads or writes " + describe(fault));
    }
    device = outer;
}

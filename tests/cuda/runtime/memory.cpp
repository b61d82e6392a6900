// Memory of the device and pinned memory of the host.
//
// Every allocation has pages of its own, ends at the end of a page and lies between pages that cannot be accessed.  What
// is left of its first and last page is a guard, which is looked at after each launch and when memory is freed.
#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "runtime.h"

namespace {

constexpr size_t PAGE = 4096, ALIGNMENT = 256, GUARD = 512;
constexpr int FRESH = 0xFF, GUARDED = 0xA5;  // 0xFF.. is NaN as a float, and -1 as an integer

struct Allocation {
    size_t size;
    char *pages;  // the first one
    size_t length;  // of all of them
};

std::map<char *, Allocation> &live() {
    static auto &all = *new std::map<char *, Allocation>;
    return all;
}
std::map<char *, size_t> &freed() {
    static auto &all = *new std::map<char *, size_t>;
    return all;
}
std::map<char *, size_t> &pinned_blocks() {
    static auto &all = *new std::map<char *, size_t>;
    return all;
}

size_t limit = size_t(16) << 30, used;

size_t round_up(size_t size, size_t to) { return (size + to - 1) / to * to; }

// The entry of a map of blocks, by their starts, that is the last one not behind the address.
template <typename Map>
auto at_or_before(Map &map, const void *address) {
    auto found = map.upper_bound(static_cast<char *>(const_cast<void *>(address)));
    return found == map.begin() ? map.end() : std::prev(found);
}

template <typename Map>
bool inside(Map &map, const void *address) {
    const auto found = at_or_before(map, address);
    return found != map.end() && static_cast<const char *>(address) < found->first + found->second;
}

bool is_guard(const char *start, const char *end) {
    return std::all_of(start, end, [](char byte) { return byte == char(GUARDED); });
}

char *allocate(size_t size) {
    static char *next = arena().start + PAGE;
    const size_t length = round_up(size, PAGE), padded = round_up(size, ALIGNMENT);
    if (used + size > limit || next + length + PAGE > arena().start + arena().size)
        refuse(cudaErrorMemoryAllocation, std::to_string(size) + " bytes");
    char *pages = next, *start = pages + length - padded;
    open_pages(pages, length);
    next += length + PAGE;
    const Access access;
    memset(pages, GUARDED, size_t(start - pages));
    memset(start, FRESH, size);
    memset(start + size, GUARDED, padded - size);
    live()[start] = {size, pages, length};
    used += size;
    return start;
}

std::string broken(char *start, const Allocation &a, size_t guard) {
    const bool before = is_guard(std::max(a.pages, start - guard), start);
    const bool behind = is_guard(start + a.size, a.pages + a.length);
    if (before && behind) return "";
    return std::string("writes ") + (before ? "behind the end" : "before the start") + " of an allocation of " +
           std::to_string(a.size) + " bytes";
}

void release(char *start) {
    const auto found = live().find(start);
    if (found == live().end()) refuse(cudaErrorInvalidValue, "no allocation starts there");
    const Allocation a = found->second;
    {
        const Access access;
        if (const auto what = broken(start, a, a.length); !what.empty())
            break_down(cudaErrorIllegalAddress, "something " + what + ", found as it was freed");
    }
    live().erase(found);
    used -= a.size;
    close_pages(a.pages, a.length);
    freed()[start] = a.size;
}

}  // namespace

bool on_device(const void *pointer) { return in_arena(pointer); }

bool pinned(const void *pointer) { return inside(pinned_blocks(), pointer); }

void check_range(const void *pointer, size_t size) {
    const auto found = at_or_before(live(), pointer);
    const auto *start = static_cast<const char *>(pointer);
    if (found == live().end() || start + size > found->first + found->second.size)
        refuse(cudaErrorInvalidValue, "not inside one allocation: " + describe(pointer));
}

std::string describe(const void *address) {
    const auto *where = static_cast<const char *>(address);
    const auto found = at_or_before(live(), address);
    if (found != live().end() && where < found->first + found->second.length + PAGE)
        return "byte " + std::to_string(where - found->first) + " of an allocation of " +
               std::to_string(found->second.size);
    if (inside(freed(), address)) return "freed memory";
    if (in_arena(address)) return "memory of the device that is not allocated";
    return address ? "memory that is not the device's" : "what no pointer of the device names";
}

std::string broken_guard() {
    for (const auto &[start, allocation] : live())
        if (auto what = broken(start, allocation, GUARD); !what.empty()) return what;
    return "";
}

EXPORT cudaError_t cudaMalloc(void **pointer, size_t size) {
    return call(__func__, [&] {
        count(Counter::ALLOCATIONS);
        check_unsafe("cudaMalloc");
        note("  " + std::to_string(size) + " bytes");
        *pointer = size ? allocate(size) : nullptr;
    });
}

EXPORT cudaError_t cudaFree(void *pointer) {
    return call(__func__, [&] {
        if (!pointer) return;
        count(Counter::FREES);
        check_unsafe("cudaFree");
        finish_all();
        release(static_cast<char *>(pointer));
    });
}

EXPORT cudaError_t cudaHostAlloc(void **pointer, size_t size, unsigned) {
    return call(__func__, [&] {
        count(Counter::PINNED_ALLOCATIONS);
        check_unsafe("cudaHostAlloc");
        if (posix_memalign(pointer, PAGE, std::max<size_t>(size, 1))) refuse(cudaErrorMemoryAllocation);
        memset(*pointer, FRESH, size);
        pinned_blocks()[static_cast<char *>(*pointer)] = size;
    });
}

EXPORT cudaError_t cudaFreeHost(void *pointer) {
    return call(__func__, [&] {
        if (!pointer) return;
        check_unsafe("cudaFreeHost");
        finish_all();
        if (!pinned_blocks().erase(static_cast<char *>(pointer))) refuse(cudaErrorInvalidValue, "not pinned memory");
        free(pointer);
    });
}

EXPORT cudaError_t cudaMemGetInfo(size_t *available, size_t *total) {
    return call(__func__, [&] {
        *total = limit;
        *available = limit > used ? limit - used : 0;
    });
}

EXPORT cudaError_t cudaPointerGetAttributes(cudaPointerAttributes *attributes, const void *pointer) {
    return call(__func__, [&] {
        *attributes = {};
        const auto found = at_or_before(live(), pointer);
        const bool device = found != live().end() &&
                            static_cast<const char *>(pointer) < found->first + found->second.size;
        attributes->type = device            ? cudaMemoryTypeDevice
                           : pinned(pointer) ? cudaMemoryTypeHost
                                             : cudaMemoryTypeUnregistered;
        attributes->device = attributes->type == cudaMemoryTypeUnregistered ? -2 : 0;
        if (device || pinned(pointer)) attributes->devicePointer = const_cast<void *>(pointer);
        if (!device) attributes->hostPointer = pinned(pointer) ? const_cast<void *>(pointer) : nullptr;
    });
}

// The size of the device, which is 16 GiB at first.
EXPORT void cupy_on_cpu_limit(size_t bytes) { limit = bytes; }
EXPORT size_t cupy_on_cpu_used() { return used; }
EXPORT size_t cupy_on_cpu_allocations() { return live().size(); }

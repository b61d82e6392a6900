// Counts of what a program asked the runtime for, and a log of every call.
#include <array>
#include <cstdio>

#include "runtime.h"

namespace {

constexpr size_t COUNTERS = size_t(Counter::END);
constexpr std::array<const char *, COUNTERS> NAMES = {
    "launches", "products", "sorts", "copies_to_device", "copies_to_host", "copies_on_device", "copies_on_host",
    "memsets", "allocations", "frees", "pinned_allocations", "stream_synchronisations", "device_synchronisations",
    "event_synchronisations", "event_records", "event_waits", "graph_launches", "captured_launches",
    "captured_products", "captured_sorts", "captured_copies", "captured_memsets", "captured_graphs", "module_loads"};
std::array<size_t, COUNTERS> counts;
FILE *log_file;

}  // namespace

void count(Counter counter) { ++counts[size_t(counter)]; }

void note(const std::string &line) {
    if (!log_file) return;
    fprintf(log_file, "%s\n", line.c_str());
    fflush(log_file);
}

EXPORT size_t cupy_on_cpu_counters() { return COUNTERS; }
EXPORT const char *cupy_on_cpu_counter(size_t i) { return NAMES[i]; }
EXPORT size_t cupy_on_cpu_count(size_t i) { return counts[i]; }
EXPORT void cupy_on_cpu_reset() { counts.fill(0); }

// Writes a line for every call to a new file; "" ends the log.
EXPORT bool cupy_on_cpu_log(const char *path) {
    if (log_file) fclose(log_file);
    log_file = *path ? fopen(path, "w") : nullptr;
    return log_file || !*path;
}

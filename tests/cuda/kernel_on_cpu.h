// What is known of a kernel that g++ compiled.
#pragma once
#include <stddef.h>

namespace emulator {

// p: pointer, q: long long, d: double, s: anything else.
struct Parameter {
    char code;
    unsigned size;
};

// What is known of a compiled kernel; a list of them ends with one that has no name.
struct Kernel {
    const char *name = nullptr;
    void (*call)(void **arguments) = nullptr;
    const Parameter *parameters = nullptr;
    unsigned count = 0;
    unsigned most_threads = 1024;  // in a block, by its launch bounds
    bool strides = false;          // its loop takes any number of threads, so one thread can do the work of all
    bool exits = false;            // threads may end before a barrier of the others, as they may since Volta
    char *shared = nullptr;        // the shared memory of its file
    size_t shared_size = 0;
};

}  // namespace emulator

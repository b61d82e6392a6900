// What `conftest.py` calls of the kernels that it compiled: they come before this file, in a list `kernels`.
#include "threads_on_cpu.h"

namespace {

int reports;  // of the sanitizer

const emulator::Kernel *find(const std::string &name) {
    for (const auto *kernel = kernels; kernel->name; ++kernel)
        if (name == kernel->name) return kernel;
    return nullptr;
}

}  // namespace

extern "C" void __ubsan_on_report() { ++reports; }

// The codes of a kernel's parameters, with the size of those that have no code of their own.
extern "C" const char *signature(const char *name) {
    static std::string text;
    const auto *kernel = find(name);
    if (!kernel) return "no such kernel";
    text.clear();
    for (unsigned i = 0; i < kernel->count; ++i) {
        text += kernel->parameters[i].code;
        if (kernel->parameters[i].code == 's') text += std::to_string(kernel->parameters[i].size);
    }
    return text.c_str();
}

// grid and block: x, y, z.  Returns what went wrong, or "".
extern "C" const char *launch(const char *name, const unsigned *grid, const unsigned *block, void **arguments,
                              unsigned seed) {
    static std::string error;
    reports = 0;
    error = emulator::run(*find(name), {grid[0], grid[1], grid[2]}, {block[0], block[1], block[2]}, 0, arguments, seed);
    if (reports) error = "undefined behaviour: see the sanitizer's report on stderr";
    return error.c_str();
}

// Modules and launches of kernels.
//
// The image of a module is "cupy-on-cpu:" and the path of a library, which g++ made from kernels and `cuda_on_cpu.h`.
#include <dlfcn.h>

#include <cstring>

#include "runtime.h"

namespace {

using Launch = const char *(*)(const char *, const unsigned *, const unsigned *, void **, unsigned);
using Signature = const char *(*)(const char *);

constexpr unsigned MOST_THREADS = 1024, MOST_Z = 64, MOST_ROWS = 65535, MOST_COLUMNS = 0x7FFFFFFF;
constexpr unsigned SHARED = 48 << 10, MOST_SHARED = 227 << 10;

struct Function {
    std::string name;
    std::vector<size_t> sizes;  // of its parameters
    Launch launch;
    unsigned dynamic_shared = SHARED;  // bytes that a launch may ask for
};

struct Module {
    void *library;
    std::map<std::string, std::shared_ptr<Function>> functions;
};

Handles<Module> &modules() {
    static auto &all = *new Handles<Module>;
    return all;
}
Handles<Function> &functions() {
    static auto &all = *new Handles<Function>;
    return all;
}

std::vector<size_t> sizes_of(const char *signature) {
    std::vector<size_t> sizes;
    for (const char *c = signature; *c;) {
        char *end = const_cast<char *>(c + 1);
        sizes.push_back(*c == 's' ? strtoul(c + 1, &end, 10) : 8);
        c = end;
    }
    return sizes;
}

template <typename T>
T symbol(void *library, const char *name) {
    return reinterpret_cast<T>(dlsym(library, name));
}

std::shared_ptr<Function> find(const Module &module, const char *name) {
    const char *signature = symbol<Signature>(module.library, "signature")(name);
    if (!strcmp(signature, "no such kernel")) refuse(cudaErrorSymbolNotFound, name);
    const auto launch = symbol<Launch>(module.library, "launch");
    return std::make_shared<Function>(Function{name, sizes_of(signature), launch});
}

// The parameters of a launch, copied as it is submitted.
class Parameters {
public:
    Parameters(const std::vector<size_t> &sizes, void **values) {
        for (size_t i = 0; i < sizes.size(); ++i) {
            values_.emplace_back((sizes[i] + sizeof(Slot) - 1) / sizeof(Slot));
            memcpy(values_[i].data(), values[i], sizes[i]);
        }
    }
    std::vector<void *> pointers() const {
        std::vector<void *> all;
        for (const auto &value : values_) all.push_back(const_cast<Slot *>(value.data()));
        return all;
    }

private:
    struct alignas(16) Slot {
        char bytes[16];
    };
    std::vector<std::vector<Slot>> values_;
};

void check_launch(const Function &function, const dim3 &grid, const dim3 &block, unsigned shared) {
    const auto &[gx, gy, gz] = grid;
    const auto &[bx, by, bz] = block;
    if (!gx || !gy || !gz || gx > MOST_COLUMNS || gy > MOST_ROWS || gz > MOST_ROWS)
        refuse(cudaErrorInvalidValue, "a grid of that size");
    if (!bx || !by || !bz || bx > MOST_THREADS || by > MOST_THREADS || bz > MOST_Z || size_t(bx) * by * bz > MOST_THREADS)
        refuse(cudaErrorInvalidValue, "a block of that size");
    if (shared > function.dynamic_shared) refuse(cudaErrorInvalidValue, "that much shared memory");
}

// The seed of the order in which threads run: another one in every launch, unless ORDER says forward or backward.
unsigned next_seed() {
    static const long order = setting("ORDER", 2);
    static unsigned launches = 1;
    return order < 2 ? unsigned(order) : ++launches + unsigned(order);
}

std::string text(const char *name, const dim3 &size) {
    return std::string(name) + " " + std::to_string(size.x) + "x" + std::to_string(size.y) + "x" + std::to_string(size.z);
}

void run(const Function &function, const dim3 &grid, const dim3 &block, const Parameters &parameters) {
    const std::string what = "the kernel " + function.name;
    on_the_device(what, [&] {
        auto pointers = parameters.pointers();
        const unsigned g[] = {grid.x, grid.y, grid.z}, b[] = {block.x, block.y, block.z};
        const std::string error = function.launch(function.name.c_str(), g, b, pointers.data(), next_seed());
        if (!error.empty()) break_down(cudaErrorLaunchFailure, what + ": " + error);
        if (const auto harm = broken_guard(); !harm.empty()) break_down(cudaErrorIllegalAddress, what + " " + harm);
    });
}

}  // namespace

EXPORT CUresult cuModuleLoadData(CUmodule *module, const void *image) {
    return driver_call(__func__, [&] {
        count(Counter::MODULE_LOADS);
        check_unsafe("cuModuleLoadData");
        constexpr char mark[] = "cupy-on-cpu:";
        const char *path = static_cast<const char *>(image);
        if (strncmp(path, mark, strlen(mark))) refuse(cudaErrorInvalidKernelImage, "not made for this runtime");
        void *library = dlopen(path + strlen(mark), RTLD_NOW | RTLD_LOCAL);
        if (!library) refuse(cudaErrorInvalidKernelImage, dlerror());
        *module = reinterpret_cast<CUmodule>(modules().add(std::make_shared<Module>(Module{library, {}})));
    });
}

EXPORT CUresult cuModuleUnload(CUmodule module) {
    return driver_call(__func__, [&] { modules().remove(module, "module"); });
}

EXPORT CUresult cuModuleGetFunction(CUfunction *function, CUmodule handle, const char *name) {
    return driver_call(__func__, [&] {
        const auto module = modules().get(handle, "module");
        *function = reinterpret_cast<CUfunction>(functions().add(find(*module, name)));
    });
}

EXPORT CUresult cuLaunchKernel(CUfunction handle, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by,
                               unsigned bz, unsigned shared, CUstream queue, void **values, void **) {
    return driver_call(__func__, [&] {
        const auto function = functions().get(handle, "function");
        const auto stream = stream_of(queue);
        const dim3 grid{gx, gy, gz}, block{bx, by, bz};
        if (!stream->capture) count(Counter::LAUNCHES);
        note("  " + function->name + text(" grid", grid) + text(" block", block));
        check_launch(*function, grid, block, shared);
        const auto parameters = std::make_shared<const Parameters>(function->sizes, values);
        submit(stream, Kind::LAUNCH, [=] { run(*function, grid, block, *parameters); });
    });
}

EXPORT CUresult cuFuncGetAttribute(int *value, CUfunction_attribute attribute, CUfunction handle) {
    return driver_call(__func__, [&] {
        const auto function = functions().get(handle, "function");
        switch (attribute) {
            case CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK: *value = MOST_THREADS; break;
            case CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES: *value = int(function->dynamic_shared); break;
            default: refuse(cudaErrorNotSupported, "an attribute that g++ does not know");
        }
    });
}

EXPORT CUresult cuFuncSetAttribute(CUfunction handle, CUfunction_attribute attribute, int value) {
    return driver_call(__func__, [&] {
        const auto function = functions().get(handle, "function");
        if (attribute != CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES) refuse(cudaErrorNotSupported);
        if (value < 0 || unsigned(value) > MOST_SHARED) refuse(cudaErrorInvalidValue, "that much shared memory");
        function->dynamic_shared = unsigned(value);
    });
}

EXPORT CUresult cuOccupancyMaxActiveBlocksPerMultiprocessor(int *blocks, CUfunction, int threads, size_t) {
    return driver_call(__func__, [&] { *blocks = 2048 / threads; });
}

EXPORT CUresult cuOccupancyMaxPotentialBlockSize(int *grid, int *block, CUfunction, CUoccupancyB2DSize, size_t, int) {
    return driver_call(__func__, [&] {
        *grid = 264;
        *block = MOST_THREADS;
    });
}

EXPORT size_t cupy_on_cpu_modules() { return modules().size(); }

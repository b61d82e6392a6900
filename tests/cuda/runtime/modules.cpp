// Modules and launches of kernels.
//
// The image of a module is "cupy-on-cpu:" and the path of a library that g++ made of kernels and a list of them.
#include <dlfcn.h>

#include <cstring>

#include "kernel_on_cpu.h"
#include "runtime.h"

// In threads.cpp, where CUDA's names are those of kernels.
std::string run_threads(const emulator::Kernel &kernel, const unsigned *grid, const unsigned *block, size_t shared,
                        void **arguments, unsigned seed);

namespace {

constexpr unsigned MOST_THREADS = 1024, MOST_Z = 64, MOST_ROWS = 65535, MOST_COLUMNS = 0x7FFFFFFF;
constexpr unsigned SHARED = 48 << 10, MOST_SHARED = 227 << 10;

struct Module {
    void *library;
    const emulator::Kernel *kernels;
};

struct Function {
    std::shared_ptr<Module> module;
    const emulator::Kernel *kernel;
    unsigned dynamic_shared = SHARED;  // bytes that a launch may ask for
};

Handles<Module> &modules() {
    static auto &all = *new Handles<Module>;
    return all;
}
Handles<Function> &functions() {
    static auto &all = *new Handles<Function>;
    return all;
}

std::shared_ptr<Module> load(const char *image) {
    constexpr char mark[] = "cupy-on-cpu:";
    if (strncmp(image, mark, strlen(mark))) refuse(cudaErrorInvalidKernelImage, "not made for this runtime");
    void *library = dlopen(image + strlen(mark), RTLD_NOW | RTLD_LOCAL);
    if (!library) refuse(cudaErrorInvalidKernelImage, dlerror());
    return std::make_shared<Module>(Module{library, static_cast<const emulator::Kernel *>(dlsym(library, "kernels"))});
}

std::shared_ptr<Function> find(const std::shared_ptr<Module> &module, const std::string &name) {
    for (const auto *kernel = module->kernels; kernel->name; ++kernel)
        if (name == kernel->name) return std::make_shared<Function>(Function{module, kernel});
    refuse(cudaErrorSymbolNotFound, name);
}

// The parameters of a launch, copied as it is submitted.
class Parameters {
public:
    Parameters(const emulator::Kernel &kernel, void **values) {
        for (unsigned i = 0; i < kernel.count; ++i) {
            const size_t size = kernel.parameters[i].size;
            values_.emplace_back((size + sizeof(Slot) - 1) / sizeof(Slot));
            memcpy(values_[i].data(), values[i], size);
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
    if (!bx || !by || !bz || bx > MOST_THREADS || by > MOST_THREADS || bz > MOST_Z ||
        size_t(bx) * by * bz > function.kernel->most_threads)
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
    return std::string(name) + " " + std::to_string(size.x) + "x" + std::to_string(size.y) + "x" +
           std::to_string(size.z);
}

void run(const emulator::Kernel &kernel, const dim3 &grid, const dim3 &block, size_t shared,
         const Parameters &parameters) {
    const std::string what = std::string("the kernel ") + kernel.name;
    on_the_device(what, [&] {
        auto pointers = parameters.pointers();
        const unsigned g[] = {grid.x, grid.y, grid.z}, b[] = {block.x, block.y, block.z}, one[] = {1, 1, 1};
        const bool alone = kernel.strides;
        const std::string error =
            run_threads(kernel, alone ? one : g, alone ? one : b, shared, pointers.data(), next_seed());
        if (!error.empty()) break_down(cudaErrorLaunchFailure, what + ": " + error);
        if (const auto harm = broken_guard(); !harm.empty()) break_down(cudaErrorIllegalAddress, what + " " + harm);
    });
}

}  // namespace

EXPORT CUresult cuModuleLoadData(CUmodule *module, const void *image) {
    return driver_call(__func__, [&] {
        count(Counter::MODULE_LOADS);
        check_unsafe("cuModuleLoadData");
        *module = reinterpret_cast<CUmodule>(modules().add(load(static_cast<const char *>(image))));
    });
}

EXPORT CUresult cuModuleUnload(CUmodule module) {
    return driver_call(__func__, [&] {
        check_unsafe("cuModuleUnload");
        modules().remove(module, "module");
    });
}

EXPORT CUresult cuModuleGetFunction(CUfunction *function, CUmodule handle, const char *name) {
    return driver_call(__func__, [&] {
        const auto module = modules().get(handle, "module");
        *function = reinterpret_cast<CUfunction>(functions().add(find(module, name)));
    });
}

EXPORT CUresult cuLaunchKernel(CUfunction handle, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by,
                               unsigned bz, unsigned shared, CUstream queue, void **values, void **) {
    return driver_call(__func__, [&] {
        const auto function = functions().get(handle, "function");
        const auto stream = stream_of(queue);
        const dim3 grid{gx, gy, gz}, block{bx, by, bz};
        if (!stream->capture) count(Counter::LAUNCHES);
        note(std::string("  ") + function->kernel->name + text(" grid", grid) + text(" block", block));
        check_launch(*function, grid, block, shared);
        const auto parameters = std::make_shared<const Parameters>(*function->kernel, values);
        submit(stream, Kind::LAUNCH, [=] { run(*function->kernel, grid, block, shared, *parameters); });
    });
}

EXPORT CUresult cuFuncGetAttribute(int *value, CUfunction_attribute attribute, CUfunction handle) {
    return driver_call(__func__, [&] {
        const auto function = functions().get(handle, "function");
        switch (attribute) {
            case CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK: *value = int(function->kernel->most_threads); break;
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

// The threads of a launch.
#include "threads_on_cpu.h"

std::string run_threads(const emulator::Kernel &kernel, const unsigned *grid, const unsigned *block, size_t shared,
                        void **arguments, unsigned seed) {
    return emulator::run(kernel, {grid[0], grid[1], grid[2]}, {block[0], block[1], block[2]}, shared, arguments, seed);
}

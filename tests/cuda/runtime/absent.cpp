// The answer of functions that are not provided.
#include "absent.h"

#include <cstdio>

#include "runtime.h"

int absent(const char *name, int status) {
    fprintf(stderr, "CuPy on the CPU: %s is not provided\n", name);
    note(std::string(name) + "  is not provided");
    return status;
}

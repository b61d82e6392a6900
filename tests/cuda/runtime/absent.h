// Functions that are not provided: `prepare.py` finds their names in CuPy and writes a line for each.
#pragma once

// Says on stderr which function was called, and returns the status.
int absent(const char *name, int status);

#define ABSENT(name, status) \
    extern "C" __attribute__((visibility("default"))) int name() { return absent(#name, status); }

// Sorting, which CuPy leaves to Thrust: stable, by the last axis, NaN last.
#include <algorithm>
#include <complex>
#include <cstring>
#include <numeric>

#include "runtime.h"

namespace {

template <typename T>
bool less(T a, T b) {
    if (a != a || b != b) return a == a;  // NaN is the largest
    return a < b;
}
template <typename T>
bool less(std::complex<T> a, std::complex<T> b) {
    return less(a.real(), b.real()) || (!less(b.real(), a.real()) && less(a.imag(), b.imag()));
}

// indices: where each element of a sorted row was; may be null.
template <typename T>
void sort_rows(T *data, size_t *indices, size_t rows, size_t columns) {
    std::vector<size_t> order(columns);
    std::vector<T> row(columns);
    for (size_t r = 0; r < rows; ++r, data += columns) {
        std::iota(order.begin(), order.end(), 0);
        std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return less(data[a], data[b]); });
        for (size_t i = 0; i < columns; ++i) row[i] = data[order[i]];
        std::copy(row.begin(), row.end(), data);
        if (indices) std::copy(order.begin(), order.end(), indices + r * columns);
    }
}

// The order of n columns by k rows of keys, of which the last row matters most.
template <typename T>
void lexsort(const T *keys, size_t *indices, size_t k, size_t n) {
    std::iota(indices, indices + n, 0);
    for (size_t row = 0; row < k; ++row, keys += n)
        std::stable_sort(indices, indices + n, [&](size_t a, size_t b) { return less(keys[a], keys[b]); });
}

// function(pointer to the type that NumPy's code names).
template <typename Function>
void with_type(char type, void *data, const Function &function) {
    switch (type) {
        case '?': return function(static_cast<bool *>(data));
        case 'b': return function(static_cast<signed char *>(data));
        case 'B': return function(static_cast<unsigned char *>(data));
        case 'h': return function(static_cast<short *>(data));
        case 'H': return function(static_cast<unsigned short *>(data));
        case 'i': return function(static_cast<int *>(data));
        case 'I': return function(static_cast<unsigned *>(data));
        case 'l': case 'q': return function(static_cast<long long *>(data));
        case 'L': case 'Q': return function(static_cast<unsigned long long *>(data));
        case 'f': return function(static_cast<float *>(data));
        case 'd': return function(static_cast<double *>(data));
        case 'F': return function(static_cast<std::complex<float> *>(data));
        case 'D': return function(static_cast<std::complex<double> *>(data));
        default: refuse(cudaErrorNotSupported, std::string("sorting the type ") + type);
    }
}

template <typename Function>
int submit_sort(const char *name, char type, void *data, void *stream, Function sort) {
    return call(name, [&] {
        const auto queue = stream_of(stream);
        with_type(type, data, [&](auto *typed) {
            if (!queue->capture) count(Counter::SORTS);
            submit(queue, Kind::SORT, [=] { on_the_device(name, [&] { sort(typed); }); });
        });
    });
}

}  // namespace

EXPORT int cupy_on_cpu_sort(char type, void *data, size_t *indices, size_t rows, size_t columns, void *stream) {
    return submit_sort("Thrust's sort", type, data, stream,
                       [=](auto *typed) { sort_rows(typed, indices, rows, columns); });
}

EXPORT int cupy_on_cpu_lexsort(char type, void *keys, size_t *indices, size_t k, size_t n, void *stream) {
    return submit_sort("Thrust's lexsort", type, keys, stream, [=](auto *typed) { lexsort(typed, indices, k, n); });
}

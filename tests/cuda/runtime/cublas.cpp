// cuBLAS as far as CuPy and minigan call it: column-major matrices, factors alpha and beta on the host.
//
// In device pointer mode only a result, that of a dot product, is on the device; alpha and beta there are refused.
// Sums are formed in double and rounded once, also for float.  With TF32 the factors are rounded to 10 bits first.
#include <algorithm>

#include <cstring>

#include "absent.h"
#include "cublas_types.h"
#include "runtime.h"

namespace {

constexpr size_t ROWS = 8, COLUMNS = 4;  // of the tile that is summed in registers

struct Handle {
    cudaStream_t stream = nullptr;
    cublasMath_t math = CUBLAS_DEFAULT_MATH;
    cublasPointerMode_t pointers = CUBLAS_POINTER_MODE_HOST;
};

Handles<Handle> &handles() {
    static auto &all = *new Handles<Handle>;
    return all;
}

cublasStatus_t blas_call(const char *name, const std::function<void()> &body) {
    switch (call(name, body)) {
        case cudaSuccess: return CUBLAS_STATUS_SUCCESS;
        case cudaErrorInvalidValue: return CUBLAS_STATUS_INVALID_VALUE;
        case cudaErrorInvalidResourceHandle: return CUBLAS_STATUS_NOT_INITIALIZED;
        case cudaErrorNotSupported: return CUBLAS_STATUS_NOT_SUPPORTED;
        default: return CUBLAS_STATUS_EXECUTION_FAILED;
    }
}

Handle &handle_of(cublasHandle_t handle) { return *handles().get(handle, "cuBLAS handle"); }

// With alpha and beta, which it reads as it is called.
cublasStatus_t product_call(const char *name, cublasHandle_t handle, const std::function<void()> &body) {
    return blas_call(name, [&] {
        if (handle_of(handle).pointers == CUBLAS_POINTER_MODE_DEVICE) {
            absent((std::string(name) + " in device pointer mode").c_str(), CUBLAS_STATUS_NOT_SUPPORTED);
            refuse(cudaErrorNotSupported, "alpha and beta must be on the host");
        }
        body();
    });
}

void check_result(cublasHandle_t handle, const void *result) {
    const bool device = handle_of(handle).pointers == CUBLAS_POINTER_MODE_DEVICE;
    if (on_device(result) == device) return;
    refuse(cudaErrorInvalidValue, device ? "a result on the host in device pointer mode"
                                         : "a result on the device in host pointer mode");
}

// The nearest number with 10 bits of mantissa; of two, the larger.
float to_tf32(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    if ((bits & 0x7F800000) == 0x7F800000) return value;
    bits = (bits + 0x1000) & ~0x1FFFu;
    memcpy(&value, &bits, sizeof value);
    return value;
}

template <typename T>
struct Factor {
    const T *data;
    bool transposed;
    size_t leading;
    T at(size_t row, size_t column) const {
        return data[transposed ? column + row * leading : row + column * leading];
    }
};

template <typename T>
struct Product {
    size_t m, n, k;
    T alpha, beta;
    Factor<T> a, b;
    T *c;
    size_t ldc;
    bool tf32;
};

// The addresses of the matrices of one product.
template <typename T>
struct Operands {
    const T *a, *b;
    T *c;
};

// Where those of the i-th product of a batch are; it is asked when the product is computed.
template <typename T>
using Batch = std::function<Operands<T>(size_t i)>;

// Panels of `width` rows of a factor, each with its columns one after the other; zeros fill the last one up.
template <size_t width, typename At>
std::vector<double> panels(size_t rows, size_t columns, const At &at) {
    std::vector<double> packed((rows + width - 1) / width * width * columns);
    for (size_t first = 0; first < rows; first += width)
        for (size_t l = 0; l < columns; ++l)
            for (size_t i = first; i < std::min(first + width, rows); ++i)
                packed[first * columns + l * width + i - first] = at(i, l);
    return packed;
}

template <typename T>
double rounded(T value, bool tf32) {
    if constexpr (std::is_same_v<T, float>) return tf32 ? to_tf32(value) : value;
    return value;
}

void tile(const double *a, const double *b, size_t k, double (&sums)[COLUMNS][ROWS]) {
    double local[COLUMNS][ROWS] = {};
    for (size_t l = 0; l < k; ++l, a += ROWS, b += COLUMNS)
        for (size_t j = 0; j < COLUMNS; ++j)
            for (size_t i = 0; i < ROWS; ++i) local[j][i] += a[i] * b[j];
    memcpy(sums, local, sizeof local);
}

template <typename T>
void compute(const Product<T> &p) {
    const auto a = panels<ROWS>(p.m, p.k, [&](size_t i, size_t l) { return rounded(p.a.at(i, l), p.tf32); });
    const auto b = panels<COLUMNS>(p.n, p.k, [&](size_t j, size_t l) { return rounded(p.b.at(l, j), p.tf32); });
    for (size_t i = 0; i < p.m; i += ROWS)
        for (size_t j = 0; j < p.n; j += COLUMNS) {
            double sums[COLUMNS][ROWS];
            tile(&a[i * p.k], &b[j * p.k], p.k, sums);
            for (size_t v = 0; v < std::min(COLUMNS, p.n - j); ++v)
                for (size_t u = 0; u < std::min(ROWS, p.m - i); ++u) {
                    T &c = p.c[i + u + (j + v) * p.ldc];
                    c = T(p.alpha * sums[v][u] + (p.beta == 0 ? 0.0 : double(p.beta) * c));
                }
        }
}

struct Shape {
    cublasOperation_t ta, tb;
    int m, n, k, lda, ldb, ldc;
};

void check(const Shape &s) {
    const int rows_a = s.ta == CUBLAS_OP_N ? s.m : s.k, rows_b = s.tb == CUBLAS_OP_N ? s.k : s.n;
    if (s.m < 0 || s.n < 0 || s.k < 0 || s.lda < std::max(1, rows_a) || s.ldb < std::max(1, rows_b) ||
        s.ldc < std::max(1, s.m))
        refuse(cudaErrorInvalidValue, "sizes that do not fit");
}

std::string text(const Shape &s) {
    return "  " + std::to_string(s.m) + "x" + std::to_string(s.n) + "x" + std::to_string(s.k) +
           (s.ta == CUBLAS_OP_N ? " N" : " T") + (s.tb == CUBLAS_OP_N ? "N" : "T");
}

bool wants_tf32(cublasHandle_t handle, cublasComputeType_t compute) {
    return compute == CUBLAS_COMPUTE_32F_FAST_TF32 ||
           (compute == CUBLAS_COMPUTE_32F && handle_of(handle).math == CUBLAS_TF32_TENSOR_OP_MATH);
}

template <typename T>
constexpr cublasComputeType_t COMPUTE = std::is_same_v<T, float> ? CUBLAS_COMPUTE_32F : CUBLAS_COMPUTE_64F;

// Products of one shape, in one launch.
template <typename T>
void gemm(cublasHandle_t handle, const Shape &s, const T *alpha, const T *beta, const Batch<T> &at, int batch = 1,
          cublasComputeType_t compute_type = COMPUTE<T>) {
    const auto stream = stream_of(handle_of(handle).stream);
    if (!stream->capture) count(Counter::PRODUCTS);
    note(text(s) + (batch == 1 ? "" : " times " + std::to_string(batch)));
    check(s);
    if (batch < 0) refuse(cudaErrorInvalidValue, "a negative number of products");
    if (!s.m || !s.n || !batch) return;
    Product<T> product = {size_t(s.m), size_t(s.n), size_t(s.k), *alpha, *beta,
                          {nullptr, s.ta != CUBLAS_OP_N, size_t(s.lda)}, {nullptr, s.tb != CUBLAS_OP_N, size_t(s.ldb)},
                          nullptr, size_t(s.ldc), wants_tf32(handle, compute_type)};
    submit(stream, Kind::PRODUCT, [=]() mutable {
        on_the_device("a product", [&] {
            for (size_t i = 0; i < size_t(batch); ++i) {
                const Operands<T> operands = at(i);
                product.a.data = operands.a;
                product.b.data = operands.b;
                product.c = operands.c;
                compute(product);
            }
        });
    });
}

template <typename T>
Batch<T> strided(const void *a, long long sa, const void *b, long long sb, void *c, long long sc) {
    return [=](size_t i) {
        const auto step = static_cast<long long>(i);
        return Operands<T>{static_cast<const T *>(a) + step * sa, static_cast<const T *>(b) + step * sb,
                           static_cast<T *>(c) + step * sc};
    };
}

// By arrays of addresses, which are on the device.
template <typename T>
Batch<T> listed(const T *const *a, const T *const *b, T *const *c) {
    return [=](size_t i) { return Operands<T>{a[i], b[i], c[i]}; };
}

struct Types {
    cudaDataType a, b, c;
    cublasComputeType_t compute;
};

struct Strided {
    const void *a;
    long long sa;
    const void *b;
    long long sb;
    void *c;
    long long sc;
    int batch;
};

void gemm_ex(cublasHandle_t handle, const Shape &s, const Types &types, const void *alpha, const void *beta,
             const Strided &p) {
    const auto [at, bt, ct, compute] = types;
    const bool tf32 = compute == CUBLAS_COMPUTE_32F_FAST_TF32;
    if (at != bt || at != ct) refuse(cudaErrorNotSupported, "factors of different types");
    if (at == CUDA_R_32F && (compute == CUBLAS_COMPUTE_32F || tf32))
        return gemm<float>(handle, s, static_cast<const float *>(alpha), static_cast<const float *>(beta),
                           strided<float>(p.a, p.sa, p.b, p.sb, p.c, p.sc), p.batch, compute);
    if (at == CUDA_R_64F && compute == CUBLAS_COMPUTE_64F)
        return gemm<double>(handle, s, static_cast<const double *>(alpha), static_cast<const double *>(beta),
                            strided<double>(p.a, p.sa, p.b, p.sb, p.c, p.sc), p.batch);
    refuse(cudaErrorNotSupported, "products of that type");
}

// y = alpha * op(A) x + beta * y.
template <typename T>
cublasStatus_t matrix_vector(const char *name, cublasHandle_t handle, cublasOperation_t op, int m, int n,
                             const T *alpha, const T *a, int lda, const T *x, int step_x, const T *beta, T *y,
                             int step_y) {
    return product_call(name, handle, [&] {
        const auto stream = stream_of(handle_of(handle).stream);
        if (!stream->capture) count(Counter::PRODUCTS);
        if (step_x < 1 || step_y < 1) refuse(cudaErrorNotSupported, "negative steps");
        const bool transposed = op != CUBLAS_OP_N;
        const size_t rows = size_t(transposed ? n : m), columns = size_t(transposed ? m : n);
        const Factor<T> matrix{a, transposed, size_t(lda)};
        submit(stream, Kind::PRODUCT, [=, alpha = *alpha, beta = *beta] {
            on_the_device(name, [&] {
                for (size_t i = 0; i < rows; ++i) {
                    double sum = 0;
                    for (size_t j = 0; j < columns; ++j) sum += double(matrix.at(i, j)) * x[j * size_t(step_x)];
                    T &out = y[i * size_t(step_y)];
                    out = T(alpha * sum + (beta == 0 ? 0.0 : double(beta) * out));
                }
            });
        });
    });
}

// With the result where the pointer mode says: on the device or, after waiting, on the host.
template <typename T>
cublasStatus_t dot(const char *name, cublasHandle_t handle, int n, const T *x, int step_x, const T *y, int step_y,
                   T *result) {
    return blas_call(name, [&] {
        check_result(handle, result);
        const auto stream = stream_of(handle_of(handle).stream);
        if (!stream->capture) count(Counter::PRODUCTS);
        if (step_x < 1 || step_y < 1) refuse(cudaErrorNotSupported, "negative steps");
        if (!on_device(result) && stream->capture)
            spoil(*stream->capture, cudaErrorStreamCaptureUnsupported, "the host waits for the result");
        submit(stream, Kind::PRODUCT, [=] {
            on_the_device(name, [&] {
                double sum = 0;
                for (size_t i = 0; i < size_t(n); ++i) sum += double(x[i * size_t(step_x)]) * y[i * size_t(step_y)];
                *result = T(sum);
            });
        });
        if (!on_device(result)) finish(*stream);
    });
}

}  // namespace

EXPORT cublasStatus_t cublasCreate_v2(cublasHandle_t *handle) {
    return blas_call(__func__, [&] {
        check_unsafe("cublasCreate");
        *handle = reinterpret_cast<cublasHandle_t>(handles().add(std::make_shared<Handle>()));
    });
}
EXPORT cublasStatus_t cublasDestroy_v2(cublasHandle_t handle) {
    return blas_call(__func__, [&] { handles().remove(handle, "cuBLAS handle"); });
}
EXPORT cublasStatus_t cublasSetStream_v2(cublasHandle_t handle, cudaStream_t stream) {
    return blas_call(__func__, [&] {
        stream_of(stream);
        handle_of(handle).stream = stream;
    });
}
EXPORT cublasStatus_t cublasGetStream_v2(cublasHandle_t handle, cudaStream_t *stream) {
    return blas_call(__func__, [&] { *stream = handle_of(handle).stream; });
}
EXPORT cublasStatus_t cublasSetWorkspace_v2(cublasHandle_t handle, void *workspace, size_t size) {
    return blas_call(__func__, [&] {
        handle_of(handle);
        if (reinterpret_cast<uintptr_t>(workspace) % 256) refuse(cudaErrorInvalidValue, "not aligned to 256 bytes");
        if (size) check_range(workspace, size);
    });
}
EXPORT cublasStatus_t cublasSetPointerMode_v2(cublasHandle_t handle, cublasPointerMode_t mode) {
    return blas_call(__func__, [&] {
        if (mode != CUBLAS_POINTER_MODE_HOST && mode != CUBLAS_POINTER_MODE_DEVICE)
            refuse(cudaErrorInvalidValue, "no such pointer mode");
        handle_of(handle).pointers = mode;
    });
}
EXPORT cublasStatus_t cublasGetPointerMode_v2(cublasHandle_t handle, cublasPointerMode_t *mode) {
    return blas_call(__func__, [&] { *mode = handle_of(handle).pointers; });
}
EXPORT cublasStatus_t cublasSetMathMode(cublasHandle_t handle, cublasMath_t mode) {
    return blas_call(__func__, [&] { handle_of(handle).math = mode; });
}
EXPORT cublasStatus_t cublasGetMathMode(cublasHandle_t handle, cublasMath_t *mode) {
    return blas_call(__func__, [&] { *mode = handle_of(handle).math; });
}

#define SHAPE \
    cublasHandle_t handle, cublasOperation_t ta, cublasOperation_t tb, int m, int n, int k
#define GIVEN {ta, tb, m, n, k, lda, ldb, ldc}

EXPORT cublasStatus_t cublasGemmEx(SHAPE, const void *alpha, const void *a, cudaDataType at, int lda, const void *b,
                                   cudaDataType bt, int ldb, const void *beta, void *c, cudaDataType ct, int ldc,
                                   cublasComputeType_t compute, cublasGemmAlgo_t) {
    return product_call(__func__, handle, [&] {
        gemm_ex(handle, GIVEN, {at, bt, ct, compute}, alpha, beta, {a, 0, b, 0, c, 0, 1});
    });
}

EXPORT cublasStatus_t cublasGemmStridedBatchedEx(SHAPE, const void *alpha, const void *a, cudaDataType at, int lda,
                                                 long long sa, const void *b, cudaDataType bt, int ldb, long long sb,
                                                 const void *beta, void *c, cudaDataType ct, int ldc, long long sc,
                                                 int batch, cublasComputeType_t compute, cublasGemmAlgo_t) {
    return product_call(__func__, handle, [&] {
        gemm_ex(handle, GIVEN, {at, bt, ct, compute}, alpha, beta, {a, sa, b, sb, c, sc, batch});
    });
}

// The functions whose names begin with the letter of their type.
#define FUNCTIONS(letter, T)                                                                                          \
    EXPORT cublasStatus_t cublas##letter##gemm_v2(SHAPE, const T *alpha, const T *a, int lda, const T *b, int ldb,    \
                                                  const T *beta, T *c, int ldc) {                                     \
        return product_call(__func__, handle, [&] { gemm<T>(handle, GIVEN, alpha, beta, strided<T>(a, 0, b, 0, c, 0)); });       \
    }                                                                                                                 \
    EXPORT cublasStatus_t cublas##letter##gemmStridedBatched(                                                         \
        SHAPE, const T *alpha, const T *a, int lda, long long sa, const T *b, int ldb, long long sb, const T *beta,   \
        T *c, int ldc, long long sc, int batch) {                                                                     \
        return product_call(__func__, handle, [&] {                                                                              \
            gemm<T>(handle, GIVEN, alpha, beta, strided<T>(a, sa, b, sb, c, sc), batch);                              \
        });                                                                                                           \
    }                                                                                                                 \
    EXPORT cublasStatus_t cublas##letter##gemmBatched(SHAPE, const T *alpha, const T *const *a, int lda,              \
                                                      const T *const *b, int ldb, const T *beta, T *const *c,         \
                                                      int ldc, int batch) {                                           \
        return product_call(__func__, handle, [&] { gemm<T>(handle, GIVEN, alpha, beta, listed<T>(a, b, c), batch); });          \
    }                                                                                                                 \
    EXPORT cublasStatus_t cublas##letter##gemv_v2(cublasHandle_t handle, cublasOperation_t op, int m, int n,          \
                                                  const T *alpha, const T *a, int lda, const T *x, int step_x,        \
                                                  const T *beta, T *y, int step_y) {                                  \
        return matrix_vector(__func__, handle, op, m, n, alpha, a, lda, x, step_x, beta, y, step_y);                  \
    }                                                                                                                 \
    EXPORT cublasStatus_t cublas##letter##dot_v2(cublasHandle_t handle, int n, const T *x, int step_x, const T *y,    \
                                                 int step_y, T *result) {                                             \
        return dot(__func__, handle, n, x, step_x, y, step_y, result);                                                \
    }

FUNCTIONS(S, float)
FUNCTIONS(D, double)

// cuBLAS as far as CuPy and minigan call it: column-major matrices, scalars on the host.
//
// Sums are formed in double and rounded once, also for float.  With TF32 the factors are rounded to 10 bits first.
#include <algorithm>

#include <cstring>

#include "cublas_types.h"
#include "runtime.h"

namespace {

constexpr size_t ROWS = 8, COLUMNS = 4;  // of the tile that is summed in registers

struct Handle {
    cudaStream_t stream = nullptr;
    cublasMath_t math = CUBLAS_DEFAULT_MATH;
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
    T at(size_t row, size_t column) const { return transposed ? data[column + row * leading] : data[row + column * leading]; }
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

template <typename T>
void gemm(cublasHandle_t handle, const Shape &s, const T *alpha, const T *a, const T *b, const T *beta, T *c, bool tf32) {
    const auto stream = stream_of(handle_of(handle).stream);
    if (!stream->capture) count(Counter::PRODUCTS);
    note(text(s));
    check(s);
    if (!s.m || !s.n) return;
    const Product<T> product = {
        size_t(s.m), size_t(s.n), size_t(s.k), *alpha, *beta, {a, s.ta != CUBLAS_OP_N, size_t(s.lda)},
        {b, s.tb != CUBLAS_OP_N, size_t(s.ldb)}, c, size_t(s.ldc), tf32};
    submit(stream, Kind::PRODUCT, [product] { on_the_device("a product", [&] { compute(product); }); });
}

bool wants_tf32(cublasHandle_t handle, cublasComputeType_t compute) {
    return compute == CUBLAS_COMPUTE_32F_FAST_TF32 ||
           (compute == CUBLAS_COMPUTE_32F && handle_of(handle).math == CUBLAS_TF32_TENSOR_OP_MATH);
}

void gemm_ex(cublasHandle_t handle, const Shape &s, const void *alpha, const void *a, cudaDataType at, const void *b,
             cudaDataType bt, const void *beta, void *c, cudaDataType ct, cublasComputeType_t compute) {
    if (at != bt || at != ct) refuse(cudaErrorNotSupported, "factors of different types");
    if (at == CUDA_R_32F && (compute == CUBLAS_COMPUTE_32F || compute == CUBLAS_COMPUTE_32F_FAST_TF32))
        return gemm(handle, s, static_cast<const float *>(alpha), static_cast<const float *>(a),
                    static_cast<const float *>(b), static_cast<const float *>(beta), static_cast<float *>(c),
                    wants_tf32(handle, compute));
    if (at == CUDA_R_64F && compute == CUBLAS_COMPUTE_64F)
        return gemm(handle, s, static_cast<const double *>(alpha), static_cast<const double *>(a),
                    static_cast<const double *>(b), static_cast<const double *>(beta), static_cast<double *>(c), false);
    refuse(cudaErrorNotSupported, "products of that type");
}

size_t size_of(cudaDataType type) { return type == CUDA_R_64F ? 8 : 4; }

template <typename T>
cublasComputeType_t compute_type() {
    return std::is_same_v<T, float> ? CUBLAS_COMPUTE_32F : CUBLAS_COMPUTE_64F;
}

template <typename T>
cublasStatus_t one(const char *name, cublasHandle_t handle, const Shape &s, const T *alpha, const T *a, const T *b,
                   const T *beta, T *c) {
    return blas_call(name, [&] { gemm(handle, s, alpha, a, b, beta, c, wants_tf32(handle, compute_type<T>())); });
}

struct Strides {
    long long a, b, c;
};

template <typename T>
cublasStatus_t many(const char *name, cublasHandle_t handle, const Shape &s, const T *alpha, const T *a, const T *b,
                    const T *beta, T *c, const Strides &strides, int count) {
    return blas_call(name, [&] {
        for (long long i = 0; i < count; ++i)
            gemm(handle, s, alpha, a + i * strides.a, b + i * strides.b, beta, c + i * strides.c, 
                 wants_tf32(handle, compute_type<T>()));
    });
}

// y = alpha * op(A) x + beta * y.
template <typename T>
cublasStatus_t matrix_vector(const char *name, cublasHandle_t handle, cublasOperation_t op, int m, int n,
                             const T *alpha, const T *a, int lda, const T *x, int step_x, const T *beta, T *y, int step_y) {
    return blas_call(name, [&] {
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

// With the result on the device or, after waiting, on the host.
template <typename T>
cublasStatus_t dot(const char *name, cublasHandle_t handle, int n, const T *x, int step_x, const T *y, int step_y, T *result) {
    return blas_call(name, [&] {
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
        handle_of(handle);
        if (mode != CUBLAS_POINTER_MODE_HOST) note("  only results may be on the device");
    });
}
EXPORT cublasStatus_t cublasGetPointerMode_v2(cublasHandle_t handle, cublasPointerMode_t *mode) {
    return blas_call(__func__, [&] {
        handle_of(handle);
        *mode = CUBLAS_POINTER_MODE_HOST;
    });
}
EXPORT cublasStatus_t cublasSetMathMode(cublasHandle_t handle, cublasMath_t mode) {
    return blas_call(__func__, [&] { handle_of(handle).math = mode; });
}
EXPORT cublasStatus_t cublasGetMathMode(cublasHandle_t handle, cublasMath_t *mode) {
    return blas_call(__func__, [&] { *mode = handle_of(handle).math; });
}

EXPORT cublasStatus_t cublasGemmEx(cublasHandle_t handle, cublasOperation_t ta, cublasOperation_t tb, int m, int n, int k,
                                   const void *alpha, const void *a, cudaDataType at, int lda, const void *b,
                                   cudaDataType bt, int ldb, const void *beta, void *c, cudaDataType ct, int ldc,
                                   cublasComputeType_t compute, cublasGemmAlgo_t) {
    return blas_call(__func__, [&] {
        gemm_ex(handle, {ta, tb, m, n, k, lda, ldb, ldc}, alpha, a, at, b, bt, beta, c, ct, compute);
    });
}

EXPORT cublasStatus_t cublasGemmStridedBatchedEx(cublasHandle_t handle, cublasOperation_t ta, cublasOperation_t tb, int m,
                                                 int n, int k, const void *alpha, const void *a, cudaDataType at, int lda,
                                                 long long sa, const void *b, cudaDataType bt, int ldb, long long sb,
                                                 const void *beta, void *c, cudaDataType ct, int ldc, long long sc,
                                                 int count, cublasComputeType_t compute, cublasGemmAlgo_t) {
    return blas_call(__func__, [&] {
        const long long size = (long long)size_of(at);
        for (long long i = 0; i < count; ++i)
            gemm_ex(handle, {ta, tb, m, n, k, lda, ldb, ldc}, alpha, static_cast<const char *>(a) + i * sa * size, at,
                    static_cast<const char *>(b) + i * sb * size, bt, beta, static_cast<char *>(c) + i * sc * size, ct,
                    compute);
    });
}

EXPORT cublasStatus_t cublasSgemm_v2(cublasHandle_t handle, cublasOperation_t ta, cublasOperation_t tb, int m, int n, int k,
                                     const float *alpha, const float *a, int lda, const float *b, int ldb,
                                     const float *beta, float *c, int ldc) {
    return one(__func__, handle, {ta, tb, m, n, k, lda, ldb, ldc}, alpha, a, b, beta, c);
}
EXPORT cublasStatus_t cublasDgemm_v2(cublasHandle_t handle, cublasOperation_t ta, cublasOperation_t tb, int m, int n, int k,
                                     const double *alpha, const double *a, int lda, const double *b, int ldb,
                                     const double *beta, double *c, int ldc) {
    return one(__func__, handle, {ta, tb, m, n, k, lda, ldb, ldc}, alpha, a, b, beta, c);
}
EXPORT cublasStatus_t cublasSgemmStridedBatched(cublasHandle_t handle, cublasOperation_t ta, cublasOperation_t tb, int m,
                                                int n, int k, const float *alpha, const float *a, int lda, long long sa,
                                                const float *b, int ldb, long long sb, const float *beta, float *c,
                                                int ldc, long long sc, int count) {
    return many(__func__, handle, {ta, tb, m, n, k, lda, ldb, ldc}, alpha, a, b, beta, c, {sa, sb, sc}, count);
}
EXPORT cublasStatus_t cublasDgemmStridedBatched(cublasHandle_t handle, cublasOperation_t ta, cublasOperation_t tb, int m,
                                                int n, int k, const double *alpha, const double *a, int lda, long long sa,
                                                const double *b, int ldb, long long sb, const double *beta, double *c,
                                                int ldc, long long sc, int count) {
    return many(__func__, handle, {ta, tb, m, n, k, lda, ldb, ldc}, alpha, a, b, beta, c, {sa, sb, sc}, count);
}
EXPORT cublasStatus_t cublasSgemv_v2(cublasHandle_t handle, cublasOperation_t op, int m, int n, const float *alpha,
                                     const float *a, int lda, const float *x, int step_x, const float *beta, float *y,
                                     int step_y) {
    return matrix_vector(__func__, handle, op, m, n, alpha, a, lda, x, step_x, beta, y, step_y);
}
EXPORT cublasStatus_t cublasDgemv_v2(cublasHandle_t handle, cublasOperation_t op, int m, int n, const double *alpha,
                                     const double *a, int lda, const double *x, int step_x, const double *beta, double *y,
                                     int step_y) {
    return matrix_vector(__func__, handle, op, m, n, alpha, a, lda, x, step_x, beta, y, step_y);
}
EXPORT cublasStatus_t cublasSdot_v2(cublasHandle_t handle, int n, const float *x, int step_x, const float *y, int step_y,
                                    float *result) {
    return dot(__func__, handle, n, x, step_x, y, step_y, result);
}
EXPORT cublasStatus_t cublasDdot_v2(cublasHandle_t handle, int n, const double *x, int step_x, const double *y, int step_y,
                                    double *result) {
    return dot(__func__, handle, n, x, step_x, y, step_y, result);
}

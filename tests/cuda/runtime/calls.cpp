// What every call does first and last; the errors of the runtime, and of kernels.
#include <cstdio>
#include <cstdlib>

#include "runtime.h"

namespace {

std::recursive_mutex &one_at_a_time() {
    static auto &mutex = *new std::recursive_mutex;
    return mutex;
}
cudaError_t broken = cudaSuccess;
thread_local cudaError_t last_error = cudaSuccess;

struct Name {
    const char *name, *text;
};

// Those that this runtime returns, with NVIDIA's descriptions.
const std::map<int, Name> &names() {
    static const auto &all = *new std::map<int, Name>{
        {cudaSuccess, {"cudaSuccess", "no error"}},
        {cudaErrorInvalidValue, {"cudaErrorInvalidValue", "invalid argument"}},
        {cudaErrorMemoryAllocation, {"cudaErrorMemoryAllocation", "out of memory"}},
        {cudaErrorInvalidDevice, {"cudaErrorInvalidDevice", "invalid device ordinal"}},
        {cudaErrorInvalidKernelImage, {"cudaErrorInvalidKernelImage", "device kernel image is invalid"}},
        {cudaErrorInvalidResourceHandle, {"cudaErrorInvalidResourceHandle", "invalid resource handle"}},
        {cudaErrorIllegalState, {"cudaErrorIllegalState", "the operation cannot be performed in the present state"}},
        {cudaErrorSymbolNotFound, {"cudaErrorSymbolNotFound", "named symbol not found"}},
        {cudaErrorNotReady, {"cudaErrorNotReady", "device not ready"}},
        {cudaErrorIllegalAddress, {"cudaErrorIllegalAddress", "an illegal memory access was encountered"}},
        {cudaErrorLaunchFailure, {"cudaErrorLaunchFailure", "unspecified launch failure"}},
        {cudaErrorNotSupported, {"cudaErrorNotSupported", "operation not supported"}},
        {cudaErrorStreamCaptureUnsupported,
         {"cudaErrorStreamCaptureUnsupported", "operation not permitted when stream is capturing"}},
        {cudaErrorStreamCaptureInvalidated,
         {"cudaErrorStreamCaptureInvalidated", "operation failed due to a previous error during capture"}},
        {cudaErrorStreamCaptureMerge,
         {"cudaErrorStreamCaptureMerge", "operation would result in a merge of separate capture sequences"}},
        {cudaErrorStreamCaptureUnmatched,
         {"cudaErrorStreamCaptureUnmatched", "capture was not ended in the same stream as it began"}},
        {cudaErrorStreamCaptureUnjoined,
         {"cudaErrorStreamCaptureUnjoined", "capturing stream has unjoined work"}},
        {cudaErrorStreamCaptureIsolation,
         {"cudaErrorStreamCaptureIsolation", "dependency created on uncaptured work in another stream"}},
        {cudaErrorStreamCaptureImplicit,
         {"cudaErrorStreamCaptureImplicit",
          "operation would make the legacy stream depend on a capturing blocking stream"}},
        {cudaErrorCapturedEvent,
         {"cudaErrorCapturedEvent", "operation not permitted on an event last recorded in a capturing stream"}},
        {cudaErrorStreamCaptureWrongThread,
         {"cudaErrorStreamCaptureWrongThread",
          "attempt to terminate a thread-local capture sequence from another thread"}},
    };
    return all;
}

Name name_of(int code) {
    const auto found = names().find(code);
    return found == names().end() ? Name{"cudaErrorUnknown", "unrecognized error code"} : found->second;
}

// The driver's names differ for a few; CuPy shows them in its messages.
const char *driver_name(int code) {
    switch (code) {
        case CUDA_ERROR_INVALID_VALUE: return "CUDA_ERROR_INVALID_VALUE";
        case CUDA_ERROR_OUT_OF_MEMORY: return "CUDA_ERROR_OUT_OF_MEMORY";
        case CUDA_ERROR_INVALID_IMAGE: return "CUDA_ERROR_INVALID_IMAGE";
        case CUDA_ERROR_INVALID_HANDLE: return "CUDA_ERROR_INVALID_HANDLE";
        case CUDA_ERROR_NOT_FOUND: return "CUDA_ERROR_NOT_FOUND";
        case CUDA_ERROR_ILLEGAL_ADDRESS: return "CUDA_ERROR_ILLEGAL_ADDRESS";
        case CUDA_ERROR_LAUNCH_FAILED: return "CUDA_ERROR_LAUNCH_FAILED";
        case CUDA_ERROR_NOT_SUPPORTED: return "CUDA_ERROR_NOT_SUPPORTED";
        case CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED: return "CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED";
        case CUDA_ERROR_STREAM_CAPTURE_INVALIDATED: return "CUDA_ERROR_STREAM_CAPTURE_INVALIDATED";
        case CUDA_ERROR_STREAM_CAPTURE_IMPLICIT: return "CUDA_ERROR_STREAM_CAPTURE_IMPLICIT";
        default: return name_of(code).name;
    }
}

}  // namespace

void refuse(cudaError_t code, const std::string &why) { throw Refusal{code, why}; }

void break_down(cudaError_t code, const std::string &why) {
    if (broken != cudaSuccess) return;
    broken = code;
    fprintf(stderr, "CuPy on the CPU: %s\n", why.c_str());
    note("FAULT: " + why);
}

long setting(const char *name, long otherwise) {
    const char *value = getenv((std::string("CUPY_ON_CPU_") + name).c_str());
    return value && *value ? atol(value) : otherwise;
}

static cudaError_t answer(const char *name, const std::function<void()> &body) {
    const std::lock_guard lock(one_at_a_time());
    if (broken != cudaSuccess) return broken;
    note(name);
    try {
        body();
        return broken;
    } catch (const Refusal &refusal) {
        note(std::string("  refused: ") + name_of(refusal.code).name + " " + refusal.why);
        return refusal.code;
    }
}

cudaError_t call(const char *name, const std::function<void()> &body) {
    const cudaError_t error = answer(name, body);
    if (error != cudaSuccess && error != cudaErrorNotReady) last_error = error;
    return error;
}

CUresult driver_call(const char *name, const std::function<void()> &body) { return CUresult(answer(name, body)); }

EXPORT cudaError_t cudaGetLastError() {
    const cudaError_t error = broken != cudaSuccess ? broken : last_error;
    last_error = cudaSuccess;
    return error;
}
EXPORT cudaError_t cudaPeekAtLastError() { return broken != cudaSuccess ? broken : last_error; }
EXPORT const char *cudaGetErrorName(cudaError_t error) { return name_of(error).name; }
EXPORT const char *cudaGetErrorString(cudaError_t error) { return name_of(error).text; }
EXPORT CUresult cuGetErrorName(CUresult error, const char **name) {
    *name = driver_name(error);
    return CUDA_SUCCESS;
}
EXPORT CUresult cuGetErrorString(CUresult error, const char **text) {
    *text = name_of(error).text;
    return CUDA_SUCCESS;
}

// The one device: what it says about itself, which is what a GPU of compute capability 9.0 says.
#include <cuda_profiler_api.h>

#include <algorithm>
#include <cstring>

#include "runtime.h"

namespace {

constexpr int CUDA = 13000;
constexpr const char *NAME = "CPU in place of a GPU";

const std::map<int, int> &attributes() {
    static const auto &all = *new std::map<int, int>{
        {cudaDevAttrComputeCapabilityMajor, 9},
        {cudaDevAttrComputeCapabilityMinor, 0},
        {cudaDevAttrMultiProcessorCount, 132},
        {cudaDevAttrWarpSize, 32},
        {cudaDevAttrMaxThreadsPerBlock, 1024},
        {cudaDevAttrMaxBlockDimX, 1024},
        {cudaDevAttrMaxBlockDimY, 1024},
        {cudaDevAttrMaxBlockDimZ, 64},
        {cudaDevAttrMaxGridDimX, 0x7FFFFFFF},
        {cudaDevAttrMaxGridDimY, 65535},
        {cudaDevAttrMaxGridDimZ, 65535},
        {cudaDevAttrMaxSharedMemoryPerBlock, 48 << 10},
        {cudaDevAttrMaxSharedMemoryPerBlockOptin, 227 << 10},
        {cudaDevAttrMaxSharedMemoryPerMultiprocessor, 228 << 10},
        {cudaDevAttrMaxThreadsPerMultiProcessor, 2048},
        {cudaDevAttrMaxRegistersPerBlock, 65536},
        {cudaDevAttrTotalConstantMemory, 64 << 10},
        {cudaDevAttrConcurrentKernels, 1},
        {cudaDevAttrUnifiedAddressing, 1},
        {cudaDevAttrMemoryPoolsSupported, 0},
        {cudaDevAttrManagedMemory, 0},
        {cudaDevAttrPageableMemoryAccess, 0},
        {cudaDevAttrCooperativeLaunch, 0},
        {cudaDevAttrClockRate, 0},
        {cudaDevAttrMemoryClockRate, 0},
        {cudaDevAttrKernelExecTimeout, 0},
        {cudaDevAttrGpuOverlap, 1},
        {cudaDevAttrMaxTexture1DLinearWidth, 0},
        {cudaDevAttrSingleToDoublePrecisionPerfRatio, 2},
        {cudaDevAttrComputeMode, cudaComputeModeDefault},
    };
    return all;
}

void check_device(int device) {
    if (device != 0) refuse(cudaErrorInvalidDevice, "there is one, number 0");
}

int attribute(cudaDeviceAttr which) {
    const auto found = attributes().find(which);
    if (found == attributes().end()) refuse(cudaErrorInvalidValue, "attribute " + std::to_string(which));
    return found->second;
}

void describe_to(cudaDeviceProp *properties) {
    *properties = {};
    strncpy(properties->name, NAME, sizeof properties->name - 1);
    size_t free, total;
    cudaMemGetInfo(&free, &total);
    properties->totalGlobalMem = total;
    properties->major = attribute(cudaDevAttrComputeCapabilityMajor);
    properties->minor = attribute(cudaDevAttrComputeCapabilityMinor);
    properties->multiProcessorCount = attribute(cudaDevAttrMultiProcessorCount);
    properties->warpSize = attribute(cudaDevAttrWarpSize);
    properties->maxThreadsPerBlock = attribute(cudaDevAttrMaxThreadsPerBlock);
    properties->maxThreadsPerMultiProcessor = attribute(cudaDevAttrMaxThreadsPerMultiProcessor);
    properties->sharedMemPerBlock = size_t(attribute(cudaDevAttrMaxSharedMemoryPerBlock));
    properties->sharedMemPerBlockOptin = size_t(attribute(cudaDevAttrMaxSharedMemoryPerBlockOptin));
    properties->sharedMemPerMultiprocessor = size_t(attribute(cudaDevAttrMaxSharedMemoryPerMultiprocessor));
    properties->regsPerBlock = attribute(cudaDevAttrMaxRegistersPerBlock);
    const int block[] = {attribute(cudaDevAttrMaxBlockDimX), attribute(cudaDevAttrMaxBlockDimY),
                         attribute(cudaDevAttrMaxBlockDimZ)};
    const int grid[] = {attribute(cudaDevAttrMaxGridDimX), attribute(cudaDevAttrMaxGridDimY),
                        attribute(cudaDevAttrMaxGridDimZ)};
    std::copy_n(block, 3, properties->maxThreadsDim);
    std::copy_n(grid, 3, properties->maxGridSize);
    properties->unifiedAddressing = 1;
    properties->concurrentKernels = 1;
}

const auto CONTEXT = reinterpret_cast<CUcontext>(1);

}  // namespace

EXPORT cudaError_t cudaDriverGetVersion(int *version) {
    return call(__func__, [&] { *version = CUDA; });
}
EXPORT cudaError_t cudaRuntimeGetVersion(int *version) {
    return call(__func__, [&] { *version = CUDA; });
}
EXPORT cudaError_t cudaGetDeviceCount(int *devices) {
    return call(__func__, [&] { *devices = 1; });
}
EXPORT cudaError_t cudaGetDevice(int *device) {
    return call(__func__, [&] { *device = 0; });
}
EXPORT cudaError_t cudaSetDevice(int device) {
    return call(__func__, [&] { check_device(device); });
}
EXPORT cudaError_t cudaDeviceGetAttribute(int *value, cudaDeviceAttr which, int device) {
    return call(__func__, [&] {
        check_device(device);
        *value = attribute(which);
    });
}
EXPORT cudaError_t cudaGetDeviceProperties(cudaDeviceProp *properties, int device) {
    return call(__func__, [&] {
        check_device(device);
        describe_to(properties);
    });
}
EXPORT cudaError_t cudaDeviceGetPCIBusId(char *text, int size, int device) {
    return call(__func__, [&] {
        check_device(device);
        if (snprintf(text, size_t(size), "0000:00:00.0") >= size) refuse(cudaErrorInvalidValue, "too short");
    });
}
EXPORT cudaError_t cudaDeviceCanAccessPeer(int *can, int, int) {
    return call(__func__, [&] { *can = 0; });
}

// For profilers, of which there is none.
EXPORT cudaError_t cudaProfilerStart() {
    return call(__func__, [] {});
}
EXPORT cudaError_t cudaProfilerStop() {
    return call(__func__, [] {});
}

EXPORT CUresult cuInit(unsigned) {
    return driver_call(__func__, [] {});
}
EXPORT CUresult cuDriverGetVersion(int *version) {
    return driver_call(__func__, [&] { *version = CUDA; });
}
EXPORT CUresult cuCtxGetCurrent(CUcontext *context) {
    return driver_call(__func__, [&] { *context = CONTEXT; });
}
EXPORT CUresult cuCtxSetCurrent(CUcontext) {
    return driver_call(__func__, [] {});
}
EXPORT CUresult cuCtxGetDevice(CUdevice *device) {
    return driver_call(__func__, [&] { *device = 0; });
}
EXPORT CUresult cuStreamGetCtx(CUstream stream, CUcontext *context) {
    return driver_call(__func__, [&] {
        stream_of(stream);
        *context = CONTEXT;
    });
}

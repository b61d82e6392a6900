// Copies and fills.
//
// A copy between pageable memory and the device is done before the call returns, after what is in the stream; one
// between pinned memory and the device is work of the stream, which reads or writes the host's memory when it runs.
#include <cstring>

#include "runtime.h"

namespace {

struct Copy {
    void *to;
    const void *from;
    size_t size;
};

cudaMemcpyKind direction(const Copy &copy, cudaMemcpyKind kind) {
    if (!copy.size) return kind;
    const bool to = on_device(copy.to), from = on_device(copy.from);
    const cudaMemcpyKind real = to ? (from ? cudaMemcpyDeviceToDevice : cudaMemcpyHostToDevice)
                                   : (from ? cudaMemcpyDeviceToHost : cudaMemcpyHostToHost);
    if (kind != cudaMemcpyDefault && kind != real) refuse(cudaErrorInvalidValue, "a copy in another direction");
    if (to) check_range(copy.to, copy.size);
    if (from) check_range(copy.from, copy.size);
    return real;
}

void count_copy(cudaMemcpyKind kind) {
    switch (kind) {
        case cudaMemcpyHostToDevice: return count(Counter::COPIES_TO_DEVICE);
        case cudaMemcpyDeviceToHost: return count(Counter::COPIES_TO_HOST);
        case cudaMemcpyDeviceToDevice: return count(Counter::COPIES_ON_DEVICE);
        default: return count(Counter::COPIES_ON_HOST);
    }
}

Work moving(const Copy &copy) {
    return [copy] { on_the_device("a copy", [&] { memmove(copy.to, copy.from, copy.size); }); };
}

void copy_async(const Copy &copy, cudaMemcpyKind kind, const std::shared_ptr<Stream> &stream) {
    kind = direction(copy, kind);
    const void *host = kind == cudaMemcpyHostToDevice ? copy.from : copy.to;
    const bool waits = kind != cudaMemcpyDeviceToDevice && !pinned(host);
    if (!stream->capture) count_copy(kind);
    if (waits && stream->capture)
        spoil(*stream->capture, cudaErrorStreamCaptureUnsupported, "a copy of pageable memory waits for the host");
    if (waits && kind == cudaMemcpyHostToDevice) {  // staged: the host may change its memory at once
        auto staged = std::make_shared<std::string>(static_cast<const char *>(copy.from), copy.size);
        return submit(stream, Kind::COPY, [copy, staged] { moving({copy.to, staged->data(), copy.size})(); });
    }
    submit(stream, Kind::COPY, moving(copy));
    if (waits) finish(*stream);
}

void fill_async(void *to, int value, size_t size, const std::shared_ptr<Stream> &stream) {
    if (!stream->capture) count(Counter::MEMSETS);
    if (size) check_range(to, size);
    submit(stream, Kind::MEMSET, [=] { on_the_device("a fill", [&] { memset(to, value, size); }); });
}

}  // namespace

EXPORT cudaError_t cudaMemcpy(void *to, const void *from, size_t size, cudaMemcpyKind kind) {
    return call(__func__, [&] {
        const auto legacy = stream_of(cudaStreamLegacy);
        check_legacy(*legacy);
        check_unsafe("cudaMemcpy");
        note("  " + std::to_string(size) + " bytes, kind " + std::to_string(kind));
        copy_async({to, from, size}, kind, legacy);
        if (!on_device(to) || !on_device(from)) finish(*legacy);
    });
}

EXPORT cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t size, cudaMemcpyKind kind, cudaStream_t stream) {
    return call(__func__, [&] {
        note("  " + std::to_string(size) + " bytes, kind " + std::to_string(kind));
        copy_async({to, from, size}, kind, stream_of(stream));
    });
}

EXPORT cudaError_t cudaMemset(void *to, int value, size_t size) {
    return call(__func__, [&] {
        const auto legacy = stream_of(cudaStreamLegacy);
        check_legacy(*legacy);
        check_unsafe("cudaMemset");
        fill_async(to, value, size, legacy);
    });
}

EXPORT cudaError_t cudaMemsetAsync(void *to, int value, size_t size, cudaStream_t stream) {
    return call(__func__, [&] { fill_async(to, value, size, stream_of(stream)); });
}

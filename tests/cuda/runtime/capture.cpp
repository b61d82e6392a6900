// Capture: work that is submitted to a stream becomes nodes of a graph, and is not done.
//
// Source: CUDA Runtime API, cudaStreamBeginCapture, cudaStreamEndCapture and cudaThreadExchangeStreamCaptureMode;
// Programming Guide, "Cross-stream Dependencies and Events", "Prohibited and Unhandled Operations", "Invalidation".
#include <algorithm>

#include "runtime.h"

namespace {

std::set<std::shared_ptr<Capture>> &captures() {
    static auto &all = *new std::set<std::shared_ptr<Capture>>;
    return all;
}

thread_local cudaStreamCaptureMode thread_mode = cudaStreamCaptureModeGlobal;

void count_node(Kind kind) {
    switch (kind) {
        case Kind::LAUNCH: return count(Counter::CAPTURED_LAUNCHES);
        case Kind::PRODUCT: return count(Counter::CAPTURED_PRODUCTS);
        case Kind::SORT: return count(Counter::CAPTURED_SORTS);
        case Kind::COPY: return count(Counter::CAPTURED_COPIES);
        case Kind::MEMSET: return count(Counter::CAPTURED_MEMSETS);
        case Kind::GRAPH: return count(Counter::CAPTURED_GRAPHS);
        case Kind::EVENT: return;
    }
}

// Whether a capture's mode, and the calling thread's, prohibit calls that the capture would not see.
bool prohibits(const Capture &capture) {
    const bool mine = capture.thread == std::this_thread::get_id();
    if (thread_mode == cudaStreamCaptureModeRelaxed) return false;
    if (mine) return capture.mode != cudaStreamCaptureModeRelaxed;
    return thread_mode == cudaStreamCaptureModeGlobal && capture.mode == cudaStreamCaptureModeGlobal;
}

// Whether every node leads to the end of the origin, so that what other streams did is waited for.
bool joined(const Capture &capture) {
    const auto &nodes = capture.graph.nodes;
    std::vector<bool> reached(nodes.size());
    for (const size_t end : capture.origin->tail) reached[end] = true;
    for (size_t i = nodes.size(); i-- > 0;)
        if (reached[i])
            for (const size_t before : nodes[i].after) reached[before] = true;
    return std::all_of(reached.begin(), reached.end(), [](bool is) { return is; });
}

void stop(const std::shared_ptr<Capture> &capture) {
    for (const auto &stream : capture->streams) {
        stream->capture = nullptr;
        stream->tail.clear();
    }
    capture->ended = true;
    captures().erase(capture);
}

}  // namespace

void add_node(Stream &stream, Kind kind, Work work) {
    auto &nodes = stream.capture->graph.nodes;
    count_node(kind);
    note("  captured as node " + std::to_string(nodes.size()));
    nodes.push_back({kind, std::move(work), stream.tail});
    stream.tail = {nodes.size() - 1};
}

void spoil(Capture &capture, cudaError_t code, const std::string &why) {
    capture.invalid = true;
    refuse(code, why);
}

void check_capture(Stream &stream) {
    if (stream.capture && stream.capture->invalid) refuse(cudaErrorStreamCaptureInvalidated);
}

void check_legacy(const Stream &stream) {
    if (!stream.legacy) return;
    for (const auto &capture : captures())
        for (const auto &captured : capture->streams)
            if (captured->blocking)
                spoil(*capture, cudaErrorStreamCaptureImplicit, "the legacy stream waits for the captured one");
}

void check_unsafe(const char *name) {
    bool prohibited = false;
    for (const auto &capture : captures())
        if (prohibits(*capture)) prohibited = capture->invalid = true;
    if (prohibited) refuse(cudaErrorStreamCaptureUnsupported, std::string(name) + " is not seen by a capture");
}

void check_device_idle(const char *name) {
    for (const auto &capture : captures()) capture->invalid = true;
    if (!captures().empty()) refuse(cudaErrorStreamCaptureUnsupported, name);
}

void join(const std::shared_ptr<Stream> &stream, const std::shared_ptr<Capture> &capture,
          const std::vector<size_t> &nodes) {
    if (stream->legacy) spoil(*capture, cudaErrorStreamCaptureImplicit, "the legacy stream cannot be captured");
    if (stream->capture && stream->capture != capture) {
        capture->invalid = true;
        spoil(*stream->capture, cudaErrorStreamCaptureMerge, "an event of another capture");
    }
    stream->capture = capture;
    capture->streams.insert(stream);
    stream->tail.insert(stream->tail.end(), nodes.begin(), nodes.end());
}

EXPORT cudaError_t cudaStreamBeginCapture(cudaStream_t handle, cudaStreamCaptureMode mode) {
    return call(__func__, [&] {
        const auto stream = stream_of(handle);
        if (mode < cudaStreamCaptureModeGlobal || mode > cudaStreamCaptureModeRelaxed)
            refuse(cudaErrorInvalidValue, "no such mode");
        if (stream->legacy) refuse(cudaErrorStreamCaptureUnsupported, "the legacy stream cannot be captured");
        if (stream->capture) refuse(cudaErrorIllegalState, "the stream is being captured already");
        const auto capture = std::make_shared<Capture>();
        capture->mode = mode;
        capture->thread = std::this_thread::get_id();
        capture->origin = stream;
        capture->streams = {stream};
        stream->capture = capture;
        captures().insert(capture);
    });
}

EXPORT cudaError_t cudaStreamEndCapture(cudaStream_t handle, cudaGraph_t *graph) {
    return call(__func__, [&] {
        *graph = nullptr;
        const auto capture = stream_of(handle)->capture;
        if (!capture) refuse(cudaErrorIllegalState, "the stream is not being captured");
        if (capture->origin != stream_of(handle))
            spoil(*capture, cudaErrorStreamCaptureUnmatched, "the capture began in another stream");
        if (capture->mode != cudaStreamCaptureModeRelaxed && capture->thread != std::this_thread::get_id())
            spoil(*capture, cudaErrorStreamCaptureWrongThread, "it began in another thread");
        const bool complete = joined(*capture);
        stop(capture);
        if (capture->invalid) refuse(cudaErrorStreamCaptureInvalidated);
        if (!complete) refuse(cudaErrorStreamCaptureUnjoined);
        *graph = reinterpret_cast<cudaGraph_t>(add_graph(std::move(capture->graph)));
    });
}

EXPORT cudaError_t cudaStreamIsCapturing(cudaStream_t handle, cudaStreamCaptureStatus *status) {
    return call(__func__, [&] {
        const auto stream = stream_of(handle);
        for (const auto &capture : captures())
            for (const auto &captured : capture->streams)
                if (stream->legacy && captured->blocking) refuse(cudaErrorStreamCaptureImplicit);
        *status = !stream->capture          ? cudaStreamCaptureStatusNone
                  : stream->capture->invalid ? cudaStreamCaptureStatusInvalidated
                                             : cudaStreamCaptureStatusActive;
    });
}

EXPORT cudaError_t cudaThreadExchangeStreamCaptureMode(cudaStreamCaptureMode *mode) {
    return call(__func__, [&] { std::swap(*mode, thread_mode); });
}

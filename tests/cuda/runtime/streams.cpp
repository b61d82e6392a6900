// Streams: queues of work that runs when something needs it, or when a queue is as long as a device's.
#include "runtime.h"

namespace {

constexpr size_t LONGEST = 1024;  // then the host waits for the oldest task, as with a GPU

const bool at_once = setting("AT_ONCE", 0);  // run work as it is submitted, to see the Python line of a fault

Handles<Stream> &streams() {
    static auto &all = *new Handles<Stream>;
    return all;
}

std::shared_ptr<Stream> default_stream(bool legacy) {
    auto stream = std::make_shared<Stream>();
    stream->legacy = legacy;
    return stream;
}

std::shared_ptr<Stream> legacy_stream() {
    static auto &stream = *new std::shared_ptr<Stream>(default_stream(true));
    return stream;
}

std::vector<std::shared_ptr<Stream>> &thread_streams() {
    static auto &all = *new std::vector<std::shared_ptr<Stream>>;
    return all;
}

std::shared_ptr<Stream> stream_of_this_thread() {
    thread_local std::shared_ptr<Stream> mine;
    if (!mine) thread_streams().push_back(mine = default_stream(false));
    return mine;
}

template <typename Function>
void for_each_stream(const Function &function) {
    for (const auto &[handle, stream] : streams()) function(*stream);
    for (const auto &stream : thread_streams()) function(*stream);
    function(*legacy_stream());
}

// What new work of a stream waits for: that of every blocking stream if it is the legacy one, and the other way round.
std::vector<Moment> implicit_waits(const Stream &stream) {
    std::vector<Moment> waits;
    if (stream.legacy)
        for_each_stream([&](Stream &other) {
            if (other.blocking && !other.legacy && !other.capture && !other.tasks.empty()) waits.push_back(other.end());
        });
    else if (stream.blocking && !legacy_stream()->tasks.empty())
        waits.push_back(legacy_stream()->end());
    return waits;
}

void create(cudaStream_t *handle, unsigned flags, int priority) {
    if (flags & ~unsigned(cudaStreamNonBlocking)) refuse(cudaErrorInvalidValue, "unknown flags");
    auto stream = std::make_shared<Stream>();
    stream->flags = flags;
    stream->blocking = !(flags & cudaStreamNonBlocking);
    stream->priority = priority;
    *handle = reinterpret_cast<cudaStream_t>(streams().add(std::move(stream)));
}

// What a stream that is captured, or the legacy stream beside one, cannot be asked.
void check_observable(Stream &stream, const char *name) {
    check_capture(stream);
    if (stream.capture) spoil(*stream.capture, cudaErrorStreamCaptureUnsupported, name);
    check_legacy(stream);
    check_unsafe(name);
}

}  // namespace

bool Moment::passed() const { return !stream || stream->done >= position; }

void Moment::reach() const {
    if (stream) stream->run_until(position);
}

void Stream::run_until(size_t position) {
    while (done < position && !tasks.empty()) {
        const Task task = std::move(tasks.front());
        tasks.pop_front();
        for (const Moment &moment : task.after) moment.reach();
        task.run();
        ++done;
    }
}

std::shared_ptr<Stream> stream_of(const void *handle) {
    if (!handle || handle == cudaStreamLegacy) return legacy_stream();
    if (handle == cudaStreamPerThread) return stream_of_this_thread();
    return streams().get(handle, "stream");
}

void submit(const std::shared_ptr<Stream> &stream, Kind kind, Work work) {
    check_capture(*stream);
    if (stream->capture) return add_node(*stream, kind, std::move(work));
    check_legacy(*stream);
    enqueue(*stream, {std::move(work), implicit_waits(*stream)});
}

void enqueue(Stream &stream, Task task) {
    stream.tasks.push_back(std::move(task));
    if (at_once)
        finish(stream);
    else if (stream.tasks.size() > LONGEST)
        stream.run_until(stream.done + 1);
}

void finish(Stream &stream) {
    if (stream.legacy)
        for (const Moment &moment : implicit_waits(stream)) moment.reach();
    stream.end().reach();
}

void finish_all() {
    for_each_stream([](Stream &stream) { stream.end().reach(); });
}

size_t live_streams() { return streams().size(); }

EXPORT cudaError_t cudaStreamCreate(cudaStream_t *stream) {
    return call(__func__, [&] { create(stream, cudaStreamDefault, 0); });
}
EXPORT cudaError_t cudaStreamCreateWithFlags(cudaStream_t *stream, unsigned flags) {
    return call(__func__, [&] { create(stream, flags, 0); });
}
EXPORT cudaError_t cudaStreamCreateWithPriority(cudaStream_t *stream, unsigned flags, int priority) {
    return call(__func__, [&] { create(stream, flags, priority); });
}
EXPORT cudaError_t cudaStreamGetFlags(cudaStream_t stream, unsigned *flags) {
    return call(__func__, [&] { *flags = stream_of(stream)->flags; });
}
EXPORT cudaError_t cudaStreamGetPriority(cudaStream_t stream, int *priority) {
    return call(__func__, [&] { *priority = stream_of(stream)->priority; });
}

// The work that it holds is still done.
EXPORT cudaError_t cudaStreamDestroy(cudaStream_t handle) {
    return call(__func__, [&] {
        const auto stream = streams().get(handle, "stream");
        if (stream->capture) spoil(*stream->capture, cudaErrorStreamCaptureUnsupported, "its stream is destroyed");
        finish(*stream);
        streams().remove(handle, "stream");
    });
}

EXPORT cudaError_t cudaStreamSynchronize(cudaStream_t handle) {
    return call(__func__, [&] {
        count(Counter::STREAM_SYNCHRONISATIONS);
        const auto stream = stream_of(handle);
        check_observable(*stream, "cudaStreamSynchronize");
        finish(*stream);
    });
}

// Work that is found waiting is done then, so that who asks again and again gets an end.
EXPORT cudaError_t cudaStreamQuery(cudaStream_t handle) {
    return call(__func__, [&] {
        const auto stream = stream_of(handle);
        check_observable(*stream, "cudaStreamQuery");
        const bool ready = stream->end().passed();
        finish(*stream);
        if (!ready) refuse(cudaErrorNotReady);
    });
}

EXPORT cudaError_t cudaDeviceSynchronize() {
    return call(__func__, [&] {
        count(Counter::DEVICE_SYNCHRONISATIONS);
        check_device_idle("cudaDeviceSynchronize");
        finish_all();
    });
}
EXPORT size_t cupy_on_cpu_streams() { return live_streams(); }

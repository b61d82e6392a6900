// Events: places in streams, with the time when the work before them was done.
#include <chrono>

#include "runtime.h"

namespace {

using Clock = std::chrono::steady_clock;

struct Event {
    bool timed = true, recorded = false;
    Moment moment;
    std::shared_ptr<Clock::time_point> time;
    std::shared_ptr<Capture> capture;  // in which it was recorded last
    std::vector<size_t> nodes;         // after which it comes there
};

Handles<Event> &events() {
    static auto &all = *new Handles<Event>;
    return all;
}

void create(cudaEvent_t *handle, unsigned flags) {
    if (flags & ~unsigned(cudaEventBlockingSync | cudaEventDisableTiming | cudaEventInterprocess))
        refuse(cudaErrorInvalidValue, "unknown flags");
    auto event = std::make_shared<Event>();
    event->timed = !(flags & cudaEventDisableTiming);
    *handle = reinterpret_cast<cudaEvent_t>(events().add(std::move(event)));
}

// What the host asks of an event that was recorded in a capture is refused: nothing will ever happen to it.
std::shared_ptr<Event> observable(cudaEvent_t handle, const char *name) {
    auto event = events().get(handle, "event");
    if (event->capture) {
        event->capture->invalid = true;
        refuse(cudaErrorCapturedEvent, name);
    }
    return event;
}

void record(Event &event, const std::shared_ptr<Stream> &stream) {
    check_capture(*stream);
    event.capture = stream->capture;
    event.recorded = true;
    if (stream->capture) {
        event.nodes = stream->tail;
        return;
    }
    auto time = std::make_shared<Clock::time_point>();
    submit(stream, Kind::EVENT, [time] { *time = Clock::now(); });
    event.time = std::move(time);
    event.moment = stream->end();
}

void wait(const std::shared_ptr<Stream> &stream, const Event &event) {
    check_capture(*stream);
    if (event.capture && event.capture->ended) refuse(cudaErrorCapturedEvent, "its capture has ended");
    if (event.capture && event.capture->invalid) refuse(cudaErrorInvalidValue, "its capture is invalid");
    if (event.capture) return join(stream, event.capture, event.nodes);
    if (!event.recorded) return;
    if (stream->capture)
        spoil(*stream->capture, cudaErrorStreamCaptureIsolation, "the event was recorded outside of the capture");
    check_legacy(*stream);
    enqueue(*stream, {[] {}, {event.moment}});
}

}  // namespace

EXPORT cudaError_t cudaEventCreate(cudaEvent_t *event) {
    return call(__func__, [&] { create(event, cudaEventDefault); });
}
EXPORT cudaError_t cudaEventCreateWithFlags(cudaEvent_t *event, unsigned flags) {
    return call(__func__, [&] { create(event, flags); });
}
EXPORT cudaError_t cudaEventDestroy(cudaEvent_t event) {
    return call(__func__, [&] { events().remove(event, "event"); });
}

EXPORT cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
    return call(__func__, [&] {
        count(Counter::EVENT_RECORDS);
        record(*events().get(event, "event"), stream_of(stream));
    });
}

EXPORT cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned flags) {
    return call(__func__, [&] {
        count(Counter::EVENT_WAITS);
        if (flags) refuse(cudaErrorNotSupported, "only the default flags are");
        wait(stream_of(stream), *events().get(event, "event"));
    });
}

EXPORT cudaError_t cudaEventSynchronize(cudaEvent_t handle) {
    return call(__func__, [&] {
        count(Counter::EVENT_SYNCHRONISATIONS);
        const auto event = observable(handle, "cudaEventSynchronize");
        check_unsafe("cudaEventSynchronize");
        event->moment.reach();
    });
}

// Work that is found waiting is done then, so that who asks again and again gets an end.
EXPORT cudaError_t cudaEventQuery(cudaEvent_t handle) {
    return call(__func__, [&] {
        const auto event = observable(handle, "cudaEventQuery");
        check_unsafe("cudaEventQuery");
        const bool ready = event->moment.passed();
        event->moment.reach();
        if (!ready) refuse(cudaErrorNotReady);
    });
}

EXPORT cudaError_t cudaEventElapsedTime(float *milliseconds, cudaEvent_t start, cudaEvent_t end) {
    return call(__func__, [&] {
        const auto first = observable(start, "cudaEventElapsedTime"), last = observable(end, "cudaEventElapsedTime");
        for (const auto &event : {first, last})
            if (!event->recorded || !event->timed) refuse(cudaErrorInvalidResourceHandle, "an event without a time");
        for (const auto &event : {first, last})
            if (!event->moment.passed()) refuse(cudaErrorNotReady);
        *milliseconds = std::chrono::duration<float, std::milli>(*last->time - *first->time).count();
    });
}

EXPORT size_t cupy_on_cpu_events() { return events().size(); }

// What the files of the runtime share: calls and their errors, streams and the work in them, captures, counters.
//
// The runtime is NVIDIA's as documented (CUDA Runtime API reference; Programming Guide, "CUDA Graphs" and "Asynchronous
// Concurrent Execution"), on a device whose memory is the host's.  Where the documents leave the device free, it does
// what a careless program expects least: work waits until something needs it, threads come in shuffled order, memory
// holds NaN at first, and what is freed cannot be read again.
#pragma once
#include <cuda.h>
#include <cuda_runtime_api.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#define EXPORT extern "C" __attribute__((visibility("default")))

// ---- calls.cpp: what every call does first and last

// An error that a function of the runtime answers with.
struct Refusal {
    cudaError_t code;
    std::string why;
};
[[noreturn]] void refuse(cudaError_t code, const std::string &why = "");

// Runs the body of a function, one call at a time, and returns its error; all calls fail after a kernel's fault.
cudaError_t call(const char *name, const std::function<void()> &body);
CUresult driver_call(const char *name, const std::function<void()> &body);

// No call works any more, as after any fault of a kernel on a GPU.
void break_down(cudaError_t code, const std::string &why);

// A setting from the environment: CUPY_ON_CPU_<name>.
long setting(const char *name, long otherwise);

// ---- counters.cpp

enum class Counter {
    LAUNCHES, PRODUCTS, SORTS, COPIES_TO_DEVICE, COPIES_TO_HOST, COPIES_ON_DEVICE, COPIES_ON_HOST, MEMSETS,
    ALLOCATIONS, FREES, PINNED_ALLOCATIONS, STREAM_SYNCHRONISATIONS, DEVICE_SYNCHRONISATIONS, EVENT_SYNCHRONISATIONS,
    EVENT_RECORDS, EVENT_WAITS, GRAPH_LAUNCHES, CAPTURED_LAUNCHES, CAPTURED_PRODUCTS, CAPTURED_SORTS, CAPTURED_COPIES,
    CAPTURED_MEMSETS, CAPTURED_GRAPHS, MODULE_LOADS, END
};
void count(Counter counter);
void note(const std::string &line);  // in the log, if there is one

// ---- handles: what a program holds are numbers, never used twice, so that a handle that was destroyed is refused

template <typename T>
class Handles {
public:
    explicit Handles(cudaError_t unknown = cudaErrorInvalidResourceHandle) : unknown_(unknown) {}
    uintptr_t add(std::shared_ptr<T> object) {
        static uintptr_t last = 0x10000;
        live_[last += 16] = std::move(object);
        return last;
    }
    std::shared_ptr<T> get(const void *handle, const char *what) const {
        const auto found = live_.find(reinterpret_cast<uintptr_t>(handle));
        if (found == live_.end()) refuse(unknown_, std::string("no such ") + what);
        return found->second;
    }
    std::shared_ptr<T> remove(const void *handle, const char *what) {
        auto object = get(handle, what);
        live_.erase(reinterpret_cast<uintptr_t>(handle));
        return object;
    }
    size_t size() const { return live_.size(); }
    auto begin() const { return live_.begin(); }
    auto end() const { return live_.end(); }

private:
    cudaError_t unknown_;
    std::map<uintptr_t, std::shared_ptr<T>> live_;
};

// ---- streams.cpp

using Work = std::function<void()>;
enum class Kind { LAUNCH, PRODUCT, SORT, COPY, MEMSET, GRAPH, EVENT };

struct Capture;
struct Stream;

// A place in a stream: the end of the work that was in it at some time.
struct Moment {
    std::shared_ptr<Stream> stream;
    size_t position = 0;
    bool passed() const;
    void reach() const;  // runs the stream up to here
};

struct Task {
    Work run;
    std::vector<Moment> after;
};

struct Stream : std::enable_shared_from_this<Stream> {
    bool blocking = true;  // with respect to the legacy stream
    bool legacy = false;
    unsigned flags = 0;
    int priority = 0;
    std::deque<Task> tasks;  // that have not run
    size_t done = 0;         // tasks that have run
    std::shared_ptr<Capture> capture;
    std::vector<size_t> tail;  // nodes of the capture that the next node follows

    Moment end() { return {shared_from_this(), done + tasks.size()}; }
    void run_until(size_t position);
};

std::shared_ptr<Stream> stream_of(const void *handle);
void submit(const std::shared_ptr<Stream> &stream, Kind kind, Work work);
void enqueue(Stream &stream, Task task);
void finish(Stream &stream);
void finish_all();
size_t live_streams();

// ---- capture.cpp

struct Node {
    Kind kind;
    Work run;
    std::vector<size_t> after;
};

struct Graph {
    std::vector<Node> nodes;
};

struct Capture {
    cudaStreamCaptureMode mode;
    std::thread::id thread;
    std::shared_ptr<Stream> origin;
    std::set<std::shared_ptr<Stream>> streams;
    Graph graph;
    bool invalid = false, ended = false;
};

void add_node(Stream &stream, Kind kind, Work work);
[[noreturn]] void spoil(Capture &capture, cudaError_t code, const std::string &why);  // makes it invalid, and refuses
void check_capture(Stream &stream);  // refuses if its capture is invalid
void check_legacy(const Stream &stream);  // refuses the legacy stream while a blocking stream is captured
void check_unsafe(const char *name);  // refuses what the mode of a capture prohibits
void check_device_idle(const char *name);  // refuses during any capture
void join(const std::shared_ptr<Stream> &stream, const std::shared_ptr<Capture> &capture,
          const std::vector<size_t> &nodes);

// ---- graphs.cpp

uintptr_t add_graph(Graph graph);

// ---- memory.cpp

struct Block {
    char *start;
    size_t size;
};
bool on_device(const void *pointer);
bool pinned(const void *pointer);
void check_range(const void *pointer, size_t size);  // refuses what is not inside one allocation
std::string describe(const void *address);
std::string broken_guard();  // what wrote beside an allocation, or ""
bool in_arena(const void *address);

// ---- access.cpp: device memory is closed to the host, except while the device works

struct Arena {
    char *start;
    size_t size;
};
const Arena &arena();
void open_pages(char *start, size_t size);   // as new memory of the device
void close_pages(char *start, size_t size);  // for ever

// Lets the thread that has it read and write device memory.
class Access {
public:
    Access();
    ~Access();
    Access(const Access &) = delete;
};

// Runs work of the device; a fault in it breaks the runtime down, with `what` in the message.
void on_the_device(const std::string &what, const Work &work);

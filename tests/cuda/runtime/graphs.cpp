// Graphs: what a capture recorded, made executable, and launched as one piece of work.
#include <random>

#include "runtime.h"

namespace {

struct Executable {
    std::shared_ptr<const Graph> graph;
};

Handles<const Graph> &graphs() {
    static auto &all = *new Handles<const Graph>(cudaErrorInvalidValue);
    return all;
}
Handles<Executable> &executables() {
    static auto &all = *new Handles<Executable>(cudaErrorInvalidValue);
    return all;
}

// Runs the nodes in an order that differs each time, as far as their dependencies let it.
void run(const Graph &graph) {
    static std::minstd_rand random(1);
    const auto &nodes = graph.nodes;
    std::vector<std::vector<size_t>> followers(nodes.size());
    std::vector<size_t> missing(nodes.size()), ready;
    for (size_t i = 0; i < nodes.size(); ++i) {
        missing[i] = nodes[i].after.size();
        for (const size_t before : nodes[i].after) followers[before].push_back(i);
        if (!missing[i]) ready.push_back(i);
    }
    while (!ready.empty()) {
        std::swap(ready[random() % ready.size()], ready.back());
        const size_t node = ready.back();
        ready.pop_back();
        nodes[node].run();
        for (const size_t follower : followers[node])
            if (--missing[follower] == 0) ready.push_back(follower);
    }
}

}  // namespace

uintptr_t add_graph(Graph graph) { return graphs().add(std::make_shared<const Graph>(std::move(graph))); }

EXPORT cudaError_t cudaGraphInstantiate(cudaGraphExec_t *executable, cudaGraph_t graph, unsigned long long) {
    return call(__func__, [&] {
        const auto made = std::make_shared<Executable>(Executable{graphs().get(graph, "graph")});
        *executable = reinterpret_cast<cudaGraphExec_t>(executables().add(made));
    });
}

EXPORT cudaError_t cudaGraphLaunch(cudaGraphExec_t executable, cudaStream_t handle) {
    return call(__func__, [&] {
        const auto made = executables().get(executable, "executable graph");
        const auto stream = stream_of(handle);
        if (!stream->capture) count(Counter::GRAPH_LAUNCHES);
        submit(stream, Kind::GRAPH, [made] { run(*made->graph); });
    });
}

EXPORT cudaError_t cudaGraphUpload(cudaGraphExec_t executable, cudaStream_t stream) {
    return call(__func__, [&] {
        executables().get(executable, "executable graph");
        stream_of(stream);
    });
}

EXPORT cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
    return call(__func__, [&] { graphs().remove(graph, "graph"); });
}

EXPORT cudaError_t cudaGraphExecDestroy(cudaGraphExec_t executable) {
    return call(__func__, [&] { executables().remove(executable, "executable graph"); });
}

EXPORT size_t cupy_on_cpu_graphs() { return graphs().size(); }
EXPORT size_t cupy_on_cpu_executables() { return executables().size(); }

"""A generator as an ONNX graph, made from a trace of the operations that it computes.

There is a rule for each operation rather than for each layer, so that new layers need no new rule. The network runs
twice, on batches of two sizes. If a shape differs between the two traces, it contains the batch size. If a constant
array differs, it was computed from the input without operations; the graph could not follow it, so it is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

try:
    import onnx
except ImportError as _error:
    raise ImportError('minigan.interchange.onnx needs onnx: pip install "minigan[onnx]"') from _error
from onnx import TensorProto, helper, numpy_helper

from ..files import replacing
from ..gan.undisturbed import undisturbed
from ..models.conditional import LabelledGenerator
from ..op import Watch, no_grad, watching
from ..random import Generator
from ..tensor import Tensor

if TYPE_CHECKING:
    from ..nn import Module
    from ..types import PathLike

__all__ = ["IR", "OPSET", "model", "save"]

OPSET: int = 17
"""Version of the operators in the graph. It is from 2022, so that older runtimes can read the graph too."""

IR: int = 8
"""Version of the file format that belongs to the operators."""


def __dir__() -> list[str]:
    return sorted(__all__)


def save(path: PathLike, network: Module, shape: Sequence[int]) -> None:
    """Write a network in evaluation mode to an .onnx file.

    The arguments and errors are those of `model`.
    """
    with replacing(path) as file:
        file.write(model(network, shape).SerializeToString())


def model(network: Module, shape: Sequence[int]) -> onnx.ModelProto:
    """Convert a network in evaluation mode to an ONNX graph, and check the graph.

    The graph takes "z", (N, *shape), and for a conditional generator also "labels", int64 (N,). It returns "samples",
    (N, ...), in the range of the network; images are (N, H, W, C).

    Args:
        network: A generator, or any network that computes with minigan's operations.
        shape: Shape of one sample that it takes, (latent,) or (H, W, C).

    Raises:
        ValueError: If an operation has no ONNX counterpart here, or something that depends on the input is computed
            outside of operations.
    """
    body, classes = (network.body, network.classes) if isinstance(network, LabelledGenerator) else (network, 0)
    wide = (shape[0] + classes,) if classes else tuple(shape)
    graph = _Graph(next(iter(network.parameters())).dtype)
    given, inputs = graph.inputs(shape, classes)
    with undisturbed(body), no_grad():
        first, second = [_traced(body.eval(), n, wide, graph.dtype) for n in (2, 3)]
    samples = graph.follow(first, second, given)
    graph.node("Identity", [samples], output="samples")
    outputs = [graph.value("samples", first.result.shape[1:])]
    proto = helper.make_graph(graph.nodes, "generator", inputs, outputs, graph.initializers)
    built = helper.make_model(proto, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR)
    onnx.checker.check_model(built, full_check=True)
    return built


class _Trace(Watch):
    """Watch that records the operations of one forward pass, in order: (name, arguments, attributes, result).

    given, result: the input and the output of the network.
    """

    def __init__(self, given):
        self.given, self.calls = given, []
        self.result: Any = None

    def run(self, op, arrays, attrs):
        result = np.asarray(op.kernel(*arrays, **attrs))
        self.calls.append((op.name, arrays, attrs, result))  # keeps all arrays alive, so that no id is used again
        return result


def _traced(network, n, shape, dtype):
    trace = _Trace(Generator(n).normal((n, *shape), dtype))
    with watching(trace):
        trace.result = network(Tensor(trace.given)).data
    return trace


class _Graph:
    """ONNX graph under construction: its nodes and constants so far."""

    def __init__(self, dtype):
        self.dtype, self.nodes, self.initializers = dtype, [], []

    def inputs(self, shape, classes):
        """Return the name of the network's input, and the declarations of the graph's inputs."""
        if not classes:
            return "z", [self.value("z", shape)]
        chosen = self.node("OneHot", ["labels", np.array(classes), np.array([0, 1], self.dtype)])
        labels = helper.make_tensor_value_info("labels", TensorProto.INT64, ["N"])
        return self.node("Concat", ["z", chosen], axis=1), [self.value("z", shape), labels]

    def follow(self, first, second, given):
        """Add every operation that depends on the input, and return the name of the result.

        An operation's inputs are names of computed values, or arrays for constants.
        """
        names = {id(first.given): given}
        for (name, mine, attrs, result), (other, theirs, others, _) in zip(first.calls, second.calls, strict=True):
            if name != other:
                raise ValueError(f"onnx: the network computes {name} for one batch and {other} for another")
            if any(id(a) in names for a in mine):
                inputs = [names.get(id(a)) or self._same(name, a, b) for a, b in zip(mine, theirs, strict=True)]
                names[id(result)] = self._operation(name, inputs, attrs, others)
        if id(first.result) not in names:
            raise ValueError("onnx: the network's output does not come from its input by operations alone")
        return names[id(first.result)]

    def _operation(self, name, inputs, attrs, others):
        if name in ELEMENTWISE:
            return self.node(ELEMENTWISE[name], inputs)
        if name not in RULES:
            raise ValueError(
                f"onnx: the operation {name!r} has no counterpart here; there are "
                f"{', '.join(sorted([*ELEMENTWISE, *RULES]))}"
            )
        return RULES[name](self, inputs, attrs, others)

    def _same(self, name, mine, theirs):
        """Return an array that both traces use, which becomes a constant. ValueError if they differ."""
        if not np.array_equal(mine, theirs):
            raise ValueError(
                f"onnx: {name} computes with an array that changes with the input but was not computed by operations, "
                "so a graph would freeze it"
            )
        return np.asarray(mine, self.dtype)

    def node(self, kind, inputs, output=None, **attributes):
        """Add a node, with arrays among its inputs as constants, and return the name of its output."""
        inputs = [x if isinstance(x, str) else self._constant(x) for x in inputs]
        output = output or f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def _constant(self, array):
        name = f"constant_{len(self.initializers)}"
        self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def value(self, name, shape):
        """Return the declaration of an input or output of the graph, (N, *shape)."""
        return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(np.dtype(self.dtype)), ["N", *shape])

    def channels_first(self, kind, inputs, **attributes):
        """Add a node for images (N, C, H, W) between two transpositions, most of which a runtime removes."""
        x = self.node("Transpose", inputs[:1], perm=(0, 3, 1, 2))
        return self.node("Transpose", [self.node(kind, [x, *inputs[1:]], **attributes)], perm=(0, 2, 3, 1))


def _reshape(graph, inputs, attrs, others):
    shape = [a if a == b else -1 for a, b in zip(attrs["shape"], others["shape"], strict=True)]
    return graph.node("Reshape", [*inputs, np.array(shape, np.int64)])


def _transpose(graph, inputs, attrs, others):
    return graph.node("Transpose", inputs, perm=attrs["axes"])


def _concatenate(graph, inputs, attrs, others):
    return graph.node("Concat", inputs, axis=attrs["axis"])


def _leaky_relu(graph, inputs, attrs, others):
    slope = attrs["slope"]
    return graph.node("LeakyRelu", inputs, alpha=float(slope)) if slope else graph.node("Relu", inputs)


def _convolution(graph, inputs, attrs, others):
    return graph.channels_first("Conv", _images_and_weight(*inputs), **_geometry(attrs["geometry"]))


def _transposed(graph, inputs, attrs, others):
    geometry = attrs["geometry"]
    axes = zip(geometry.input, geometry.output, geometry.stride, geometry.extent, geometry.padding, strict=True)
    extra = [n - ((m - 1) * s + e - sum(p)) for n, m, s, e, p in axes]
    given = _images_and_weight(*inputs)
    return graph.channels_first("ConvTranspose", given, output_padding=extra, **_geometry(geometry))


def _images_and_weight(images, weight):
    if isinstance(weight, str):
        raise ValueError("onnx: a convolution whose weight is computed from the input has no counterpart here")
    return [images, weight.transpose(3, 2, 0, 1)]


def _geometry(geometry):
    (top, bottom), (left, right) = geometry.padding
    return {
        "strides": geometry.stride, "dilations": geometry.dilation, "group": geometry.groups,
        "pads": [top, left, bottom, right],
    }  # fmt: skip


def _bilinear_up(graph, inputs, attrs, others):
    return graph.channels_first("Resize", [inputs[0], "", np.array([1, 1, 2, 2], np.float32)], mode="linear")


def _upsample(graph, inputs, attrs, others):
    scales = np.array([1, 1, attrs["scale"], attrs["scale"]], np.float32)
    how = {"mode": "nearest", "nearest_mode": "floor", "coordinate_transformation_mode": "asymmetric"}
    return graph.channels_first("Resize", [inputs[0], "", scales], **how)


def _layer_norm(graph, inputs, attrs, others):
    return graph.node("LayerNormalization", inputs[:3], axis=-1, epsilon=attrs["eps"])


ELEMENTWISE: dict[str, str] = {
    "add": "Add", "sub": "Sub", "mul": "Mul", "div": "Div", "neg": "Neg", "sqrt": "Sqrt", "exp": "Exp", "log": "Log",
    "sin": "Sin", "cos": "Cos", "tanh": "Tanh", "sigmoid": "Sigmoid", "softplus": "Softplus", "identity": "Identity",
    "matmul": "MatMul", "linear": "Gemm",
}  # fmt: skip
RULES: dict[str, Callable[..., str]] = {
    "reshape": _reshape,
    "transpose": _transpose,
    "concatenate": _concatenate,
    "leaky_relu": _leaky_relu,
    "conv2d": _convolution,
    "conv_transpose2d": _transposed,
    "bilinear_up": _bilinear_up,
    "upsample": _upsample,
    "layer_norm": _layer_norm,
}

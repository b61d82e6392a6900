"""Values and their history.

A `Tensor` holds an array; a `Node` records the operation that made it. They are two objects so that a node can refer
to its parents without keeping their values alive: an activation that no derivative needs is freed as soon as the user
drops it.

The types of this module are in `tensor.pyi`, together with those of the methods that `ops/methods.py` attaches.
"""

from itertools import count

import numpy as np

from . import backend

# One clock for the whole process. Every node takes a tick when it is made, so creation order is a topological order of
# any graph. Every change of a parameter takes one too, so a node that is older than a change has read the old value.
tick = count(1).__next__


class _Changes:
    """Registry of in-place updates: the tick of the latest one, and the owner of each parameter's buffer."""

    latest = 0
    owners = {}  # noqa: RUF012  {id of a parameter's array: its leaf}


def changed_since(node):
    """Return whether any parameter has changed since `node` was made."""
    return _Changes.latest > node.id


def leaf_owning(array):
    """Return the leaf of the parameter that owns the memory of `array`; None if no parameter owns it."""
    return _Changes.owners.get(id(array if array.base is None else array.base))


class Node:
    """One application of an operation: a vertex of the graph with its edges, for the reverse sweep.

    `parents` are the nodes of the differentiable arguments (None for constants), `saved` the values that the vjps need,
    `attrs` the keyword attributes of the call.
    """

    __slots__ = ("op", "parents", "saved", "attrs", "shape", "dtype", "id", "__weakref__")

    def __init__(self, op, parents, saved, attrs, shape, dtype):
        self.op = op
        self.parents = parents
        self.saved = saved
        self.attrs = attrs
        self.shape = shape
        self.dtype = dtype
        self.id = tick()


class Leaf(Node):
    """Start of a graph: the node of a tensor that was made with `requires_grad=True`."""

    __slots__ = ("grad", "name", "version")

    def __init__(self, data):
        super().__init__(None, (), (), None, data.shape, data.dtype)
        self.grad = None
        self.name = ""
        self.version = 0


class Tensor:
    """An array and, if it depends on a value that requires a gradient, the node that recorded its computation.

    Arithmetic, indexing and methods with NumPy's names (`sum`, `mean`, `reshape`, ...) are attached by `minigan.ops`.
    The array of a tensor is never written to: only a `Parameter` changes, through `assign_`.

    Args:
        data: An array, whose memory the tensor shares, or numbers and lists (see `mg.tensor` for a copy).
        requires_grad: Record operations on this tensor, so that gradients with respect to it can be computed.

    Raises:
        TypeError: If `requires_grad` is set for data that are not floating-point.
    """

    __slots__ = ("data", "node", "__weakref__")

    def __init__(self, data, requires_grad=False):
        self.data = backend.as_array(data)
        self.node = leaf_for(self.data) if requires_grad else None

    shape = property(lambda self: self.data.shape)
    ndim = property(lambda self: self.data.ndim)
    size = property(lambda self: self.data.size)
    dtype = property(lambda self: self.data.dtype)
    device = property(lambda self: backend.of(self.data).DEVICE)
    requires_grad = property(lambda self: self.node is not None)

    @property
    def grad(self):
        """Gradient that `backward()` has accumulated for this leaf: a Tensor, or None."""
        return self.node.grad if isinstance(self.node, Leaf) else None

    @grad.setter
    def grad(self, value):
        if not isinstance(self.node, Leaf):
            raise AttributeError("only a tensor made with requires_grad=True, or a Parameter, carries .grad")
        self.node.grad = value

    def numpy(self):
        """Return the values as a NumPy array: shared memory on the CPU, a copy from a GPU. Do not write to it."""
        return backend.of(self.data).to_numpy(self.data)

    def item(self):
        """Return the single element as a Python number; raise ValueError if there is not exactly one."""
        if self.data.size != 1:
            raise ValueError(f"item() needs exactly one element, this tensor has shape {self.shape}")
        return self.data.item()

    def detach(self):
        """Return a tensor with the same memory and without history."""
        return wrap(self.data, None)

    def to(self, device):
        """Return a copy on `device` ("cpu" or "cuda") without history, or this tensor itself if it is there already."""
        if device == self.device:
            return self
        return wrap(backend.move(self.data, device), None)

    def __len__(self):
        if not self.shape:
            raise TypeError("a tensor of shape () has no length")
        return self.shape[0]

    def __iter__(self):
        return (self[i] for i in range(len(self)))  # pyright: ignore[reportIndexIssue]

    def __setitem__(self, index, values):
        raise TypeError(
            "the array of a Tensor is never written to: make a new one, for example with mg.ops.where, or change the "
            "values of a Parameter with .assign_(values)"
        )

    def __bool__(self):
        if self.data.size != 1:
            raise ValueError(
                f"the truth value of a tensor of shape {self.shape} is ambiguous: use .data.any() or .data.all()"
            )
        return bool(self.data)

    def __float__(self):
        return float(self.item())

    def __int__(self):
        return int(self.item())

    def __format__(self, spec):
        return format(self.item(), spec) if spec else str(self)

    def __array__(self, dtype=None, copy=None):
        if self.requires_grad:
            raise TypeError(
                "NumPy would lose this tensor's history: use an operation of mg.ops, or .numpy() for the values alone"
            )
        if self.device != "cpu":
            raise TypeError(f"nothing is copied from {self.device!r} silently: use .numpy() for a copy")
        return np.array(self.numpy(), dtype=dtype, copy=copy)

    def __dlpack__(self, **options):
        """Hand over the memory to `from_dlpack` of another library, which must not write to it."""
        if self.requires_grad:
            raise BufferError("DLPack would lose this tensor's history: hand over tensor.detach() instead")
        return self.data.__dlpack__(**options)

    def __dlpack_device__(self):
        return self.data.__dlpack_device__()

    def __repr__(self):
        history = "" if self.node is None else f", op={self.node.op.name}" if self.node.op else ", requires_grad=True"
        body = np.array2string(self.numpy(), separator=", ", prefix="tensor(", threshold=100)
        return f"tensor({body}, dtype={self.dtype}{history})"


class Parameter(Tensor):
    """A tensor that an optimizer may change, the only kind of tensor whose values can change.

    Args:
        data: The initial values, which are copied.
        name: The dotted path in the model, for error messages.

    `version` is the clock's tick at the last change.
    """

    __slots__ = ("_leaf", "_memory")

    def __init__(self, data, name=""):
        data = data.data if isinstance(data, Tensor) else data
        super().__init__(backend.of(data).array(data), requires_grad=True)  # a copy, so that nothing else changes it
        self._leaf = self.node
        self.name = name
        self._own()

    def _own(self):
        self._memory = id(self.data)
        _Changes.owners[self._memory] = self._leaf

    def __del__(self):
        if hasattr(self, "_memory"):
            _Changes.owners.pop(self._memory, None)

    version = property(lambda self: self._leaf.version)

    @property
    def name(self):
        return self._leaf.name

    @name.setter
    def name(self, value):
        self._leaf.name = value

    def requires_grad_(self, flag=True):
        """Unfreeze or, with False, freeze this parameter and return it.

        A frozen parameter is a constant in all later operations.
        """
        self.node = self._leaf if flag else None
        return self

    def assign_(self, values):
        """Overwrite the values in place.

        A backward through a graph that used the old values raises RuntimeError and names this parameter.

        Args:
            values: New values of the same shape.

        Raises:
            ValueError: If the shape differs.
        """
        values = values.data if isinstance(values, Tensor) else values
        if np.shape(values) != self.shape:
            raise ValueError(
                f"assign_ to {self.name or 'a parameter'} of shape {self.shape}: got shape {np.shape(values)}"
            )
        backend.fill(self.data, values)
        self.touch()

    def move_(self, device):
        """Move the values to `device`. A graph that was built before keeps the old memory."""
        if device != self.device:
            data = backend.move(self.data, device)
            _Changes.owners.pop(self._memory)
            self.data = data
            self._own()

    def touch(self):
        """Record that `data` was changed in place, so that a backward through the old values raises RuntimeError."""
        _Changes.latest = self._leaf.version = tick()

    def __copy__(self):
        return Parameter(self.data, self.name).requires_grad_(self.requires_grad)

    def __deepcopy__(self, memo):
        return self.__copy__()

    def __repr__(self):
        return f"Parameter({self.name or ''} {self.shape} {self.dtype})"


def leaf_for(data):
    """Return a new leaf for an array; raise TypeError if it is not floating-point."""
    if data.dtype.kind not in "fc":
        raise TypeError(
            f"requires_grad=True needs a floating-point tensor, got {data.dtype}: convert with .astype('float32')"
        )
    return Leaf(data)


def wrap(data, node, _new=Tensor.__new__, _cls=Tensor):
    """Return a Tensor around `data`, which must be an array of a backend, without the checks of the constructor."""
    t = _new(_cls)
    t.data = data
    t.node = node
    return t


def tensor(data, requires_grad=False, *, dtype=None, device=None):
    """Return a new Tensor from numbers, lists, arrays or another tensor; the values are copied.

    Args:
        data: The values.
        requires_grad: Record operations on this tensor, so that gradients with respect to it can be computed.
        dtype: The dtype of the copy (default: the dtype of the data; Python floats give float64, as in NumPy).
        device: "cpu" or "cuda" (default: the device of the data, and "cpu" for Python numbers and lists).

    Raises:
        TypeError: If `requires_grad` is set for data that are not floating-point.
        ValueError: If the device is unknown.

    Example:
        x = mg.tensor([1.0, 2.0], requires_grad=True)
    """
    data = data.data if isinstance(data, Tensor) else data
    here = backend.of(data)
    target = here if device is None else backend.named(device)
    return Tensor(target.array(data if target is here else here.to_numpy(data), dtype), requires_grad)

"""A Module: parameters, buffers and children, found in the order in which they were assigned."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import TYPE_CHECKING

import numpy as np

from .. import backend
from ..op import refuse_foreign
from ..tensor import Parameter, Tensor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any, Self

    from ..types import Array, ArrayLike, Device

_ARRAYS = (Tensor, np.ndarray)  # the usual inputs: one quick test tells them from arrays of other libraries

# Attributes that only PyTorch's modules have, with the way to do it here.
_ELSEWHERE = {
    "add_module": "assign the module to an attribute: net.name = module",
    "bfloat16": "pass dtype= when the layers are made",
    "cpu": 'use module.to("cpu")',
    "cuda": 'use module.to("cuda")',
    "double": "pass dtype= when the layers are made",
    "float": "pass dtype= when the layers are made",
    "half": "pass dtype= when the layers are made",
    "register_buffer": "assign the array to an attribute and list its name in the class attribute buffer_names",
    "register_module": "assign the module to an attribute: net.name = module",
    "register_parameter": "assign a mg.Parameter to an attribute: net.name = mg.Parameter(array)",
    "zero_grad": "mg.grad returns gradients and leaves nothing to zero; after backward(), use optimizer.zero_grad()",
}


class Module:
    """Base class of everything with parameters: layers, generators and critics.

    A subclass assigns Parameters and Modules to attributes in `__init__` and defines `forward`; calling the module
    calls `forward`. Parameters and children are found in attributes, alone or in a list, tuple or dict, each kind in
    the order of assignment, which is the same in every run. A parameter or module with two paths counts once, under the
    first.

    Attributes:
        training: Whether the module is in training mode; see `train`.
        buffer_names: Names of the attributes that hold state without a gradient, as arrays.
        couples_samples: Whether the output for one sample of a batch depends on the other samples. A gradient penalty
            refuses a critic that contains such a module.

    Example:
        class Critic(nn.Module):
            def __init__(self, rng):
                self.hidden = nn.Linear(2, 64, rng=rng)
                self.out = nn.Linear(64, 1, rng=rng)

            def forward(self, x):
                return self.out(mg.ops.relu(self.hidden(x)))
    """

    buffer_names: tuple[str, ...] = ()
    couples_samples: bool = False
    training: bool = True
    _prefix = ""

    def __call__(self, *args: Any, **kwargs: Any) -> Tensor:
        """Return `forward(*args, **kwargs)`; raise TypeError for another library's array, such as a torch.Tensor."""
        for x in args:
            if not isinstance(x, _ARRAYS):
                refuse_foreign(type(self).__name__, {"x": x})
        return self.forward(*args, **kwargs)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Compute the output of the module. Subclasses override this; users call the module itself."""
        raise NotImplementedError(f"{type(self).__name__} must define forward()")

    def __setattr__(self, name: str, value: Any) -> None:
        if not isinstance(value, Parameter | None) and isinstance(vars(self).get(name), Parameter):
            raise TypeError(
                f"{type(self).__name__}.{name} is a Parameter, and assigning a {type(value).__name__} would delete it: "
                f"change its values with .{name}.assign_(values), or assign a mg.Parameter, or None to remove it"
            )
        super().__setattr__(name, value)
        if isinstance(value, Parameter | Module | list | tuple | dict):
            self.named(self._prefix)

    if not TYPE_CHECKING:  # a type checker would take every misspelt name for an attribute

        def __getattr__(self, name):
            if name in _ELSEWHERE:
                raise AttributeError(f"{type(self).__name__} has no .{name}: {_ELSEWHERE[name]}")
            return super().__getattribute__(name)  # raises Python's own error, with its suggestion

    def named(self, prefix: str) -> Self:
        """Name every parameter by its dotted path below `prefix`, for error messages. Returns the module."""
        vars(self)["_prefix"] = prefix
        for path, parameter in self.named_parameters():
            parameter.name = _join(prefix, path)
        return self

    def named_children(self) -> list[tuple[str, Module]]:
        """Return the modules one level below, as (name, module) pairs."""
        return self._members(Module)

    def children(self) -> list[Module]:
        """Return the modules one level below; see `named_children` for their names."""
        return [module for _, module in self.named_children()]

    def named_modules(self) -> list[tuple[str, Module]]:
        """Return this module, with the path "", and all modules below it, as (dotted path, module) pairs."""
        found: dict[Module, str] = {}
        pending: list[tuple[str, Module]] = [("", self)]
        while pending:
            path, module = pending.pop()
            if module not in found:
                found[module] = path
                pending += [(_join(path, name), child) for name, child in reversed(module.named_children())]
        return [(path, module) for module, path in found.items()]

    def modules(self) -> list[Module]:
        """Return this module and all modules below; see `named_modules` for their paths."""
        return [module for _, module in self.named_modules()]

    def named_parameters(self) -> list[tuple[str, Parameter]]:
        """Return all parameters as (dotted path, Parameter) pairs.

        A module's own parameters come first, in order of assignment; those of its children follow, child by child.
        """
        found: dict[Parameter, str] = {}
        for path, module in self.named_modules():
            for name, parameter in module._members(Parameter):
                found.setdefault(parameter, _join(path, name))
        return [(path, parameter) for parameter, path in found.items()]

    def parameters(self) -> list[Parameter]:
        """Return all parameters, in the order of `named_parameters`."""
        return [parameter for _, parameter in self.named_parameters()]

    def num_parameters(self) -> int:
        """Return the number of trainable values: the sizes of all parameters together, frozen ones included."""
        return sum(parameter.size for parameter in self.parameters())

    def named_buffers(self) -> list[tuple[str, Array]]:
        """Return all buffers as (dotted path, array) pairs: state that is saved and averaged but not optimised."""
        return [
            (_join(path, name), getattr(module, name))
            for path, module in self.named_modules()
            for name in module.buffer_names
        ]

    def train(self, mode: bool = True) -> Self:
        """Switch training mode on or off, here and in all modules below. Returns the module."""
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Self:
        """Switch to evaluation mode, in which batch norm uses its running statistics and dropout keeps everything.

        Returns the module.
        """
        return self.train(False)

    def requires_grad_(self, flag: bool = True) -> Self:
        """Unfreeze (True) or freeze (False) every parameter. Returns the module."""
        for parameter in self.parameters():
            parameter.requires_grad_(flag)
        return self

    def to(self, device: Device) -> Self:
        """Move every parameter and buffer to `device`, in place. Returns the module.

        Make optimizers and averages afterwards: those made before keep their memory on the old device.

        Args:
            device: "cpu" or "cuda".

        Raises:
            ValueError: If the device is unknown.
            DeviceError: If this machine cannot compute on the device.
        """
        for parameter in self.parameters():
            parameter.move_(device)
        for module in self.modules():
            for name in module.buffer_names:
                setattr(module, name, backend.move(getattr(module, name), device))
        return self

    def state_dict(self) -> dict[str, Any]:  # arrays; NDArray would make `np.savez(path, **state)` an error
        """Return copies of all parameters and buffers as NumPy arrays, by dotted path.

        Example:
            np.savez("critic.npz", **critic.state_dict())
            critic.load_state_dict(dict(np.load("critic.npz")))
        """
        return {path: np.array(backend.of(array).to_numpy(array)) for path, array in self._state()}

    def load_state_dict(self, state: Mapping[str, ArrayLike]) -> None:
        """Overwrite all parameters and buffers.

        Args:
            state: Arrays by dotted path, as `state_dict` returns them.

        Raises:
            TypeError: If `state` is not a dict, such as the path of a file.
            ValueError: If names or shapes differ from those of this module; nothing is changed then.
        """
        if not hasattr(state, "keys"):
            raise TypeError(
                f"load_state_dict: state must be a dict of arrays, got a {type(state).__name__}: "
                "read a file of np.savez with dict(np.load(path))"
            )
        own = dict(self._state())
        differences = {"missing": own.keys() - state.keys(), "unexpected": state.keys() - own.keys()}
        if found := ", ".join(f"{kind} {sorted(names)}" for kind, names in differences.items() if names):
            raise ValueError(f"load_state_dict: {found}; was the state saved by another architecture?")
        for path, array in own.items():
            if np.shape(state[path]) != array.shape:
                raise ValueError(
                    f"load_state_dict: {path} has shape {array.shape}, the state has {np.shape(state[path])}"
                )
        for path, parameter in self.named_parameters():
            parameter.assign_(state[path])
        for path, array in self.named_buffers():
            backend.fill(array, state[path])

    def _members(self, kind):
        found = []
        for name, value in vars(self).items():
            if isinstance(value, kind):
                found.append((name, value))
            elif isinstance(value, list | tuple | dict):
                found += [(path, v) for path, v in _flat(name, value) if isinstance(v, kind)]
        return found

    def _state(self):
        return [(path, p.data) for path, p in self.named_parameters()] + self.named_buffers()

    def __repr__(self) -> str:
        lines = [f"{name}: {child!r}" for name, child in self.named_children()]
        body = "\n".join("  " + line for text in lines for line in text.split("\n"))
        return f"{type(self).__name__}({self.extra_repr()}{f'{chr(10)}{body}{chr(10)}' if lines else ''})"

    def _repr_html_(self) -> str:
        return f"<pre>{escape(repr(self))}</pre><p>{self.num_parameters():,} parameters</p>"

    def extra_repr(self) -> str:
        """Return the text that `repr` shows between the parentheses, before the children."""
        return ""


class Sequential(Module):
    """Modules, or any functions of one argument, applied one after another.

    Layers given by position are called 0, 1, ...; layers given by keyword are attributes of that name.

    Args:
        *layers: Layers to apply first, in this order.
        **named_layers: Layers to apply after them, in this order.

    Raises:
        TypeError: If a layer cannot be called.
        ValueError: If a layer has a name that Module itself uses.

    Example:
        net = nn.Sequential(hidden=nn.Linear(2, 8, rng=rng), act=nn.ReLU(), out=nn.Linear(8, 1, rng=rng))
        net.out.weight, net[0]
    """

    def __init__(self, *layers: Callable[..., Any], **named_layers: Callable[..., Any]) -> None:
        all_layers = {str(i): layer for i, layer in enumerate(layers)} | named_layers
        for name, layer in all_layers.items():
            if not callable(layer):
                hint = "; for the layers of a list write Sequential(*layers)" if isinstance(layer, Iterable) else ""
                raise TypeError(f"Sequential: layer {name} is a {type(layer).__name__}, which cannot be called{hint}")
            if hasattr(type(self), name):
                raise ValueError(f"Sequential: {name!r} is a name that Module uses itself, choose another")
            setattr(self, name, layer)
        self._names = tuple(all_layers)  # not the layers themselves: one may be replaced, by its name, later

    if TYPE_CHECKING:  # layers given by keyword

        def __getattr__(self, name: str) -> Any: ...

    def forward(self, x: Tensor | Array) -> Tensor:
        y: Any = x
        for layer in self:
            y = layer(y)
        return y

    def __getitem__(self, index: int) -> Any:
        return list(self)[index]

    def __len__(self) -> int:
        return len(self._names)

    def __iter__(self) -> Iterator[Any]:
        return (getattr(self, name) for name in self._names)


def _flat(path, values):
    """Yield the values of a dict or sequence, and of the dicts and sequences inside it, with their dotted paths."""
    for key, value in values.items() if isinstance(values, dict) else enumerate(values):
        if isinstance(value, list | tuple | dict):
            yield from _flat(_join(path, str(key)), value)
        else:
            yield _join(path, str(key)), value


def _join(path, name):
    return f"{path}.{name}" if path else name

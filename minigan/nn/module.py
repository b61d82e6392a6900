"""A Module: parameters, buffers and children, found in the order in which they were assigned."""

import numpy as np

from .. import backend
from ..tensor import Parameter


class Module:
    """A function with parameters.  Subclasses assign Parameters and Modules in `__init__` and define `forward`.

    Parameters and children are ordinary attributes, alone or in a list, tuple or dict; their order is that of
    assignment, so it is the same in every run.  One that can be reached in two ways counts once, by its first path.
    `buffer_names` lists the attributes that hold state without gradient, as arrays.
    `couples_samples` says whether one sample of a batch changes what comes out for another.
    """

    buffer_names = ()
    couples_samples = False
    training = True
    _prefix = ""

    def __call__(self, *args, **kwargs):
        return self.forward(*args, **kwargs)

    def forward(self, *args):
        raise NotImplementedError(f"{type(self).__name__} must define forward()")

    def __setattr__(self, name, value):
        super().__setattr__(name, value)
        if isinstance(value, Parameter | Module | list | tuple | dict):
            self.named(self._prefix)

    def named(self, prefix):
        """Give every parameter its dotted path below `prefix` as its name, for error messages.  Returns the module."""
        vars(self)["_prefix"] = prefix
        for path, parameter in self.named_parameters():
            parameter.name = _join(prefix, path)
        return self

    def children(self):
        """(name, Module) pairs, one level down."""
        return self._members(Module)

    def modules(self):
        """(dotted path, Module) pairs: this module, whose path is "", and everything below."""
        found, pending = {}, [("", self)]
        while pending:
            path, module = pending.pop()
            if module not in found:
                found[module] = path
                pending += [(_join(path, name), child) for name, child in reversed(module.children())]
        return [(path, module) for module, path in found.items()]

    def named_parameters(self):
        """(dotted path, Parameter) pairs, in order of assignment."""
        found = {}
        for path, module in self.modules():
            for name, parameter in module._members(Parameter):
                found.setdefault(parameter, _join(path, name))
        return [(path, parameter) for parameter, path in found.items()]

    def parameters(self):
        """The Parameters, in order of assignment."""
        return [parameter for _, parameter in self.named_parameters()]

    def named_buffers(self):
        """(dotted path, array) pairs: state that is saved and averaged but not optimised."""
        return [
            (_join(path, name), getattr(module, name))
            for path, module in self.modules()
            for name in module.buffer_names
        ]

    def train(self, mode=True):
        """Training mode on or off, here and below.  Returns the module."""
        for _, module in self.modules():
            module.training = mode
        return self

    def eval(self):
        """Evaluation mode: batch norm uses its running statistics, dropout passes everything.  Returns the module."""
        return self.train(False)

    def requires_grad_(self, flag=True):
        """Thaw or freeze every parameter.  Returns the module."""
        for parameter in self.parameters():
            parameter.requires_grad_(flag)
        return self

    def to(self, device):
        """Take every parameter and buffer to `device`, in place.  Returns the module.

        An optimizer or average made before keeps its memory where it was: make it afterwards.
        """
        for parameter in self.parameters():
            parameter.move_(device)
        for _, module in self.modules():
            for name in module.buffer_names:
                setattr(module, name, backend.move(getattr(module, name), device))
        return self

    def state_dict(self):
        """{dotted path: NumPy array}, copies of all parameters and buffers."""
        return {path: np.array(backend.of(array).to_numpy(array)) for path, array in self._state()}

    def load_state_dict(self, state):
        """Overwrite parameters and buffers.  Nothing is changed unless names and shapes all fit."""
        own = dict(self._state())
        if missing := own.keys() - state.keys():
            raise ValueError(
                f"load_state_dict: missing {sorted(missing)}; was the state saved by another architecture?"
            )
        if unexpected := state.keys() - own.keys():
            raise ValueError(
                f"load_state_dict: unexpected {sorted(unexpected)}; was the state saved by another architecture?"
            )
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

    def __repr__(self):
        lines = [f"{name}: {child!r}" for name, child in self.children()]
        body = "\n".join("  " + line for text in lines for line in text.split("\n"))
        return f"{type(self).__name__}({self.extra_repr()}{f'{chr(10)}{body}{chr(10)}' if lines else ''})"

    def extra_repr(self):
        """What `repr` shows between the parentheses."""
        return ""


class Sequential(Module):
    """Modules applied one after another.

    Given by position they are called 0, 1, ...; by keyword, as they are named.
    """

    def __init__(self, *layers, **named_layers):
        layers = {str(i): layer for i, layer in enumerate(layers)} | named_layers
        for name, layer in layers.items():
            if not callable(layer):
                raise TypeError(f"Sequential: layer {name} is a {type(layer).__name__}, which cannot be called")
            if hasattr(type(self), name):
                raise ValueError(f"Sequential: {name!r} is a name that Module uses itself, choose another")
            setattr(self, name, layer)
        self._names = tuple(layers)  # not the layers themselves: one may be replaced, by its name, later

    def forward(self, x):
        for layer in self:
            x = layer(x)
        return x

    def __getitem__(self, index):
        return list(self)[index]

    def __len__(self):
        return len(self._names)

    def __iter__(self):
        return (getattr(self, name) for name in self._names)


def _flat(path, values):
    """(dotted path, value) pairs of a dict or sequence, and of those inside it."""
    for key, value in values.items() if isinstance(values, dict) else enumerate(values):
        if isinstance(value, list | tuple | dict):
            yield from _flat(_join(path, str(key)), value)
        else:
            yield _join(path, str(key)), value


def _join(path, name):
    return f"{path}.{name}" if path else name

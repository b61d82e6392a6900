"""Looking at networks in training without leaving a trace in them."""

from contextlib import contextmanager

from ..random import Generator


@contextmanager
def undisturbed(*networks):
    """Inside, the networks may run in any mode; afterwards modes, buffers and random generators are as they were.

    Buffers are what a forward in training writes: the running statistics of batch norm, the vectors of spectral norm.
    Generators are those that a layer owns as `rng`: dropout, noise, augmentation.
    """
    modules = list({module: None for network in networks for module in network.modules()})
    modes = [(module, module.training) for module in modules]
    buffers = [(array, array.copy()) for network in networks for _, array in network.named_buffers()]
    owned = [module.rng for module in modules if isinstance(getattr(module, "rng", None), Generator)]
    streams = [(rng, rng.state) for rng in owned]
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training
        for array, values in buffers:
            array[...] = values
        for rng, state in streams:
            rng.set_state(state)

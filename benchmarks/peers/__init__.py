"""The libraries that are measured, one module each.

A module has

    version()                of the library
    refuses(workload)        why it cannot do this workload, in a few words, or None
    build(workload)          an object ready to run it from `workload.data()`, with two methods:
        step()                   what is timed
        gradients()              {name: NumPy array in minigan's layout}: the losses and gradients that this step takes
                                 at the initial weights; for a `Chain`, {"value": ...}

Each writes the workload as its users would, and computes nothing that the step does not need: the generator's step
takes no gradient of the critic's weights.  A module imports its library at once: that fails where it is missing.
"""

from importlib import import_module

BOUND = "sgemm"  # is a module too, without gradients
OURS, REFERENCE = "minigan_eager", "torch_eager"  # results are compared with ours, times with the reference's
NAMES = {
    "minigan_eager": "minigan",
    "minigan_captured": "minigan captured",
    "torch_eager": "PyTorch eager",
    "torch_compiled": "PyTorch compiled",
    "jax_jit": "JAX jit",
    "chainer_eager": "Chainer",
    "dezero_eager": "DeZero",
    "hips_autograd": "HIPS autograd",
}


def load(name):
    """The module of a peer, of NAMES or BOUND.  ImportError, or what its library raises, where it cannot be used."""
    return import_module(f".{name}", __name__)

"""The libraries that are measured, one module each.

A module has

    version()                returns the version of the library
    refuses(workload)        returns why the library cannot run this workload, in a few words, or None
    build(workload)          returns an object that runs it on `workload.data()`, with two methods:
        step()                   one step, which is timed
        gradients()              returns {name: NumPy array in minigan's layout}: losses and gradients of this step at
                                 the initial weights; for a `Chain`, {"value": array}

Each module writes the workload as users of the library would, and computes nothing that the step does not need: the
generator's step computes no gradient of the critic's weights. Importing a module imports its library, which fails if
that is not installed.
"""

from importlib import import_module

BOUND = "sgemm"  # a module like the others, but without gradients()
OURS, REFERENCE = "minigan_eager", "torch_eager"  # standards for results and for times
NAMES = {
    "minigan_eager": "minigan",
    "minigan_captured": "minigan captured",
    "minigan_loop": "minigan, own loop",
    "minigan_loop_captured": "minigan, own loop captured",
    "torch_eager": "PyTorch eager",
    "torch_compiled": "PyTorch compiled",
    "jax_jit": "JAX jit",
    "chainer_eager": "Chainer",
    "dezero_eager": "DeZero",
    "hips_autograd": "HIPS autograd",
}


def load(name):
    """Import and return the module of a peer, one of NAMES or BOUND; may raise whatever the library's import raises."""
    return import_module(f".{name}", __name__)

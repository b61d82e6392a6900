"""Names that NumPy 2 removed, restored for libraries whose last release is older: Chainer and DeZero.

Only the processes of these two peers call `restore`, so that nothing else comes to depend on these names.
"""

import numpy as np

_NAMES = {"bool": bool, "int": int, "float": float, "complex": complex, "object": object, "product": np.prod}
_TYPES = {
    "int": [np.int8, np.int16, np.int32, np.int64],
    "uint": [np.uint8, np.uint16, np.uint32, np.uint64],
    "float": [np.float16, np.float32, np.float64],
}


def restore():
    """Add the removed names to `numpy`."""
    for name, meaning in (_NAMES | {"sctypes": _TYPES}).items():
        if name not in vars(np):
            setattr(np, name, meaning)

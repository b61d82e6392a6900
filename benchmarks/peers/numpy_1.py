"""Names that NumPy 2 took away, put back for libraries that were last released before it.

Only in the process of such a peer: nothing else may come to depend on them.
"""

import numpy as np

_NAMES = {"bool": bool, "int": int, "float": float, "complex": complex, "object": object, "product": np.prod}
_TYPES = {
    "int": [np.int8, np.int16, np.int32, np.int64],
    "uint": [np.uint8, np.uint16, np.uint32, np.uint64],
    "float": [np.float16, np.float32, np.float64],
}


def restore():
    for name, meaning in (_NAMES | {"sctypes": _TYPES}).items():
        if name not in vars(np):
            setattr(np, name, meaning)

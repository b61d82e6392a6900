"""Data: named sets, IDX files, minibatches. Needs NumPy and the standard library only."""

from .idx import IdxError, read_idx, write_idx
from .loader import Loader
from .sources import Dataset, load, names, scale, to_uint8

__all__ = ["Dataset", "IdxError", "Loader", "load", "names", "read_idx", "scale", "to_uint8", "write_idx"]

"""Data sets by name, files and folders of images, toy mixtures, pairs of images, and minibatches.

    digits = mg.data.load("mnist-10k")
    batches = mg.data.Loader(digits, 64, mg.random.Generator(0), transform=mg.data.scale)

NumPy and the standard library suffice, except that `read_folder` needs Pillow and `download` needs pooch.
"""

from typing import TYPE_CHECKING

from .arrays import ArrayError, array_images, read_npy, read_npz
from .cifar import CIFAR10_CLASSES, CifarError, read_cifar
from .dataset import Dataset, scale, to_uint8
from .download import DownloadError, download
from .folder import FolderError, read_folder
from .idx import IdxError, read_idx, write_idx
from .loader import Loader
from .mixtures import Mixture, SwissRoll, eight_gaussians, grid, ring, swissroll, twentyfive_gaussians
from .paired import PALETTE, color_digits, edge_map, edges, grayscale_to_color, luma
from .reading import FormatError
from .resize import area_resize, centre_crop, fit
from .sources import load, names
from .stacked import EVALUATION_SAMPLES, StackedDigits, stacked_mnist
from .stream import Stream

__all__ = [
    "CIFAR10_CLASSES",
    "EVALUATION_SAMPLES",
    "PALETTE",
    "ArrayError",
    "CifarError",
    "Dataset",
    "DownloadError",
    "FolderError",
    "FormatError",
    "IdxError",
    "Loader",
    "Mixture",
    "StackedDigits",
    "Stream",
    "SwissRoll",
    "area_resize",
    "array_images",
    "centre_crop",
    "color_digits",
    "download",
    "edge_map",
    "edges",
    "eight_gaussians",
    "fit",
    "grayscale_to_color",
    "grid",
    "load",
    "luma",
    "names",
    "read_cifar",
    "read_folder",
    "read_idx",
    "read_npy",
    "read_npz",
    "ring",
    "scale",
    "stacked_mnist",
    "swissroll",
    "to_uint8",
    "twentyfive_gaussians",
    "write_idx",
]


# Names of other libraries, with the way to do it here.
_ELSEWHERE = {
    "DataLoader": "use data.Loader(images, batch_size, rng)",
    "MNIST": "use data.load('mnist-10k'), or data.load('mnist') after a download",
    "TensorDataset": "give arrays to data.Loader, alone or in a tuple",
}

if not TYPE_CHECKING:  # a type checker would take every misspelt name for an attribute

    def __getattr__(name):
        from ..suggest import missing

        raise missing(__name__, name, _ELSEWHERE)


def __dir__() -> list[str]:
    return sorted(__all__)

"""Pictures."""

import numpy as np
from PIL import Image

from .data import to_uint8
from .files import replacing

GAP = 2  # pixels between images, before enlargement


def image_grid(images, columns, scale=2):
    """Images (N, H, W, C) in [-1, 1], C = 1 or 3, as one uint8 picture with `columns` in a row, enlarged by `scale`."""
    images = to_uint8(np.asarray(images))
    n, h, w, c = images.shape
    if c not in (1, 3):
        raise ValueError(f"image_grid: images need 1 or 3 channels, got shape {images.shape}")
    columns = min(columns, n)
    rows = -(-n // columns)
    grid = np.full((rows * (h + GAP) + GAP, columns * (w + GAP) + GAP, c), 64, np.uint8)
    for i, image in enumerate(images):
        top, left = GAP + (i // columns) * (h + GAP), GAP + (i % columns) * (w + GAP)
        grid[top : top + h, left : left + w] = image
    return grid.repeat(scale, axis=0).repeat(scale, axis=1)


def save_grid(path, images, columns, scale=2):
    """Write `image_grid` as a PNG, complete or not at all."""
    grid = image_grid(images, columns, scale)
    picture = Image.fromarray(grid[..., 0] if grid.shape[2] == 1 else grid)
    with replacing(path) as file:
        picture.save(file, "PNG")

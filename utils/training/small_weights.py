"""Store a model's weights small, in a `.keras` file that Keras reads by itself.

Three things make a file small. Weights are rounded to a grid, so that few different values occur. They are stored as float16, which
holds these values exactly and from which Keras makes float32 again. And the bytes are sorted (HDF5's shuffle filter) and deflated
by the archive, which leaves little more than the information that is in them.
"""

from __future__ import annotations

import io
import math
import zipfile
from pathlib import Path

from utils.common.archives import read_model_file
from utils.common.files import write_atomically

STEPS = (1 / 16, 1 / 8, 1 / 4, 1 / 2)
"""Steps of the grids that are tried, as fractions of an array's root mean square."""
LARGEST_FLOAT16 = 65_504.0
FIXED_DATE = (1980, 1, 1, 0, 0, 0)
"""Of the files in the archive, so that equal weights give equal files."""


def store_small(source: str | Path, target: str | Path, step: float | None = None) -> None:
    """Write a `.keras` file again with its weights as float16, rounded to a grid, and compressed.

    Matrices and larger arrays are rounded to multiples of a step that is a power of two: the nearest to `step` times the root mean
    square of the array. Vectors and single numbers, such as biases, stay as they are: they are few, and some are sensitive.

    Args:
        source: the file to read.
        target: the file to write, atomically.
        step: size of the grid; None rounds to float16 alone.

    Raises:
        ValueError, OSError: the source is no model of this project.
    """
    read_model_file(source)  # refuses what is no model
    with zipfile.ZipFile(source) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    contents["model.weights.h5"] = _small_arrays(contents["model.weights.h5"], step)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, content in contents.items():
            entry = zipfile.ZipInfo(name, FIXED_DATE)
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, content, compresslevel=9)
    write_atomically(Path(target), buffer.getbuffer())


def _small_arrays(weights: bytes, step: float | None) -> bytes:
    """The same file of weights with its matrices as float16."""
    import h5py

    buffer = io.BytesIO()
    with h5py.File(io.BytesIO(weights), "r") as old, h5py.File(buffer, "w") as new:

        def copy(name: str, entry) -> None:
            target = new.require_group(name) if isinstance(entry, h5py.Group) else _copy_array(entry, new, name, step)
            for key, value in entry.attrs.items():
                target.attrs[key] = value

        old.visititems(copy)
    return buffer.getvalue()


def _copy_array(entry, file, name: str, step: float | None):
    """Write one array into a file of weights: as float16 where it is float32 of two or more axes, else as it is."""
    import numpy as np

    values = entry[()]
    if values.dtype != np.float32 or values.ndim < 2 or not values.size or np.abs(values).max() > LARGEST_FLOAT16:
        return file.create_dataset(name, data=values)
    values = (rounded(values, step) if step else values).astype(np.float16)
    return file.create_dataset(name, data=values, chunks=values.shape, shuffle=True, track_times=False)


def rounded(values, step: float):
    """The nearest values on a grid whose step is a power of two.

    >>> import numpy as np
    >>> rounded(np.array([-0.3, 0.1, 0.5]), 1 / 2).tolist()
    [-0.25, 0.125, 0.5]

    Args:
        values: float array that is not empty.
        step: of the grid, as a fraction of the root mean square of the values.

    Returns:
        array of the same shape.
    """
    import numpy as np

    root_mean_square = float(np.sqrt(np.mean(np.square(values, dtype=np.float64))))
    if root_mean_square == 0:
        return values
    grid = 2.0 ** round(math.log2(step * root_mean_square))
    return np.round(values / grid) * grid

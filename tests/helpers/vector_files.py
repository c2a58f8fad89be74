"""Small files of vectors."""

import numpy as np

from utils.common.reading import Reading

LENGTHS = (9, 3, 7, 40, 6)
COUNT, DIM = sum(LENGTHS), 5
VECTORS = np.random.default_rng(1).normal(size=(COUNT, DIM)).astype("float16")
DOCUMENT = np.repeat([7, 3, 11, 2, 5], LENGTHS)


def save_npz(folder, **replaced):
    """Write `v.npz` with vectors of five documents; an array that is replaced by None is left out."""
    arrays = {"vectors": VECTORS, "document": DOCUMENT} | replaced
    np.savez(folder / "v.npz", **{name: array for name, array in arrays.items() if array is not None})
    return folder / "v.npz"


def save_npy(folder, vectors=VECTORS, document=DOCUMENT):
    """Write `v.npy`, and `v.document.npy` beside it."""
    np.save(folder / "v.npy", vectors)
    np.save(folder / "v.document.npy", document)
    return folder / "v.npy"


def read(path, max_bad_fraction=0.05, embed=None):
    """The documents of a file, and the notes on reading it."""
    from utils.vectors.data import read_file

    reading = Reading(max_bad_fraction)
    return read_file(path, reading, embed), [note.removeprefix(f"{path}: ") for note in reading.notes]

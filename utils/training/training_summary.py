"""What a finished run keeps of its training data for `evaluate.py`, as one small file without a text of it.

`training_summary.npz` holds what the task's baselines learned from the training data, and keys of the examples that the model was
trained or chosen on. A key is a hash: it says whether an example was among them, and nothing else.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from utils.common.archives import open_npz
from utils.common.files import write_arrays
from utils.training.finished import damaged_run_as_user_error

SUMMARY_FILE = "training_summary.npz"
KEYS = "keys"
"""Name of the array of keys."""


def text_keys(texts: Iterable[str]) -> np.ndarray:
    """A key of each text, uint64 `(texts,)`; equal for texts that differ in capital letters and white space alone.

    >>> first, second, third = text_keys(["Ada  Lovelace", "ada lovelace", "Ada"])
    >>> bool(first == second), bool(first == third)
    (True, False)
    """
    normalised = (" ".join(text.casefold().split()).encode("utf-8", "surrogatepass") for text in texts)
    return np.array(
        [int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big") for text in normalised], np.uint64
    )


def write_training_summary(run_dir: str | Path, keys: np.ndarray, **arrays: np.ndarray) -> None:
    """Write `training_summary.npz`.

    Args:
        run_dir: the run directory.
        keys: uint64, keys of the training and validation examples; they may repeat.
        arrays: what the baselines learned.
    """
    write_arrays(Path(run_dir) / SUMMARY_FILE, {KEYS: np.unique(keys), **arrays})


def read_training_summary(run_dir: str | Path) -> dict[str, np.ndarray]:
    """The arrays of `training_summary.npz`; empty for a run that has none, such as one of an earlier version.

    Raises:
        UserError: the file is damaged.
    """
    path = Path(run_dir) / SUMMARY_FILE
    if not path.exists():
        return {}
    with damaged_run_as_user_error(run_dir), open_npz(path) as stored:
        return {name: stored[name] for name in stored.files}


def copy_summary(run_dir: str | Path, folder: str | Path, without: Sequence[str] = ()) -> None:
    """Copy the summary of a run, if it has one, to another folder.

    Args:
        run_dir: the run directory.
        folder: where to write.
        without: names of arrays that are left out.
    """
    arrays = read_training_summary(run_dir)
    if arrays:
        write_arrays(
            Path(folder) / SUMMARY_FILE, {name: array for name, array in arrays.items() if name not in without}
        )


def num_known(keys: np.ndarray, summary: dict[str, np.ndarray]) -> int | None:
    """How many different ones of these keys the training has; None where the run keeps no keys."""
    return len(np.intersect1d(keys, summary[KEYS])) if KEYS in summary else None

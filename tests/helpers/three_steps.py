"""Three training steps of every model in the table, on the backend that runs this file.

    python -m tests.helpers.three_steps FOLDER

reads the initial weights `FOLDER/NAME.npz` of each case and writes the trained weights to `FOLDER/NAME.BACKEND.npz`.
"""

import sys
from pathlib import Path

import keras
import numpy as np

from tests.helpers.model_cases import BATCH, CASES, LENGTHS
from utils.training.optimizers import make_optimizer

STEPS = 3


def train(case, weights: list, jit_compile="auto"):
    """Return the case's model after three steps from these weights, each with another batch, by the scripts' optimizer."""
    model = case.make()
    model.set_weights(weights)
    optimizer = make_optimizer(1e-3, STEPS, weight_decay=0.01, decay="constant")
    model.compile(optimizer, loss=case.losses(), jit_compile=jit_compile)
    for seed in range(STEPS):
        inputs, targets = case.inputs(BATCH, LENGTHS[0], seed), case.targets(BATCH, LENGTHS[0], seed)
        assert np.isfinite(model.train_on_batch(inputs, targets, return_dict=True)["loss"])
    return model


def write_weights(path: Path, weights: list) -> None:
    """Write a list of arrays to an `.npz` file."""
    np.savez(path, **{str(number): weight for number, weight in enumerate(weights)})


def read_weights(path: Path) -> list:
    """Read the arrays that `write_weights` wrote, in their order."""
    with np.load(path) as arrays:
        return [arrays[str(number)] for number in range(len(arrays.files))]


def main(folder: Path) -> None:
    for case in CASES:
        model = train(case, read_weights(folder / f"{case.name}.npz"))
        write_weights(folder / f"{case.name}.{keras.backend.backend()}.npz", model.get_weights())


if __name__ == "__main__":
    main(Path(sys.argv[1]))

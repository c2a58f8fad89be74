"""Three training steps of every model in the table, on the backend that runs this file, and models that other backends saved.

    python -m tests.helpers.three_steps FOLDER

reads the initial weights `FOLDER/NAME.npz` of each case that has them and writes the trained weights to
`FOLDER/NAME.BACKEND.npz`. Then it reads the models that other backends saved there, and writes to `FOLDER/BACKEND.json` how far
their outputs are from what those backends computed. It saves those of TensorFlow again as its own. With `--read-only` it trains
and saves nothing.
"""

import json
import sys
from pathlib import Path

import keras
import numpy as np

from models import load_model
from tests.helpers.calls import outputs
from tests.helpers.model_cases import BATCH, CASES, LENGTHS
from utils.training.export import largest_difference
from utils.training.fit import build_loss
from utils.training.optimizers import make_optimizer

STEPS = 3
ONE_OF_EACH_CLASS = tuple({case.model_class: case for case in reversed(CASES)}.values())
"""The first case of each class."""


def train(case, weights: list, jit_compile="auto"):
    """Return the case's model after three steps from these weights, each with another batch, by the scripts' optimizer."""
    model = case.make()
    model.set_weights(weights)
    optimizer = make_optimizer(1e-3, STEPS, weight_decay=0.01, decay="constant")
    model.compile(optimizer, loss=case.losses(), jit_compile=jit_compile)
    optimizer.build(model.trainable_variables)
    if keras.backend.backend() == "tensorflow":  # a step that makes variables is traced twice
        build_loss(model, (case.inputs(BATCH, LENGTHS[0], 0), case.targets(BATCH, LENGTHS[0], 0)))
    for seed in range(STEPS):
        inputs, targets = case.inputs(BATCH, LENGTHS[0], seed), case.targets(BATCH, LENGTHS[0], seed)
        assert np.isfinite(model.train_on_batch(inputs, targets, return_dict=True)["loss"])
    return model


def save(model, case, folder: Path, results: dict | None = None) -> None:
    """Write a model and its outputs for one batch, which are computed if they are not passed."""
    stem = f"{case.name}.{keras.backend.backend()}"
    model.save(folder / f"{stem}.keras")
    np.savez(folder / f"{stem}.outputs.npz", **(results or outputs(model, case.inputs(BATCH, LENGTHS[1]))))


def read(case, backend: str, folder: Path) -> tuple:
    """A model that another backend saved, its outputs here, and their largest difference from its outputs there."""
    model = load_model(folder / f"{case.name}.{backend}.keras")
    results = outputs(model, case.inputs(BATCH, LENGTHS[1]))
    with np.load(folder / f"{case.name}.{backend}.outputs.npz") as expected:
        return model, results, largest_difference(results, dict(expected))


def write_weights(path: Path, weights: list) -> None:
    """Write a list of arrays to an `.npz` file."""
    np.savez(path, **{str(number): weight for number, weight in enumerate(weights)})


def read_weights(path: Path) -> list:
    """Read the arrays that `write_weights` wrote, in their order."""
    with np.load(path) as arrays:
        return [arrays[str(number)] for number in range(len(arrays.files))]


def main(folder: Path, trains: bool) -> None:
    own = keras.backend.backend()
    for case in CASES if trains else ():
        if not (folder / f"{case.name}.npz").exists():
            continue
        model = train(case, read_weights(folder / f"{case.name}.npz"))
        write_weights(folder / f"{case.name}.{own}.npz", model.get_weights())
    differences: dict[str, dict[str, float]] = {}
    for backend in ("tensorflow", "jax", "torch"):
        cases = [case for case in CASES if (folder / f"{case.name}.{backend}.keras").exists()]
        if backend == own or not cases:
            continue
        differences[backend] = {}
        for case in cases:
            model, results, differences[backend][case.name] = read(case, backend, folder)
            if trains and backend == "tensorflow":
                save(model, case, folder, results)
    (folder / f"{own}.json").write_text(json.dumps(differences))


if __name__ == "__main__":
    main(Path(sys.argv[1]), trains="--read-only" not in sys.argv)

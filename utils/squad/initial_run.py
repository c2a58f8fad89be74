"""A run of this project that training starts from: of `pretrain_text.py`, or of `train_squad.py` itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from utils.common.errors import UserError
from utils.common.references import run_folder
from utils.squad.pretraining import TASK as PRETRAINING
from utils.training.finished import damaged_run_as_user_error, read_run, read_run_file
from utils.training.run_files import checksum_of

TASKS = ("squad", PRETRAINING)


@dataclass(frozen=True)
class InitialRun:
    """What is taken from a run.

    Args:
        folder: the run directory, which holds the tokenizer too.
        architecture: the class of its model.
        checksum: of the file of its weights.
        encoder: settings of the encoder, constructor arguments of `QATransformer` or `BertEncoder`.
        weights: those that a model of train_squad.py with this encoder has too, by the ends of their paths: `block_0/expand/kernel`
            of a `QATransformer`, `encoder/block_0/expand/kernel` of a `BertQA`.
        is_bert: whether the encoder is a `BertEncoder`.
    """

    folder: Path
    architecture: str
    checksum: str
    encoder: dict
    weights: dict[str, np.ndarray]
    is_bert: bool


def shape_of_run(reference: str | None, names: Sequence[str]) -> dict:
    """Those of some settings of the encoder that a run has; empty for other checkpoints.

    Raises:
        UserError: a file of the run is damaged.
    """
    folder = run_folder(reference)
    if folder is None:
        return {}
    with damaged_run_as_user_error(folder):
        config = read_run_file(folder, "config.json")
        return {name: config[name] for name in names if config.get(name) is not None}


def read_initial_run(folder: Path) -> InitialRun:
    """Read a finished run.

    Raises:
        UserError: the run is not finished, is of another task, or one of its files is damaged.
    """
    from components.bert_encoder import BertEncoder
    from models import load_model

    _, results = read_run(folder)
    if results.get("task") not in TASKS:
        raise UserError(
            f"{folder}: is a run of the task {results.get('task')!r}; name one of pretrain_text.py or train_squad.py"
        )
    with damaged_run_as_user_error(folder):
        model = load_model(folder)
    encoder = getattr(model, "encoder", model)
    is_bert = isinstance(encoder, BertEncoder)
    weights = relative_weights(model)
    if results["task"] == PRETRAINING and not is_bert:
        weights = relative_weights(encoder)  # as `QATransformer`, which is encoder and model in one, names them
        weights = {name: values for name, values in weights.items() if not name.startswith("span_head/")}
    checksum = checksum_of(folder / "best.keras")
    return InitialRun(folder, type(model).__name__, checksum, dict(encoder.config), weights, is_bert)


def relative_weights(model) -> dict[str, np.ndarray]:
    """The weights of a model or layer by their paths within it."""
    import keras

    paths = [weight.path for weight in model.weights]
    beginning = paths[0][: paths[0].index(f"{model.name}/") + len(model.name) + 1]
    return {
        path.removeprefix(beginning): keras.ops.convert_to_numpy(weight)
        for path, weight in zip(paths, model.weights, strict=True)
    }


def take_weights(model, run: InitialRun) -> None:
    """Set all weights of a built model that the run has under the same name in the same shape, and print how many they are.

    Raises:
        UserError: fewer than half of the model's numbers are in the run, with the same names and shapes.
    """
    own = relative_weights(model)
    fitting = {
        name: run.weights[name] for name in own if name in run.weights and run.weights[name].shape == own[name].shape
    }
    num_taken, num_own = (sum(values.size for values in part.values()) for part in (fitting, own))
    if 2 * num_taken < num_own:
        example = next((name for name in own if name not in fitting), "")
        raise UserError(
            f"--init-from {run.folder}: its {run.architecture} has {num_taken:,} of the model's {num_own:,} weights in the same "
            f"shape (not {example}, for one); give the same --model and leave the settings of its shape out"
        )
    for name, weight in zip(own, model.weights, strict=True):
        if name in fitting:
            weight.assign(fitting[name])
    new = [name for name in own if name not in fitting]
    note = f"; new are {', '.join(new[:4])}{' ...' if len(new) > 4 else ''}" if new else ""
    print(f"{run.folder}: {len(fitting)} of {len(own)} weights are taken from its {run.architecture}{note}")

"""DKVMN trained beside pykt-toolkit's, step by step: the same start, the same batches, the same optimizer.

pykt's model (`pykt.models.dkvmn.DKVMN`, PyTorch) draws its weights, and they are copied into this project's
(`DeepGPCM(head="linear")`, Keras). Both take the same steps on the same batches with a constant learning rate. Dropout is off,
because the two draw different masks. A third side is this project's model from its own initial weights. Each side computes in a
process of its own.

With `--optimizer sgd` the losses of pykt and its copy differ by rounding alone. With Adam they differ a little from the second step
on, because Keras adds its epsilon in another place than PyTorch. Items that no training student has answered are the one difference
of the networks: pykt has a row for them, and this project takes the mean of all others.

    python -m benchmarks.dkvmn_curve assist2009_updated_train.csv --out runs/curve

prints a row for each epoch: the mean training loss of each side, the largest difference of a step's loss between pykt and its copy,
and the AUCs on the validation students, who are a tenth of those of the file. Writes `curve.json` and `curve.png`.
Needs PyTorch (requirements-bench.txt) and `pip install --no-deps pykt-toolkit==0.0.38`.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import time
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np

from benchmarks.harness import environment, fresh_process, report_head, write_report
from benchmarks.pykt_dkvmn import new_dkvmn, new_pykt_dkvmn, set_named_weights, weights_from_pykt

PEER, COPY, OWN = "pykt", "this project from pykt's weights", "this project from its own"


def main() -> int:
    options = parse()
    os.environ |= environment(options.threads)
    with fresh_process() as process:
        peer = process.submit(train_pykt, options).result()
    with fresh_process() as process:
        copy = process.submit(train_ours, options, peer.pop("weights")).result()
    with fresh_process() as process:
        own = process.submit(train_ours, options).result()
    sides = {PEER: peer, COPY: copy, OWN: own}
    rows = epoch_rows(sides, options.epochs)
    print(as_markdown(rows, sides))
    options.out.mkdir(parents=True, exist_ok=True)
    report = report_head("dkvmn_curve", options, epochs=rows, sides=sides)
    report["versions"] |= {"pykt-toolkit": importlib.metadata.version("pykt-toolkit")}
    report["settings"]["train_file"] = options.train_file.name
    write_report(report, options.out / "curve.json")
    plot(sides, options.out / "curve.png")
    return 0


def epoch_rows(sides: dict[str, dict], epochs: int) -> list[dict]:
    """A row for each epoch: mean losses, the largest difference of a step's loss between pykt and its copy, and AUCs."""
    losses = {name: np.array(side["losses"]).reshape(epochs, -1) for name, side in sides.items()}
    differences = np.abs(losses[PEER] - losses[COPY]).max(axis=1)
    return [
        {
            "epoch": epoch + 1,
            **{f"loss, {name}": float(part[epoch].mean()) for name, part in losses.items()},
            "largest difference in a step": float(differences[epoch]),
            **{f"AUC, {name}": side["auc"][epoch] for name, side in sides.items()},
        }
        for epoch in range(epochs)
    ]


def as_markdown(rows: list[dict], sides: dict[str, dict]) -> str:
    """The rows as a table, and the seconds of each side's training, which include compilation."""
    lines = [f"| {' | '.join(rows[0])} |", f"|{'---|' * len(rows[0])}"]
    lines += [f"| {' | '.join(f'{value:.4g}' for value in row.values())} |" for row in rows]
    return "\n".join([*lines, "", *(f"- {name}: {side['seconds']} s" for name, side in sides.items())])


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("train_file", type=Path, help="responses of two categories, in any format that train_tracing.py reads")
    add("--out", type=Path, required=True, help="folder of the report")
    add("--epochs", type=int, default=10)
    add("--batch-size", type=int, default=32)
    add("--max-length", type=int, default=200, help="longer sequences are cut into pieces of this many steps")
    add("--slots", type=int, default=20, help="slots of the memory")
    add("--dim", type=int, default=50, help="size of keys, values and summary; pykt has one for all")
    add("--optimizer", choices=["adam", "sgd"], default="adam")
    add("--learning-rate", type=float, default=1e-3)
    add("--threads", type=int, default=1)
    add("--seed", type=int, default=0)
    return parser.parse_args()


class Data:
    """The training batches and validation pieces of all sides, as `train_tracing.py` makes them.

    Args:
        options: parsed command line.
    """

    def __init__(self, options):
        from train_tracing import Config
        from utils.common.reading import MAX_BAD_FRACTION, Reading
        from utils.tracing.features import cut
        from utils.tracing.settings import load_data

        config = Config(run_dir=options.out, train_files=[options.train_file], test_fraction=0.0)
        data = load_data(config, Reading(MAX_BAD_FRACTION))
        self.options = options
        self.pieces = {
            split: cut(part, data.item_numbers, options.max_length) for split, part in data.sequences.items()
        }
        self.num_items = len(data.item_numbers) + 1
        self.steps_per_epoch = -(-len(self.pieces["train"]) // options.batch_size)

    def epochs(self):
        """The batches of each epoch: inputs, responses, and the weight of each response."""
        from utils.tracing.features import training_batches

        batches = training_batches(self.pieces["train"], self.options.batch_size, self.options.seed, 0)
        for _ in range(self.options.epochs):
            yield islice(batches, self.steps_per_epoch)

    def auc(self, probabilities_of) -> float:
        """AUC on the validation students.

        Args:
            probabilities_of: inputs of a batch to the probability of a right response, `(batch, steps)`.
        """
        from utils.tracing.features import assemble
        from utils.tracing.metrics import area_under_curve

        probabilities, responses = [], []
        for piece in self.pieces["validation"]:
            inputs, targets, _ = assemble([piece], self.options.max_length, self.options.max_length)
            probabilities.append(probabilities_of(inputs)[0, : len(piece.items)])
            responses.append(targets[0, : len(piece.items)])
        return area_under_curve(np.concatenate(probabilities), np.concatenate(responses))


def train_side(data: Data, step, probabilities_of) -> dict:
    """Train one side.

    Args:
        data: the data of all sides.
        step: inputs, responses and weights of a batch to the loss, after one step of training.
        probabilities_of: as for `Data.auc`.

    Returns:
        `losses` of the steps, `auc` after each epoch, and the `seconds` of the training.
    """
    losses, auc, seconds = [], [], 0.0
    for batches in data.epochs():
        begin = time.perf_counter()
        losses += [float(step(*batch)) for batch in batches]
        seconds += time.perf_counter() - begin
        auc.append(data.auc(probabilities_of))
    return {"losses": losses, "auc": auc, "seconds": round(seconds)}


def train_pykt(options) -> dict:
    """Train pykt's model; also returns the `weights` that it started from, by pykt's names."""
    import torch

    torch.manual_seed(options.seed)
    torch.set_num_threads(options.threads)
    data = Data(options)
    model = new_pykt_dkvmn(data.num_items, options.dim, options.slots)
    start = {name: array.detach().numpy().copy() for name, array in model.state_dict().items()}
    optimizers = {"adam": torch.optim.Adam, "sgd": torch.optim.SGD}
    optimizer = optimizers[options.optimizer](model.parameters(), options.learning_rate)

    def probabilities_of(inputs):
        return model(*(torch.from_numpy(inputs[name]).long() for name in ("item_ids", "responses")))

    def step(inputs, responses, weights):
        optimizer.zero_grad()
        real = torch.from_numpy(weights) > 0
        targets = torch.from_numpy(responses).float()[real]
        loss = torch.nn.functional.binary_cross_entropy(probabilities_of(inputs)[real], targets)
        loss.backward()
        optimizer.step()
        return loss.item()

    def evaluated(inputs):
        with torch.no_grad():
            return probabilities_of(inputs).numpy()

    return {"weights": start} | train_side(data, step, evaluated)


def train_ours(options, weights: dict[str, np.ndarray] | None = None) -> dict:
    """Train this project's model from pykt's weights, or from its own."""
    import keras

    keras.utils.set_random_seed(options.seed)
    data = Data(options)
    model = new_dkvmn(data.num_items, options.dim, options.slots)
    if weights:
        set_named_weights(model, weights_from_pykt(weights))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="mean_with_sample_weight")
    optimizers = {"adam": partial(keras.optimizers.Adam, epsilon=1e-8), "sgd": keras.optimizers.SGD}
    optimizer = optimizers[options.optimizer](options.learning_rate)
    model.compile(optimizer, loss={"logits": loss}, jit_compile=True)

    def step(inputs, responses, weights):
        model.reset_metrics()
        return model.train_on_batch(inputs, {"logits": responses}, sample_weight={"logits": weights})

    def probabilities_of(inputs):
        logits = model.predict_on_batch(inputs)["logits"]
        return 1 / (1 + np.exp(-logits[..., 1]))

    return train_side(data, step, probabilities_of)


def plot(sides: dict[str, dict], path: Path) -> None:
    """Draw the AUC of all sides by epoch, and the loss of each step."""
    from utils.common.figures import figure_and_axes, save_figure

    figure, (left, right) = figure_and_axes(11, 4, 2, title="DKVMN, beside pykt-toolkit's")
    for name, side in sides.items():
        left.plot(side["losses"], label=name, linewidth=0.8)
        right.plot(range(1, len(side["auc"]) + 1), side["auc"], label=name)
    left.set(xlabel="step", ylabel="training loss")
    right.set(xlabel="epoch", ylabel="AUC on validation students")
    right.legend()
    save_figure(figure, path)


if __name__ == "__main__":
    raise SystemExit(main())

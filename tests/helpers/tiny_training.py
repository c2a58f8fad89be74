"""A train script of a small network on random numbers, for tests of trainings on several processes.

    KERAS_BACKEND=jax python -m tests.helpers.tiny_training --run-dir RUN --epochs 3

Batches of 5 do not divide evenly among processes; dropout and the average of weights have states of their own.
"""

import os
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from utils.common.batching import epochs_from
from utils.training.run import check_run_dir, run_script, set_up_keras, set_up_run
from utils.training.settings import RunConfig, check_common

STEPS = 8
NUM_ROWS = 37


@dataclass
class Config(RunConfig):
    """Settings of one run."""

    data: Path | None = None
    """A file whose bytes are part of the data."""
    model: str = "tiny"
    """Its name."""


def main(config: Config) -> int:
    check_common(config)
    check_run_dir(config)
    text = config.data.read_bytes() if config.data else b""
    rng = np.random.default_rng(7)
    inputs = rng.normal(size=(NUM_ROWS, 6)).astype("float32")
    targets = (inputs[:, :3] * (1 + sum(text) % 7)).astype("float32")
    set_up_run(config, {"numbers": str(sum(text))})
    set_up_keras(config)

    from tests.helpers.tiny_model import TinyModel
    from utils.common.errors import UserError
    from utils.training.fit import fit
    from utils.training.optimizers import make_optimizer

    model = TinyModel()
    model.build(None)
    optimizer = make_optimizer(3e-3, STEPS * config.epochs, ema_momentum=0.7)
    model.compile(optimizer, loss="mse", jit_compile=True)

    def batches(first_step, part):
        for epoch, first in epochs_from(first_step, STEPS):
            order = np.random.default_rng((config.seed, epoch)).permutation(NUM_ROWS)
            for step in range(first, STEPS):
                if epoch * STEPS + step == int(os.environ.get("TEST_FAIL_AT", "-1")):
                    raise UserError("numbers.csv: has no more numbers; give more of them")
                time.sleep(float(os.environ.get("TEST_STEP_SECONDS", "0")))  # so that a test can do something meanwhile
                batch = order[5 * step : 5 * step + 5]
                rows = batch[part.rows(len(batch))]
                yield part.mark({"x": inputs[rows]}, len(batch)), targets[rows]

    def evaluate(model):
        predicted = model.predict_on_batch({"x": inputs[:7]})
        return {"val_score": -float(np.square(predicted - targets[:7]).mean())}

    fit(
        model,
        batches,
        steps_per_epoch=STEPS,
        epochs=config.epochs,
        evaluate=evaluate,
        monitor="val_score",
        run_dir=config.run_dir,
        resume=config.resume,
        log_every=1,
    )
    print("trained to the end")
    return 0


if __name__ == "__main__":
    run_script(main, Config)

"""Train several losses with several seeds, each run in a process and a folder of its own, and compare them."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import asdict

from utils.common.figures import data_name
from utils.ranking.leaderboard import make_leaderboard
from utils.training.comparison import flags_of, train_or_read
from utils.training.run import set_up_run
from utils.training.tracking import start_tracking

NOT_PASSED_ON = (
    "--suite",
    "--losses",
    "--loss",
    "--seeds",
    "--seed",
    "--run-dir",
    "--resume",
    "--export",
    "--no-export",
)
"""Flags of the suite that its runs do not get."""


def train_suite(config, losses: Sequence[str]) -> None:
    """Train what has not finished yet, and write the leaderboard.

    Every run is `RUN_DIR/LOSS-SEED`. A finished run is only read, one that was cut off is resumed. With `--resume` a suite can be
    given more losses and seeds.

    Args:
        config: the suite's settings; its flags, from the command line, are passed on to the runs.
        losses: names of the losses.
    """
    set_up_run(config, {})
    os.environ.setdefault("WANDB_RUN_GROUP", config.run_dir.name)  # the runs inherit it
    flags = flags_of(sys.argv[1:], without=NOT_PASSED_ON)
    runs = {loss: [config.run_dir / f"{loss}-{seed}" for seed in config.seeds] for loss in losses}
    for loss, folders in runs.items():
        for seed, folder in zip(config.seeds, folders, strict=True):
            print(f"\n{loss}, seed {seed}", flush=True)
            train_or_read("train_ranking.py", folder, [*flags, "--loss", loss, "--seed", seed, "--no-export"])
    data = data_name(config.test_files or config.train_files, config.data)
    columns, rows = make_leaderboard(config.run_dir, runs, data)
    with start_tracking(config, "ranking", "suite") as tracker:
        tracker.log_table("leaderboard", columns, rows)
        tracker.log_images({"leaderboard": config.run_dir / "leaderboard.png"})
    print(f"everything is in {config.run_dir}")

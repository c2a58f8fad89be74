"""Train several losses with several seeds, each run in a process and a folder of its own, and compare them."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from utils.common.figures import data_name
from utils.common.files import read_json
from utils.ranking.leaderboard import leaderboard_scores, make_leaderboard
from utils.training.comparison import flags_of, shared_compilation, train_or_read
from utils.training.run import set_up_run
from utils.training.tracked_results import track_suite
from utils.training.tracking import group_runs

NOT_PASSED_ON = (
    "--suite",
    "--losses",
    "--loss",
    "--seeds",
    "--seed",
    "--run-dir",
    "--run-name",
    "--resume",
    "--export",
    "--no-export",
)
"""Flags of the suite that its runs do not get."""


def train_suite(config, losses: Sequence[str]) -> None:
    """Train what has not finished yet, and write the leaderboard.

    Every run is `RUN_DIR/LOSS-SEED`. A finished run is only read, one that was cut off is resumed. With `--resume` a suite can be
    given more losses and seeds. The runs find the baselines of the first one in the cache, and a loss is compiled once for all of
    its seeds.

    Args:
        config: the suite's settings; its flags, from the command line, are passed on to the runs.
        losses: names of the losses.
    """
    set_up_run(config, {})
    group_runs(config.run_dir.name)
    flags = flags_of(sys.argv[1:], without=NOT_PASSED_ON)
    runs = {loss: [config.run_dir / f"{loss}-{seed}" for seed in config.seeds] for loss in losses}
    with shared_compilation():
        for loss, folders in runs.items():
            for seed, folder in zip(config.seeds, folders, strict=True):
                print(f"\n{loss}, seed {seed}", flush=True)
                train_or_read("train_ranking.py", folder, [*flags, "--loss", loss, "--seed", seed, "--no-export"])
    data = data_name(config.test_files or config.train_files, config.data)
    make_leaderboard(config.run_dir, runs, data)
    scores = leaderboard_scores(read_json(config.run_dir / "leaderboard.json"))
    track_suite(config, "ranking", scores, config.run_dir / "leaderboard.png")
    print(f"everything is in {config.run_dir}")

"""Trainings that are compared: each is run once by its train script, resumed if it was cut off, and read from then on.

Benchmarks that train several models, `train_ranking.py --suite` and `train_vectors.py --model all` all go through here.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from utils.common.errors import UserError
from utils.common.files import write_atomically
from utils.training.machines import is_connected
from utils.training.run import is_failed_start
from utils.training.settings import NOT_PART_OF_THE_RUN, as_flag
from utils.training.tracking import group_runs

ROOT = Path(__file__).parents[2]
NEUTRAL_FLAGS = (*map(as_flag, NOT_PART_OF_THE_RUN), as_flag("export", off=True))
"""Flags that may differ when a training is resumed."""


def comparison_arguments(description: str):
    """Parse the command line of a comparison.

    A model is `NAME`, or with flags of its own `NAME:--flag=value:--flag...`; what stands after `--` are the flags of all. The W&B
    runs become a group with the name of `--out`.

    Returns:
        the options `out`, `seeds` and `models`, and the runs: model to seed to `(run directory, flags)`.
    """
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", required=True, metavar="NAME[:--flag=value...]")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--out", type=Path, required=True, help="folder of the runs, table.json and scores.png")
    options, common_flags = parse_with_flags_of_all(parser)
    group_runs(options.out.name)
    runs = {}
    for model in options.models:
        flags, folder = flags_of_model(model, common_flags), options.out / folder_of_model(model)
        runs[model] = {
            seed: (folder / f"seed-{seed}", [*flags, "--seed", str(seed), "--run-name", f"{folder.name}-{seed}"])
            for seed in options.seeds
        }
    return options, runs


def parse_with_flags_of_all(parser: argparse.ArgumentParser) -> tuple[argparse.Namespace, list[str]]:
    """Parse this process' command line, and return the options and what stands after `--`: the flags of each training."""
    arguments = sys.argv[1:]
    position = arguments.index("--") if "--" in arguments else len(arguments)
    return parser.parse_args(arguments[:position]), arguments[position + 1 :]


def flags_of_model(model: str, common_flags: Sequence) -> list:
    """The flags of a training of a model that is written `NAME:--flag=value...`; its own come last, so that they win."""
    name, *own_flags = model.split(":--")
    return ["--model", name, *common_flags, *(f"--{flag}" for flag in own_flags)]


def folder_of_model(model: str) -> str:
    """The name of the folder for the runs of a model that is written `NAME:--flag=value...`."""
    return "".join(letter if letter.isalnum() or letter in "-." else "-" for letter in model)


def train_or_read(script: str, run_dir: Path, flags: Sequence) -> dict:
    """The results of one training, which runs only if it has not finished yet.

    Exits with the training's status where the training fails, and with 2 where the run there had other flags.

    Args:
        script: the train script, such as `train_squad.py`.
        run_dir: the run directory.
        flags: all flags but `--run-dir` and `--resume`.

    Returns:
        what `results.json` holds.

    Raises:
        UserError: this process is one of several.
    """
    if is_connected():
        raise UserError("several trainings in one command cannot be spread over processes; start each by itself")
    flags = [str(flag) for flag in flags]
    flags_file = run_dir.with_name(run_dir.name + ".flags.json")
    has_begun = (run_dir / "config.json").exists() and not is_failed_start(run_dir)
    old_flags = json.loads(flags_file.read_text()) if has_begun and flags_file.exists() else flags
    if flags_of(old_flags, without=NEUTRAL_FLAGS) != flags_of(flags, without=NEUTRAL_FLAGS):
        print(
            f"error: {run_dir}: was trained with other flags (see {flags_file}); name another folder", file=sys.stderr
        )
        sys.exit(2)
    if not (run_dir / "results.json").exists():
        flags_file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(flags_file, json.dumps(flags) + "\n")
        command = [sys.executable, str(ROOT / script), "--run-dir", str(run_dir), *flags]
        command += ["--resume"] if has_begun else []
        status = run_training(command)
        if status:
            sys.exit(status)
    return json.loads((run_dir / "results.json").read_text())


@contextlib.contextmanager
def shared_compilation():
    """Within the block, trainings use each other's compiled steps: XLA compiles equal computations of equal shapes once.

    It keeps what it compiles in a folder that is made for this block and removed with it: machine code of other origin is never
    run.
    """
    with tempfile.TemporaryDirectory(prefix="qkv-zoo-compiled-") as folder:
        flags = [os.environ.get("TF_XLA_FLAGS", ""), f"--tf_xla_persistent_cache_directory={folder}"]
        settings = {
            "TF_XLA_FLAGS": " ".join(flags).strip(),
            "JAX_COMPILATION_CACHE_DIR": folder,
            # XLA takes its own tuning flags for features that the processor lacks, and prints that as an error of many lines.
            "TF_CPP_MIN_LOG_LEVEL": "3",
        }
        previous = {name: os.environ.get(name) for name in settings}
        os.environ.update(settings)
        try:
            yield
        finally:
            for name, value in previous.items():
                os.environ.pop(name)
                if value is not None:
                    os.environ[name] = value


def run_training(command: list[str]) -> int:
    """Run a training and return its exit status. SIGTERM to this process ends the training too; it can be resumed."""
    previous = signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    try:
        return subprocess.run(command).returncode  # on SystemExit it kills the training
    finally:
        signal.signal(signal.SIGTERM, previous)


def flags_of(arguments: Sequence[str], without: Sequence[str]) -> list[str]:
    """The flags of this process' command line, without some flags and their values.

    >>> flags_of(["--suite", "--losses", "mse", "triplet", "--epochs", "3"], without=["--suite", "--losses"])
    ['--epochs', '3']
    >>> flags_of(["--run_dir", "runs/a", "--seed=1"], without=["--run-dir"])
    ['--seed=1']
    """
    remaining, skipping = [], False
    for argument in arguments:
        if argument.startswith("--"):
            skipping = argument.split("=")[0].replace("_", "-") in without  # both spellings are the same flag
        if not skipping:
            remaining.append(argument)
    return remaining

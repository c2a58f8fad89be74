"""The settings that all train scripts share, and checks of settings."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from utils.common.errors import UserError

TRACKING_SETTINGS = ("tracking", "log_every", "project", "run_name", "tags")
MACHINE_SETTINGS = ("distribute", "coordinator", "processes", "process_id", "model_devices")
NOT_PART_OF_THE_RUN = (
    *("run_dir", "resume", "cache_dir", "export", "losses", "seeds"),
    *TRACKING_SETTINGS,
    *MACHINE_SETTINGS,
)
"""Settings that do not change what is trained. They are not recorded with the run and may differ when it is resumed."""


@dataclass
class TrainingConfig:
    """Settings of every training. A comment `# --- GROUP` begins a group of `--help` (`utils.training.command_line`)."""

    # --- output
    run_dir: Path | None = None
    """Folder for everything the run writes; must not exist, unless with --resume. Left out: runs/TASK-TIME, a new one."""

    # --- data
    max_bad_fraction: float = 0.05
    """Records that cannot be used are left out and counted, as long as they are at most this fraction of a file; 0 allows none."""

    # --- training
    epochs: int = 1
    """Passes over the training data, at most."""
    batch_size: int = 32
    """Examples per step."""
    learning_rate: float = 1e-3
    """Peak learning rate of AdamW."""
    warmup_steps: int = 100
    """Steps of linear warm-up (at most a fifth of all)."""
    weight_decay: float = 0.0
    """AdamW's decoupled weight decay; biases, scales and numbers such as weights by distance have none."""
    seed: int = 0
    """Seed of weights, order and dropout."""
    precision: Literal["float32", "bfloat16", "float16"] = "float32"
    """Number format of the computations; weights stay float32. bfloat16 is faster on CPUs with avx512_bf16 or amx_bf16."""
    jit_compile: bool = True
    """Compile the training step with XLA."""

    # --- output
    resume: bool = False
    """Continue the run in --run-dir after its last checkpoint."""
    log_every: int = 10
    """Training steps between two rows of steps.csv: loss, learning rate, norm of the gradient, speed. 0 writes no rows."""
    tracking: Literal["auto", "online", "offline", "off", "tensorboard"] = "auto"
    """Weights & Biases; auto is online when this machine is logged in, else off. Or TensorBoard (pip install tensorboard)."""
    project: str = ""
    """W&B project. Left out: WANDB_PROJECT, or qkv-zoo-TASK."""
    run_name: str = ""
    """Name of the W&B run. Left out: WANDB_NAME, or the name of the run directory."""
    tags: list[str] = field(default_factory=list)
    """W&B tags beside the task's and the model's name."""

    # --- machines
    distribute: Literal["none", "data", "model"] = "none"
    """Train on all devices (JAX): each computes its rows of a batch (data), or holds a part of the weights (model)."""
    coordinator: str | None = None
    """HOST:PORT of process 0, for a training on several machines. Left out: from the cluster (docs/scaling.md), or one process."""
    processes: int | None = None
    """Number of processes. Left out: from the cluster."""
    process_id: int | None = None
    """Number of this process, from 0. Left out: from the cluster."""
    model_devices: int | None = None
    """Devices that share the weights of one model, for --distribute model. Left out: all of them."""


@dataclass
class RunConfig(TrainingConfig):
    """Settings of one run of a script that trains a model for a task."""

    # --- data
    train_files: list[Path] = field(default_factory=list)
    """Files to train on, in the place of --data. They may be compressed."""
    validation_files: list[Path] = field(default_factory=list)
    """Files to choose the best epoch on. Left out: part of the training data is held out."""
    test_files: list[Path] = field(default_factory=list)
    """Files that are scored once, at the end."""
    limit: int = 0
    """Train on this many examples, drawn at random; 0 is all."""

    # --- training
    patience: int = 0
    """Stop after this many epochs without an equal or better validation score; 0 never stops early."""

    # --- output
    export: bool = True
    """Write `export/` at the end: the model for ONNX Runtime and for TensorFlow Serving, and a script that answers by itself."""


@dataclass
class CachedRunConfig(RunConfig):
    """Settings of one run of a script that keeps prepared data between runs."""

    # --- output
    cache_dir: Path = Path(".cache")
    """Where prepared data is kept between runs."""


def check_training(config: TrainingConfig) -> None:
    """Check the settings of every training.

    Raises:
        UserError: a number is out of range, a setting has no effect, or tracking cannot be as asked.
    """
    from utils.training.tracking import check_tracking

    check_ranges(
        config,
        less_than_1="max_bad_fraction",
        more_than_0="epochs batch_size learning_rate model_devices",
        at_least_0="warmup_steps weight_decay seed log_every",
    )
    if config.model_devices and config.distribute != "model":
        raise UserError(f"--model-devices {config.model_devices}: is for --distribute model; add that, or leave it out")
    check_tracking(config.tracking)


def check_common(config: RunConfig) -> None:
    """Check the settings that all scripts share which train a model for a task.

    Raises:
        UserError: as of `check_training`; or files for validation or test come without those for training.
    """
    check_ranges(config, at_least_0="limit patience")
    for name in ("validation", "test"):
        if getattr(config, f"{name}_files") and not config.train_files:
            raise UserError(f"--{name}-files goes with --train-files")
    check_training(config)


def as_flag(name: str, off: bool = False) -> str:
    """A setting's name as it is typed: `batch_size` is `--batch-size`; to turn it off, `--no-batch-size`."""
    return ("--no-" if off else "--") + name.replace("_", "-")


def check_ranges(config, *, less_than_1: str = "", more_than_0: str = "", at_least_0: str = "") -> None:
    """Check that numbers are in their ranges; a setting that is None is skipped.

    Args:
        config: has the settings as attributes.
        less_than_1: names of settings, separated by spaces, that must be at least 0 and less than 1.
        more_than_0: names of settings that must be finite and more than 0.
        at_least_0: names of settings that must be finite and 0 or more.

    Raises:
        UserError: the first number that is out of its range.
    """
    for names, is_in_range, words in (
        (less_than_1, lambda value: 0 <= value < 1, "at least 0 and less than 1"),
        (more_than_0, lambda value: 0 < value < math.inf, "finite and more than 0"),
        (at_least_0, lambda value: 0 <= value < math.inf, "finite and 0 or more"),
    ):
        for name in names.split():
            value = getattr(config, name)
            if value is not None and not is_in_range(value):
                raise UserError(f"{as_flag(name)} {value}: must be {words}")


def check_held_out(config, examples: str) -> None:
    """Check that every split gets data: from files of its own, or from a fraction of the training data.

    Args:
        config: has `NAME_files` and `NAME_fraction` for `validation` and `test`.
        examples: what is held out, in words, such as "documents".

    Raises:
        UserError: a split would be empty.
    """
    for name in ("validation", "test"):
        if not getattr(config, f"{name}_files") and not getattr(config, f"{name}_fraction"):
            raise UserError(f"--{name}-fraction 0.0: leaves no {name} {examples}; give --{name}-files or more than 0")


def weighted_parts(flag: str, texts: list[str], parts: tuple[str, ...]) -> dict[str, float]:
    """The weights of a sum, from texts `name=weight` or `name`, which means `name=1`.

    Raises:
        UserError: a name that is given twice or is not one of `parts`, a weight that is not a number of 0 or more, or no weight
            above 0.
    """
    weights = {}
    for text in texts:
        name, _, weight = text.partition("=")
        if name in weights:
            raise UserError(f"{flag} {text}: {name} is named twice; name it once")
        try:
            weights[name] = float(weight or 1)
        except ValueError:
            weights[name] = math.nan
        if name not in parts or not 0 <= weights[name] < math.inf:
            raise UserError(
                f"{flag} {text}: give one of {', '.join(parts)}, optionally with = and a weight of 0 or more"
            )
    if not sum(weights.values()) > 0:
        raise UserError(f"{flag} {' '.join(texts)}: all weights are 0; give one that is more")
    return weights

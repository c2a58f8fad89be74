"""One run of Weights & Biases (W&B), as `utils.training.tracking` uses it."""

from __future__ import annotations

import configparser
import netrc
import os
import shlex
import uuid
from pathlib import Path
from urllib.parse import urlsplit

from utils.common.files import write_atomically
from utils.training.tracking import FINISH_SECONDS

INIT_SECONDS = 30
"""The longest that W&B may try to connect."""
LOWER_IS_BETTER = {"loss", "nll", "mae", "mae_expected", "calibration_error"}
"""Metrics whose best value is the smallest."""


class WandbRun:
    """Starts a W&B run, or continues that of a resumed training, and logs to it.

    W&B writes its own files to `run_dir/wandb`. The id of the W&B run is kept in `run_dir/wandb_id.txt`, so that a resumed training
    continues the same W&B run. Offline, each process writes a folder of its own; the line that is printed names all of them.

    The charts have `train/step` or `epoch` as their axis. The summary of a validation metric holds its best and its last value.

    Args:
        run_dir: the run directory.
        task: the task's name, a tag and by default the end of the project's name.
        job_type: `train`, `evaluate` or `suite`.
        mode: `online` or `offline`.
        settings: the config of the run.
        project: the W&B project; "" is that of WANDB_PROJECT, else `qkv-zoo-TASK`.
        name: name of the run; "" is that of WANDB_NAME, else that of the run directory.
        tags: beside the names of the task and the model.
    """

    def __init__(
        self,
        run_dir: Path,
        task: str,
        job_type: str,
        mode: str,
        settings: dict,
        project: str,
        name: str,
        tags: list[str],
    ):
        import wandb

        all_tags = [task, settings.get("model"), *filter(None, os.environ.get("WANDB_TAGS", "").split(",")), *tags]
        self.run = wandb.init(
            project=project or os.environ.get("WANDB_PROJECT") or f"qkv-zoo-{task}",
            name=name or os.environ.get("WANDB_NAME") or run_dir.name,
            job_type=job_type,
            tags=[tag[:64] for tag in dict.fromkeys(all_tags) if tag],  # W&B refuses longer ones
            dir=run_dir,
            id=run_id(run_dir / "wandb_id.txt"),
            resume="allow" if mode == "online" else None,
            config=settings,
            mode=mode,
            settings=wandb.Settings(
                init_timeout=INIT_SECONDS,
                finish_timeout=FINISH_SECONDS,
                finish_timeout_raises=True,
                console="off",
                silent=True,
                symlink=False,
            ),
        )
        self.run.define_metric("train/step", hidden=True)
        self.run.define_metric("epoch", hidden=True)
        self.run.define_metric("train/*", step_metric="train/step")
        self.run.define_metric("train/examples_per_second", step_metric="train/step", summary="mean")
        self.defined: set[str] = set()
        location = self.run.url if mode == "online" else f"offline, upload it with: {sync_command(run_dir / 'wandb')}"
        print(f"Weights & Biases: {location}", flush=True)

    def log(self, values: dict[str, float], step: int) -> None:
        """Log values of a training step; W&B ignores a step that is not after the last one."""
        for name in values.keys() - self.defined:
            if name.startswith(("val/", "train/epoch_")):
                metric = name.split("/")[1].removeprefix("epoch_")
                best = "min" if metric in LOWER_IS_BETTER else "max"
                self.run.define_metric(
                    name, step_metric="epoch", summary=None if metric == "seconds" else f"{best},last"
                )
        self.defined |= values.keys()
        self.run.log(values, step=step)

    def log_table(self, name: str, columns: list[str], rows: list[list]) -> None:
        """Log a table."""
        import wandb

        self.run.log({name: wandb.Table(columns=columns, data=rows, allow_mixed_types=True)}, commit=False)

    def log_images(self, paths: dict[str, Path]) -> None:
        """Log image files."""
        import wandb

        self.run.log({name: wandb.Image(str(path)) for name, path in paths.items()}, commit=False)

    def log_model(self, name: str, files: dict[str, Path | str], metadata: dict, aliases: list[str]) -> None:
        """Log a folder as a version of an artifact of type `model`."""
        import wandb

        artifact = wandb.Artifact(name, type="model", metadata=metadata)
        for file, content in files.items():
            if isinstance(content, Path):
                artifact.add_file(str(content.resolve()), name=file, policy="immutable", skip_cache=True)
            else:
                with artifact.new_file(file, encoding="utf-8") as opened:
                    opened.write(content)
        self.run.log_artifact(artifact, aliases=aliases)

    def set_config(self, values: dict) -> None:
        """Add to the config."""
        self.run.config.update(values, allow_val_change=True)

    def set_summary(self, values: dict) -> None:
        """Set values of the summary."""
        self.run.summary.update(values)

    def finish(self, exit_code: int) -> None:
        """Upload the rest and end the run."""
        self.run.finish(exit_code=exit_code)


def run_id(path: Path) -> str:
    """The id of the W&B run: that of a sweep's agent, or one made on first use. It is kept in the run directory."""
    if not path.exists():
        write_atomically(path, (os.environ.get("WANDB_RUN_ID") or uuid.uuid4().hex[:8]) + "\n")
    return path.read_text().strip()


def sync_command(folder: Path) -> str:
    """The command that uploads a run that was tracked offline, by one process or by several after each other.

    Args:
        folder: the folder `wandb` of the run directory.
    """
    runs = sorted(folder.glob("offline-run-*"))  # their names begin with the time
    return shlex.join(["wandb", "sync", *map(str, runs)])


def logged_in() -> bool:
    """Whether W&B has credentials on this machine. Looks at the documented places, without network and without `wandb`."""
    if os.environ.get("WANDB_API_KEY") or os.environ.get("WANDB_IDENTITY_TOKEN_FILE"):
        return True
    settings = configparser.ConfigParser(interpolation=None)
    folder = Path(os.environ.get("WANDB_CONFIG_DIR") or "~/.config/wandb").expanduser()
    try:
        settings.read(folder / "settings")
    except (configparser.Error, OSError, UnicodeDecodeError):
        settings.clear()
    if settings.get("default", "api_key", fallback=""):
        return True
    url = os.environ.get("WANDB_BASE_URL") or settings.get("default", "base_url", fallback="https://api.wandb.ai")
    files = [os.environ["NETRC"]] if os.environ.get("NETRC") else ["~/.netrc", "~/_netrc"]
    for file in files:
        try:
            entry = netrc.netrc(Path(file).expanduser()).authenticators(urlsplit(url).netloc)
        except (netrc.NetrcParseError, OSError, UnicodeDecodeError):
            continue
        if entry and entry[2]:
            return True
    return False

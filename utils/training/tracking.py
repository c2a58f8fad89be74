"""Weights & Biases beside the local files of a run, never in their way.

All of W&B happens in one background thread that takes its jobs from a queue. So a slow network costs the training loop
nothing, and whatever fails there ends the tracking with one warning line and leaves the run as it was. The files that a
run directory holds do not depend on it.
"""

import configparser
import json
import netrc
import os
import queue
import sys
import threading
import uuid
from collections.abc import Callable, Iterable
from pathlib import Path
from urllib.parse import urlsplit

from utils.common.errors import UserError

FIRST_WAIT_SECONDS = 5
"""How long `start_tracking` waits for the connection, so that its line comes before those of the training."""
INIT_SECONDS = 30
"""How long W&B may try to connect, in the background, before it is given up."""
FINISH_SECONDS = 120
"""How long `Tracker.finish` waits for uploads; what is left by then stays on disk for `wandb sync`."""


class Tracker:
    """The verbs of tracking. Each returns at once, and does nothing when tracking is off or has failed.

    Args:
        connect: Starts and returns the W&B run; called in the background thread. `None` is the tracker that is off.
        remedy: What the warning line says after a failure.
    """

    def __init__(self, connect: Callable | None = None, remedy: str = ""):
        self._remedy = remedy
        self._jobs = queue.SimpleQueue()
        self._exit_code = 0
        self._on = connect is not None
        self._connected = threading.Event()
        self._thread = threading.Thread(target=self._work, args=(connect,), name="tracking", daemon=True)
        if self._on:
            self._thread.start()
            self._connected.wait(FIRST_WAIT_SECONDS)

    def log(self, metrics: dict[str, float], step: int) -> None:
        """Log the metrics of one step, by convention of one epoch. Steps must grow; a repeated one is left out."""
        metrics = dict(metrics)
        self._do(lambda run: run.log(metrics, step=step, commit=True))

    def log_table(self, name: str, columns: list[str], rows: Iterable[Iterable]) -> None:
        """Log a table, for instance of examples; every row has one cell a column."""
        rows = [list(row) for row in rows]

        def job(run):
            import wandb

            run.log(
                {f"tables/{name}": wandb.Table(columns=list(columns), data=rows, allow_mixed_types=True)}, commit=False
            )

        self._do(job)

    def log_images(self, paths: dict[str, str | Path]) -> None:
        """Log image files, name to path."""
        paths = dict(paths)

        def job(run):
            import wandb

            run.log({f"images/{name}": wandb.Image(str(path)) for name, path in paths.items()}, commit=False)

        self._do(job)

    def log_artifact(self, path: str | Path, name: str, type: str) -> None:
        """Log one file as an artifact. It is read where it lies, so it must not change afterwards."""

        def job(run):
            import wandb

            artifact = wandb.Artifact(name, type=type)
            artifact.add_file(str(Path(path).resolve()), policy="immutable", skip_cache=True)
            run.log_artifact(artifact)

        self._do(job)

    def summary(self, values: dict) -> None:
        """Set final values, such as the test metrics."""
        values = dict(values)
        self._do(lambda run: run.summary.update(values))

    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback) -> None:
        self.finish(0 if kind is None else 1)

    def finish(self, exit_code: int = 0) -> None:
        """Upload what is left, for at most `FINISH_SECONDS`, and end the run; non-zero marks it as failed."""
        self._exit_code = exit_code
        self._jobs.put(None)
        if self._thread.is_alive():
            self._thread.join(FINISH_SECONDS)
        if self._thread.is_alive():
            self._stop(f"not done within {FINISH_SECONDS} s")

    def _do(self, job: Callable) -> None:
        if self._on:
            self._jobs.put(job)

    def _work(self, connect: Callable) -> None:
        run = None
        try:
            run = connect()
            self._connected.set()
            for job in iter(self._jobs.get, None):
                job(run)
        except BaseException as error:  # W&B raises more than Exception, and nothing of it may reach the training.
            self._stop(error)
        self._connected.set()
        if run is not None:
            try:
                run.finish(exit_code=self._exit_code)
            except BaseException as error:
                self._stop(error)

    def _stop(self, reason: BaseException | str) -> None:
        if self._on:
            self._on = False
            lines = str(reason).strip().splitlines() or [type(reason).__name__]
            print(f"Weights & Biases: stopped ({lines[0]}). {self._remedy}", file=sys.stderr, flush=True)


def check_tracking(mode: str) -> None:
    """A mode that can not work, told before any work is done.

    Raises:
        UserError: "online" on a machine that is not logged in.
    """
    if mode == "online" and not logged_in():
        raise UserError("--tracking online: not logged in to Weights & Biases; run `wandb login` or set WANDB_API_KEY")


def start_tracking(mode: str, project: str, run_dir: str | Path, config: dict, group: str | None = None) -> Tracker:
    """Start tracking a run, or go on with the one that its run directory belongs to.

    W&B's own files lie in `run_dir/wandb`; the id of the run in `run_dir/wandb_id.txt`, so that a resumed training
    continues the same W&B run.

    Args:
        mode: "online", "offline" (for a later `wandb sync`), "off", or "auto": as the environment variable WANDB_MODE
            says, else online when this machine is logged in, else off with one line that says how to turn it on.
        project: The W&B project.
        run_dir: The run directory, which exists; its name becomes the run's.
        config: The resolved configuration. What JSON does not know is logged as text.
        group: W&B's group, of runs that belong together.

    Returns:
        The tracker; whatever becomes of W&B, its methods are safe to call.

    Raises:
        UserError: The mode is unknown, or "online" on a machine that is not logged in.
    """
    if mode not in ("auto", "online", "offline", "off"):
        raise UserError(f"--tracking {mode}: unknown; choose auto, online, offline or off.")
    check_tracking(mode)
    if mode == "auto":
        mode = {"offline": "offline", "disabled": "off"}.get(os.environ.get("WANDB_MODE"), "auto")
    if mode == "auto" and logged_in():
        mode = "online"
    elif mode == "auto":
        print("Weights & Biases: off, not logged in (to turn it on: `wandb login`, or --tracking offline).", flush=True)
        mode = "off"
    if mode == "off":
        return Tracker()

    run_dir = Path(run_dir).resolve()
    config = json.loads(json.dumps(config, default=str))

    os.environ["WANDB_DATA_DIR"] = str(run_dir / "wandb")  # Else tables wait for upload in the home directory.

    def connect():
        import wandb

        run = wandb.init(
            project=project,
            name=run_dir.name,
            group=group,
            dir=run_dir,
            id=_run_id(run_dir / "wandb_id.txt"),
            resume="allow" if mode == "online" else None,
            config=config,
            mode=mode,
            settings=wandb.Settings(
                init_timeout=INIT_SECONDS,
                finish_timeout=FINISH_SECONDS,
                finish_timeout_raises=True,
                console="off",
                silent=True,
            ),
        )
        where = f"offline, upload it with: wandb sync {Path(run.dir).parent}" if mode == "offline" else run.url
        print(f"Weights & Biases: {where}", flush=True)
        return run

    return Tracker(connect, remedy=f"The run goes on; its files are in {run_dir}.")


def logged_in() -> bool:
    """Whether W&B has credentials on this machine, from the places it documents; needs no network and no wandb."""
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
    places = [os.environ["NETRC"]] if os.environ.get("NETRC") else ["~/.netrc", "~/_netrc"]
    for place in places:
        try:
            entry = netrc.netrc(Path(place).expanduser()).authenticators(urlsplit(url).netloc)
        except (netrc.NetrcParseError, OSError, UnicodeDecodeError):
            continue
        if entry and entry[2]:
            return True
    return False


def _run_id(path: Path) -> str:
    """The W&B id that a run directory keeps, made on first use."""
    if not path.exists():
        path.write_text(uuid.uuid4().hex[:8] + "\n")
    return path.read_text().strip()

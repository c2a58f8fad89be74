"""Track a run with Weights & Biases (W&B), without letting W&B disturb the training.

One background thread makes all calls to W&B. It takes them from a queue, so a slow network does not delay the training loop.
A failure of W&B ends the tracking with one warning line and leaves the run alone. No file of a run directory depends on W&B,
except those under `wandb`.
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
from utils.common.files import write_atomically

FIRST_WAIT_SECONDS = 5
"""The longest that `start_tracking` waits for the connection, so that its line is printed before those of the training."""
INIT_SECONDS = 30
"""The longest that W&B may try to connect in the background."""
FINISH_SECONDS = 120
"""The longest that `Tracker.finish` waits for uploads. The rest stays on disk for `wandb sync`."""


class Tracker:
    """Logs one run, as a context manager: `with start_tracking(...) as tracker:`.

    Every method but `finish` returns at once. All do nothing when tracking is off or has failed. An exception within the block
    marks the W&B run as failed.

    Args:
        connect: function that starts and returns the W&B run, called in the background thread; None turns tracking off.
        remedy: the end of the warning line after a failure.
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
        """Log the metrics of one step, which here is an epoch. Steps must increase; W&B ignores a repeated one."""
        metrics = dict(metrics)
        self._do(lambda run: run.log(metrics, step=step, commit=True))

    def log_table(self, name: str, columns: list[str], rows: Iterable[Iterable]) -> None:
        """Log a table as `tables/NAME`; every row has one cell per column."""
        rows = [list(row) for row in rows]

        def job(run):
            import wandb

            run.log(
                {f"tables/{name}": wandb.Table(columns=list(columns), data=rows, allow_mixed_types=True)}, commit=False
            )

        self._do(job)

    def log_images(self, paths: dict[str, str | Path]) -> None:
        """Log image files as `images/NAME`; `paths` maps names to files."""
        paths = dict(paths)

        def job(run):
            import wandb

            run.log({f"images/{name}": wandb.Image(str(path)) for name, path in paths.items()}, commit=False)

        self._do(job)

    def log_artifact(self, path: str | Path, name: str, type: str) -> None:
        """Log one file as an artifact. W&B reads it later, so it must not change."""

        def job(run):
            import wandb

            artifact = wandb.Artifact(name, type=type)
            artifact.add_file(str(Path(path).resolve()), policy="immutable", skip_cache=True)
            run.log_artifact(artifact)

        self._do(job)

    def summary(self, values: dict) -> None:
        """Set final values of the run, such as test metrics."""
        values = dict(values)
        self._do(lambda run: run.summary.update(values))

    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback) -> None:
        self.finish(0 if kind is None else 1)

    def finish(self, exit_code: int = 0) -> None:
        """Upload the rest, for at most `FINISH_SECONDS`, and end the W&B run; a non-zero `exit_code` marks it as failed."""
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
        except BaseException as error:  # W&B also raises SystemExit; nothing of it may reach the training
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
    """Check, before any work, that the mode can be used on this machine.

    Raises:
        UserError: "online" on a machine that is not logged in.
    """
    if mode == "online" and not logged_in():
        raise UserError("--tracking online: not logged in to Weights & Biases; run `wandb login` or set WANDB_API_KEY")


def start_tracking(mode: str, project: str, run_dir: str | Path, config: dict, group: str | None = None) -> Tracker:
    """Start tracking a run, or continue to track a resumed one.

    W&B writes its own files to `run_dir/wandb`. The id of the W&B run is kept in `run_dir/wandb_id.txt`, so that a resumed
    training continues the same W&B run.

    Args:
        mode: `online`; `offline`, for a later `wandb sync`; `off`; or `auto`. With `auto`, the environment variable WANDB_MODE
            decides. Where it is not set, tracking is online if this machine is logged in, and else off with one line that says
            how to turn it on.
        project: the W&B project.
        run_dir: the existing run directory, whose name becomes the name of the W&B run.
        config: the settings of the run. Values that JSON does not have are logged as text.
        group: the W&B group, for runs that belong together.

    Returns:
        a tracker whose methods are safe to call whatever happens to W&B.

    Raises:
        UserError: the mode is unknown, or `online` on a machine that is not logged in.
    """
    if mode not in ("auto", "online", "offline", "off"):
        raise UserError(f"--tracking {mode}: unknown; choose auto, online, offline or off")
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

    os.environ["WANDB_DATA_DIR"] = str(
        run_dir / "wandb"
    )  # the default for tables that wait for upload is the home directory

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
        location = f"offline, upload it with: wandb sync {Path(run.dir).parent}" if mode == "offline" else run.url
        print(f"Weights & Biases: {location}", flush=True)
        return run

    return Tracker(connect, remedy=f"The run goes on; its files are in {run_dir}.")


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


def _run_id(path: Path) -> str:
    """The id of the W&B run, made on first use and kept in the run directory."""
    if not path.exists():
        write_atomically(path, uuid.uuid4().hex[:8] + "\n")
    return path.read_text().strip()

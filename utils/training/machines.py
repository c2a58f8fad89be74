"""A training on several processes: how they meet, what they tell one another, and how each ends when another one fails."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import shutil
import sys
import tempfile
import threading
import time
from pathlib import Path

from utils.common.errors import UserError, one_line
from utils.training.checkpoint import load_state
from utils.training.cluster import Cluster, choose_cluster
from utils.training.engine_output import engine_errors_as_one_line, without_output
from utils.training.rendezvous import LostProcessError, meet

START_SECONDS = float(os.environ.get("QKV_ZOO_START_SECONDS", "300"))
"""How long the processes wait for one another when a training begins."""
HEARTBEAT_SECONDS = 1.0
LOST_SECONDS = 40.0
"""A process that was not heard of for this long is given up."""
BROKEN_SECONDS = 8.0
"""The same once an exchange of numbers has failed, which the death of a process causes at once on CPUs."""
LAST_WORDS_SECONDS = 5.0
"""How long a process that knows of a failure waits, so that its main thread ends by itself and others read of it, too."""
ENGINE_SECONDS = 3600
"""JAX's own limit comes later than ours: it ends processes with pages of C++."""
LEAVING_SECONDS = 0.5
"""How long process 0 stays after the others said that they leave."""
NOT_COPIED = ("*.tmp", "checkpoint*", "best*.keras", "results.json", "*.png", "*.csv", "wandb", "export", "tensorboard")
"""What a resumed training of another process than the first does not need of the run directory."""

_current: ThisProcess | None = None


class ThisProcess:
    """This process among those of a training, connected through JAX's coordination service.

    Args:
        cluster: which process of how many this is.
    """

    def __init__(self, cluster: Cluster):
        self.cluster = cluster
        self.shared_run_dir: Path | None = None  # of process 0
        self.own_folder: Path | None = None  # of another process, temporary
        self.has_parted = threading.Event()
        self.failure = ""  # which process failed, once it is known
        self.is_ending = False  # whether the main thread says so
        self.lost_seconds = LOST_SECONDS

    def connect(self) -> None:
        """Meet the other processes.

        Raises:
            LostProcessError: they were not there in time.
            UserError: two processes have one number, or the port is taken.
        """
        import jax
        from jax.experimental import multihost_utils

        number, count = self.cluster.process_id, self.cluster.processes
        meet(self.cluster, START_SECONDS)
        jax.config.update("jax_enable_recoverability", True)  # the death of one process must not abort the others
        jax.config.update("jax_enable_preemption_service", False)  # it would take SIGTERM from `fit`
        try:
            jax.distributed.initialize(
                self.cluster.coordinator,
                count,
                number,
                cluster_detection_method="deactivate",
                initialization_timeout=int(START_SECONDS),
                heartbeat_timeout_seconds=ENGINE_SECONDS,
                shutdown_timeout_seconds=60,
            )
            from jax._src import distributed  # the store of the service has no public name; Orbax takes the same way

            self._store = distributed.global_state.client
            self.wait("start")
            with without_output():  # the first exchange of numbers prints a line of Gloo
                multihost_utils.sync_global_devices("qkv_zoo_start")
        except Exception as error:
            raise LostProcessError(
                f"process {number} of {count}: not all processes met at {self.cluster.coordinator} within "
                f"{START_SECONDS:g} s ({one_line(str(error))[:100]}); start them all with the same --coordinator and --processes"
            ) from None
        self._thread = threading.Thread(target=self._watch, name="machines", daemon=True)
        self._thread.start()

    def tell(self, name: str, text: str) -> None:
        """Leave a text for the other processes; it replaces an earlier one of that name."""
        self._store.key_value_set(f"qkv_zoo/{name}", text, allow_overwrite=True)

    def hear(self, name: str) -> str:
        """The text that another process leaves under a name, as soon as it is there."""
        return self._store.blocking_key_value_get(f"qkv_zoo/{name}", ENGINE_SECONDS * 1000)

    def wait(self, name: str) -> None:
        """Wait until all processes wait under this name."""
        self._store.wait_at_barrier(f"qkv_zoo_{name}", ENGINE_SECONDS * 1000)

    def fail(self, line: str) -> None:
        """Tell all processes that this one fails, and why."""
        self.is_ending = True
        self.tell_failure(line)

    def tell_failure(self, line: str) -> None:
        """Tell all processes why they cannot go on."""
        with contextlib.suppress(Exception):  # process 0 may be the one that is gone
            self.tell(f"failure/{self.cluster.process_id}", line)

    def failure_of_another(self) -> str:
        """After an exchange of numbers failed: which process is to blame; empty if all are alive."""
        self.lost_seconds = BROKEN_SECONDS
        deadline = time.monotonic() + 2 * BROKEN_SECONDS
        while not self.failure and time.monotonic() < deadline:
            time.sleep(0.2)
        return self.failure

    def finish(self) -> None:
        """Part from the other processes, after the last step that all take together. Process 0 leaves last."""
        import jax

        if self.has_parted.is_set():
            return
        self.wait("end")
        self.has_parted.set()
        self._thread.join()
        if self.cluster.process_id == 0:
            deadline = time.monotonic() + LOST_SECONDS
            others = self.cluster.processes - 1
            while len(self._store.key_value_dir_get("qkv_zoo/end/")) < others and time.monotonic() < deadline:
                time.sleep(0.05)
            time.sleep(LEAVING_SECONDS)
            jax.distributed.shutdown()

    def leave(self, status: int) -> None:
        """End this process, which is not the first, at once: JAX aborts processes that see process 0 leave."""
        with contextlib.suppress(Exception):  # process 0 may be the one that is gone
            self.tell(f"end/{self.cluster.process_id}", "")
        os._exit(status)

    def _watch(self) -> None:
        beats, last_heard = {}, {}
        number = 0
        while not self.has_parted.wait(HEARTBEAT_SECONDS):
            number += 1
            try:
                self.tell(f"heartbeat/{self.cluster.process_id}", str(number))
                current = dict(self._store.key_value_dir_get("qkv_zoo/heartbeat/"))
                failures = self._store.key_value_dir_get("qkv_zoo/failure/")
                failure = [text for key, text in failures if not key.endswith(f"/{self.cluster.process_id}")]
            except Exception:
                if self.has_parted.is_set():
                    return
                failure = ["process 0 is gone"]
                current = {}
            now = time.monotonic()
            for other in range(self.cluster.processes):
                beat = next((text for key, text in current.items() if key.endswith(f"/{other}")), None)
                if beat != beats.get(other) or other not in last_heard:
                    beats[other], last_heard[other] = beat, now
                silence = now - last_heard[other]
                if silence > self.lost_seconds and not failure:
                    failure = [f"process {other} of {self.cluster.processes} has been silent for {silence:.0f} s"]
                    self.tell_failure(failure[0])
            if failure:
                self._give_up(failure[0])

    def _give_up(self, line: str) -> None:
        self.failure = line
        # The main thread may be within an exchange of numbers that never ends. If that one failed, the main thread says so itself.
        if not self.has_parted.wait(LAST_WORDS_SECONDS) and not self.is_ending:
            print(f"error: {lost_line(line)}", file=sys.stderr, flush=True)
            if self.own_folder:
                shutil.rmtree(self.own_folder, ignore_errors=True)
            os._exit(1)


def lost_line(failure: str) -> str:
    """What a process says that ends because of another one."""
    return f"{failure}: this process ends, too; see that one's last lines, then start all again with --resume"


@contextlib.contextmanager
def machines(config, name_run_dir):
    """The processes that the settings describe, connected; within the block, `config` is that of this process.

    Process 0 works in the run directory. The others work in a temporary folder, which is removed at the end, and print errors
    alone. If one of them fails or disappears, the others end within a minute with a line that says so.

    Args:
        config: the settings of a script.
        name_run_dir: function of the settings of the process that writes; returns them with a run directory.

    Yields:
        the settings, with the run directory of this process.

    Raises:
        UserError: the settings make no sense.
        LostProcessError: another process did not come, or failed.
    """
    global _current
    cluster = _cluster_of(config)
    if cluster is None or cluster.process_id == 0 or config.resume:
        config = name_run_dir(config)
    if cluster and config.resume and _is_trained(config.run_dir, cluster.process_id):
        if cluster.process_id:
            raise SystemExit(0)
        cluster = None  # process 0 was lost while it wrote its report
    if cluster is None:
        yield config
        return
    with engine_errors_as_one_line(lost_line("process 0 is gone")), contextlib.ExitStack() as stack:
        _current = ThisProcess(cluster)
        _current.connect()
        if cluster.process_id == 0:
            _current.shared_run_dir = Path(config.run_dir).absolute()
            _current.tell("run_dir", str(_current.shared_run_dir))
            _current.wait("copied")  # nothing changes in the run directory while others copy it
        else:
            _current.shared_run_dir = Path(_current.hear("run_dir"))
            folder = _current.own_folder = Path(tempfile.mkdtemp(prefix="qkv-zoo-"))
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
            stack.enter_context(without_output())
            config = dataclasses.replace(config, run_dir=folder / "run", tracking="off")
            if config.resume:
                shutil.copytree(_current.shared_run_dir, config.run_dir, ignore=shutil.ignore_patterns(*NOT_COPIED))
            _current.wait("copied")
        with _failures_told(_current):
            yield config


def _cluster_of(config) -> Cluster | None:
    if getattr(config, "distribute", "none") == "none":
        for name in ("coordinator", "processes", "process_id"):
            if getattr(config, name, None) is not None:
                flag = "--" + name.replace("_", "-")
                raise UserError(f"{flag}: is for a training on several processes; add --distribute data or model")
        return None
    import keras

    if keras.backend.backend() != "jax":
        raise UserError(
            f"--distribute {config.distribute}: works on JAX alone, and Keras computes with {keras.backend.backend()}; "
            "set KERAS_BACKEND=jax"
        )
    return choose_cluster(config.coordinator, config.processes, config.process_id)


def _is_trained(run_dir: Path, process_id: int) -> bool:
    """Whether all epochs of a run are over."""
    if process_id and not Path(run_dir).is_dir():
        raise UserError(
            f"{run_dir}: process {process_id} cannot see the run directory; --resume needs one that all machines share"
        )
    try:
        return trained_file(run_dir).exists() or bool(load_state(Path(run_dir) / "checkpoint.npz").get("is_trained"))
    except UserError:
        return False


def trained_file(run_dir: Path) -> Path:
    """A file that says that the epochs of a run are over, where its checkpoint does not."""
    return Path(run_dir) / "checkpoint.trained"


@contextlib.contextmanager
def _failures_told(process: ThisProcess):
    """Within the block, an error of this process is told to the others, and an error that another one caused is named."""
    number = process.cluster.process_id
    try:
        yield
    except SystemExit:
        process.finish()
        raise
    except (UserError, OSError, KeyboardInterrupt, MemoryError) as error:
        process.fail(f"process {number} failed ({one_line(str(error)) or type(error).__name__})")
        raise
    except Exception as error:
        failure = "" if process.has_parted.is_set() else process.failure_of_another()
        if failure:
            process.is_ending = True
            raise LostProcessError(lost_line(failure)) from None
        process.fail(f"process {number} failed ({one_line(str(error))[:200]})")
        raise
    else:
        process.finish()


def is_first_process() -> bool:
    """Whether this process writes the run directory: it is the only one, or number 0 of several."""
    return _current is None or _current.cluster.process_id == 0


def is_connected() -> bool:
    """Whether other processes wait for this one."""
    return _current is not None and not _current.has_parted.is_set()


@contextlib.contextmanager
def first_process_ahead(name: str):
    """Process 0 goes through the block alone; the others enter it when process 0 leaves it, such as to read what it made.

    Args:
        name: what is done, unique in this training; all processes must come here.
    """
    if is_connected() and not is_first_process():
        _current.wait(name)
    yield
    if is_connected() and is_first_process():
        _current.wait(name)


def shared_run_dir(run_dir: Path) -> Path:
    """The run directory of process 0; of a single process its own."""
    return _current.shared_run_dir if _current else Path(run_dir)


def check_alike(settings: dict) -> None:
    """Check that all processes were started alike, before they compute with one another.

    Args:
        settings: JSON values that must be equal in all processes.

    Raises:
        UserError: this process differs from process 0; the message names what.
    """
    if _current is None:
        return
    if _current.cluster.process_id == 0:
        _current.tell("settings", json.dumps(settings))
        return
    of_first = json.loads(_current.hear("settings"))
    own = json.loads(json.dumps(settings))
    differences = [
        f"{name} is {own.get(name)!r} here and {of_first.get(name)!r} there"
        for name in {**of_first, **own}
        if own.get(name) != of_first.get(name)
    ]
    if differences:
        raise UserError(
            f"process {_current.cluster.process_id} was not started like process 0 ({'; '.join(differences)}); give all "
            "processes the same flags, data and versions"
        )


def part_from_others() -> None:
    """After the training: process 0 goes on alone, and the others end here."""
    if is_connected():
        _current.finish()
    if not is_first_process():
        raise SystemExit(0)


def end_process(status: int) -> None:
    """End a process that belongs to several at once, where JAX would wait for them."""
    if _current is None:
        return
    sys.stdout.flush()
    sys.stderr.flush()
    if not is_first_process():
        _current.leave(status)
    if is_connected():
        time.sleep(LAST_WORDS_SECONDS)  # the others read from process 0 why it ends
        os._exit(status)

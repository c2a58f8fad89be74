"""What every train script does around its training: a run directory, a seed, results, and an honest exit status."""

from __future__ import annotations

import csv
import dataclasses
import errno
import importlib.metadata
import io
import json
import os
import platform
import shlex
import subprocess
import sys
from pathlib import Path

from utils.common.errors import UserError
from utils.training.settings import as_flag

NOT_PART_OF_THE_RUN = ("run_dir", "resume", "tracking", "cache_dir", "export", "losses", "seeds")
"""May differ when a run is resumed: a suite can be given more losses and seeds."""


def run_script(main, config_class) -> None:
    """Parse the command line into `config_class`, run `main(config)`, and exit.

    Status 0; 2 for a `UserError` (printed as one line, no traceback) or a wrong flag; 130 and 143 for a signal.
    """
    import difflib

    import tyro

    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # TensorFlow's start-up notes say nothing about the run
    description = sys.modules[main.__module__].__doc__
    try:
        config, unknown = tyro.cli(config_class, description=description, return_unknown_args=True)
        if unknown:
            flags = [as_flag(field.name) for field in dataclasses.fields(config_class)]
            near = difflib.get_close_matches(unknown[0], flags, 1)
            hint = f"did you mean {near[0]}? " if near else ""
            raise UserError(f"{unknown[0]}: no such flag or argument; {hint}--help lists them all")
        status = main(config)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        status = 2
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        status = 130
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        print(f"error: no space left on the disk while writing {error.filename or 'the run directory'}: "
              "free some and start again with --resume; what was saved before is whole", file=sys.stderr)  # fmt: skip
        status = 2
    sys.exit(status or 0)


def check_run_dir(config) -> None:
    """Tell before any work whether the run directory can be used: a new one, or with `config.resume` one with a run in it.

    Raises:
        UserError: there is a run (or something else) already; or none to resume.
    """
    run_dir = Path(config.run_dir)
    if config.resume and not (run_dir / "config.json").is_file():
        raise UserError(f"{run_dir}: no run to resume there (no config.json); start it without --resume")
    if not config.resume and run_dir.exists():
        # A start that failed before its training leaves only these, and may be repeated.
        of_no_value = {"config.json", "tokenizer.json", "commits.txt"}
        if not run_dir.is_dir() or {path.name for path in run_dir.iterdir()} - of_no_value:
            raise UserError(f"{run_dir}: exists already; name another --run-dir, or continue that run with --resume")


def set_up_run(config, checksums: dict[str, str]) -> None:
    """Make the run directory and write `config.json`, or with `config.resume` check that it is this run's.

    Args:
        config: the dataclass of settings, with `run_dir` and `resume`.
        checksums: of the data by split, kept with the settings because a resumed run must have the same.

    Raises:
        UserError: the directory can not be written, or holds a run with other settings or data.
    """
    check_run_dir(config)
    run_dir = Path(config.run_dir)
    settings = {k: v for k, v in _plain(dataclasses.asdict(config)).items() if k not in NOT_PART_OF_THE_RUN}
    settings["data_checksums"] = checksums
    file = run_dir / "config.json"
    try:
        if config.resume:
            stored = json.loads(file.read_text())
            different = [name for name in {**stored, **settings} if stored.get(name) != settings.get(name)]
            if different:
                changes = "; ".join(
                    f"{name} was {stored.get(name)!r}, is now {settings.get(name)!r}" for name in different
                )
                raise UserError(
                    f"{run_dir}: the run there had other settings ({changes}); give the same, or a new --run-dir"
                )
        else:
            run_dir.mkdir(parents=True, exist_ok=True)
            write_json(file, settings)
        record_commit(run_dir)
    except ValueError as error:
        raise UserError(f"{file}: can not be read ({error}); start a new run in another --run-dir") from None
    except OSError as error:
        raise UserError(f"{run_dir}: can not be used ({error.strerror}); name another --run-dir") from None


def record_commit(run_dir: Path) -> None:
    """Note the commit that this process runs, below those of earlier processes of the run."""
    file = Path(run_dir) / "commits.txt"
    lines = file.read_text().splitlines() if file.exists() else []
    now = commit() or "unknown"
    if now not in lines[-1:]:
        write_atomically(file, "\n".join([*lines, now]) + "\n")


def _plain(value):
    """Dataclass contents as JSON would give them back."""
    return json.loads(json.dumps(value, default=str))


def write_atomically(path: Path, data: bytes | str) -> None:
    """Write a file so that a crash or a full disk leaves the old one whole."""
    path = Path(path)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as file:
            file.write(data.encode("utf-8") if isinstance(data, str) else data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: Path, value) -> None:
    """Write `value` as readable JSON, atomically."""
    write_atomically(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def write_arrays(path: Path, arrays: dict) -> None:
    """Write arrays as `.npz`; a process that is killed meanwhile leaves no half of it."""
    import io

    import numpy as np

    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    write_atomically(path, buffer.getvalue())


def write_csv(path: Path, rows: list[dict]) -> None:
    """Write dicts as CSV, atomically; columns in order of first appearance, empty where a row lacks one."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, list(dict.fromkeys(name for row in rows for name in row)), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_atomically(path, buffer.getvalue())


def set_precision(precision: str) -> None:
    """`float32`, `bfloat16` or `float16` compute with float32 weights, for all layers made afterwards."""
    import keras

    names = {"float32": "float32", "bfloat16": "mixed_bfloat16", "float16": "mixed_float16"}
    keras.mixed_precision.set_dtype_policy(names[precision])


def default_precision() -> str:
    """`bfloat16` where the processor computes in it natively (that is the fastest there), else `float32`."""
    try:
        flags = Path("/proc/cpuinfo").read_text()
    except OSError:
        return "float32"
    return "bfloat16" if "avx512_bf16" in flags or "amx_bf16" in flags else "float32"


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that shape a result."""
    found = {"python": sys.version.split()[0]}
    for name in ("keras", "tensorflow", "tensorflow-cpu", "jax", "torch", "numpy", "tokenizers"):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def usable_cores() -> int:
    """Cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def processor() -> str:
    """The processor's name and, where it has them, its instructions for bfloat16."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    entries = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    flags = [name for name in ("avx512_bf16", "amx_bf16") if name in entries.get("flags", "").split()]
    return entries.get("model name", platform.machine()) + (f" ({', '.join(flags)})" if flags else "")


def hardware() -> str:
    """The processor, the cores that this process may use, and the memory, in words."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{processor()}, {usable_cores()} cores, {memory:.0f} GiB"


def accelerator() -> str:
    """The devices beside the processor that Keras computes on, in words: GPUs, or Apple's, where its backend sees them."""
    import keras

    name = keras.backend.backend()
    if name == "tensorflow":
        import tensorflow as tf

        devices = tf.config.list_physical_devices("GPU")  # with tensorflow-metal, Apple's too
        found = [tf.config.experimental.get_device_details(device).get("device_name", "GPU") for device in devices]
    elif name == "jax":
        import jax

        found = [device.device_kind for device in jax.devices() if device.platform != "cpu"]
    else:
        import torch

        found = [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]
        found += ["MPS"] if torch.backends.mps.is_available() else []
    return ", ".join(found) or "no GPU"


def commit() -> str | None:
    """The commit of this checkout, with `+changes` where files differ from it; None outside of git."""
    root = Path(__file__).parents[2]
    try:
        head = subprocess.run(["git", "rev-parse", "--short=12", "HEAD"], cwd=root, capture_output=True, text=True)
        dirty = subprocess.run(["git", "status", "--porcelain", "-uno"], cwd=root, capture_output=True, text=True)
    except OSError:
        return None
    return head.stdout.strip() + ("+changes" if dirty.stdout.strip() else "") if head.returncode == 0 else None


def conditions(config, model, rows: list[dict]) -> dict:
    """What every `results.json` says of how a run came about.

    Args:
        config: the run's settings.
        model: the trained model.
        rows: those of `metrics.csv`.
    """
    import keras

    return {
        "model": config.model,
        "seed": config.seed,
        "parameters": model.count_params(),
        "seconds": round(sum(row["seconds"] for row in rows), 1),
        "peak_memory_gib": round(peak_memory_gib(), 2),
        "command": shlex.join(sys.argv),
        "hardware": f"{hardware()}, {accelerator()}",
        "backend": keras.backend.backend(),
        "versions": versions(),
        "commit": ", ".join((config.run_dir / "commits.txt").read_text().split()),
    }


def peak_memory_gib() -> float:
    """The most resident memory that this process has had so far, in GiB (Linux)."""
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20

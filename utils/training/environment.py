"""What a run ran on: versions, hardware, memory and commit."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
import sys
from collections import Counter
from pathlib import Path


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that shape a result."""
    installed = {"python": sys.version.split()[0]}
    for name in ("keras", "tensorflow", "tensorflow-cpu", "jax", "jaxlib", "torch", "numpy", "tokenizers"):
        try:
            installed[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return installed


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


def accelerators() -> str:
    """The GPUs that Keras' backend computes on, such as `2 x NVIDIA H100`, or "no GPU"."""
    counts = Counter(_names_of_accelerators())
    return ", ".join(name if count == 1 else f"{count} x {name}" for name, count in counts.items()) or "no GPU"


GPU_PACKAGES = {"tensorflow": "'tensorflow[and-cuda]'", "jax": "'jax[cuda12]'", "torch": "torch"}


def unused_gpu() -> str:
    """A line for a user whose NVIDIA GPU is not used by what is installed; empty where there is none, or where it is used."""
    import keras

    hidden = os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1") or "cpu" in os.environ.get("JAX_PLATFORMS", "")
    if hidden or not any(Path("/dev").glob("nvidia[0-9]*")) or _names_of_accelerators():
        return ""
    package = GPU_PACKAGES[keras.backend.backend()]
    return f"this machine has an NVIDIA GPU, but computes on the processor: pip install {package} (docs/backends.md)"


def _names_of_accelerators() -> list[str]:
    import keras

    name = keras.backend.backend()
    if name == "tensorflow":
        import tensorflow as tf

        devices = tf.config.list_physical_devices("GPU")  # with tensorflow-metal, Apple's too
        names = [tf.config.experimental.get_device_details(device).get("device_name", "GPU") for device in devices]
    elif name == "jax":
        import jax

        names = [device.device_kind for device in jax.devices() if device.platform != "cpu"]
    else:
        import torch

        names = [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]
        names += ["MPS"] if torch.backends.mps.is_available() else []
    return names


def hardware() -> str:
    """The processor, the cores that this process may use, and the memory."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{processor()}, {usable_cores()} cores, {memory:.0f} GiB"


def peak_memory_gib() -> float:
    """The largest resident memory of this process so far, in GiB (Linux)."""
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def commit() -> str | None:
    """The commit of this checkout, with `+changes` where files differ from it; None outside of git."""
    root = Path(__file__).parents[2]
    try:
        head = subprocess.run(["git", "rev-parse", "--short=12", "HEAD"], cwd=root, capture_output=True, text=True)
        changes = subprocess.run(["git", "status", "--porcelain", "-uno"], cwd=root, capture_output=True, text=True)
    except OSError:
        return None
    return head.stdout.strip() + ("+changes" if changes.stdout.strip() else "") if head.returncode == 0 else None

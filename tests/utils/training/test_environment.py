"""What a run ran on."""

import subprocess
import sys
from types import SimpleNamespace

import keras

from utils.training import environment


def test_versions_name_what_shapes_a_result():
    versions = environment.versions()
    assert versions["keras"] == keras.__version__ and versions["python"] == sys.version.split()[0]
    assert "numpy" in versions and keras.backend.backend() in " ".join(versions)


def test_hardware_names_processor_cores_and_memory():
    assert environment.processor() and environment.usable_cores() >= 1
    assert f", {environment.usable_cores()} cores, " in environment.hardware() and environment.hardware().endswith(
        " GiB"
    )
    assert 0 < environment.peak_memory_gib() < 1000
    assert environment.accelerators()


def test_the_commit_says_whether_files_differ_from_it(monkeypatch):
    outputs = {"rev-parse": "0123abc\n", "status": ""}

    def run(command, **_):
        return SimpleNamespace(returncode=0, stdout=outputs[command[1]])

    monkeypatch.setattr(subprocess, "run", run)
    assert environment.commit() == "0123abc"
    outputs["status"] = " M a.py\n"
    assert environment.commit() == "0123abc+changes"
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: SimpleNamespace(returncode=128, stdout=""))
    assert environment.commit() is None

    def no_git(*_, **__):
        raise FileNotFoundError("git")

    monkeypatch.setattr(subprocess, "run", no_git)
    assert environment.commit() is None


def test_accelerators_are_counted(monkeypatch):
    monkeypatch.setattr(environment, "_names_of_accelerators", lambda: ["A", "B", "A"])
    assert environment.accelerators() == "2 x A, B"
    monkeypatch.setattr(environment, "_names_of_accelerators", list)
    assert environment.accelerators() == "no GPU"


def test_a_gpu_that_is_not_used_is_said_unless_it_is_hidden(monkeypatch):
    devices, used = ["/dev/nvidia0"], []
    monkeypatch.setattr(environment.Path, "glob", lambda *_: iter(devices))
    monkeypatch.setattr(environment, "_names_of_accelerators", lambda: used)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.delenv("JAX_PLATFORMS", raising=False)
    line = environment.unused_gpu()
    assert line.startswith("this machine has an NVIDIA GPU, but computes on the processor: pip install ")
    for name, value in (("CUDA_VISIBLE_DEVICES", "-1"), ("JAX_PLATFORMS", "cpu")):
        with monkeypatch.context() as context:
            context.setenv(name, value)
            assert environment.unused_gpu() == ""
    used.append("A")
    assert environment.unused_gpu() == ""
    used.clear()
    devices.clear()
    assert environment.unused_gpu() == ""

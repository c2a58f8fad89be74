"""All five tasks on JAX without TensorFlow: `set_up_backend` bars its import, whether it is installed or not."""

import importlib.util
import os
import subprocess
import sys
import time

import numpy as np
import pytest

from tests.helpers.paths import ROOT
from tests.helpers.quick_jax import QUICK_JAX
from tests.helpers.tiny_tasks import TASKS, commands

SETTINGS = {**QUICK_JAX, "PYTHONPATH": str(ROOT)}
pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("jax") is None, reason="jax is not installed: requirements-dev.txt has it"
)


def test_every_script_trains_and_every_model_answers(tmp_path):
    command = [sys.executable, "-m", "tests.helpers.tiny_tasks", "train_TASK.py", "predict.py"]
    done = subprocess.run(command, cwd=tmp_path, env=os.environ | SETTINGS, capture_output=True, text=True)
    lines = [line.split() for line in done.stdout.splitlines() if line.startswith(("status ", "imported"))]
    assert [line[:3] for line in lines[:-1]] == [
        ["status", "0", script] for task in TASKS for script in (f"train_{task}.py", "predict.py")
    ], done.stderr[-3000:]
    assert lines[-1] == ["imported"]


@pytest.mark.skipif(
    importlib.util.find_spec("tensorflow") is not None,
    reason="takes minutes: for an environment of requirements-jax.txt; elsewhere test_fit resumes on both backends",
)
@pytest.mark.parametrize("task", TASKS)
def test_a_killed_run_ends_with_the_same_weights_after_resume(task, tmp_path):
    command = [sys.executable, str(ROOT / f"train_{task}.py")]
    flags = ("--epochs", "4", "--no-jit-compile")
    arguments = [part if part != task else "{}" for part in commands(task, tmp_path, *flags)["train_TASK.py"][1:]]

    def start(run_dir, *more, **settings):
        parts = [*command, *(part.format(run_dir) for part in arguments), *more]
        return subprocess.Popen(
            parts, cwd=tmp_path, env=os.environ | SETTINGS | settings, stdout=subprocess.PIPE, text=True
        )

    undisturbed = start("whole")
    assert undisturbed.communicate(timeout=300) and undisturbed.returncode == 0
    killed = start("cut", QKV_ZOO_SAVE_EVERY_SECONDS="0")
    while not (tmp_path / "cut" / "metrics.csv").exists():  # the first epoch has ended
        assert killed.poll() is None
        time.sleep(0.01)
    killed.kill()
    killed.communicate()
    assert not (tmp_path / "cut" / "results.json").exists()
    resumed = start("cut", "--resume")
    output, _ = resumed.communicate(timeout=300)
    assert resumed.returncode == 0 and "resumed after epoch" in output
    with np.load(tmp_path / "whole/checkpoint.npz") as expected, np.load(tmp_path / "cut/checkpoint.npz") as actual:
        weights = [name for name in expected.files if expected[name].dtype.kind == "f"]
        assert weights and set(actual.files) == set(expected.files)
        for name in weights:
            np.testing.assert_array_equal(actual[name], expected[name])

"""Run a script within the process of the test, which is quick for what ends before any training."""

import importlib
import sys
from unittest import mock

import pytest


def run_in_process(script: str, *arguments) -> int:
    """The exit status of `python SCRIPT.py ARGUMENTS`."""
    from utils.training.run import run_script

    module = importlib.import_module(script)
    with mock.patch.object(sys, "argv", [f"{script}.py", *map(str, arguments)]):
        try:
            run_script(module.main, module.Config)
        except SystemExit as end:
            return end.code
    raise AssertionError("run_script returned")


def compare(benchmark, monkeypatch, *arguments) -> None:
    """Run `python -m benchmarks.BENCHMARK ARGUMENTS`, a comparison whose runs are all finished; training again is a failure."""
    from utils.training import comparison

    monkeypatch.setattr(sys, "argv", [benchmark.__name__, *map(str, arguments)])
    monkeypatch.setenv("WANDB_RUN_GROUP", "tests")  # the comparison would name one for the rest of the process
    monkeypatch.setattr(comparison.subprocess, "run", lambda *_: pytest.fail("trained again"))
    benchmark.main()

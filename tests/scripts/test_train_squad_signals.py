"""train_squad.py with teachers, R-Drop, the sentence's loss and clozes."""

import csv
import json

import numpy as np
import pytest

from tests.helpers.cluster import unused_address
from tests.helpers.killed import checkpoint_arrays, kill_after
from tests.helpers.quick_jax import QUICK_JAX
from tests.helpers.scripts import error_line, run, start
from tests.scripts.test_train_squad import PRETRAINED, TINY, squad_file
from tests.scripts.test_train_squad_clozes import write_clozes

SIGNALS = ("--r-drop", "0.5", "--sentence-loss", "0.5", "--epochs", "4", "--patience", "0", "--word-dropout", "0.1")


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A folder with data, clozes and two teachers, and the flags of all trainings in it."""
    cwd = tmp_path_factory.mktemp("teachers")
    squad_file(cwd / "towns.json", 48)
    squad_file(cwd / "held_out.json", 8)
    write_clozes(cwd)
    flags = ("--train-files", "towns.json", "--validation-files", "held_out.json", *TINY, "--no-export")
    for seed in (1, 2):
        status, _, errors = run(*flags, "--epochs", 1, "--seed", seed, "--run-dir", f"teacher{seed}", cwd=cwd)
        assert status == 0, errors
    return cwd, (*flags, *SIGNALS, "--teachers", "teacher1", "teacher2", "--cloze-files", "clozes.json")


def test_killed_and_resumed_with_all_signals_gives_the_same_as_never_killed(world):
    """The first run makes the teachers' predictions, the others read them: that changes nothing."""
    cwd, flags = world
    status, output, errors = run(*flags, "--run-dir", "whole", cwd=cwd)
    assert status == 0, errors
    assert "teacher teacher1: predicts 48 windows" in output
    details = json.loads((cwd / "whole" / "results.json").read_text())["details"]
    assert [teacher["run"] for teacher in details["teachers"]] == ["teacher1", "teacher2"]
    assert details["teachers_seconds"] == sum(teacher["prediction_seconds"] for teacher in details["teachers"]) > 0
    assert all(teacher["training_seconds"] > 0 for teacher in details["teachers"])
    process = start(*flags, "--run-dir", "killed", cwd=cwd, QKV_ZOO_SAVE_EVERY_SECONDS="0")
    checkpoint = cwd / "killed" / "checkpoint.npz"
    state, output = kill_after(process, checkpoint, 1, 1)
    assert state["epoch"] < 4
    assert "teacher teacher2: predicted in" in output
    status, output, errors = run(*flags, "--run-dir", "killed", "--resume", cwd=cwd)
    assert status == 0 and "resumed after epoch" in output, errors
    whole, killed = checkpoint_arrays(cwd / "whole" / "checkpoint.npz"), checkpoint_arrays(checkpoint)
    assert set(whole) == set(killed)
    for name, values in whole.items():
        np.testing.assert_array_equal(killed[name], values)
    resumed = json.loads((cwd / "killed" / "results.json").read_text())["details"]
    assert resumed["teachers_seconds"] == details["teachers_seconds"]


def test_a_resumed_run_needs_the_same_teachers(world):
    cwd, flags = world
    settings = (*flags, "--run-dir", "other", "--epochs", 1)
    assert run(*settings, cwd=cwd)[0] == 0
    best = cwd / "teacher2" / "best.keras"
    original = best.read_bytes()
    try:
        best.write_bytes((cwd / "teacher1" / "best.keras").read_bytes())
        status, _, errors = run(*settings, "--resume", cwd=cwd)
    finally:
        best.write_bytes(original)
    assert status == 2 and "teacher2: the data has changed since the run in other began" in error_line(errors)


def test_a_pretrained_teacher_of_a_student_with_its_tokenizer(world):
    cwd, _ = world
    flags = ("--train-files", "towns.json", "--validation-files", "held_out.json", "--max-length", "96")
    flags += ("--doc-stride", "16", "--batch-size", "16", "--tracking", "off", "--no-export", "--epochs", 1)
    flags += ("--init-from", PRETRAINED)
    assert run(*flags, "--model", "bert", "--run-dir", "bert", cwd=cwd)[0] == 0
    small = ("--hidden-dim", "16", "--num-heads", "2", "--num-layers", "1", "--intermediate-dim", "32")
    status, output, errors = run(*flags, *small, "--teachers", "bert", "--run-dir", "student", cwd=cwd)
    assert status == 0, errors
    assert "teacher bert: predicts" in output
    status, _, errors = run(*flags, *small, "--teachers", "teacher1", "--run-dir", "wrong", cwd=cwd)
    assert status == 2 and "teacher1: was trained with another tokenizer" in error_line(errors)


def test_two_processes_learn_from_teachers_what_one_does(world):
    """Process 0 makes the predictions, the other reads them; the copies of an example may lie on different devices."""
    cwd, flags = world
    flags = (*flags, "--epochs", 1, "--log-every", 1, "--batch-size", 24)
    cluster = ("--distribute", "data", "--coordinator", unused_address(), "--processes", 2, "--process-id")
    processes = [start(*flags, "--run-dir", "two", *cluster, number, cwd=cwd, **QUICK_JAX) for number in range(2)]
    outputs = [process.communicate(timeout=280) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], outputs
    assert "teacher teacher1: predicts 48 windows" in outputs[0][0] and not outputs[1][0]
    status, _, errors = run(*flags, "--run-dir", "one", cwd=cwd, **QUICK_JAX)
    assert status == 0, errors
    losses = []
    for name in ("one", "two"):
        with (cwd / name / "steps.csv").open() as file:
            losses.append([float(row["loss"]) for row in csv.DictReader(file)])
    assert len(losses[0]) == 2
    np.testing.assert_allclose(*losses, rtol=1e-4)

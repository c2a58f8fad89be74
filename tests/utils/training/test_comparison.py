"""Trainings that are compared: their flags, and that each is trained once, resumed, or read."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from utils.training import comparison
from utils.training.comparison import comparison_arguments, flags_of, shared_compilation, train_or_read


def parse(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["compare", *arguments])
    monkeypatch.setenv("WANDB_RUN_GROUP", "")  # so that it is restored
    monkeypatch.delenv("WANDB_RUN_GROUP")
    return comparison_arguments("Compare models.")


def test_arguments_become_runs_with_flags(monkeypatch):
    options, runs = parse(
        monkeypatch, "--models", "plain", "bert:--learning-rate=1e-4:--no-jit-compile", "--seeds", "0", "2",
        "--out", "runs/c", "--", "--epochs", "3", "--data", "demo",
    )  # fmt: skip
    assert options.seeds == [0, 2] and options.out == Path("runs/c")
    assert list(runs) == ["plain", "bert:--learning-rate=1e-4:--no-jit-compile"]
    plain, bert = runs.values()
    common = ["--epochs", "3", "--data", "demo"]
    assert plain[2] == (
        Path("runs/c/plain/seed-2"),
        ["--model", "plain", *common, "--seed", "2", "--run-name", "plain-2"],
    )
    run_dir, flags = bert[0]
    assert run_dir == Path("runs/c/bert---learning-rate-1e-4---no-jit-compile/seed-0")
    assert flags == [
        "--model",
        "bert",
        *common,
        "--learning-rate=1e-4",
        "--no-jit-compile",
        "--seed",
        "0",
        "--run-name",
        f"{run_dir.parent.name}-0",
    ]
    assert os.environ["WANDB_RUN_GROUP"] == "c"


def test_wrong_arguments_exit_with_status_2(monkeypatch, capsys):
    with pytest.raises(SystemExit) as stopped:
        parse(monkeypatch, "--models", "plain")
    assert stopped.value.code == 2 and "--out" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "without", "expected"),
    [
        ([], ["--suite"], []),
        (["--epochs", "3", "--suite", "--seed", "1"], ["--suite"], ["--epochs", "3", "--seed", "1"]),
        (["--losses", "mse", "triplet", "--epochs", "3"], ["--losses"], ["--epochs", "3"]),
        (["--epochs=3", "--seeds=1", "--seeds", "1", "2"], ["--seeds"], ["--epochs=3"]),
        (["--train-files", "a", "-1", "--model", "all"], ["--model"], ["--train-files", "a", "-1"]),
        (["--modelling", "x"], ["--model"], ["--modelling", "x"]),
    ],
)
def test_flags_without_some(arguments, without, expected):
    assert flags_of(arguments, without) == expected


@pytest.mark.parametrize("flags", [None, "--tf_xla_clustering_debug"])
def test_compiled_steps_are_shared_within_a_block_and_removed_with_it(monkeypatch, flags):
    monkeypatch.delenv("TF_XLA_FLAGS", raising=False)
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "2")
    if flags:
        monkeypatch.setenv("TF_XLA_FLAGS", flags)
    before = dict(os.environ)
    with pytest.raises(SystemExit), shared_compilation():
        *others, own = os.environ["TF_XLA_FLAGS"].split()
        folder = Path(own.removeprefix("--tf_xla_persistent_cache_directory="))
        assert folder.stat().st_mode & 0o777 == 0o700 and others == ([flags] if flags else [])
        assert os.environ["JAX_COMPILATION_CACHE_DIR"] == str(folder)
        raise SystemExit(2)
    assert dict(os.environ) == before and not folder.exists()


@pytest.fixture
def trainings(monkeypatch):
    """The commands that would have trained; each writes results, or fails with `status`."""
    commands = []

    def run(command):
        commands.append(command)
        run_dir = Path(command[command.index("--run-dir") + 1])
        if not run.status:
            run_dir.mkdir(parents=True, exist_ok=True)
            (run_dir / "config.json").write_text('{"data_checksums": {}}')
            (run_dir / "results.json").write_text(json.dumps({"task": "squad", "command": command[2:]}))
        return subprocess.CompletedProcess(command, run.status)

    run.status, run.commands = 0, commands
    monkeypatch.setattr(comparison.subprocess, "run", run)
    return run


def test_a_run_is_trained_once(tmp_path, trainings):
    run_dir = tmp_path / "plain" / "seed-0"
    results = train_or_read("train_squad.py", run_dir, ["--epochs", 3])
    script = str(comparison.ROOT / "train_squad.py")
    assert trainings.commands == [[sys.executable, script, "--run-dir", str(run_dir), "--epochs", "3"]]
    assert Path(script).is_file() and results["task"] == "squad"
    assert json.loads((run_dir.parent / "seed-0.flags.json").read_text()) == ["--epochs", "3"]
    assert train_or_read("train_squad.py", run_dir, ["--epochs", "3"]) == results and len(trainings.commands) == 1


def test_a_run_that_was_cut_off_is_resumed(tmp_path, trainings):
    run_dir = tmp_path / "seed-0"
    run_dir.mkdir()
    (run_dir / "config.json").write_text('{"data_checksums": {}}')
    (run_dir / "checkpoint.npz").write_bytes(b"")
    train_or_read("train_squad.py", run_dir, ["--epochs", "3"])
    assert trainings.commands[0][-1] == "--resume"


@pytest.mark.parametrize("finished", [False, True])
def test_a_run_with_other_flags_is_refused(tmp_path, trainings, capsys, finished):
    run_dir = tmp_path / "seed-0"
    train_or_read("train_squad.py", run_dir, ["--epochs", "3"])
    (run_dir / "best.keras").write_bytes(b"")
    if not finished:
        (run_dir / "results.json").unlink()
    with pytest.raises(SystemExit) as stopped:
        train_or_read("train_squad.py", run_dir, ["--epochs", "4"])
    assert stopped.value.code == 2 and len(trainings.commands) == 1
    assert f"error: {run_dir}: was trained with other flags" in capsys.readouterr().err


def test_flags_that_do_not_define_the_run_may_differ(tmp_path, trainings):
    run_dir = tmp_path / "seed-0"
    train_or_read("train_squad.py", run_dir, ["--epochs", "3", "--tracking", "offline", "--cache-dir", "a"])
    (run_dir / "best.keras").write_bytes(b"")
    (run_dir / "results.json").unlink()
    train_or_read("train_squad.py", run_dir, ["--epochs", "3", "--tracking", "off", "--no-export"])
    assert trainings.commands[1][-5:] == ["3", "--tracking", "off", "--no-export", "--resume"]


def test_sigterm_ends_the_training_too(tmp_path):
    child = "import os, time; open('pid', 'w').write(str(os.getpid())); time.sleep(60)"
    code = f"import sys; from utils.training.comparison import run_training; run_training([sys.executable, '-c', {child!r}])"
    environment = {**os.environ, "PYTHONPATH": str(comparison.ROOT)}
    parent = subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path, env=environment)
    deadline = time.monotonic() + 60
    while not ((tmp_path / "pid").exists() and (tmp_path / "pid").read_text()) and time.monotonic() < deadline:
        time.sleep(0.02)
    parent.terminate()
    assert parent.wait(timeout=30) == 143
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_a_start_that_failed_may_be_repeated_with_other_flags(tmp_path, trainings):
    run_dir = tmp_path / "seed-0"
    run_dir.mkdir()
    (run_dir / "config.json").write_text('{"data_checksums": {}}')
    (tmp_path / "seed-0.flags.json").write_text('["--epochs", "3"]')
    train_or_read("train_squad.py", run_dir, ["--epochs", "4"])
    assert trainings.commands[0][-2:] == ["--epochs", "4"]


@pytest.mark.parametrize("status", [2, 143])
def test_a_training_that_fails_ends_the_comparison(tmp_path, trainings, status):
    trainings.status = status
    with pytest.raises(SystemExit) as stopped:
        train_or_read("train_squad.py", tmp_path / "seed-0", [])
    assert stopped.value.code == status

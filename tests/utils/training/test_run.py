"""Exit status, run directories that may be used, and settings that a resumed run must repeat."""

import errno
import json
import os
import re
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import keras
import pytest

from utils.common.errors import UserError
from utils.training import run
from utils.training.run import check_run_dir, is_failed_start, run_script, set_up_keras, set_up_run
from utils.training.settings import NOT_PART_OF_THE_RUN, CachedRunConfig

CHECKSUMS = {"train": "01", "test": "23"}


@dataclass
class Config(CachedRunConfig):
    """Settings of a run."""

    epochs: int = 3
    """Passes over the training data."""
    model: str = "plain"


@pytest.fixture
def config(tmp_path):
    return Config(run_dir=tmp_path / "runs" / "one")


@pytest.fixture
def started(config):
    """A run whose directory was set up."""
    set_up_run(config, CHECKSUMS)
    return config


def error_of(function, *arguments):
    with pytest.raises(UserError) as caught:
        function(*arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_run_with_a_link_in_it_is_not_resumed(started):
    (started.run_dir / "wandb" / "run").mkdir(parents=True)
    (started.run_dir / "wandb" / "latest-run").symlink_to("run")  # W&B's own links are no reason
    check_run_dir(replace(started, resume=True))
    (started.run_dir / "plots").mkdir()
    (started.run_dir / "plots" / "history.png").symlink_to("/tmp/elsewhere.png")
    assert "history.png: is a link" in error_of(check_run_dir, replace(started, resume=True))
    (started.run_dir / "plots" / "history.png").unlink()
    (started.run_dir / "wandb" / "artifacts").symlink_to("/tmp/elsewhere")
    assert "artifacts: is a link" in error_of(check_run_dir, replace(started, resume=True))


def test_settings_checksums_and_commit_are_written(started):
    settings = json.loads((started.run_dir / "config.json").read_text())
    assert settings["epochs"] == 3 and settings["model"] == "plain" and settings["data_checksums"] == CHECKSUMS
    assert set(NOT_PART_OF_THE_RUN) & set(settings) == set()
    assert len((started.run_dir / "commits.txt").read_text().splitlines()) == 1


def test_an_empty_directory_may_be_used(config):
    config.run_dir.mkdir(parents=True)
    set_up_run(config, CHECKSUMS)


def test_a_failed_start_may_be_repeated_and_its_files_go(started):
    for name in ("tokenizer.json", "mined.npz", "wandb/run/file"):
        file = started.run_dir / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("of the failed start")
    check_run_dir(started)
    set_up_run(replace(started, epochs=7), {"train": "45"})
    assert sorted(path.name for path in started.run_dir.iterdir()) == ["commits.txt", "config.json"]
    settings = json.loads((started.run_dir / "config.json").read_text())
    assert settings["epochs"] == 7 and settings["data_checksums"] == {"train": "45"}


def test_a_failed_start_may_be_resumed_and_keeps_its_files(started):
    (started.run_dir / "tokenizer.json").write_text("{}")
    set_up_run(replace(started, resume=True), CHECKSUMS)
    assert (started.run_dir / "tokenizer.json").read_text() == "{}"


@pytest.mark.parametrize("name", ["notes.txt", "config.json", "checkpoint.npz", "folder/file"])
def test_a_directory_with_foreign_files_is_refused(config, name):
    """A checkpoint of Hugging Face, for one, has a config.json."""
    file = config.run_dir / name
    file.parent.mkdir(parents=True)
    file.write_text('{"model_type": "bert"}')
    assert not is_failed_start(config.run_dir)
    for function, arguments in ((check_run_dir, ()), (set_up_run, (CHECKSUMS,))):
        assert "exists already; name another --run-dir" in error_of(function, config, *arguments)
    assert file.read_text() == '{"model_type": "bert"}'


def test_a_damaged_config_is_no_failed_start(started):
    (started.run_dir / "config.json").write_text('{"data_check')
    assert "exists already" in error_of(check_run_dir, started)


@pytest.mark.parametrize("name", ["results.json", "best.keras", "checkpoint.npz", "seed-0/checkpoint.npz"])
def test_a_run_whose_training_began_is_refused(started, name):
    file = started.run_dir / name
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(b"")
    assert not is_failed_start(started.run_dir)
    assert "continue that run with --resume" in error_of(check_run_dir, started)
    check_run_dir(replace(started, resume=True))


def test_a_file_is_no_run_directory(config):
    config.run_dir.parent.mkdir()
    config.run_dir.write_text("mine")
    assert "exists already" in error_of(check_run_dir, config)
    below = replace(config, run_dir=config.run_dir / "below")
    assert "name another --run-dir" in error_of(set_up_run, below, CHECKSUMS)
    assert config.run_dir.read_text() == "mine"


def test_there_must_be_a_run_to_resume(config):
    assert "no run to resume there (no config.json)" in error_of(check_run_dir, replace(config, resume=True))
    config.run_dir.mkdir(parents=True)
    assert "no run to resume there" in error_of(set_up_run, replace(config, resume=True), CHECKSUMS)


def test_a_resumed_run_needs_the_same_settings_and_data(started):
    resumed = replace(started, resume=True)
    set_up_run(resumed, CHECKSUMS)
    set_up_run(replace(resumed, tracking="off", export=False, cache_dir=Path("elsewhere")), CHECKSUMS)
    message = error_of(set_up_run, replace(resumed, epochs=4, model="bert"), CHECKSUMS)
    assert "epochs was 3, is now 4" in message and "model was 'plain', is now 'bert'" in message
    assert "give the same, or a new --run-dir" in message
    assert "data_checksums was" in error_of(set_up_run, resumed, {"train": "99", "test": "23"})


def test_a_run_of_a_version_with_other_settings_cannot_be_resumed(started):
    file = started.run_dir / "config.json"
    settings = json.loads(file.read_text())
    del settings["epochs"]
    file.write_text(json.dumps(settings | {"num_layers": 1}))
    message = error_of(set_up_run, replace(started, resume=True, model="bert"), CHECKSUMS)
    assert "settings are others (epochs, num_layers); go on with the code that commits.txt names" in message


def test_a_damaged_config_cannot_be_resumed(started):
    (started.run_dir / "config.json").write_text("{")
    message = error_of(set_up_run, replace(started, resume=True), CHECKSUMS)
    assert "config.json: cannot be read" in message and "start a new run in another --run-dir" in message


def test_every_commit_of_a_run_is_recorded_once(started, monkeypatch):
    resumed = replace(started, resume=True)
    first = (started.run_dir / "commits.txt").read_text()
    for commit in ("abc", "abc", None, "abc"):
        monkeypatch.setattr(run, "commit", lambda commit=commit: commit)
        set_up_run(resumed, CHECKSUMS)
    assert (started.run_dir / "commits.txt").read_text() == f"{first}abc\nunknown\nabc\n"


@pytest.mark.parametrize(
    ("precision", "computations"), [("float32", "float32"), ("bfloat16", "bfloat16"), ("float16", "float16")]
)
def test_seed_and_precision(config, precision, computations):
    kernels = []
    try:
        for _ in range(2):
            set_up_keras(replace(config, precision=precision, seed=5))
            layer = keras.layers.Dense(3)
            layer.build((None, 2))
            assert (layer.compute_dtype, layer.variable_dtype) == (computations, "float32")
            kernels.append(keras.ops.convert_to_numpy(layer.kernel))
    finally:
        keras.mixed_precision.set_dtype_policy("float32")
    assert (kernels[0] == kernels[1]).all()


def status_of(monkeypatch, main, *arguments):
    monkeypatch.setattr(sys, "argv", ["train.py", *arguments])
    with pytest.raises(SystemExit) as end:
        run_script(main, Config)
    return end.value.code


def main_that(action):
    def main(config):
        return action(config)

    return main


def fail(error):
    raise error


@pytest.mark.parametrize(
    ("action", "status", "message"),
    [
        (lambda config: None, 0, ""),
        (lambda config: 5, 5, ""),
        (lambda config: fail(UserError("a.json: is bad; fix it")), 2, "error: a.json: is bad; fix it\n"),
        (lambda config: fail(KeyboardInterrupt), 130, "stopped\n"),
        (lambda config: fail(SystemExit(143)), 143, ""),
        (
            lambda config: fail(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "best.keras")),
            2,
            "error: no space left on the disk while writing best.keras: ",
        ),
        (
            lambda config: fail(PermissionError(errno.EACCES, "Permission denied", "out/a.json.4711.tmp")),
            2,
            "error: out/a.json: cannot be read or written (Permission denied); check the path, or name another\n",
        ),
    ],
)
def test_the_exit_status(monkeypatch, capsys, action, status, message):
    assert status_of(monkeypatch, main_that(action), "--run-dir", "x") == status
    errors = capsys.readouterr().err
    assert errors.startswith(message) and errors.count("\n") == (1 if message else 0)


def test_a_run_directory_that_is_left_out_is_new_and_said_first(monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    configs = []
    for _ in range(2):
        assert status_of(monkeypatch, main_that(lambda config: configs.append(config))) == 0
    first, second = (config.run_dir for config in configs)
    assert re.fullmatch(r"runs/\w+-\d{8}-\d{6}", str(first)) and second != first
    assert capsys.readouterr().out == f"run directory: {first}\nrun directory: {second}\n"
    assert first.is_dir() and second.is_dir()

    def refuse(config):
        configs.append(config)
        raise UserError("no such file")

    assert status_of(monkeypatch, main_that(refuse)) == 2 and not configs[-1].run_dir.exists()
    capsys.readouterr()
    assert status_of(monkeypatch, main_that(pytest.fail), "--resume") == 2
    assert capsys.readouterr().err == "error: --resume: name the run to continue with --run-dir\n"


def test_output_that_nobody_reads_ends_the_script_quietly(monkeypatch, capfd):
    """`python train_squad.py ... | head -1`, and a script whose standard streams are closed."""
    for length in (1, 100_000):  # what waits in the buffer, and what is written at once
        read, write = os.pipe()
        os.close(read)
        with open(write, "w") as pipe:
            monkeypatch.setattr(sys, "stdout", pipe)
            action = main_that(lambda config, length=length: print("a" * length))
            assert status_of(monkeypatch, action, "--run-dir", "x") == 141
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    action = main_that(lambda config: print("a line", flush=True) or int(sys.stdout.isatty()))
    assert status_of(monkeypatch, action, "--run-dir", "x") == 0
    assert capfd.readouterr().err == ""


def test_characters_that_the_terminal_has_not_are_escaped(monkeypatch, tmp_path):
    with open(tmp_path / "output.txt", "w", encoding="ascii") as file:
        monkeypatch.setattr(sys, "stdout", file)
        assert status_of(monkeypatch, main_that(lambda config: print("1 ± 2 \ud83d")), "--run-dir", "x") == 0
    assert (tmp_path / "output.txt").read_text() == "1 \\xb1 2 \\ud83d\n"


def test_other_errors_keep_their_traceback(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["train.py", "--run-dir", "x"])
    with pytest.raises(PermissionError):
        run_script(main_that(lambda config: fail(PermissionError(errno.EACCES, "no"))), Config)


def test_an_unknown_flag_is_one_line_with_the_nearest_name(monkeypatch, capsys):
    assert status_of(monkeypatch, main_that(pytest.fail), "--run-dir", "x", "--batchsize", "7") == 2
    errors = capsys.readouterr().err
    assert errors == "error: --batchsize: no such flag or argument; did you mean --batch-size? --help lists them all\n"
    assert status_of(monkeypatch, main_that(pytest.fail), "--run-dir", "x", "--epochs", "many") == 2


def test_flags_become_the_config(monkeypatch, capsys):
    configs = []
    arguments = ("--run-dir", "x", "--train-files", "a", "b", "--no-jit-compile", "--learning-rate", "1e-4")
    assert status_of(monkeypatch, main_that(configs.append), *arguments) == 0
    (config,) = configs
    assert config.train_files == [Path("a"), Path("b")] and config.learning_rate == 1e-4 and not config.jit_compile
    assert config.epochs == 3 and config.precision == "float32"

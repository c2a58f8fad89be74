"""Reading a finished run: what it holds, and what is said of a directory that holds none."""

import json
import zipfile

import pytest

from utils.common.errors import UserError
from utils.training.finished import damaged_run_as_user_error, read_run


def finish(run_dir, settings='{"seed": 3}', results='{"task": "squad", "metrics": {}}'):
    run_dir.mkdir(parents=True, exist_ok=True)
    (run_dir / "config.json").write_text(settings)
    (run_dir / "results.json").write_text(results)
    return run_dir


def error_of(run_dir):
    with pytest.raises(UserError) as caught:
        read_run(run_dir)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_settings_and_results(tmp_path):
    assert read_run(finish(tmp_path)) == read_run(str(tmp_path)) == ({"seed": 3}, {"task": "squad", "metrics": {}})


def test_directories_that_hold_no_finished_run(tmp_path):
    assert error_of(tmp_path) == f"{tmp_path}: no finished run there (results.json); name the --run-dir of a training"
    assert error_of(tmp_path / "none").startswith(f"{tmp_path / 'none'}: no finished run there")
    (tmp_path / "config.json").write_text("{}")
    assert "no finished run there" in error_of(tmp_path)


def test_a_folder_of_several_runs_names_one_of_them(tmp_path):
    for name in ("b", "a"):
        finish(tmp_path / name)
    assert error_of(tmp_path) == f"{tmp_path}: holds several runs; name one of them, such as {tmp_path / 'a'}"


@pytest.mark.parametrize(
    ("settings", "results"),
    [("{", "{}"), ("{}", '{"metrics": {}}'), ("{}", '{"task": "sq'), ("{}", "[]"), ("{}", "null"), ("{}", "")],
)
def test_damaged_files_of_a_run(tmp_path, settings, results):
    run_dir = finish(tmp_path, settings, results)
    assert error_of(run_dir).startswith(f"{run_dir}: damaged run (") and error_of(run_dir).endswith("train it again")


def test_settings_that_are_missing(tmp_path):
    (finish(tmp_path) / "config.json").unlink()
    assert "damaged run" in error_of(tmp_path)


@pytest.mark.parametrize(
    "error",
    [
        OSError("gone"),
        ValueError("bad\nsecond line"),
        KeyError("x"),
        TypeError("y"),
        zipfile.BadZipFile("z"),
        ValueError(),
    ],
)
def test_errors_of_a_damaged_run_are_one_line(error):
    with pytest.raises(UserError, match=r"^runs/a: damaged run \([^\n]+\); name another, or train it again$"), \
            damaged_run_as_user_error("runs/a"):  # fmt: skip
        raise error


def test_other_errors_pass():
    with pytest.raises(ZeroDivisionError), damaged_run_as_user_error("runs/a"):
        raise ZeroDivisionError
    with damaged_run_as_user_error("runs/a"):
        assert json.loads("1") == 1

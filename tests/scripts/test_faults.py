"""A training that is disturbed ends with one line, keeps what was saved, and goes on to the same result."""

import csv
import json

import numpy as np
import pytest

from tests.helpers.own_mounts import has_own_mounts, run_on_full_disk, run_until_read_only
from tests.helpers.scripts import error_line, run

SCRIPT = "train_tracing.py"
SMALL = ("--batch-size", 2, "--epochs", 2, "--no-jit-compile", "--no-export", "--tracking", "off", "--log-every", 0)


def responses(path, students=40):
    """A file of responses of two categories."""
    rng = np.random.default_rng(0)
    rows = [(student, step % 7, int(rng.integers(2))) for student in range(students) for step in range(11)]
    path.write_text(
        "student,item,response\n" + "".join(f"s{student},i{item},{value}\n" for student, item, value in rows)
    )
    return path


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The folder of a run that nothing disturbed, with the file it was trained on."""
    cwd = tmp_path_factory.mktemp("faults")
    file = responses(cwd / "responses.csv")
    status, _, errors = run("--train-files", file, *SMALL, "--run-dir", "whole", cwd=cwd, script=SCRIPT)
    assert status == 0, errors
    return cwd


def arrays(checkpoint):
    """Everything in a checkpoint but its clock."""
    with np.load(checkpoint) as archive:
        return {name: archive[name] for name in archive.files if name != "state"}


@pytest.mark.skipif(not has_own_mounts(), reason="this user may not mount, not even in a namespace of its own")
def test_a_full_disk_then_a_read_only_one_then_a_damaged_checkpoint_change_nothing(undisturbed, tmp_path):
    """One training, disturbed three times. Each time it ends with one line, or goes on from what was saved before."""
    command = ("--train-files", undisturbed / "responses.csv", *SMALL, "--run-dir", "run")
    run_dir = tmp_path / "run"
    whole = undisturbed / "whole"
    kilobytes = round(2.5 * (whole / "checkpoint.npz").stat().st_size / 1024)  # two checkpoints, and half of the third
    status, errors = run_on_full_disk(*command, script=SCRIPT, cwd=tmp_path, run_dir="run", kilobytes=kilobytes)
    assert status == 2 and "no space left on the disk while writing the run directory: free some" in error_line(errors)
    assert "start again with --resume; what was saved before is whole" in error_line(errors)
    assert not list(run_dir.glob("*.tmp"))
    assert [state_of(run_dir / name)["step"] for name in ("checkpoint.npz", "checkpoint.previous.npz")] == [8, 4]

    leftover = run_dir / "checkpoint.npz.4711.tmp"  # of a save that was killed
    leftover.write_bytes(b"half")
    status, errors = run_until_read_only(
        *command, "--resume", script=SCRIPT, cwd=tmp_path, run_dir="run", after="checkpoint.npz"
    )
    assert status == 2 and "read-only now; make it writable and start again with --resume; what was" in error_line(
        errors
    )
    assert not list(run_dir.glob("*.tmp"))

    newest = run_dir / "checkpoint.npz"
    newest.write_bytes(newest.read_bytes()[:-1000])
    status, output, errors = run(*command, "--resume", cwd=tmp_path, script=SCRIPT)
    assert status == 0, errors
    assert output.count("checkpoint.npz: cannot be read (") == 1
    assert "continuing from checkpoint.previous.npz, epoch" in output
    for row, expected in zip(*(rows_of(folder / "metrics.csv") for folder in (run_dir, whole)), strict=True):
        assert row | {"seconds": None} == expected | {"seconds": None}
    expected = arrays(whole / "checkpoint.npz")
    for name, array in arrays(newest).items():
        np.testing.assert_array_equal(array, expected[name])


def state_of(checkpoint):
    with np.load(checkpoint) as archive:
        return json.loads(str(archive["state"]))


def rows_of(file):
    with file.open() as lines:
        return list(csv.DictReader(lines))


def test_data_that_changed_is_named(undisturbed):
    """Nothing is trained, and the run is left as it was."""
    file = undisturbed / "responses.csv"
    data = file.read_bytes()
    checkpoint = (undisturbed / "whole" / "checkpoint.npz").read_bytes()
    responses(file, students=41)
    command = ("--train-files", file, *SMALL, "--run-dir", "whole", "--resume")
    status, _, errors = run(*command, cwd=undisturbed, script=SCRIPT)
    file.write_bytes(data)
    assert status == 2
    line = error_line(errors)
    assert (
        "responses.csv: the data has changed since the run in" in line and "give that data, or a new --run-dir" in line
    )
    assert (undisturbed / "whole" / "checkpoint.npz").read_bytes() == checkpoint

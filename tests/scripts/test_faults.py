"""A training that is disturbed ends with one line, keeps what was saved, and goes on to the same result."""

import csv
import errno
import json
import os

import numpy as np
import pytest

from tests.helpers.in_process import run_in_process
from tests.helpers.killed import checkpoint_arrays
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
    expected = checkpoint_arrays(whole / "checkpoint.npz")
    for name, array in checkpoint_arrays(newest).items():
        np.testing.assert_array_equal(array, expected[name])


def state_of(checkpoint):
    with np.load(checkpoint) as archive:
        return json.loads(str(archive["state"]))


def rows_of(file):
    with file.open() as lines:
        return list(csv.DictReader(lines))


def squad_data(path, last):
    from tests.scripts.test_train_squad import squad_file

    squad_file(path, 24, question=f"When was {last} founded?")


def memnet_data(path, last):
    """Questions with memories of their own."""
    lines = []
    for number in range(40):
        name = last if number == 3 else f"Person {number}"
        memory = [[name, "lives in", f"Town {number}"], [f"Other {number}", "lives in", "Nowhere"]]
        lines.append({"question": f"Where does {name} live?", "answers": [f"Town {number}"], "memory": memory})
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def tracing_data(path, last):
    responses(path)
    with path.open("a") as lines:
        lines.write(f"s0,{last},1\n")


def vectors_data(path, last):
    vectors = np.random.default_rng(len(last)).normal(size=(160, 8)).astype(np.float32)
    np.savez(path, vectors=vectors, document=np.repeat(np.arange(8), 20))


def ranking_data(path, last):
    from tests.scripts.test_train_ranking import questions_file

    questions_file(path)
    with path.open("a") as lines:
        for text, grade in (("a lake", 1), ("no lake", 0)):
            lines.write("\n" + json.dumps({"query": f"what is {last}", "candidate": text, "relevance": grade}))


CHANGES = {
    "squad": (squad_data, "data.json", ()),
    "memnet": (memnet_data, "data.jsonl", ()),
    "tracing": (tracing_data, "data.csv", ()),
    "vectors": (vectors_data, "data.npz", ("--context-length", 5, "--min-context", 2)),
    "ranking": (ranking_data, "data.jsonl", ("--vocabulary-size", 300)),
}


@pytest.mark.parametrize("task", CHANGES)
def test_data_that_changed_is_named(tmp_path, monkeypatch, capsys, task):
    """Within this process. The first run ends before its training; the second one ends where it sees the other data."""

    def fault(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    write, name, flags = CHANGES[task]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("utils.training.fit.fit", fault)
    write(tmp_path / name, "Skelmoford")
    flags = ("--train-files", name, "--run-dir", "run", "--tracking", "off", *flags)
    assert run_in_process(f"train_{task}", *flags) == 2
    assert "no space left on the disk" in error_line(capsys.readouterr().err)
    written = {path: path.read_bytes() for path in (tmp_path / "run").iterdir() if path.is_file()}
    write(tmp_path / name, "Thornwick Hill")
    assert run_in_process(f"train_{task}", *flags, "--resume") == 2
    line = error_line(capsys.readouterr().err)
    assert line == f"error: {name}: the data has changed since the run in run began; give that data, or a new --run-dir"
    for path, content in written.items():
        assert path.read_bytes() == content

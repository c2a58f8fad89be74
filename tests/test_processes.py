"""A training on several processes equals one on a single process, and ends with one line when a process is lost."""

import csv
import shutil
import signal
import time

import numpy as np
import pytest

from tests.helpers.cluster import ends, start_process, start_processes, unused_address, wait_for

EPOCHS = ["--epochs", 3, "--tracking", "off"]
SLOW = {"TEST_STEP_SECONDS": "0.3"}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The run directory of a training on one process that nothing happened to."""
    folder = tmp_path_factory.mktemp("undisturbed") / "run"
    ((status, _, errors),) = ends(start_processes(1, *EPOCHS, "--run-dir", folder))
    assert status == 0, errors
    return folder


def arrays(folder):
    with np.load(folder / "checkpoint.npz") as archive:
        return {name: archive[name] for name in archive.files if name != "state"}


def losses(folder):
    with open(folder / "steps.csv", encoding="utf-8") as file:
        return [float(row["loss"]) for row in csv.DictReader(file)]


def assert_same_training(folder, expected_folder):
    actual, expected = arrays(folder), arrays(expected_folder)
    assert set(actual) == set(expected)
    for name, values in expected.items():
        np.testing.assert_allclose(actual[name], values, atol=1e-6, err_msg=name)
    np.testing.assert_allclose(losses(folder), losses(expected_folder), atol=1e-5)


def steps_of(folder):
    return len((folder / "steps.csv").read_text().splitlines()) - 1 if (folder / "steps.csv").exists() else 0


def errors_of(end):
    """The lines on standard error, of which there must be no pages."""
    lines = [
        line for line in end[2].splitlines() if line.strip() and not line.startswith("compiling the training step")
    ]
    assert not any("Traceback" in line or "absl" in line for line in lines), end[2]
    return lines


def test_two_processes_train_what_one_does(tmp_path, undisturbed):
    several = ends(start_processes(2, *EPOCHS, "--run-dir", tmp_path / "run"))
    assert [status for status, *_ in several] == [0, 0], several
    assert_same_training(tmp_path / "run", undisturbed)
    assert "trained to the end" in several[0][1] and not any(output for _, output, _ in several[1:])
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == sorted(
        path.name for path in undisturbed.iterdir()
    )


@pytest.mark.parametrize("victim", [0, 1])
def test_kill_9_of_one_ends_the_other_with_a_line_and_any_number_resumes(tmp_path, undisturbed, victim):
    folder = tmp_path / "run"
    processes = start_processes(2, *EPOCHS, "--run-dir", folder, QKV_ZOO_SAVE_EVERY_SECONDS="0", **SLOW)
    wait_for(lambda: steps_of(folder) >= 11)
    processes[victim].send_signal(signal.SIGKILL)
    killed = time.monotonic()
    status, _, _ = survivor = ends([processes[1 - victim]])[0]
    assert time.monotonic() - killed < 60
    assert status != 0
    (line,) = errors_of(survivor)
    assert line.startswith("error: process ") and f"process {victim}" in line and "--resume" in line
    for resumed_on in (1, 4) if victim else (2,):
        copy = tmp_path / str(resumed_on)
        shutil.copytree(folder, copy)
        resumed = ends(start_processes(resumed_on, *EPOCHS, "--resume", "--run-dir", copy))
        assert [status for status, *_ in resumed] == [0] * resumed_on, resumed
        assert "resumed after epoch 1 and" in resumed[0][1]
        assert_same_training(copy, undisturbed)


def test_sigterm_to_all_or_one_saves_and_stops_all_after_the_same_step(tmp_path, undisturbed):
    folder = tmp_path / "run"
    for signalled in ([0, 1], [1]):
        resume = ["--resume"] if folder.exists() else []
        processes = start_processes(2, *EPOCHS, *resume, "--run-dir", folder, **SLOW)
        before = steps_of(folder)
        wait_for(lambda before=before: steps_of(folder) > before + 2)
        for number in signalled:
            processes[number].send_signal(signal.SIGTERM)
        stopped = ends(processes)
        assert [status for status, *_ in stopped] == [143, 143], stopped
        assert "continue with --resume" in stopped[0][1] and not errors_of(stopped[1])
    ((status, _, _),) = ends(start_processes(1, *EPOCHS, "--resume", "--run-dir", folder))
    assert status == 0
    assert_same_training(folder, undisturbed)


def test_a_late_process_is_waited_for_and_one_that_pauses_is_not_given_up(tmp_path, undisturbed):
    folder = tmp_path / "run"
    processes = start_processes(2, *EPOCHS, "--run-dir", folder, late=20, **SLOW)
    wait_for(lambda: steps_of(folder) >= 3)
    processes[1].send_signal(signal.SIGSTOP)
    time.sleep(3)
    processes[1].send_signal(signal.SIGCONT)
    assert [status for status, *_ in ends(processes)] == [0, 0]
    assert_same_training(folder, undisturbed)


def test_a_missing_coordinator_or_process_is_one_line(tmp_path):
    flags = [*EPOCHS, "--run-dir", tmp_path / "run", "--distribute", "data", "--processes", 2]
    second = start_process(*flags, "--coordinator", unused_address(), "--process-id", 1, QKV_ZOO_START_SECONDS="2")
    first = start_process(*flags, "--coordinator", unused_address(), "--process-id", 0, QKV_ZOO_START_SECONDS="2")
    of_second, of_first = ends([second, first])
    assert of_second[0] == of_first[0] == 1
    (line,) = errors_of(of_second)
    assert "process 0 does not answer there after 2 s" in line
    (line,) = errors_of(of_first)
    assert "process 1 of 2 did not come within 2 s" in line
    assert not (tmp_path / "run").exists()


def test_an_error_of_one_process_is_told_by_all(tmp_path):
    address = unused_address()
    flags = [*EPOCHS, "--run-dir", tmp_path / "run", "--distribute", "data", "--processes", 2, "--coordinator", address]
    processes = [start_process(*flags, "--process-id", 0), start_process(*flags, "--process-id", 1, TEST_FAIL_AT="9")]
    of_first, of_second = ends(processes)
    assert (of_first[0], of_second[0]) == (1, 2)
    assert errors_of(of_second) == ["error: numbers.csv: has no more numbers; give more of them"]
    (line,) = errors_of(of_first)
    assert "process 1 failed (numbers.csv: has no more numbers" in line


def test_processes_that_were_started_differently_are_refused(tmp_path):
    address = unused_address()
    flags = ["--run-dir", tmp_path / "run", "--distribute", "data", "--processes", 2, "--coordinator", address]
    processes = [start_process(*flags, "--process-id", number, "--seed", number) for number in range(2)]
    of_first, of_second = ends(processes)
    assert of_second[0] == 2 and of_first[0] == 1
    assert "seed is 1 here and 0 there" in errors_of(of_second)[0]


FOUR_DEVICES = {"XLA_FLAGS": "--xla_force_host_platform_device_count=4"}


def test_the_devices_of_one_process_train_what_one_device_does(tmp_path, undisturbed):
    flags = [*EPOCHS, "--run-dir", tmp_path / "run", "--distribute", "data"]
    ((status, _, errors),) = ends([start_process(*flags, **FOUR_DEVICES)])
    assert status == 0, errors
    assert_same_training(tmp_path / "run", undisturbed)


def test_split_weights_train_the_same_and_their_checkpoint_resumes_without_the_split(tmp_path, undisturbed):
    """All devices hold parts of one model, so that all processes read the same rows, and still save when process 0 asks for it.

    Orbax keeps two checkpoints. The newest is damaged, so that the training goes on from the one a step before.
    """
    folder, flags = tmp_path / "run", [*EPOCHS, "--run-dir", tmp_path / "run"]
    settings = {"TEST_FAIL_AT": "10", "QKV_ZOO_SAVE_EVERY_SECONDS": "0"}
    stopped = ends(start_processes(2, *flags, distribute="model", **settings))
    assert [status for status, *_ in stopped] == [2, 2], stopped
    assert not (folder / "checkpoint.npz").exists()
    newest = max(folder.glob("checkpoint.orbax/*"), key=lambda path: int(path.name))
    for file in newest.rglob("*"):
        if file.is_file() and file.stat().st_size > 100:
            file.write_bytes(file.read_bytes()[:-50])
    ((status, output, errors),) = ends([start_process(*flags, "--resume")])
    assert status == 0, errors
    assert f"{newest}: cannot be read" in output and "resumed after epoch 1 and 1 of 8 steps" in output
    assert_same_training(folder, undisturbed)


def test_weights_split_within_one_process_train_the_same(tmp_path, undisturbed):
    flags = [*EPOCHS, "--run-dir", tmp_path / "run", "--distribute", "model", "--model-devices", 2]
    ((status, _, errors),) = ends([start_process(*flags, **FOUR_DEVICES)])
    assert status == 0, errors
    np.testing.assert_allclose(losses(tmp_path / "run"), losses(undisturbed), atol=1e-5)


def test_a_run_whose_training_is_over_is_finished_by_process_0_alone(tmp_path, undisturbed):
    shutil.copytree(undisturbed, tmp_path / "run")
    flags = [*EPOCHS, "--run-dir", tmp_path / "run", "--distribute", "data", "--resume"]
    cluster = ["--coordinator", unused_address(), "--processes", 2, "--process-id"]
    for number, output in ((1, ""), (0, "trained to the end")):
        ((status, printed, errors),) = ends([start_process(*flags, *cluster, number)])
        assert status == 0 and not errors_of((status, printed, errors))
        assert output in printed and bool(printed) == bool(output)

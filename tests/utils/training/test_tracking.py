"""Tracking: what an offline W&B run holds when read back, and that no failure of W&B reaches the training."""

import json
import subprocess
import sys
import threading
import time
from contextlib import nullcontext
from pathlib import Path

import pytest
from PIL import Image

from utils.common.errors import UserError
from utils.training import tracking
from utils.training.tracking import start_tracking


@pytest.fixture(autouse=True)
def logged_out(monkeypatch, tmp_path):
    """A machine without W&B credentials, whatever this one has."""
    for name in ("API_KEY", "IDENTITY_TOKEN_FILE", "MODE", "BASE_URL", "CONFIG_DIR", "PROJECT", "RUN_ID", "DIR"):
        monkeypatch.delenv(f"WANDB_{name}", raising=False)
    monkeypatch.delenv("NETRC", raising=False)
    monkeypatch.setenv("WANDB_DATA_DIR", "")  # Tracking sets it; this restores it.
    monkeypatch.setenv("HOME", str(tmp_path))


def read_records(folder):
    """The protobuf records of the one `.wandb` file in a folder: a LevelDB log after a header of 7 bytes."""
    from wandb.proto.wandb_internal_pb2 import Record

    (path,) = folder.glob("offline-run-*/run-*.wandb")
    data, position, parts, records = path.read_bytes(), 7, b"", []
    while position < len(data):
        if (left := 32768 - position % 32768) < 7:  # A block's tail too short for a chunk's header is padding.
            position += left
            continue
        length, kind = int.from_bytes(data[position + 4 : position + 6], "little"), data[position + 6]
        parts += data[position + 7 : position + 7 + length]
        position += 7 + length
        if kind in (1, 4):  # A full record, or the last chunk of one.
            records.append(Record.FromString(parts))
            parts = b""
    return records


def items(updates):
    """The config, history or summary items of a record; those inside another are named `outer/inner`."""
    return {item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in updates}


def test_an_offline_run_holds_everything(tmp_path, capsys):
    import wandb

    run_dir = tmp_path / "run-7"
    run_dir.mkdir()
    (run_dir / "best.keras").write_bytes(b"weights" * 1000)
    Image.new("RGB", (5, 7)).save(run_dir / "loss.png")

    tracker = start_tracking("offline", "qkv-zoo", run_dir, {"seed": 11, "learning_rate": 3e-4, "run_dir": run_dir})
    for epoch in (1, 2, 3):
        tracker.log({"loss": 1 / epoch, "val_f1": 20.0 * epoch}, step=epoch)
    tracker.log_table("examples", ["question", "answers", "f1"], [["Who?", ["Ada", "Ada L."], 1.0], ["Where?", [], 0]])
    tracker.log_images({"loss": run_dir / "loss.png", "examples": run_dir / "loss.png"})
    tracker.log_artifact(run_dir / "best.keras", "best-weights", "model")
    tracker.summary({"test_f1": 61.5})
    tracker.finish()
    wandb.teardown()  # As at the end of a process: waits for the last block to be written.

    out, err = capsys.readouterr()
    assert "wandb sync" in out and "stopped" not in err
    records = read_records(run_dir / "wandb")
    run = next(record.run for record in records if record.HasField("run"))
    config = items(run.config.update)
    assert config["seed"] == 11 and config["learning_rate"] == 3e-4 and config["run_dir"] == str(run_dir)
    assert run.run_id == (run_dir / "wandb_id.txt").read_text().strip() and run.project == "qkv-zoo"

    history = [items(record.history.item) for record in records if record.HasField("history")]
    rows = {row["_step"]: row for row in history}
    assert [rows[epoch]["val_f1"] for epoch in (1, 2, 3)] == [20.0, 40.0, 60.0]
    last = history[-1]
    name = "tables/examples"
    assert (last[f"{name}/_type"], last[f"{name}/nrows"], last[f"{name}/ncols"]) == ("table-file", 2, 3)
    (table,) = run_dir.glob(f"wandb/offline-run-*/files/{last[f'{name}/path']}")
    assert json.loads(table.read_text())["data"][0] == ["Who?", ["Ada", "Ada L."], 1.0]
    for name in ("images/loss", "images/examples"):  # the second has the table's name
        assert last[f"{name}/_type"] == "image-file"
        (image,) = run_dir.glob(f"wandb/offline-run-*/files/{last[f'{name}/path']}")
        assert image.read_bytes() == (run_dir / "loss.png").read_bytes()

    summary = {}
    for record in records:
        summary |= items(record.summary.update)
    assert summary["test_f1"] == 61.5
    artifacts = {record.artifact.name: record.artifact for record in records if record.HasField("artifact")}
    assert artifacts["best-weights"].type == "model"
    assert artifacts["best-weights"].manifest.contents[0].local_path == str(run_dir / "best.keras")
    for artifact in artifacts.values():  # Whatever is to be uploaded lies in the run directory.
        assert all(Path(entry.local_path).is_relative_to(run_dir) for entry in artifact.manifest.contents)
    assert any(record.HasField("stats") for record in records)  # System metrics.


@pytest.mark.parametrize(("error", "exit_code"), [(None, 0), (ValueError("broken"), 1)])
def test_an_exception_marks_the_run_as_failed(tmp_path, error, exit_code):
    import wandb

    tracker = start_tracking("offline", "qkv-zoo", tmp_path, {})
    with pytest.raises(ValueError, match="broken") if error else nullcontext(), tracker:
        tracker.log({"loss": 0.5}, step=1)
        if error:
            raise error
    wandb.teardown()
    exits = [record.exit for record in read_records(tmp_path / "wandb") if record.HasField("exit")]
    assert [record.exit_code for record in exits] == [exit_code]
    assert not tracker._thread.is_alive()


def test_a_resumed_training_keeps_the_id(tmp_path):
    path = tmp_path / "wandb_id.txt"
    first = tracking._run_id(path)
    assert tracking._run_id(path) == first == path.read_text().strip()
    assert tracking._run_id(tmp_path / "other.txt") != first


def use_every_verb(tracker):
    for step in (1, 2):
        tracker.log({"loss": 0.5}, step=step)
    tracker.log_table("table", ["a"], [["b"]])
    tracker.log_images({"image": "missing.png"})
    tracker.log_artifact("missing.keras", "weights", "model")
    tracker.summary({"f1": 1.0})
    tracker.finish()


def test_auto_without_a_login_is_off_with_one_line(tmp_path, capsys):
    use_every_verb(start_tracking("auto", "qkv-zoo", tmp_path, {}))
    out, err = capsys.readouterr()
    assert out.count("\n") == 1 and "wandb login" in out and "--tracking offline" in out and not err
    assert list(tmp_path.iterdir()) == []


def test_off_says_and_writes_nothing(tmp_path, capsys):
    use_every_verb(start_tracking("off", "qkv-zoo", tmp_path, {}))
    assert capsys.readouterr() == ("", "")
    assert list(tmp_path.iterdir()) == []


def test_online_without_a_login_and_unknown_modes_are_user_errors(tmp_path):
    with pytest.raises(UserError, match="wandb login"):
        start_tracking("online", "qkv-zoo", tmp_path, {})
    with pytest.raises(UserError, match="onlin: unknown"):
        start_tracking("onlin", "qkv-zoo", tmp_path, {})


def test_logins_are_found_where_wandb_keeps_them(tmp_path, monkeypatch):
    assert not tracking.logged_in()
    netrc = tmp_path / ".netrc"
    netrc.write_text("machine api.wandb.ai login user password secret\n")
    netrc.chmod(0o600)
    assert tracking.logged_in()
    monkeypatch.setenv("WANDB_BASE_URL", "https://wandb.example.org")
    assert not tracking.logged_in()
    monkeypatch.setenv("WANDB_API_KEY", "secret")
    assert tracking.logged_in()
    monkeypatch.delenv("WANDB_API_KEY")
    settings = tmp_path / ".config" / "wandb" / "settings"
    settings.parent.mkdir(parents=True)
    settings.write_text("not an ini file")
    assert not tracking.logged_in()
    settings.write_text("[default]\napi_key = secret\n")
    assert tracking.logged_in()


@pytest.mark.parametrize("where", ["init", "log", "finish"])
def test_a_failure_of_wandb_is_one_warning_line(tmp_path, monkeypatch, capsys, where):
    import wandb

    class Run:
        def __init__(self):
            self.dir, self.summary, self.calls = str(tmp_path / "wandb" / "offline-run" / "files"), {}, []

        def log(self, data, **kwargs):
            self.calls.append("log")
            if where == "log":
                raise RuntimeError("no room\nand more")

        def log_artifact(self, artifact):
            self.calls.append("artifact")

        def finish(self, exit_code):
            self.calls.append("finish")
            if where == "finish":
                raise RuntimeError("no room\nand more")

    def init(**kwargs):
        if where == "init":
            raise wandb.errors.UsageError("no room\nand more")
        return run

    run = Run()
    (tmp_path / "weights.keras").write_text("weights")
    monkeypatch.setattr(wandb, "init", init)
    tracker = start_tracking("offline", "qkv-zoo", tmp_path, {})
    for step in (1, 2):
        tracker.log({"loss": 0.5}, step=step)
    tracker.log_artifact(tmp_path / "weights.keras", "weights", "model")
    tracker.finish()
    tracker.log({"loss": 0.5}, step=3)
    expected = {"init": [], "log": ["log", "finish"], "finish": ["log", "log", "artifact", "finish"]}[where]
    assert run.calls == expected
    err = capsys.readouterr().err
    assert err.count("\n") == 1 and "stopped (no room)" in err and str(tmp_path) in err


def test_a_hanging_wandb_costs_bounded_time(tmp_path, monkeypatch, capsys):
    import wandb

    release = threading.Event()
    monkeypatch.setattr(wandb, "init", lambda **kwargs: release.wait() and None)
    monkeypatch.setattr(tracking, "FIRST_WAIT_SECONDS", 0.1)
    monkeypatch.setattr(tracking, "FINISH_SECONDS", 0.1)
    start = time.monotonic()
    tracker = start_tracking("offline", "qkv-zoo", tmp_path, {})
    for step in range(1000):
        tracker.log({"loss": 0.5}, step=step)
    tracker.finish()
    assert time.monotonic() - start < 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1 and "not done within" in err
    release.set()
    tracker._thread.join(5)


def test_importing_it_imports_no_wandb():
    code = "import sys, utils.training.tracking, utils.common.plots; print({'wandb', 'matplotlib', 'keras'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"

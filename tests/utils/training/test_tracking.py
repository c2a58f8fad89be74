"""Tracking: what an offline W&B run holds when read back, and that no failure of W&B reaches the training."""

import json
import subprocess
import sys
import threading
import time
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from PIL import Image

from tests.helpers.offline_wandb import describe, read_offline_run
from utils.common.errors import UserError
from utils.training import tracking, wandb_run
from utils.training.tracking import group_runs, start_tracking


@dataclass
class Settings:
    """The settings that tracking reads."""

    run_dir: Path
    tracking: str = "offline"
    project: str = ""
    run_name: str = ""
    tags: list[str] = field(default_factory=list)


STEP = {"step": 10, "epoch": 0.5, "loss": 2.0, "learning_rate": 0.1, "gradient_norm": 3.0, "examples_per_second": None}
LAST_STEP = {**STEP, "step": 20, "epoch": 1.0, "loss": 1.5, "examples_per_second": 640.0}
EPOCH = {"epoch": 1, "loss": 1.75, "learning_rate": 0.1, "val_f1": 40.0, "val_nll": 0.5, "seconds": 9.0}


@pytest.fixture(autouse=True)
def logged_out(monkeypatch, tmp_path):
    """A machine without W&B credentials, whatever this one has."""
    for name in (
        *("API_KEY", "IDENTITY_TOKEN_FILE", "MODE", "BASE_URL", "CONFIG_DIR", "PROJECT", "RUN_ID", "DIR"),
        *("NAME", "TAGS", "RUN_GROUP", "JOB_TYPE", "SWEEP_ID"),
    ):
        monkeypatch.delenv(f"WANDB_{name}", raising=False)
    monkeypatch.delenv("NETRC", raising=False)
    monkeypatch.setenv("WANDB_DATA_DIR", "")  # Tracking sets it; this restores it.
    monkeypatch.setenv("HOME", str(tmp_path))


def read_run(run_dir):
    """The one offline run in a run directory."""
    (folder,) = run_dir.glob("wandb/offline-run-*")
    return read_offline_run(folder)


def log_two_epochs(tracker):
    tracker.log_step(STEP)
    tracker.log_epoch(EPOCH, LAST_STEP, 20)
    tracker.log_step({**STEP, "step": 30, "epoch": 1.5})
    tracker.log_epoch(
        {**EPOCH, "epoch": 2, "val_f1": 30.0, "val_nll": 0.25}, {**LAST_STEP, "step": 40, "epoch": 2.0}, 40
    )


def test_an_offline_run_holds_everything(tmp_path, capsys, monkeypatch):
    import wandb

    run_dir = tmp_path / "run-7"
    run_dir.mkdir()
    (run_dir / "best.keras").write_bytes(b"weights" * 1000)
    (run_dir / "config.json").write_text('{"seed": 11, "model": "plain", "data_checksums": {"train": "sha256:1"}}')
    Image.new("RGB", (5, 7)).save(run_dir / "loss.png")
    monkeypatch.setenv("WANDB_TAGS", "ours,cluster")
    monkeypatch.setenv("WANDB_RUN_GROUP", "")  # so that it is restored
    monkeypatch.delenv("WANDB_RUN_GROUP")
    group_runs("suite-3")

    tracker = start_tracking(Settings(run_dir, tags=["mine", "squad"]), "squad")
    log_two_epochs(tracker)
    tracker.log_table("examples", ["question", "answers", "f1"], [["Who?", ["Ada", "Ada L."], 1.0], ["Where?", [], 0]])
    tracker.log_images({"loss": run_dir / "loss.png", "examples": run_dir / "loss.png"})
    files = {"best.keras": run_dir / "best.keras", "README.md": "# Ünseen\n"}
    tracker.log_model("squad-plain", files, {"task": "squad", "scores": {"f1": 61.5}}, ["best", "latest", "seed-11"])
    tracker.set_config({"dataset": {"checksum": "sha256:2"}})
    tracker.set_summary({"test/f1": 61.5, "test/undefined": None, "verdict": "above"})
    tracker.finish()
    wandb.teardown()  # as at the end of a process: waits for the last block to be written

    out, err = capsys.readouterr()
    assert "wandb sync" in out and "stopped" not in err
    offline = read_run(run_dir)
    config = offline.config
    assert config["seed"] == 11 and config["run_dir"] == str(run_dir) and config["task"] == "squad"
    assert config["data_checksums"] == {"train": "sha256:1"} and config["dataset"] == {"checksum": "sha256:2"}
    run = offline.run
    assert run.run_id == (run_dir / "wandb_id.txt").read_text().strip()
    assert (run.project, run.display_name, run.job_type, run.run_group) == (
        "qkv-zoo-squad",
        "run-7",
        "train",
        "suite-3",
    )
    assert sorted(run.tags) == ["cluster", "mine", "ours", "plain", "squad"]

    rows = {row["_step"]: row for row in offline.history}
    assert list(rows) == [10, 20, 30, 40]
    assert rows[10]["train/loss"] == 2.0 and rows[10]["epoch"] == 0.5 and rows[10]["train/step"] == 10
    assert rows[10]["train/gradient_norm"] == 3.0 and "train/examples_per_second" not in rows[10]
    assert rows[20]["train/loss"] == 1.5 and rows[20]["train/epoch_loss"] == 1.75 and rows[20]["val/f1"] == 40.0
    assert rows[20]["train/examples_per_second"] == 640.0 and rows[20]["train/epoch_seconds"] == 9.0
    assert rows[20]["epoch"] == 1 and rows[40]["val/nll"] == 0.25
    assert offline.axes["train/*"] == ("train/step", "") and offline.axes["val/f1"] == ("epoch", "max,last")
    assert offline.axes["val/nll"] == ("epoch", "min,last") and offline.axes["train/epoch_loss"] == (
        "epoch",
        "min,last",
    )
    last = offline.history[-1]
    name = "tables/examples"
    assert (last[f"{name}/_type"], last[f"{name}/nrows"], last[f"{name}/ncols"]) == ("table-file", 2, 3)
    (table,) = run_dir.glob(f"wandb/offline-run-*/files/{last[f'{name}/path']}")
    assert json.loads(table.read_text())["data"][0] == ["Who?", ["Ada", "Ada L."], 1.0]
    for name in ("images/loss", "images/examples"):  # the second has the table's name
        assert last[f"{name}/_type"] == "image-file"
        (image,) = run_dir.glob(f"wandb/offline-run-*/files/{last[f'{name}/path']}")
        assert image.read_bytes() == (run_dir / "loss.png").read_bytes()

    summary = offline.summary
    assert summary["test/f1"] == 61.5 and summary["verdict"] == "above" and "test/undefined" not in summary
    assert summary["val/f1"] == {"max": 40, "last": 30} and summary["val/nll"] == {"min": 0.25, "last": 0.25}
    model = offline.artifacts["squad-plain"]
    assert model.type == "model" and set(model.aliases) == {"best", "latest", "seed-11"}
    assert json.loads(model.metadata) == {"task": "squad", "scores": {"f1": 61.5}}
    entries = {entry.path: Path(entry.local_path) for entry in model.manifest.contents}
    assert entries["best.keras"] == run_dir / "best.keras" and entries["README.md"].read_text("utf-8") == "# Ünseen\n"
    for artifact in offline.artifacts.values():  # whatever is to be uploaded lies in the run directory
        assert all(Path(entry.local_path).is_relative_to(run_dir) for entry in artifact.manifest.contents)
    assert offline.has_system_metrics and offline.exit_code == 0
    assert "tables: `examples`; pictures: `examples`, `loss`" in describe(offline)


@pytest.mark.parametrize(("error", "exit_code"), [(None, 0), (ValueError("broken"), 1)])
def test_an_exception_marks_the_run_as_failed(tmp_path, error, exit_code, monkeypatch):
    import wandb

    monkeypatch.setenv("WANDB_PROJECT", "ours")
    settings = Settings(tmp_path, run_name="one", project="" if error else "mine")
    tracker = start_tracking(settings, "squad", "evaluate")
    with pytest.raises(ValueError, match="broken") if error else nullcontext(), tracker:
        tracker.log_step(STEP)
        if error:
            raise error
    wandb.teardown()
    offline = read_run(tmp_path)
    assert offline.exit_code == exit_code
    assert (offline.run.job_type, offline.run.display_name) == ("evaluate", "one")
    assert offline.run.project == ("ours" if error else "mine")
    assert not tracker._thread.is_alive()


def test_a_resumed_training_keeps_the_id(tmp_path, monkeypatch):
    path = tmp_path / "wandb_id.txt"
    first = wandb_run.run_id(path)
    assert wandb_run.run_id(path) == first == path.read_text().strip()
    assert wandb_run.run_id(tmp_path / "other.txt") != first
    monkeypatch.setenv("WANDB_RUN_ID", "sweep7")  # set by the agent of a sweep
    assert wandb_run.run_id(tmp_path / "swept.txt") == "sweep7" and wandb_run.run_id(path) == first


def test_the_folders_of_all_processes_are_to_be_synced(tmp_path):
    folder = tmp_path / "a b"
    for name in ("offline-run-20260102_030405-abc", "offline-run-20251231_000000-abc", "run-20250101_000000-abc"):
        (folder / name).mkdir(parents=True)
    expected = [f"'{folder}/offline-run-20251231_000000-abc'", f"'{folder}/offline-run-20260102_030405-abc'"]
    assert wandb_run.sync_command(folder) == f"wandb sync {' '.join(expected)}"


def use_every_verb(tracker):
    log_two_epochs(tracker)
    tracker.log_epoch(EPOCH, None, 60)
    tracker.log_table("table", ["a"], [["b"]])
    tracker.log_images({"image": "missing.png"})
    tracker.log_model("model", {"missing.keras": Path("missing.keras")}, {}, [])
    tracker.set_config({"a": 1})
    tracker.set_summary({"f1": 1.0})
    tracker.finish()


def test_auto_without_a_login_is_off_with_one_line(tmp_path, capsys):
    use_every_verb(start_tracking(Settings(tmp_path, "auto"), "squad"))
    out, err = capsys.readouterr()
    assert out.count("\n") == 1 and "wandb login" in out and "--tracking offline" in out and not err
    assert list(tmp_path.iterdir()) == []


def test_off_says_and_writes_nothing(tmp_path, capsys):
    use_every_verb(start_tracking(Settings(tmp_path, "off"), "squad"))
    assert capsys.readouterr() == ("", "")
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_tracked_is_a_user_error(tmp_path, monkeypatch):
    monkeypatch.setattr("utils.training.backends.is_installed", lambda package: False)
    for mode, message in (("online", "wandb login"), ("onlin", "onlin: unknown"), ("tensorboard", "pip install")):
        with pytest.raises(UserError, match=message):
            start_tracking(Settings(tmp_path, mode), "squad")


def test_logins_are_found_where_wandb_keeps_them(tmp_path, monkeypatch):
    assert not wandb_run.logged_in()
    netrc = tmp_path / ".netrc"
    netrc.write_text("machine api.wandb.ai login user password secret\n")
    netrc.chmod(0o600)
    assert wandb_run.logged_in()
    monkeypatch.setenv("WANDB_BASE_URL", "https://wandb.example.org")
    assert not wandb_run.logged_in()
    monkeypatch.setenv("WANDB_API_KEY", "secret")
    assert wandb_run.logged_in()
    monkeypatch.delenv("WANDB_API_KEY")
    settings = tmp_path / ".config" / "wandb" / "settings"
    settings.parent.mkdir(parents=True)
    settings.write_text("not an ini file")
    assert not wandb_run.logged_in()
    settings.write_text("[default]\napi_key = secret\n")
    assert wandb_run.logged_in()


@pytest.mark.parametrize("where", ["init", "log", "finish"])
def test_a_failure_of_wandb_is_one_warning_line(tmp_path, monkeypatch, capsys, where):
    import wandb

    class Run:
        def __init__(self):
            self.calls = []

        def define_metric(self, *_, **__):
            pass

        def log(self, data, **_):
            self.calls.append("log")
            if where == "log":
                raise RuntimeError("no room\nand more")

        def log_artifact(self, artifact, aliases):
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
    tracker = start_tracking(Settings(tmp_path), "squad")
    log_two_epochs(tracker)
    tracker.log_model("weights", {"weights.keras": tmp_path / "weights.keras"}, {}, [])
    tracker.finish()
    tracker.log_step({**STEP, "step": 50})
    expected = {"init": [], "log": ["log", "finish"], "finish": [*["log"] * 4, "artifact", "finish"]}[where]
    assert run.calls == expected and not tracker.is_on
    err = capsys.readouterr().err
    assert err.count("\n") == 1 and "Weights & Biases: stopped (no room)" in err and str(tmp_path) in err


def test_a_hanging_wandb_costs_bounded_time(tmp_path, monkeypatch, capsys):
    import wandb

    release = threading.Event()
    monkeypatch.setattr(wandb, "init", lambda **kwargs: release.wait() and None)
    monkeypatch.setattr(tracking, "FIRST_WAIT_SECONDS", 0.1)
    monkeypatch.setattr(tracking, "FINISH_SECONDS", 0.1)
    start = time.monotonic()
    tracker = start_tracking(Settings(tmp_path), "squad")
    for step in range(1000):
        tracker.log_step({**STEP, "step": step})
    tracker.finish()
    assert time.monotonic() - start < 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1 and "not done within" in err
    release.set()
    tracker._thread.join(5)


def test_importing_it_imports_no_wandb():
    code = "import sys, utils.training.wandb_run, utils.common.plots; print({'wandb', 'matplotlib', 'keras'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"

"""Settings that all scripts share: inherited with their help, and checked."""

import sys
from dataclasses import dataclass, fields
from pathlib import Path
from types import SimpleNamespace

import pytest

from utils.common.errors import UserError
from utils.training import wandb_run
from utils.training.run import run_script
from utils.training.settings import RunConfig, as_flag, check_common, check_held_out, check_ranges, weighted_parts


@dataclass
class Config(RunConfig):
    """Settings of a task."""

    epochs: int = 7
    """Passes over the questions."""
    num_hops: int = 2
    """Number of reads of the memory."""


def main(config):
    pytest.fail("ran")


def test_help_shows_inherited_and_own_settings_with_their_text(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["train.py", "--help"])
    monkeypatch.setenv("COLUMNS", "500")
    with pytest.raises(SystemExit) as end:
        run_script(main, Config)
    text = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert end.value.code == 0
    for field in fields(Config):
        assert as_flag(field.name) in text
    for words in (
        "Folder for everything the run writes; must not exist, unless with --resume. Left out: runs/TASK-TIME, a new one.",
        "Peak learning rate of AdamW. (default: 0.001)",
        "Number of reads of the memory. (default: 2)",
        "Passes over the questions. (default: 7)",
        "Number format of the computations; weights stay float32.",
        "Weights & Biases; auto is online when this machine is logged in, else off. Or TensorBoard (pip install tensorboard). "
        "(default: auto)",
    ):
        assert words in text
    assert "Passes over the training data" not in text


def test_the_common_settings_are_checked(monkeypatch):
    check_common(Config(Path("x")))
    check_common(Config(Path("x"), train_files=[Path("a")], test_files=[Path("b")]))
    for name, value in (
        ("epochs", 0),
        ("batch_size", 0),
        ("learning_rate", float("nan")),
        ("patience", -1),
        ("seed", -1),
    ):
        with pytest.raises(UserError, match=f"^{as_flag(name)} {value}: must be finite and"):
            check_common(Config(Path("x"), **{name: value}))
    for name in ("validation_files", "test_files"):
        with pytest.raises(UserError, match=f"^{as_flag(name)} goes with --train-files$"):
            check_common(Config(Path("x"), **{name: [Path("a")]}))
    with pytest.raises(UserError, match=r"^--model-devices 2: is for --distribute model"):
        check_common(Config(Path("x"), model_devices=2, distribute="data"))
    monkeypatch.setattr(wandb_run, "logged_in", lambda: False)
    with pytest.raises(UserError, match=r"^--tracking online: not logged in"):
        check_common(Config(Path("x"), tracking="online"))


def test_a_setting_as_a_flag():
    assert as_flag("batch_size") == "--batch-size" and as_flag("jit_compile", off=True) == "--no-jit-compile"


@pytest.mark.parametrize("split", ["validation", "test"])
def test_every_split_gets_data(split):
    settings = {"validation_files": [], "test_files": [], "validation_fraction": 0.1, "test_fraction": 0.1}
    check_held_out(SimpleNamespace(**settings), "documents")
    without = settings | {f"{split}_fraction": 0.0}
    check_held_out(SimpleNamespace(**without | {f"{split}_files": ["a"]}), "documents")
    with pytest.raises(
        UserError, match=f"--{split}-fraction 0.0: leaves no {split} documents; give --{split}-files or"
    ):
        check_held_out(SimpleNamespace(**without), "documents")


def test_weights_of_a_sum():
    parts = ("mse", "cosine", "nce")
    assert weighted_parts("--loss", ["mse", "nce=0.5", "cosine=0"], parts) == {"mse": 1.0, "nce": 0.5, "cosine": 0.0}
    for text in ("mse=-1", "mse=much", "mse=inf", "mse=nan", "other", "", "=2"):
        with pytest.raises(UserError, match=f"^--loss {text}: give one of mse, cosine, nce, optionally"):
            weighted_parts("--loss", [text], parts)
    with pytest.raises(UserError, match=r"^--loss mse=2: mse is named twice; name it once$"):
        weighted_parts("--loss", ["mse=1", "nce", "mse=2"], parts)
    for texts in (["mse=0"], ["mse=0", "nce=0"], []):
        with pytest.raises(UserError, match="all weights are 0; give one that is more"):
            weighted_parts("--loss", texts, parts)


@pytest.mark.parametrize(
    ("kind", "good", "bad", "words"),
    [
        ("less_than_1", (0, 0.5, 0.999), (-0.1, 1, float("nan")), "at least 0 and less than 1"),
        ("more_than_0", (1, 1e-9), (0, -1, float("inf"), float("nan")), "finite and more than 0"),
        ("at_least_0", (0, 7), (-1, float("inf"), float("nan")), "finite and 0 or more"),
    ],
)
def test_ranges(kind, good, bad, words):
    for value in (*good, None):
        check_ranges(SimpleNamespace(a=1 if kind == "more_than_0" else 0, batch_size=value), **{kind: "a batch_size"})
    for value in bad:
        with pytest.raises(UserError, match=f"--batch-size {value}: must be {words}$"):
            check_ranges(SimpleNamespace(batch_size=value), **{kind: "batch_size"})

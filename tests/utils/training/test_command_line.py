"""Settings from the command line, and `--help` in groups."""

import re
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest
import tyro

from utils.common.errors import UserError
from utils.training.command_line import parse_command_line, setting_groups


@dataclass(kw_only=True)
class SharedConfig:
    """Settings that scripts share."""

    # --- training
    epochs: int = 1
    """Passes over the data."""
    # --- output
    run_dir: Path | None = None
    """Folder for what is written."""


@dataclass(kw_only=True)
class Config(SharedConfig):
    """Settings of one script."""

    question: tyro.conf.Positional[str]
    """What is asked."""
    train_files: list[Path] = field(default_factory=list)
    """Files to read."""
    # --- model
    encoder: Literal["words", "position"] | None = None
    """How a text becomes a vector."""
    sizes: list[int] = field(default_factory=lambda: [3, 5])
    """Sizes of the layers."""
    # --- training
    epochs: int = 7
    """Passes over
    the questions."""


def parse(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["script.py", *arguments])
    return parse_command_line(Config, "A script.")


def test_settings_have_a_group_and_a_help_text():
    assert setting_groups(Config) == {
        "question": ("data", "What is asked."),
        "train_files": ("data", "Files to read."),
        "encoder": ("model", "How a text becomes a vector."),
        "sizes": ("model", "Sizes of the layers."),
        "epochs": ("training", "Passes over the questions."),
        "run_dir": ("output", "Folder for what is written."),
    }


def test_help_shows_the_groups_in_order(monkeypatch, capsys):
    with pytest.raises(SystemExit) as end:
        parse(monkeypatch, "--help")
    text = capsys.readouterr().out
    assert end.value.code == 0 and "A script." in text
    titles = re.findall(r"(\w+) options", text)
    assert titles == ["data", "model", "training", "output"]
    model = text.split("model options")[1].split("training options")[0]
    assert "--encoder {words,position}" in model and "(default: 3 5)" in model and "None" not in text
    assert re.search(r"QUESTION\s+What is asked. \(required\)", text)


def test_a_file_that_is_named_twice_is_refused(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"^--train-files: a is named twice; name it once$"):
        parse(monkeypatch, "Who?", "--train-files", "a", "b", "a")
    with pytest.raises(UserError, match=r"is named twice \(as a too\); name it once$"):
        parse(monkeypatch, "Who?", "--train-files", "a", str(tmp_path / "a"))
    Path("loop").symlink_to("loop")  # the reader of the file names what is wrong with it
    assert parse(monkeypatch, "Who?", "--train-files", "loop").train_files == [Path("loop")]


def test_values_and_defaults(monkeypatch):
    config = parse(monkeypatch, "Who?", "--train-files", "a", "b", "--encoder", "words", "--run-dir", "x")
    assert config == Config(
        question="Who?", train_files=[Path("a"), Path("b")], encoder="words", run_dir=Path("x"), epochs=7
    )


def test_an_unknown_flag_names_the_nearest_one(monkeypatch):
    with pytest.raises(UserError, match=r"--train-file: no such flag or argument; did you mean --train-files\? --help"):
        parse(monkeypatch, "Who?", "--train-file", "a")


def test_a_value_of_another_kind_ends_the_script(monkeypatch, capsys):
    with pytest.raises(SystemExit) as end:
        parse(monkeypatch, "Who?", "--epochs", "many")
    assert end.value.code == 2 and "--epochs" in capsys.readouterr().err

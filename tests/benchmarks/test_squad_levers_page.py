"""The commands of docs/squad_levers.md have flags that the scripts and benchmarks know."""

import re
import shlex
import sys

import pytest

import pretrain_text
import train_squad
from benchmarks import squad_ablation, squad_errors, squad_shifts
from tests.helpers.paths import ROOT
from utils.training.command_line import parse_command_line

PAGE = (ROOT / "docs" / "squad_levers.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^    (python (?:.*\\\n)*.*)$", re.MULTILINE)
IN_TEXT = re.compile(r"`(python [^`]* -[^`]*)`")
SPLIT = " --train-files a.json.gz --validation-files b.json.gz"
TEXT = " --text-files a.json.gz --exclude-files b.json.gz c.json.gz --overlap leave_out"
COMMANDS = [
    shlex.split(
        command.replace("\\\n", " ")
        .replace(" SPLIT", SPLIT)
        .replace(" TEXT", TEXT)
        .replace(" FILES", f"{SPLIT} --test-files c.json.gz")
    )[1:]
    for command in BLOCK.findall(PAGE) + IN_TEXT.findall(PAGE)
]
SCRIPTS = {"train_squad.py": train_squad, "pretrain_text.py": pretrain_text}
BENCHMARKS = {f"benchmarks.{one.__name__.split('.')[-1]}": one for one in (squad_ablation, squad_errors, squad_shifts)}
PARSED = [command for command in COMMANDS if command[0] in SCRIPTS or command[1] in BENCHMARKS]


def test_the_page_has_commands_of_all_of_them():
    assert {
        command[1] if command[0] == "-m" else command[0] for command in PARSED
    } == SCRIPTS.keys() | BENCHMARKS.keys()
    assert [command[:2] for command in COMMANDS if command not in PARSED] == [
        ["-m", "utils.squad.hold_out"],
        ["-m", "utils.squad.clozes"],
    ]


@pytest.mark.parametrize("command", PARSED, ids=" ".join)
def test_its_flags_are_known(command, monkeypatch):
    monkeypatch.setattr(sys, "argv", command[1:] if command[0] == "-m" else command)
    if command[0] == "-m":
        assert BENCHMARKS[command[1]].parse()
    else:
        assert parse_command_line(SCRIPTS[command[0]].Config).run_dir

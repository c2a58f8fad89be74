"""Every file in sweeps/: W&B's agent makes commands of it whose flags the script takes. The agent's own code makes them here."""

import importlib
import sys

import pytest
import yaml

from tests.helpers.paths import ROOT
from utils.training.command_line import parse_command_line

TASKS = ("squad", "memnet", "tracing", "vectors", "ranking")


def read(task):
    return yaml.safe_load((ROOT / "sweeps" / f"{task}.yaml").read_text())


def configurations(parameters):
    """Configurations in which every value of every parameter occurs; of a range, its ends."""
    values = {}
    for name, parameter in parameters.items():
        if "values" not in parameter:
            assert parameter["distribution"] == "log_uniform_values" and 0 < parameter["min"] < parameter["max"], name
        values[name] = parameter.get("values") or [parameter["min"], parameter["max"]]
    for number in range(max(map(len, values.values()))):
        yield {name: choices[number % len(choices)] for name, choices in values.items()}


def agents_command(sweep, drawn):
    """The command that `wandb agent` runs for a configuration."""
    from wandb.sdk.launch.sweeps.utils import create_sweep_command, create_sweep_command_args

    parts = create_sweep_command_args({"args": {name: {"value": value} for name, value in drawn.items()}})
    parts |= {"env": ["/usr/bin/env"], "interpreter": ["python"], "program": [sweep["program"]]}
    command = []
    for part in create_sweep_command(list(sweep["command"])):
        command += parts[part[2:-1]] if part.startswith("${") else [part]
    return command


def test_every_task_has_a_sweep():
    assert {path.stem for path in (ROOT / "sweeps").glob("*.yaml")} == set(TASKS)


@pytest.mark.parametrize("task", TASKS)
def test_the_script_takes_the_commands_of_the_agent(task, monkeypatch):
    sweep, script = read(task), importlib.import_module(f"train_{task}")
    assert sweep["program"] == f"train_{task}.py" and sweep["project"] == f"qkv-zoo-{task}"
    assert sweep["method"] == "bayes" and sweep["metric"]["goal"] in ("maximize", "minimize")
    for drawn in configurations(sweep["parameters"]):
        command = agents_command(sweep, drawn)
        assert command[:3] == ["/usr/bin/env", "python", f"train_{task}.py"]
        monkeypatch.setattr(sys, "argv", command[2:])
        config = parse_command_line(script.Config)  # a value that is no choice would end the test
        assert {name: getattr(config, name) for name in drawn} == drawn
        assert not config.export and config.run_dir is None

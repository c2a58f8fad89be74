"""Every setting of every script stands on its command line."""

import importlib

import pytest

from tests.helpers.paths import ROOT
from utils.training.command_line import GROUPS, setting_groups

SCRIPTS = [*sorted(path.stem for path in ROOT.glob("*train_*.py")), "evaluate", "predict"]


@pytest.mark.parametrize("name", SCRIPTS)
def test_every_group_of_settings_is_shown(name):
    """`parse_command_line` leaves out settings of any other group."""
    groups = setting_groups(importlib.import_module(name).Config)
    assert {setting: group for setting, (group, _) in groups.items() if group not in GROUPS} == {}

"""Checks of settings that belong to some models only."""

from dataclasses import dataclass

import pytest

from utils.common.errors import UserError
from utils.tracing.settings import check_model_settings

MODELS = {"memory": ("summary_dim", "attention", "num_heads"), "state": ("hidden_dim",)}


@dataclass
class Settings:
    model: str = "memory"
    summary_dim: int = 6
    attention: bool = True
    num_heads: int = 2
    hidden_dim: int = 5


def test_settings_of_the_model_may_change_and_heads_that_it_lacks_divide_nothing():
    check_model_settings(Settings(summary_dim=9, attention=False, num_heads=3), MODELS)
    check_model_settings(Settings("state", hidden_dim=7), MODELS)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (Settings(hidden_dim=6), "--hidden-dim: only for --model state; leave it out for memory"),
        (Settings("state", attention=False), "--no-attention: only for --model memory; leave it out for state"),
        (Settings(summary_dim=7), "--summary-dim 7: must be a multiple of --num-heads 2"),
    ],
)
def test_other_settings_are_refused(settings, words):
    with pytest.raises(UserError, match=words):
        check_model_settings(settings, MODELS)

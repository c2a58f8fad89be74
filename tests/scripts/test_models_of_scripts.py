"""Every name that `--model` takes has its settings in the script."""

import typing

import pytest

import train_memnet
import train_squad
import train_tracing
import train_vectors
from utils.squad import model_settings


@pytest.mark.parametrize(
    ("script", "names"),
    [
        (train_squad, model_settings.MODELS),
        (train_memnet, train_memnet.MODELS),
        (train_tracing, train_tracing.MODEL_SETTINGS),
        (train_vectors, (*train_vectors.MODELS, "all")),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_every_model_that_can_be_named_has_its_settings(script, names):
    choices = typing.get_args(typing.get_type_hints(script.Config)["model"])
    assert set(choices) == set(names), (
        "enter the model in the Literal of --model and in the table at the top of the script"
    )

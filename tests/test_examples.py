"""The examples in the docstrings of layers, losses and models run."""

import doctest
import importlib
import pkgutil

import keras
import pytest

import components
import models
from components.losses.ranking_loss import RankingLoss

MODULES = [
    info.name
    for package in (components, models)
    for info in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
]
KINDS = {"components": (keras.layers.Layer, keras.losses.Loss), "models": keras.Model}
"""Package to the base classes of what must have an example."""


@pytest.mark.parametrize("name", MODULES)
def test_examples_run(name):
    module = importlib.import_module(name)
    assert doctest.testmod(module).failed == 0
    for cls in vars(module).values():
        if isinstance(cls, type) and cls.__module__ == name and issubclass(cls, KINDS[name.partition(".")[0]]):
            assert ">>> " in cls.__doc__ or cls is RankingLoss, f"{cls.__name__} has no example"

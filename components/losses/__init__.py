"""Losses, one class a file. This package imports every file in it, so a new loss needs no entry anywhere."""

import importlib
import pkgutil

from components.losses.ranking_loss import RankingLoss

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")


def _subclasses(cls):
    return [descendant for child in cls.__subclasses__() for descendant in (child, *_subclasses(child))]


RANKING_LOSSES = {loss.name: loss for loss in sorted(_subclasses(RankingLoss), key=lambda loss: loss.name)}
"""Name to class of every ranking loss."""

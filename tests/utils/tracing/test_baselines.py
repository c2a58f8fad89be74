"""Baselines and ceilings on simulated students."""

import numpy as np

from utils.tracing.baselines import evaluate_baselines, headroom
from utils.tracing.splits import HeldOut, simulate

DATA = simulate("static", HeldOut(), students=60, items=8)


def test_who_knows_more_predicts_better():
    baselines = evaluate_baselines(DATA)
    for split in ("validation", "test"):
        nll = {name: splits[split].metrics["nll"] for name, splits in baselines.items()}
        assert nll["oracle"] < nll["true_items"] < nll["fitted_items"] < nll["item_majority"] < nll["majority"]
    assert headroom(baselines["true_items"]["test"].metrics, baselines, "test") == {"accuracy": 1.0, "nll": 1.0}
    assert headroom(baselines["majority"]["test"].metrics, baselines, "test") == {"accuracy": 0.0, "nll": 0.0}


def test_majorities_are_the_frequencies_of_training():
    baselines = evaluate_baselines(DATA)
    frequencies = np.bincount(np.concatenate([responses for _, responses in DATA.pairs("train")]), minlength=4)
    responses = np.concatenate([responses for _, responses in DATA.pairs("test")])
    metrics = baselines["majority"]["test"].metrics
    assert metrics["accuracy"] == (responses == frequencies.argmax()).mean()
    assert metrics["qwk"] == 0

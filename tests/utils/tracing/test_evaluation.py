"""Standard errors of abilities against exact posteriors, and pieces put back in order."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest

from models.integrated_gpcm import IntegratedAttentionGPCM
from utils.tracing.ceilings import NODES, PRIOR
from utils.tracing.data import Piece
from utils.tracing.evaluation import ability_error, item_parameters, last_errors, predict, recovered, trajectories
from utils.tracing.simulation import PROBABILITIES, simulate_static


@pytest.mark.parametrize("head", PROBABILITIES)
def test_the_error_is_about_the_deviation_of_the_exact_posterior(head):
    sequences, truth = simulate_static(students=3, items=30, shortest=90, longest=91, seed=5)
    rng = np.random.default_rng(6)
    for (items, _), ability in zip(sequences, truth.ability, strict=True):
        chances = PROBABILITIES[head](ability, truth.discrimination[items], truth.thresholds[items])
        responses = (rng.random((len(items), 1)) > np.cumsum(chances, axis=1)).sum(axis=1).clip(0, 3)
        posterior = PRIOR.copy()
        for item, response in zip(items, responses, strict=True):
            alpha = np.full(len(NODES), truth.discrimination[item])
            posterior *= PROBABILITIES[head](NODES, alpha, truth.thresholds[item])[:, response]
        posterior /= posterior.sum()
        mean = (posterior * NODES).sum()
        deviation = np.sqrt((posterior * (NODES - mean) ** 2).sum())
        found = ability_error(mean, truth.discrimination[items], truth.thresholds[items], 1.0, head)
        assert found == pytest.approx(deviation, rel=0.1)


def test_without_responses_the_error_is_the_prior():
    assert ability_error(0.4, np.zeros(0), np.zeros((0, 3)), 1.7) == pytest.approx(1.7)


def test_pieces_of_all_lengths_come_back_in_order():
    keras.utils.set_random_seed(1)
    model = IntegratedAttentionGPCM(6, 4, num_slots=3, key_dim=5, value_dim=7, summary_dim=4, confident=0.9)
    model.build()
    rng = np.random.default_rng(2)
    pieces = [
        Piece(rng.integers(1, 6, n).astype("int32"), rng.integers(0, 4, n).astype("int32")) for n in (40, 3, 17, 33)
    ]
    chances, responses, more = predict(model, pieces, batch_size=3)
    assert responses.tolist() == np.concatenate([piece.responses for piece in pieces]).tolist()
    alone = [predict(model, [piece], batch_size=1) for piece in pieces]
    np.testing.assert_allclose(chances, np.concatenate([found[0] for found in alone]), rtol=1e-4, atol=1e-5)
    for name in ("ability", "skipped"):
        np.testing.assert_allclose(more[name], [found[2][name][0] for found in alone], rtol=1e-4, atol=1e-5)
    shown = trajectories(model, pieces[:2], ["a", "b"], 1.0, "gpcm")
    assert [len(student["error"]) for student in shown] == [40, 3]
    assert (np.diff(shown[0]["error"])[1:] < 0.2).all() and shown[0]["error"][0] == pytest.approx(1)
    items = item_parameters(model, SimpleNamespace(numbers={str(number): number for number in range(1, 6)}))
    errors = last_errors(pieces[:2], more["ability"][:2], items, 1.0)
    np.testing.assert_allclose(errors, [student["error"][-1] for student in shown], rtol=1e-4)


def test_recovery_and_its_coverage_do_not_depend_on_the_scale_of_the_estimates():
    pairs, truth = simulate_static(students=150, items=20)
    pieces = [Piece((items + 1).astype("int32"), answered.astype("int32")) for items, answered in pairs]
    names = {str(item): item + 1 for item in range(20)}
    data = SimpleNamespace(truth=truth, truth_students={"test": list(range(150))}, numbers=names)
    rows = [int(name) for name in sorted(names, key=names.get)]
    abilities = truth.ability + np.random.default_rng(5).normal(0, 0.25, 150)
    found = []
    for factor in (1.0, 3.0):
        items = {"discrimination": truth.discrimination[rows] / factor, "thresholds": truth.thresholds[rows] * factor}
        found.append(recovered(data, pieces, items, abilities * factor, factor)[1])
    assert found[0] == pytest.approx(found[1]) and 0.5 < found[0]["coverage_theta"] < 0.99
    assert found[0]["r_beta"] == pytest.approx(1)

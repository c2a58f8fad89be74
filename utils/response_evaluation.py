"""Predictions of responses, their baselines and ceilings, and what the model found of the truth."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from utils.data.responses import Piece, assemble
from utils.parameter_recovery import recovery
from utils.response_ceilings import bayes_filter, fit_items, oracle, practice_filter
from utils.response_metrics import fit_rule, scores


def predict(model, pieces: Sequence[Piece], batch_size: int = 64):
    """Probabilities `(responses, categories)` and responses of all steps that are scored, piece by piece; and each piece's last
    ability (None of a model that has none)."""
    chances, responses, abilities = [None] * len(pieces), [None] * len(pieces), [None] * len(pieces)
    order = np.argsort([len(piece.items) for piece in pieces], kind="stable")
    for start in range(0, len(order), batch_size):
        numbers = order[start : start + batch_size]
        numbers_or_repeats = np.resize(numbers, batch_size)  # one shape for all batches of a length
        inputs, wanted, weights = assemble([pieces[number] for number in numbers_or_repeats])
        found = {name: np.asarray(array) for name, array in model.predict_on_batch(inputs).items()}
        logits = found["logits"].astype(np.float64)
        likely = np.exp(logits - logits.max(axis=-1, keepdims=True))
        likely /= likely.sum(axis=-1, keepdims=True)
        for row, number in enumerate(numbers):
            scored = weights[row] > 0
            chances[number], responses[number] = likely[row, scored], wanted[row, scored]
            if "ability" in found:
                abilities[number] = float(found["ability"][row, len(pieces[number].items) - 1])
    return np.concatenate(chances), np.concatenate(responses), abilities


def baselines_and_ceilings(data) -> dict[str, dict]:
    """What plain counting, item response theory and, of simulations, the truth reach on the test students: metrics by name.

    `majority`: training's category frequencies. `item_majority`: each item's own. `fitted_items`: items fitted to the training
    students by marginal maximum likelihood, with a Bayes filter over the test student's responses so far; on a simulation without
    learning, no model of the same data can be expected to do better. `true_items`: the filter with the true items (and the true
    learning); `oracle`: the true ability as well.
    """
    train, test, categories = data.pairs("train"), data.pairs("test"), data.num_categories
    responses = np.concatenate([answered for _, answered in test])
    counts = np.zeros((len(data.numbers) + 1, categories))
    for items, answered in train:
        np.add.at(counts, (items, answered), 1)
    overall = counts.sum(axis=0) / counts.sum()
    of_item = (counts + 2 * overall) / (counts.sum(axis=1, keepdims=True) + 2)  # two responses of the average student
    fitted = fit_items(train, len(counts), categories)
    validation = data.pairs("validation")
    of = {
        "majority": lambda name, pairs: [np.tile(overall, (len(items), 1)) for items, _ in pairs],
        "item_majority": lambda name, pairs: [of_item[items] for items, _ in pairs],
        "fitted_items": lambda name, pairs: bayes_filter(pairs, *fitted),
    }
    truth = data.truth
    if truth is not None and truth.gain.any():
        of["true_items"] = lambda name, pairs: practice_filter(data.pairs(name, of_truth=True), truth)
    elif truth is not None:
        of["true_items"] = lambda name, pairs: bayes_filter(
            data.pairs(name, of_truth=True), truth.discrimination, truth.thresholds
        )
    if truth is not None:
        of["oracle"] = lambda name, pairs: oracle(data.pairs(name, of_truth=True), truth, data.truth_students[name])
    chosen_on = np.concatenate([answered for _, answered in validation])
    found = {}
    for name, chances in of.items():
        rule = fit_rule(np.concatenate(chances("validation", validation)), chosen_on)
        found[name] = {"test": scores(np.concatenate(chances("test", test)), responses, rule)}
    return found


def recovered(model, data, pieces: Sequence[Piece], abilities: Sequence[float]) -> dict[str, float]:
    """Correlation with the truth of the items' parameters, of items that training has, and of the test students' last abilities."""
    items = sorted(data.numbers, key=data.numbers.get)
    single = [Piece(np.array([data.numbers[item]], np.int32), np.zeros(1, np.int32)) for item in items]
    inputs, *_ = assemble(single)
    found = {name: np.asarray(array)[:, 0] for name, array in model.predict_on_batch(inputs).items()}
    truth, rows = data.truth, np.array([int(item) for item in items])
    students = np.array(data.truth_students["test"])
    if len(pieces) != len(students):  # a long student is in several pieces
        return {}
    estimates = np.array(abilities), found["discrimination"], found["thresholds"]
    scored = recovery(estimates, (truth.ability[students], truth.discrimination[rows], truth.thresholds[rows]))
    if truth.gain.any():  # ability moves, so no one number is the truth of a student's
        scored = {name: value for name, value in scored.items() if not name.endswith("theta")}
    return scored

"""Predictions of responses, their baselines and ceilings, and what the model found of the truth."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from utils.tracing.ceilings import bayes_filter, fit_items, oracle, practice_filter
from utils.tracing.data import Piece, assemble
from utils.tracing.metrics import fit_rule, scores
from utils.tracing.recovery import coverage, linked_pairs, linking, recovery
from utils.tracing.simulation import PROBABILITIES


def probabilities(logits: np.ndarray) -> np.ndarray:
    """Their softmax over the last axis, in float64."""
    logits = logits.astype(np.float64)
    likely = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return likely / likely.sum(axis=-1, keepdims=True)


def predict(model, pieces: Sequence[Piece], batch_size: int = 64):
    """Probabilities `(responses, categories)` and responses of all steps that are scored, piece by piece; and a dict of the pieces'
    `ability` before their last response, and of the share of later cycles that was `skipped`, as far as the model has them."""
    chances, responses, more = [None] * len(pieces), [None] * len(pieces), {"ability": {}, "skipped": {}}
    lengths = [len(piece.items) for piece in pieces]
    order = np.argsort(lengths, kind="stable")
    for start in range(0, len(order), batch_size):
        numbers = order[start : start + batch_size]
        numbers_or_repeats = np.resize(numbers, batch_size)  # one shape for all batches of a length
        inputs, wanted, weights = assemble([pieces[number] for number in numbers_or_repeats], max(lengths))
        found = {name: np.asarray(array) for name, array in model.predict_on_batch(inputs).items()}
        likely = probabilities(found["logits"])
        for row, number in enumerate(numbers):
            scored = weights[row] > 0
            chances[number], responses[number] = likely[row, scored], wanted[row, scored]
            if "ability" in found:
                more["ability"][number] = found["ability"][row, len(pieces[number].items) - 1]
            if "skipped" in found:
                more["skipped"][number] = found["skipped"][row, scored].mean()
    of_pieces = {name: np.array([values[n] for n in range(len(pieces))]) for name, values in more.items() if values}
    return np.concatenate(chances), np.concatenate(responses), of_pieces


def baselines_and_ceilings(data) -> dict[str, dict]:
    """What plain counting, item response theory and, of simulations, the truth reach on the test students: metrics by name.

    `majority`: training's category frequencies. `item_majority`: each item's own. `fitted_items`: items fitted to the training
    students by marginal maximum likelihood, with a Bayes filter over the test student's responses so far; on a simulation without
    learning, no model of the same data can be expected to do better. `true_items`: the filter with the true items (and the true
    learning); `oracle`: the true ability as well.
    """
    train, test, categories = data.pairs("train"), data.pairs("test"), data.num_categories
    items, responses = (np.concatenate(part) for part in zip(*test, strict=True))
    counts = np.zeros((len(data.numbers) + 1, categories))
    for asked, answered in train:
        np.add.at(counts, (asked, answered), 1)
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
        found[name] = {"test": scores(np.concatenate(chances("test", test)), responses, rule, items)}
    return found


def item_parameters(model, data) -> dict[str, np.ndarray]:
    """The items' `discrimination` `(items,)`, `thresholds` and `address`, in the order of their numbers, as far as the model has
    them; at the beginning of a history."""
    single = [Piece(np.array([number], np.int32), np.zeros(1, np.int32)) for number in sorted(data.numbers.values())]
    inputs, *_ = assemble(single)
    found = {name: np.asarray(array)[:, 0] for name, array in model.predict_on_batch(inputs).items()}
    return {name: found[name] for name in ("discrimination", "thresholds", "address") if name in found}


def ability_error(ability: float, discrimination, thresholds, prior: float, head: str = "gpcm") -> float:
    """Standard error of an ability, from the items answered: `1 / sqrt(1 / prior^2 + sum of the items' information)`.

    An item's Fisher information is `sum_k P_k'^2 / P_k` at the ability (Muraki 1993). It takes the ability for constant and the
    items for known; where ability moves, the true error is larger.

    Args:
        discrimination, thresholds: of the items answered, `(steps,)` and `(steps, categories - 1)`.
        prior: standard deviation of abilities among students.
        head: of `utils.tracing.simulation.PROBABILITIES`.
    """
    step = 1e-3
    low, here, high = (PROBABILITIES[head](ability + d, discrimination, thresholds) for d in (-step, 0, step))
    information = (((high - low) / (2 * step)) ** 2 / np.maximum(here, 1e-12)).sum()
    return float((prior**-2 + information) ** -0.5)


def trajectories(model, pieces: Sequence[Piece], names: Sequence[str], prior: float, head: str) -> list[dict]:
    """Some students' abilities before each response, with their errors, for `utils.tracing.plots.plot_abilities`."""
    if not pieces:
        return []
    inputs, *_ = assemble(pieces)
    found = {name: np.asarray(array) for name, array in model.predict_on_batch(inputs).items()}
    students = []
    for row, (piece, name) in enumerate(zip(pieces, names, strict=True)):
        of = {part: found[part][row, : len(piece.items)] for part in ("ability", "discrimination", "thresholds")}
        error = [
            ability_error(ability, of["discrimination"][:step], of["thresholds"][:step], prior, head)
            for step, ability in enumerate(of["ability"])
        ]
        students.append(
            {"name": name, "ability": of["ability"], "error": np.array(error), "responses": piece.responses}
        )
    return students


def last_errors(
    pieces: Sequence[Piece], abilities: np.ndarray, items: dict[str, np.ndarray], prior: float
) -> np.ndarray:
    """The standard errors of the pieces' abilities before their last response, as `predict` has them, under the partial credit
    model and `item_parameters`. Responses to items that training did not have are left out."""
    errors = []
    for piece, ability in zip(pieces, abilities, strict=True):
        known = piece.items[:-1][piece.items[:-1] > 0] - 1
        errors.append(ability_error(ability, items["discrimination"][known], items["thresholds"][known], prior))
    return np.array(errors)


def compared_with_truth(data, items: dict[str, np.ndarray], abilities: np.ndarray) -> dict[str, tuple]:
    """Pairs of truth and linked estimate, of items that training has and of the test students' last abilities.

    Without `theta` where abilities move (no one number is the truth then) or a student stands in several pieces.

    Args:
        items: of `item_parameters`.
        abilities: of the test pieces, as `predict` gives them.
    """
    truth, students = data.truth, np.array(data.truth_students["test"])
    rows = np.array([int(item) for item in sorted(data.numbers, key=data.numbers.get)])
    steady = not truth.gain.any() and len(abilities) == len(students)
    theta = (abilities, truth.ability[students]) if steady else (np.zeros(1), np.zeros(1))
    found = theta[0], items["discrimination"], items["thresholds"]
    pairs = linked_pairs(found, (theta[1], truth.discrimination[rows], truth.thresholds[rows]))
    return pairs if steady else {name: pair for name, pair in pairs.items() if name != "theta"}


def recovered(data, pieces: Sequence[Piece], items: dict[str, np.ndarray], abilities: np.ndarray, prior: float):
    """`compared_with_truth`, and its scores: of `recovery`, and where abilities are compared `coverage_theta`, the share of the
    true ones within 1.96 standard errors.

    Args:
        pieces: of the test students.
        prior: standard deviation of abilities among students.
    """
    pairs = compared_with_truth(data, items, abilities)
    scores = recovery(pairs)
    if "theta" in pairs:
        slope, _ = linking(items["thresholds"], pairs["beta"][0])
        scores["coverage_theta"] = coverage(*pairs["theta"], slope * last_errors(pieces, abilities, items, prior))
    return pairs, scores

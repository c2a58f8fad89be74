"""Real graded answers: models of tracing beside the item response models that girth fits to the same students.

    python -m benchmarks.tracing_graded --train-files exam.csv.gz --models deep_gpcm integrated:--num-cycles=1 --out runs/exam \\
        -- --epochs 60

Every student is a test student of one of `--folds` folds; fold F is trained with `--seed F`. Printed are, for each model and peer,
the negative log-likelihood (NLL, nats per response) of all responses, each predicted from the student's responses before it, with
a 95 % interval that resamples students; the difference from the best peer, model less peer, with its interval and the p value of a
paired randomisation test over students; and the correlation of the model's thresholds with those that girth fits for the same item
response model (the mean over the folds). `table.json` has the same.

Peers learn from the training students of a fold, as the model does (which also chooses its epoch on validation students):

- `majority` and `item majority`: how often each category occurs, of all responses and of the item's;
- `fitted items`: this project's marginal maximum likelihood (`utils/tracing/ceilings.py`);
- `girth pcm`, `girth grm`: girth's marginal maximum likelihood for the generalised partial credit model (Muraki 1992) and the
  graded response model (Samejima 1969).

The last three predict by a Bayes filter over the student's ability, N(0, 1) before the first response. With a column `skill`, each
skill is a scale of its own for them, with an ability of its own.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

from utils.common.files import write_json
from utils.common.statistics import bootstrap_interval, format_interval, paired_randomisation
from utils.tracing.baselines import category_frequencies, count_responses
from utils.tracing.ceilings import bayes_filter, fit_items
from utils.tracing.item_response import gpcm_probabilities, graded_probabilities
from utils.tracing.metrics import negative_log_likelihood
from utils.tracing.predictor import TracingPredictor
from utils.tracing.splits import HeldOut, ResponseData, read_files
from utils.training.comparison import flags_of_model, folder_of_model, parse_with_flags_of_all, train_or_read

Pairs = list[tuple[np.ndarray, np.ndarray]]
"""Item numbers and responses of each student."""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train-files", nargs="+", type=Path, required=True)
    parser.add_argument("--models", nargs="+", required=True, metavar="NAME[:--flag=value...]")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--out", type=Path, required=True)
    options, flags = parse_with_flags_of_all(parser)
    losses: dict[str, list[np.ndarray]] = {}
    correlations: dict[str, list[float]] = {}
    students: list[np.ndarray] = []
    for fold in range(options.folds):
        data = read_files(options.train_files, HeldOut(folds=options.folds, fold=fold))
        test = data.pairs("test")
        responses = np.concatenate([answers for _, answers in test])
        students.append(
            np.repeat([f"{fold} {number}" for number in range(len(test))], [len(items) for items, _ in test])
        )
        probabilities, thresholds = peer_predictions(data, test)
        for model in options.models:
            run = train_fold(model, fold, options, flags)
            probabilities[model], answers = read_predictions(run / "test_predictions.csv", data.num_categories)
            if not np.array_equal(answers, responses):
                sys.exit(f"error: {run}: was tested on other responses; leave out flags that change the data")
            predictor = TracingPredictor.load(run)
            if predictor.head:
                estimates, of_peer = predictor.item_parameters()["thresholds"], thresholds[predictor.head][1:]
                correlation = np.corrcoef(estimates.ravel(), of_peer.ravel())[0, 1]
                correlations.setdefault(model, []).append(float(correlation))
        for name, part in probabilities.items():
            losses.setdefault(name, []).append(negative_log_likelihood(part, responses))
    rows = compare(
        {name: np.concatenate(parts) for name, parts in losses.items()}, np.concatenate(students), options.models
    )
    for row in rows:
        row["thresholds"] = float(np.mean(correlations[row["name"]])) if row["name"] in correlations else None
    write_json(options.out / "table.json", rows)
    print_table(rows)


def train_fold(model: str, fold: int, options, flags: list[str]) -> Path:
    """Train a model on the students of all folds but one, or read the finished run; its folder."""
    folder = options.out / folder_of_model(model) / f"fold-{fold}"
    files = ["--train-files", *options.train_files, "--folds", options.folds, "--fold", fold, "--seed", fold]
    train_or_read("train_tracing.py", folder, [*flags_of_model(model, [*files, *flags]), "--no-export"])
    return folder


def read_predictions(path: Path, num_categories: int) -> tuple[np.ndarray, np.ndarray]:
    """The probabilities in a run's file of predictions, `(responses, categories)`, and the responses."""
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    probabilities = np.array([[float(row[f"p{k}"]) for k in range(num_categories)] for row in rows])
    return probabilities, np.array([int(row["response"]) for row in rows])


def peer_predictions(data: ResponseData, test: Pairs) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Each peer's probabilities of the test responses, and girth's thresholds by item number, of `gpcm` and `graded`."""
    num_items, num_categories = len(data.item_numbers) + 1, data.num_categories
    overall, by_item = category_frequencies(count_responses(data))
    training, items = data.pairs("train"), np.concatenate([items for items, _ in test])
    predictions = {"majority": np.tile(overall, (len(items), 1)), "item majority": by_item[items]}
    skills = np.array([0, *data.item_skills[1:]]) if data.item_skills else np.zeros(num_items, int)
    scales = [np.flatnonzero(skills[1:] == skill) + 1 for skill in np.unique(skills[1:])]

    def fitted(part: Pairs, scale: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        discrimination, thresholds = fit_items(part, num_items, num_categories)
        return discrimination[scale], thresholds[scale]

    fits: dict[str, tuple[Callable, Callable]] = {
        "fitted items": (fitted, gpcm_probabilities),
        "girth pcm": (lambda part, scale: fit_by_girth("pcm_mml", part, scale, num_categories), gpcm_probabilities),
        "girth grm": (lambda part, scale: fit_by_girth("grm_mml", part, scale, num_categories), graded_probabilities),
    }
    thresholds_of_peers = {}
    for name, (fit, category_probabilities) in fits.items():
        discrimination, thresholds = np.ones(num_items), np.zeros((num_items, num_categories - 1))
        for scale in scales:
            discrimination[scale], thresholds[scale] = fit(of_scale(training, scale), scale)
        thresholds_of_peers[name] = thresholds
        predictions[name] = by_item[items]  # stays where an item has no training response
        for scale in scales:
            part = of_scale(test, scale)
            filtered = bayes_filter(part, discrimination, thresholds, category_probabilities)
            predictions[name][np.isin(items, scale)] = np.concatenate(filtered)
    return predictions, {"gpcm": thresholds_of_peers["girth pcm"], "graded": thresholds_of_peers["girth grm"]}


def of_scale(pairs: Pairs, scale: np.ndarray) -> Pairs:
    """The responses to the items of one scale."""
    kept = [np.isin(items, scale) for items, _ in pairs]
    return [(items[keep], responses[keep]) for (items, responses), keep in zip(pairs, kept, strict=True)]


def fit_by_girth(function: str, pairs: Pairs, scale: np.ndarray, num_categories: int) -> tuple[np.ndarray, np.ndarray]:
    """Discrimination `(items,)` and thresholds `(items, categories - 1)` of the items of a scale, by a function of girth."""
    import girth
    from girth.utilities import INVALID_RESPONSE

    answers = np.full((len(scale), len(pairs)), INVALID_RESPONSE)
    for student, (items, responses) in enumerate(pairs):
        answers[np.searchsorted(scale, items), student] = responses
    fit = getattr(girth, function)(answers)
    if fit["Difficulty"].shape != (len(scale), num_categories - 1) or np.isnan(fit["Difficulty"]).any():
        sys.exit(f"error: an item has no training response in one of its categories, which {function} needs")
    return fit["Discrimination"], fit["Difficulty"]


def compare(losses: dict[str, np.ndarray], students: np.ndarray, models: list[str]) -> list[dict]:
    """A row for each model and peer."""
    best = min((name for name in losses if name not in models), key=lambda name: losses[name].mean())
    numbers = np.unique(students, return_inverse=True)[1]
    rows = []
    for name, values in losses.items():
        row = {"name": name, "nll": float(values.mean()), "interval": bootstrap_interval(values, students)}
        if name in models:
            difference = values - losses[best]
            sums = [np.bincount(numbers, part) for part in (values, losses[best])]
            row |= {"best_peer": best, "difference": float(difference.mean())}
            row |= {"difference_interval": bootstrap_interval(difference, students), "p": paired_randomisation(*sums)}
        rows.append(row)
    return rows


def print_table(rows: list[dict]) -> None:
    """Print the rows as a Markdown table."""
    print("| | NLL (95 %) | less the best peer (95 %) | p | r of thresholds |\n|---|---|---|---|---|")
    for row in rows:
        cells = [row["name"], f"{row['nll']:.4f}{format_interval(row['interval'], 4)}", "", "", ""]
        if "p" in row:
            interval = format_interval(row["difference_interval"], 4, sign="+")
            cells[2:4] = f"{row['difference']:+.4f}{interval}, {row['best_peer']}", f"{row['p']:.4f}"
        if row["thresholds"] is not None:
            cells[4] = f"{row['thresholds']:.3f}"
        print(f"| {' | '.join(cells)} |")


if __name__ == "__main__":
    main()

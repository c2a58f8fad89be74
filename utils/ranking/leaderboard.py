"""Compare the losses and baselines of a suite: one table, one figure, paired tests."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from utils.common.archives import open_npz
from utils.common.errors import UserError
from utils.common.evaluation import Evaluation
from utils.common.files import write_arrays, write_json
from utils.common.plots import plot_comparison, scores_with_intervals
from utils.common.statistics import holm, paired_randomisation
from utils.ranking.baselines import CEILING
from utils.ranking.evaluation import MONITORED, answerable, rerankable
from utils.ranking.records import Query
from utils.training.finished import damaged_run_as_user_error

KEPT_PER_QUESTION = tuple(f"{name}{suffix}" for suffix in ("", "_all") for name in ("ndcg@10", "map", "mrr", "p@1"))
"""Metrics of which a run keeps the value of each question, for paired tests. Those without `_all` are missing where there is
nothing to rank within a question."""
TESTED = ("ndcg@10", "ndcg@10_all")
"""Metrics whose p values stand in the table."""
SHOWN = (*MONITORED, "p@1", "p@1_all")
PLOTTED = {"ndcg@10_all": "NDCG@10, all answers", "mrr_all": "MRR, all answers", "ndcg@10": "NDCG@10, own answers"}
"""Metrics in the chart, which is sorted by the first, and their titles."""


@dataclass(frozen=True)
class LossResults:
    """The finished runs of one loss.

    Args:
        test: values of each test question, averaged over the runs.
        validation: metric to its mean over the runs.
        per_seed: metric to its test value in each run.
        seconds: mean training time of a run.
    """

    test: Evaluation
    validation: dict[str, float]
    per_seed: dict[str, list[float]]
    seconds: float


def make_leaderboard(run_dir: Path, runs: dict[str, list[Path]], data: str) -> tuple[list[str], list[list[str]]]:
    """Print a table of all losses and baselines, and write `leaderboard.json` and `leaderboard.png`.

    Scores of a loss are means over its seeds. p values are those of paired randomisation tests over the test questions, with
    Holm's correction over the losses. Each loss is compared with the loss that is best in validation and with each baseline. The
    values of a question are averaged over the seeds first, so p says whether other questions would agree, not other seeds.

    Args:
        run_dir: folder of the two files.
        runs: loss to its finished run directories, one per seed.
        data: the data's name, for the title of the chart.

    Returns:
        the columns of the table and its rows.

    Raises:
        UserError: a file of a run is missing or damaged, or two runs had different data.
    """
    checksums = {folder: data_checksum(folder) for folders in runs.values() for folder in folders}
    first, *others = checksums
    for folder in others:
        if checksums[folder] != checksums[first]:
            raise UserError(f"{folder}: was trained on other data than {first}; start a new suite in another --run-dir")
    losses = {loss: read_loss(folders) for loss, folders in runs.items()}
    baselines = read_baselines(next(iter(runs.values()))[0])
    tests = {loss: results.test for loss, results in losses.items()} | baselines
    best = {metric: max(losses, key=lambda loss: losses[loss].validation[metric]) for metric in monitored(losses)}
    p_values = compare_losses(losses, baselines, best)
    columns, table = make_table(losses, tests, best, p_values)

    print(f"\ntest, mean over {len(next(iter(runs.values())))} seeds; p: against the loss that is best in validation")
    for row in (columns, ["---"] * len(columns), *table):
        print(f"| {' | '.join(row)} |")
    for metric, loss in best.items():
        rivals = [f"{name} {p_values[f'{metric} against {name}'][loss]:.4f}" for name in baselines if name != CEILING]
        print(f"{metric}: {loss} is best in validation; p against {', '.join(rivals)}")
    write_json(
        run_dir / "leaderboard.json",
        {
            "test": {name: evaluation.metrics for name, evaluation in tests.items()},
            "seeds": {loss: results.per_seed for loss, results in losses.items()},
            "validation": {loss: results.validation for loss, results in losses.items()},
            "best": best,
            "p": p_values,
            "seconds": {loss: results.seconds for loss, results in losses.items()},
        },
    )
    num_seeds, num_questions = len(next(iter(runs.values()))), len(next(iter(tests.values())).per_example["mrr_all"])
    title = f"Losses (blue, means over seeds: {num_seeds}) and baselines\n{data}, test: {num_questions:,} questions"
    rows = {name: scores_with_intervals(evaluation, PLOTTED) for name, evaluation in tests.items()}
    plot_comparison(rows, run_dir / "leaderboard.png", title, "95 % intervals over questions", models=list(losses))
    return columns, table


def leaderboard_scores(board: dict) -> dict[str, dict[str, float]]:
    """The numbers of a leaderboard, for the tracker.

    Args:
        board: what `leaderboard.json` holds.

    Returns:
        loss or baseline to its test metrics; of losses also the standard deviation over seeds, `METRIC_deviation`, and `seconds`.
    """
    scores = {name: dict(metrics) for name, metrics in board["test"].items()}
    for loss, per_seed in board["seeds"].items():
        for metric, values in per_seed.items():
            if len(values) > 1:
                scores[loss][f"{metric}_deviation"] = float(np.std(values, ddof=1))
        scores[loss]["seconds"] = board["seconds"][loss]
    return scores


def monitored(losses: dict[str, LossResults]) -> list[str]:
    """The metrics of `MONITORED` that all losses have."""
    return [
        metric
        for metric in MONITORED
        if all(metric in results.validation and metric in results.test.metrics for results in losses.values())
    ]


def data_checksum(folder: Path) -> str:
    """The checksum of the data of a finished run.

    Raises:
        UserError: its results are missing or damaged.
    """
    with damaged_run_as_user_error(folder):
        return json.loads((folder / "results.json").read_text())["data"]["checksum"]


def read_loss(folders: list[Path]) -> LossResults:
    """Read the finished runs of one loss.

    Raises:
        UserError: a file of a run is missing or damaged.
    """
    results, values = [], []
    for folder in folders:
        with damaged_run_as_user_error(folder):
            results.append(json.loads((folder / "results.json").read_text()))
            values.append(read_per_question(folder / "per_question.npz")["encoder"])
    test = {
        metric: np.mean([run[metric] for run in values], axis=0) for metric in KEPT_PER_QUESTION if metric in values[0]
    }
    return LossResults(
        test=Evaluation.from_examples(test),
        validation={
            metric: float(np.mean([run["metrics"]["validation"][metric] for run in results]))
            for metric in MONITORED
            if metric in results[0]["metrics"]["validation"]
        },
        per_seed={metric: [run["metrics"]["test"][metric] for run in results] for metric in test},
        seconds=float(np.mean([run["seconds"] for run in results])),
    )


def read_baselines(folder: Path) -> dict[str, Evaluation]:
    """Read the baselines beside a finished run; all runs of a suite have the same."""
    with damaged_run_as_user_error(folder):
        values = read_per_question(folder / "per_question.npz")
        return {name: Evaluation.from_examples(values[name]) for name in sorted(values) if name != "encoder"}


def write_per_question(path: Path, queries: Sequence[Query], evaluations: dict[str, Evaluation]) -> None:
    """Write the values of each question.

    The arrays are `SYSTEM/METRIC` for the metrics of `KEPT_PER_QUESTION`. `question_ids` are the questions that the metrics of own
    answers are over, `question_ids_all` those of the metrics with `_all`.
    """
    arrays = {
        f"{name}/{metric}": evaluation.per_example[metric]
        for name, evaluation in evaluations.items()
        for metric in KEPT_PER_QUESTION
        if metric in evaluation.per_example
    }
    for name, numbers in (("question_ids", rerankable(queries)), ("question_ids_all", answerable(queries))):
        arrays[name] = np.array([queries[number].id for number in numbers], np.str_)
    write_arrays(path, arrays)


def read_per_question(path: Path) -> dict[str, dict[str, np.ndarray]]:
    """Read the values that `write_per_question` wrote: system to metric to values."""
    values: dict[str, dict[str, np.ndarray]] = {}
    with open_npz(path) as arrays:
        for key in arrays.files:
            if "/" in key:
                name, metric = key.split("/")
                values.setdefault(name, {})[metric] = arrays[key]
    return values


def compare_losses(
    losses: dict[str, LossResults], baselines: dict[str, Evaluation], best: dict[str, str]
) -> dict[str, dict[str, float]]:
    """p values by `METRIC against RIVAL` and loss. The rivals are the loss that is best in validation and the baselines."""
    p_values = {}
    for metric in best:
        rivals = {best[metric]: losses[best[metric]].test} | {
            name: evaluation for name, evaluation in baselines.items() if name != CEILING
        }
        for rival, evaluation in rivals.items():
            p_values[f"{metric} against {rival}"] = holm(
                {
                    loss: paired_randomisation(results.test.per_example[metric], evaluation.per_example[metric])
                    for loss, results in losses.items()
                    if loss != rival
                }
            )
    return p_values


def make_table(
    losses: dict[str, LossResults],
    tests: dict[str, Evaluation],
    best: dict[str, str],
    p_values: dict[str, dict[str, float]],
) -> tuple[list[str], list[list[str]]]:
    """The columns and rows of the leaderboard as text, best NDCG@10 among all answers first."""
    shown = [metric for metric in SHOWN if all(metric in evaluation.metrics for evaluation in tests.values())]
    tested = [metric for metric in TESTED if metric in best]
    columns = ["name", *shown, *(f"p, {metric}" for metric in tested), "seconds"]
    rows = []
    for name, evaluation in sorted(tests.items(), key=lambda item: -item[1].metrics["ndcg@10_all"]):
        row = [name, *(f"{evaluation.metrics[metric]:.4f}" for metric in shown)]
        if name not in losses:
            rows.append([*row, *[""] * (len(columns) - len(row))])
            continue
        if len(next(iter(losses[name].per_seed.values()))) > 1:
            deviations = [f" ± {np.std(losses[name].per_seed[metric], ddof=1):.4f}" for metric in shown]
            row[1:] = [value + deviation for value, deviation in zip(row[1:], deviations, strict=True)]
        for metric in tested:
            p = p_values[f"{metric} against {best[metric]}"].get(name)
            row.append("best" if p is None else f"{p:.4f}")
        rows.append([*row, f"{losses[name].seconds:.0f}"])
    return columns, rows

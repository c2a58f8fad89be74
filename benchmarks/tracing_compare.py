"""Models of knowledge tracing side by side: the same students, several seeds, beside baselines and ceilings.

Trains `train_tracing.py --model NAME --seed SEED` for every model and seed, prints a Markdown table, and writes `table.json` and
`scores.png`. Finished runs are read, unfinished ones are resumed. Everything after `--` goes to each training. A model may have
flags of its own:

    python -m benchmarks.tracing_compare --models deep_gpcm integrated integrated:--no-attention --seeds 0 1 2 --out runs/s

    python -m benchmarks.tracing_compare --models dkvmn dkt --out runs/assist -- --train-files train.csv --test-files test.csv
"""

import sys
from pathlib import Path
from statistics import mean, stdev

from utils.common.files import write_json
from utils.training.comparison import comparison_arguments, train_or_read

ORDERED = {"accuracy": "accuracy", "qwk": "QWK", "qwk_best_rule": "QWK, best rule", "nll": "NLL"}
TWO_CATEGORIES = {"auc": "AUC", "auc_of_items": "AUC by item", "accuracy": "accuracy", "nll": "NLL"}
RECOVERY = {"r_beta": "r(beta)", "r_alpha": "r(alpha)", "coverage_95": "coverage of 95 % bands"}


def main():
    options, runs = comparison_arguments(__doc__)
    rows, results = [], {}
    for model, runs_of_model in runs.items():
        all_results = [train_or_read("train_tracing.py", *run) for run in runs_of_model.values()]
        results = all_results[0]
        if "test" not in results["metrics"]:
            sys.exit(f"error: {options.out}: its runs have no test students; give --test-files or hold some out")
        rows.append(scores_of_model(model, list(runs_of_model), all_results))
        write_json(options.out / "table.json", rows)
    metrics = TWO_CATEGORIES if "auc" in results["metrics"]["test"] else ORDERED
    print_table(rows, results["baselines"], metrics)
    plot(rows, metrics, options.out / "scores.png")


def scores_of_model(model: str, seeds: list[int], all_results: list[dict]) -> dict:
    """The row of one model; a list holds one entry per seed."""
    test = [results["metrics"]["test"] for results in all_results]
    row = {"model": model, "seeds": seeds, "parameters": all_results[0]["parameters"]}
    row["scores"] = {name: [metrics[name] for metrics in test] for name in test[0]}
    row["headroom_closed"] = [results["details"]["headroom_closed"]["nll"] for results in all_results]
    row |= {name: [results[name] for results in all_results] for name in ("seconds", "commit")}
    recoveries = [results["details"].get("recovery", {}) for results in all_results]
    for name in sorted(set.intersection(*map(set, recoveries))):
        row[name] = [recovery[name] for recovery in recoveries]
    return row


def print_table(rows: list[dict], baselines: dict, metrics: dict[str, str]) -> None:
    """Print baselines and models as a Markdown table.

    Args:
        rows: from `scores_of_model`.
        baselines: the entry `baselines` of a `results.json`.
        metrics: name of each metric to its title.
    """
    titles = ["test data", *metrics.values(), "headroom closed", *RECOVERY.values(), "parameters", "seconds"]
    print(f"| {' | '.join(titles)} |\n|{'---|' * len(titles)}")
    for name, splits in baselines.items():
        cells = [mean_and_deviation([splits["test"][metric]]) for metric in metrics]
        empty = [""] * (len(titles) - 1 - len(cells))
        print(f"| {' | '.join([name.replace('_', ' '), *cells, *empty])} |")
    for row in rows:
        cells = [mean_and_deviation(row["scores"][metric]) for metric in metrics]
        cells.append(mean_and_deviation(row["headroom_closed"], as_percent=True))
        cells += [mean_and_deviation(row.get(name, [None])) for name in RECOVERY]
        cells += [f"{row['parameters']:,}", f"{mean(row['seconds']):.0f}"]
        print(f"| {' | '.join([row['model'], *cells])} |")


def mean_and_deviation(values: list[float | None], as_percent: bool = False) -> str:
    """The mean and, for several seeds, the standard deviation; empty where a seed has no value."""
    if None in values:
        return ""
    text = "{:.1%}".format if as_percent else "{:.4f}".format
    return text(mean(values)) + (f" ({text(stdev(values))})" if len(values) > 1 else "")


def plot(rows: list[dict], metrics: dict[str, str], path: Path) -> None:
    """Draw every model's scores as a PNG file: means, with a bar from the lowest to the highest seed."""
    from utils.common.plots import plot_comparison

    bars = {
        row["model"]: {
            title: (mean(row["scores"][name]), min(row["scores"][name]), max(row["scores"][name]))
            for name, title in metrics.items()
            if None not in row["scores"][name]
        }
        for row in rows
    }
    title = f"Knowledge tracing, test, means over {len(rows[0]['seeds'])} seeds"
    plot_comparison(bars, path, title, "lowest to highest seed", lower_is_better=[metrics.get("nll")])


if __name__ == "__main__":
    main()

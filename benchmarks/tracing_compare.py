"""Models of knowledge tracing side by side: the same students, several seeds, between the same baselines and ceilings.

Trains `train_tracing.py --model NAME --seed SEED` for every model and seed (skips finished runs, goes on with unfinished
ones), prints a Markdown table and writes `table.json` and `scores.png`. Everything after `--` goes to each training. A model may
have flags of its own:

    python -m benchmarks.tracing_compare --models deep_gpcm integrated integrated:--no-attention --seeds 0 1 2 --out runs/s

    python -m benchmarks.tracing_compare --models dkvmn dkt --out runs/assist -- --train-files train.csv --test-files test.csv
"""

import json
import sys
from pathlib import Path
from statistics import mean, stdev

from utils.training.comparison import comparison_arguments, train_or_read

ORDERED = {"accuracy": "accuracy", "qwk": "QWK", "qwk_best_rule": "QWK, best rule", "nll": "NLL"}
BINARY = {"auc": "AUC", "auc_of_items": "AUC by item", "accuracy": "accuracy", "nll": "NLL"}


def main():
    options, runs = comparison_arguments(__doc__)
    rows, results = [], {}
    for model, of_seeds in runs.items():
        found = [train_or_read("train_tracing.py", *run) for run in of_seeds.values()]
        results = found[0]
        if "test" not in results["metrics"]:
            sys.exit(f"error: {options.out}: its runs have no test students; give --test-files or hold some out")
        rows.append(row(model, list(of_seeds), found))
        options.out.joinpath("table.json").write_text(json.dumps(rows, indent=1) + "\n")
    scores = BINARY if "auc" in results["metrics"]["test"] else ORDERED
    titles = [
        "test data",
        *scores.values(),
        "headroom closed",
        "r(beta)",
        "r(alpha)",
        "coverage",
        "parameters",
        "seconds",
    ]
    print(f"| {' | '.join(titles)} |\n|{'---|' * len(titles)}")
    for name, of in results["baselines"].items():
        cells = [f"{of['test'][score]:.4f}" for score in scores]
        print(f"| {' | '.join([name.replace('_', ' '), *cells, *[''] * 6])} |")
    for found in rows:
        cells = [told(found["scores"][score]) for score in scores]
        more = ["" if None in found["headroom_closed"] else told(found["headroom_closed"], percent=True)]
        more += [told(found[name]) if name in found else "" for name in ("r_beta", "r_alpha", "coverage_theta")]
        more += [f"{found['parameters']:,}", f"{mean(found['seconds']):.0f}"]
        print(f"| {' | '.join([found['model'], *cells, *more])} |")
    plot(rows, scores, options.out / "scores.png")


def row(model: str, seeds, found) -> dict:
    """One model's figures, a list entry a seed."""
    test = [results["metrics"]["test"] for results in found]
    made = {"model": model, "seeds": seeds, "parameters": found[0]["parameters"]}
    made["scores"] = {name: [of[name] for of in test] for name, value in test[0].items() if isinstance(value, float)}
    made["headroom_closed"] = [results["headroom_closed"]["nll"] for results in found]
    made |= {name: [results[name] for results in found] for name in ("seconds", "commit")}
    shared = set.intersection(*(set(results.get("recovery", {})) for results in found))
    for name in sorted(shared):
        made[name] = [results["recovery"][name] for results in found]
    return made


def told(values, percent: bool = False) -> str:
    """Mean, and standard deviation over the seeds."""
    shown = "{:.1%}".format if percent else "{:.4f}".format
    return shown(mean(values)) + (f" ({shown(stdev(values))})" if len(values) > 1 else "")


def plot(rows, scores, path: Path) -> None:
    """Every model's scores as a PNG file: means, and the lowest and highest seed."""
    from utils.common.plots import plot_comparison

    names = {score: title for score, title in scores.items() if score != "nll"}
    bars = {
        found["model"]: {
            title: (mean(of := found["scores"][score]), min(of), max(of)) for score, title in names.items()
        }
        for found in rows
    }
    plot_comparison(
        bars, path, f"knowledge tracing, test data, {len(rows[0]['seeds'])} seeds", "score, lowest to highest"
    )


if __name__ == "__main__":
    main()

"""SQuAD models side by side: the same data, the same evaluation, several seeds; one table and one figure.

Trains `train_squad.py --model NAME --seed SEED` for every model and seed (skipping runs that are done, going on with those that are
not) and writes `table.json` and `scores.png`. Everything after `--` goes to each training.

    python -m benchmarks.squad_compare --models plain matching distilbert --out runs/compare -- --data squad

    python -m benchmarks.squad_compare --models matching bert --seeds 0 1 2 --out runs/low-data -- --limit 3000 --epochs 3 \\
        --train-files train.json.gz --test-files dev.json.gz

A model may have flags of its own, `bert:--init-from=MiniLM:--learning-rate=1e-4`. Scores are on the test data where there is some,
else on validation data.
"""

import csv
import json
from pathlib import Path
from statistics import mean

from utils.training.comparison import comparison_arguments, train_or_read


def main():
    options, runs = comparison_arguments(__doc__)
    rows = []
    for model, of_seeds in runs.items():
        rows.append(row(model, of_seeds))
        options.out.joinpath("table.json").write_text(json.dumps(rows, indent=1) + "\n")
    titles = ("model", "F1: mean (lowest to highest)", "EM", "95 %, first seed", "parameters", "seconds in all")
    print(f"| {' | '.join(titles)} | questions a second, validation included |")
    print("|---|---|---|---|---|---|---|")
    for found in rows:
        f1, em, interval = found["f1"], found["exact_match"], found["f1_interval"][0]
        print(
            f"| {found['model']} | {mean(f1):.2f} ({min(f1):.2f} to {max(f1):.2f}) | {mean(em):.2f} "
            f"({min(em):.2f} to {max(em):.2f}) | {interval[0]:.1f} to {interval[1]:.1f} | {found['parameters']:,} "
            f"| {mean(found['seconds']):.0f} | {mean(found['questions_per_second']):.1f} |"
        )
    plot(rows, options.out / "scores.png")


def row(model: str, runs: dict) -> dict:
    """One model's figures, a list entry a seed."""
    found = {"model": model, "seeds": list(runs)}
    for run_dir, flags in runs.values():
        results = train_or_read("train_squad.py", run_dir, flags)
        split = list(results["metrics"])[-1]
        scores = results["metrics"][split]
        with open(run_dir / "metrics.csv") as file:
            epochs = len(list(csv.DictReader(file)))
        trained = results["data"]["used"]["train"]
        found |= {"parameters": results["parameters"], "split": split, "questions": trained, "scored": scores["total"]}
        for name, value in (
            ("f1", scores["f1"]),
            ("exact_match", scores["exact_match"]),
            ("f1_interval", scores["f1_interval"]),
            ("exact_match_interval", scores["exact_match_interval"]),
            ("seconds", results["seconds"]),
            ("questions_per_second", trained * epochs / results["seconds"]),
            ("commit", results["commit"]),
        ):
            found.setdefault(name, []).append(value)
    return found


def plot(rows, path: Path) -> None:
    """EM and F1 of every model as a PNG file: means over seeds, from the lowest to the highest end of the seeds' intervals."""
    from utils.common.plots import plot_comparison

    def bar(found, name):
        lows, highs = zip(*found[f"{name}_interval"], strict=True)
        return mean(found[name]), min(lows), max(highs)

    scores = {found["model"]: {"EM": bar(found, "exact_match"), "F1": bar(found, "f1")} for found in rows}
    seeds = len(rows[0]["seeds"])
    plot_comparison(scores, path, f"SQuAD, {rows[0]['split']} data, {seeds} seeds", "score, with 95 % intervals")


if __name__ == "__main__":
    main()

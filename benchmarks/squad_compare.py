"""SQuAD models side by side: the same data, the same evaluation, several seeds; one table and one figure.

Runs `train_squad.py --model NAME --seed SEED` for every model and seed, and writes `table.json` and `scores.png`. Finished runs are
read, unfinished ones are resumed. Everything after `--` goes to each training.

    python -m benchmarks.squad_compare --models plain matching distilbert --out runs/compare -- --data squad

    python -m benchmarks.squad_compare --models matching bert --seeds 0 1 2 --out runs/low-data -- --limit 3000 --epochs 3 \\
        --train-files train.json.gz --test-files dev.json.gz

A model may have flags of its own: `bert:--init-from=MiniLM:--learning-rate=1e-4`. Scores are those on test data, or on validation
data if there is no test data.
"""

import json
from pathlib import Path
from statistics import mean

from utils.common.statistics import format_interval
from utils.training.comparison import comparison_arguments, train_or_read


def main():
    options, runs = comparison_arguments(__doc__)
    rows = []
    for model, runs_of_model in runs.items():
        rows.append(scores_of_model(model, runs_of_model))
        options.out.joinpath("table.json").write_text(json.dumps(rows, indent=1) + "\n")
    titles = ("model", "F1: mean (lowest to highest)", "EM", "95 %, first seed", "parameters", "seconds in all")
    print(f"| {' | '.join(titles)} | questions per second, validation included |")
    print("|---|---|---|---|---|---|---|")
    for row in rows:
        f1, em, interval = row["f1"], row["exact_match"], format_interval(row["f1_interval"][0], 1)
        print(
            f"| {row['model']} | {mean(f1):.2f} ({min(f1):.2f} to {max(f1):.2f}) | {mean(em):.2f} "
            f"({min(em):.2f} to {max(em):.2f}) | {interval.strip(' ()')} | {row['parameters']:,} "
            f"| {mean(row['seconds']):.0f} | {mean(row['questions_per_second']):.1f} |"
        )
    plot(rows, options.out / "scores.png")


def scores_of_model(model: str, runs: dict) -> dict:
    """The row of one model; a list holds one entry per seed."""
    row = {"model": model, "seeds": list(runs)}
    for run_dir, flags in runs.values():
        results = train_or_read("train_squad.py", run_dir, flags)
        split = list(results["metrics"])[-1]
        scores, intervals = results["metrics"][split], results["intervals"][split]
        questions = results["data"]["counts"]["train"]
        row |= {"parameters": results["parameters"], "split": split, "questions": questions, "scored": scores["total"]}
        for name, value in (
            ("f1", scores["f1"]),
            ("exact_match", scores["exact_match"]),
            ("f1_interval", intervals["f1"]),
            ("exact_match_interval", intervals["exact_match"]),
            ("seconds", results["seconds"]),
            ("questions_per_second", questions * results["epochs"] / results["seconds"]),
            ("commit", results["commit"]),
        ):
            row.setdefault(name, []).append(value)
    return row


def plot(rows: list[dict], path: Path) -> None:
    """Draw EM and F1 of every model: means over seeds, with a bar from the lowest to the highest end of the seeds' intervals."""
    from utils.common.plots import plot_comparison

    def bar(row, name):
        lows, highs = zip(*row[f"{name}_interval"], strict=True)
        return mean(row[name]), min(lows), max(highs)

    scores = {row["model"]: {"F1 (percent)": bar(row, "f1"), "EM (percent)": bar(row, "exact_match")} for row in rows}
    title = f"SQuAD, {rows[0]['split']}: {rows[0]['scored']:,} questions, means over {len(rows[0]['seeds'])} seeds"
    plot_comparison(scores, path, title, "lowest to highest end of the seeds' 95 % intervals")


if __name__ == "__main__":
    main()

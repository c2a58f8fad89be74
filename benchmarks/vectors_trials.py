"""Settings for the four models of next vectors, found by the same number of trials for each.

A trial is a training of `train_vectors.py` with settings that are drawn at random from `VALUES`, and is judged by the validation
documents (cosine + MRR). The first trial of a model has its defaults; a later one may happen to have them, too. All trials have the
same seed. Finished trials are read, unfinished ones are resumed. What stands after `--` goes to each training:

    python -m benchmarks.vectors_trials --out runs/trials -- --train-files wiki_chunks_minilm.npz --context-length 40 --epochs 3

Prints a Markdown table of each model's trials, the best one first, and writes it to `OUT/MODEL.md`.
"""

import argparse
from pathlib import Path

import numpy as np

from utils.common.files import write_atomically
from utils.training.comparison import parse_with_flags_of_all, train_or_read
from utils.training.settings import as_flag
from utils.training.tracking import group_runs

TRAINING_VALUES = {
    "learning_rate": ("5e-4", "1e-3", "2e-3", "4e-3"),
    "dropout": ("0.2", "0.35", "0.5", "0.65"),
    "weight_decay": ("0.05", "0.2", "0.8"),
}
VALUES = {
    "amn": {"encoder_dim": ("64", "128", "256"), "hidden_dims": ("128 64", "256 128", "512 256"), **TRAINING_VALUES},
    "lstm": {"hidden_dim": ("64", "128", "256"), "num_layers": ("1", "2"), **TRAINING_VALUES},
    "gru": {"num_layers": ("1", "2"), **TRAINING_VALUES},
    "transformer": {"hidden_dim": ("64", "128", "256"), "num_layers": ("1", "2", "3"), **TRAINING_VALUES},
}
"""Values that trials draw from, by model and setting. `gru` has no `hidden_dim`: its state has the size of the vectors."""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", choices=VALUES, default=list(VALUES))
    parser.add_argument("--trials", type=int, default=8, help="trainings of each model")
    parser.add_argument("--out", type=Path, required=True, help="folder of the runs and tables")
    options, common_flags = parse_with_flags_of_all(parser)
    if options.trials < 1:
        parser.error("--trials: must be at least 1")
    group_runs(options.out.name)
    for model in options.models:
        rows = []
        for number, settings in enumerate(drawn_settings(model, options.trials)):
            flags = [*common_flags, *flags_of_trial(model, settings), "--run-name", f"{model}-{number}"]
            results = train_or_read("train_vectors.py", options.out / model / f"trial-{number}", flags)
            no_settings = dict.fromkeys(VALUES[model], "")
            rows.append({"trial": number, **no_settings, **settings, **scores_of_trial(results)})
        table = format_table(rows)
        write_atomically(options.out / f"{model}.md", table)
        print(f"\n{model}\n\n{table}")


def drawn_settings(model: str, trials: int) -> list[dict[str, str]]:
    """Draw the settings of a model's trials; the first has none, so it has the defaults.

    Each value of a setting comes once before any comes twice. With another number of trials the first ones are the same.

    Args:
        model: a key of `VALUES`.
        trials: how many, at least 1.

    Returns:
        the values by setting, one dict for each trial.
    """
    drawn = [{} for _ in range(trials)]
    for name, values in VALUES[model].items():
        rng = np.random.default_rng(list(f"{model} {name}".encode()))
        blocks = [rng.permutation(values) for _ in range(0, trials, len(values))]
        for settings, value in zip(drawn[1:], np.concatenate(blocks), strict=False):
            settings[name] = str(value)
    return drawn


def flags_of_trial(model: str, settings: dict[str, str]) -> list[str]:
    """Return the flags of a trial's training.

    >>> flags_of_trial("amn", {"hidden_dims": "128 64"})
    ['--model', 'amn', '--no-export', '--hidden-dims', '128', '64']
    """
    flags = [part for name, value in settings.items() for part in (as_flag(name), *value.split())]
    return ["--model", model, "--no-export", *flags]


def scores_of_trial(results: dict) -> dict:
    """Return a trial's validation scores, its best epoch, number of weights and seconds, from its `results.json`."""
    validation = results["metrics"]["validation"]
    return {
        "cosine + MRR": validation["cosine"] + validation["mrr"],
        **{name: validation[name] for name in ("cosine", "hit@5", "mrr")},
        "best epoch": results["best_epoch"],
        "weights": results["parameters"],
        "seconds": round(results["seconds"]),
    }


def format_table(rows: list[dict]) -> str:
    """Return the trials as a Markdown table, the best first; empty cells are defaults."""
    names = list(rows[0])
    lines = [f"| {' | '.join(names)} |", "|---" * len(names) + "|"]
    for row in sorted(rows, key=lambda row: -row["cosine + MRR"]):
        cells = [f"{value:.4f}" if isinstance(value, float) else str(value) for value in row.values()]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()

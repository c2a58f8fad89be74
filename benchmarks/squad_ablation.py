"""Ablations of the SQuAD model, its learning curve, and its score against time.

Runs `train_squad.py` once per variant and seed, and prints a table. Finished runs are read, unfinished ones are resumed. Scores are
those on held-out training articles; test data is not used.

--study parts   what each part of the model is worth, 9,000 questions; 5 minutes a variant on two cores
--study data    what each doubling of the questions is worth; 5, 10 and 20 minutes
--study levers  one change each of training and size, for 9,000 questions and for all; 5 and 20 minutes, wider and deeper models and
                R-Drop two to four times as long
--study budget  F1 against minutes: more epochs, larger models

    python -m benchmarks.squad_ablation --study parts --train-files A.json.gz B.json.gz --out runs/ablation
    python -m benchmarks.squad_ablation --study levers --train-files A.json.gz B.json.gz --out runs/levers --seeds 0 1 2
    python -m benchmarks.squad_ablation --study levers --train-files A.json.gz B.json.gz --out runs/levers --only r-drop width-192
    python -m benchmarks.squad_ablation --study budget --train-files A.json.gz B.json.gz --out runs/budget --with-runs runs/best

What stands after `--` goes to each training (`-- --precision bfloat16`). "Gain" is the difference to the variant that the study
compares with, question by question, with a 95 % interval that resamples articles; over several seeds it is that of their mean.
Minutes are those of all training that a run rests on: its own, pretraining by this project, and teachers
(`benchmarks/squad_compute.py`).
"""

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

import numpy as np

from benchmarks.squad_compute import seconds_in_all
from utils.common.errors import UserError
from utils.common.reading import Reading
from utils.common.references import model_folder
from utils.common.statistics import bootstrap_interval, format_interval
from utils.squad.metrics import question_scores
from utils.squad.predictions import read_predictions
from utils.squad.splits import article_groups, load_splits
from utils.training.comparison import parse_with_flags_of_all, train_or_read
from utils.training.finished import damaged_run_as_user_error, read_run
from utils.training.settings import as_flag

PLAIN = ("--model", "plain", "--num-layers", "3", "--word-vectors", "random")
PARTS = {
    "match features": ("--match-features", "True"),
    "match bias": ("--match-bias", "True"),
    "relative positions": ("--relative-positions", "True"),
    "convolutions of width 7": ("--convolution-width", "7"),
    "word vectors learned on the text": ("--word-vectors", "text"),
}
"""Each part is added to the parts above it."""
LEVERS = {
    "r-drop": ("--r-drop", "1"),
    "layer-dropout": ("--layer-dropout", "0.1"),
    "word-dropout": ("--word-dropout", "0.1"),
    "name-swap": ("--name-swap", "0.2"),
    "sentence-shuffle": ("--sentence-shuffle", "0.5"),
    "sentence-loss": ("--sentence-loss", "0.5"),
    "hashed-words": ("--hashed-words", "20000"),
    "label-smoothing": ("--label-smoothing", "0.1"),
    "attention-dropout": ("--attention-dropout", "0.1"),
    "width-192": ("--hidden-dim", "192", "--intermediate-dim", "768"),
    "width-256": ("--hidden-dim", "256", "--intermediate-dim", "1024"),
    "blocks-5": ("--num-layers", "5"),
    "epochs-2": ("--epochs", "2"),
    "epochs-6": ("--epochs", "6"),
    "no-match-bias": ("--match-bias", "False"),
    "no-match-features": ("--match-features", "False"),
}
"""Each is one change to the model as it is."""
BUDGET = {
    "epochs-1": ("--epochs", "1"),
    "epochs-2": ("--epochs", "2"),
    "epochs-3": ("--epochs", "3"),
    "epochs-6": ("--epochs", "6"),
    "width-192-epochs-3": (*LEVERS["width-192"], "--epochs", "3"),
    "width-192-epochs-6": (*LEVERS["width-192"], "--epochs", "6"),
    "width-256-epochs-3": (*LEVERS["width-256"], "--epochs", "3"),
    "width-256-epochs-6": (*LEVERS["width-256"], "--epochs", "6"),
}
SIZES = (9_000, 18_000, 0)
"""Numbers of training questions; 0 is all."""
UNCHANGED = "as-it-is"


@dataclass(frozen=True)
class Variant:
    """One row of a table.

    Args:
        name: of the row, and of the folder of its runs.
        flags: of `train_squad.py`, beside those of all variants.
        compared_with: name of the variant that it is compared with; "" for none.
    """

    name: str
    flags: tuple[str, ...]
    compared_with: str = ""


def main() -> int:
    options, common_flags = parse()
    try:
        variants = chosen(study_variants(options.study, options.questions), options.only)
        rows_of_others = [row_of_finished(run_dir) for run_dir in options.with_runs]
        files = {"train": options.train_files, "validation": options.validation_files, "test": []}
        flags = ["--train-files", *options.train_files]
        flags += ["--validation-files", *options.validation_files] if options.validation_files else []
        rows, f1_of, questions_of = [], {}, {}
        for variant in variants:
            runs = {}
            for seed in options.seeds:
                run_dir = options.out / variant.name / f"seed-{seed}"
                own_flags = with_defaults([*variant.flags, *common_flags, "--seed", str(seed)], options.epochs)
                runs[run_dir] = train_or_read("train_squad.py", run_dir, [*flags, *own_flags])
                if seed not in questions_of:
                    questions_of[seed] = load_splits("squad", files, 0.05, seed, Reading())[0]["validation"]
            f1_of[variant.name] = {
                seed: f1_of_questions(run_dir, results, questions_of[seed])
                for seed, (run_dir, results) in zip(options.seeds, runs.items(), strict=True)
            }
            row = row_of(variant.name, runs)
            if variant.compared_with in f1_of:
                row |= gain(f1_of[variant.compared_with], f1_of[variant.name], questions_of)
            rows.append(row)
            (options.out / "table.json").write_text(json.dumps(rows, indent=1) + "\n")
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    rows += rows_of_others
    (options.out / "table.json").write_text(json.dumps(rows, indent=1) + "\n")
    print(as_markdown(rows))
    if options.study == "budget":
        plot(rows, options.out / "budget.png")
    return 0


def parse():
    """The options, and the flags of all trainings, which stand after `--`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--study", choices=("parts", "data", "levers", "budget"), required=True)
    add("--train-files", nargs="+", required=True)
    add("--validation-files", nargs="+", default=[], help="left out: 5 %% of the training questions, whole articles")
    add("--out", type=Path, required=True, help="folder of the runs and of table.json")
    add("--epochs", default="3", help="of each variant that has none of its own")
    add("--seeds", nargs="+", type=int, default=[0])
    add(
        "--questions",
        nargs="+",
        type=int,
        help="numbers of training questions of the levers, 0 for all; default 9000 0",
    )
    add("--only", nargs="+", default=[], help="names of variants; what they are compared with is trained too")
    add("--with-runs", nargs="+", type=Path, default=[], help="finished runs on the same data, for rows of their own")
    return parse_with_flags_of_all(parser)


def study_variants(study: str, questions: list[int] | None = None) -> list[Variant]:
    """The variants of a study, in the order in which they are trained: what is compared with comes first.

    Args:
        study: `parts`, `data`, `levers` or `budget`.
        questions: for `levers`, numbers of training questions, 0 for all.
    """
    if study == "data":
        return [Variant(f"{size or 'all'}-questions", ("--limit", str(size))) for size in SIZES]
    if study == "budget":
        return [Variant(name, flags) for name, flags in BUDGET.items()]
    if study == "levers":
        variants = []
        for size in (SIZES[0], 0) if questions is None else questions:
            suffix, limit = f"-of-{size or 'all'}", ("--limit", str(size))
            variants.append(Variant(UNCHANGED + suffix, limit))
            variants += [Variant(name + suffix, (*flags, *limit), UNCHANGED + suffix) for name, flags in LEVERS.items()]
        return variants
    limit = ("--limit", str(SIZES[0]))
    flags, variants = PLAIN, [Variant("plain", (*PLAIN, *limit))]
    for name, part in PARTS.items():
        flags = (*flags, *part)
        variants.append(Variant(f"with-{name.replace(' ', '-')}", (*flags, *limit), variants[-1].name))
    all_parts = variants[-1].name
    context_query = ("--context-query-attention", "True")
    variants.append(Variant("with-context-query-attention", (*flags, *context_query, *limit), all_parts))
    variants.append(Variant("without-EMA", (*flags, "--ema", "0", *limit), all_parts))
    return variants


def chosen(variants: list[Variant], names: list[str]) -> list[Variant]:
    """The variants with these names and what they are compared with; all where no name is given.

    A name without the number of questions at its end means all of them.

    Raises:
        UserError: there is no variant of that name.
    """
    if not names:
        return variants
    selected = [variant for variant in variants if {variant.name, variant.name.rpartition("-of-")[0]} & set(names)]
    known = {name for variant in variants for name in (variant.name, variant.name.rpartition("-of-")[0]) if name}
    if unknown := [name for name in names if name not in known]:
        raise UserError(f"--only {unknown[0]}: is no variant of this study; it has {', '.join(sorted(known))}")
    bases = {variant.compared_with for variant in selected}
    return [variant for variant in variants if variant in selected or variant.name in bases]


def with_defaults(flags: list[str], epochs: str) -> list[str]:
    """The flags of one training, with `--epochs` and what no study needs, where they do not have it."""
    defaults = {"--epochs": epochs, "--tracking": "off"}
    named = {flag.split("=")[0].replace("_", "-") for flag in flags}
    added = [part for flag, value in defaults.items() if flag not in named for part in (flag, value)]
    no_export = as_flag("export", off=True)
    return [*flags, *added, *([] if no_export in named else [no_export])]


def f1_of_questions(run_dir: Path, results: dict, questions) -> np.ndarray:
    """F1 (0-100) of each validation question, from the predictions that a run without test files leaves.

    Raises:
        UserError: they are not the predictions for these questions.
    """
    f1 = question_scores(questions, read_predictions(run_dir / "predictions.json"))[1]
    if abs(f1.mean() - results["metrics"]["validation"]["f1"]) > 0.01:
        raise UserError(
            f"{run_dir}: its predictions are not those of the validation questions; leave out --test-files and "
            "--validation-fraction after --"
        )
    return f1


def gain(base: dict[int, np.ndarray], variant: dict[int, np.ndarray], questions_of: dict[int, list]) -> dict:
    """The mean difference in F1 and its 95 % interval.

    Args:
        base, variant: seed to F1 of each validation question.
        questions_of: seed to these questions. Seeds hold out different articles; one that several hold out is one group.
    """
    differences = np.concatenate([variant[seed] - base[seed] for seed in variant])
    groups = np.concatenate([article_groups(questions_of[seed]) for seed in variant])
    return {
        "gain": round(float(differences.mean()), 2),
        "gain_interval": [round(value, 2) for value in bootstrap_interval(differences, groups)],
    }


def row_of(name: str, runs: dict[Path, dict]) -> dict:
    """The row of a variant; a list holds one entry per seed."""
    results = list(runs.values())
    scores = [one["metrics"]["validation"] for one in results]
    return {
        "variant": name,
        "questions": results[0]["data"]["counts"]["train"],
        "f1": [round(one["f1"], 2) for one in scores],
        "f1_interval": results[0]["intervals"]["validation"]["f1"],
        "exact_match": [round(one["exact_match"], 2) for one in scores],
        "parameters": results[0]["parameters"],
        "minutes": [round(sum(seconds_in_all(run_dir).values()) / 60, 1) for run_dir in runs],
        "commit": results[0]["commit"],
    }


def row_of_finished(reference: Path) -> dict:
    """The row of a run that this command did not train.

    Args:
        reference: a run directory, or the name of a published model.

    Raises:
        UserError: it is no finished run of train_squad.py, or was not scored on validation questions.
    """
    _, results = read_run(reference, "squad")
    folder = model_folder(reference)
    if "validation" not in results.get("metrics", {}):
        raise UserError(f"--with-runs {reference}: has no scores on validation questions; name a run that has them")
    with damaged_run_as_user_error(folder):
        return row_of(folder.name, {folder: results})


def as_markdown(rows: list[dict]) -> str:
    """The table. Several seeds: mean (lowest to highest); one: the score (its 95 % interval)."""
    titles = ("variant", "questions", "F1", "EM", "gain in F1 (95 %)", "parameters", "minutes in all")
    lines = [f"| {' | '.join(titles)} |", "|---" * len(titles) + "|"]
    for row in rows:
        f1 = row["f1"]
        spread = f" ({min(f1)} to {max(f1)})" if len(f1) > 1 else format_interval(row["f1_interval"], 1)
        paired = f"{row['gain']:+.2f}{format_interval(row['gain_interval'], 2, sign='+')}" if "gain" in row else ""
        lines.append(
            f"| {row['variant']} | {row['questions']:,} | {mean(f1):.2f}{spread} | {mean(row['exact_match']):.2f} "
            f"| {paired} | {row['parameters']:,} | {mean(row['minutes']):.1f} |"
        )
    return "\n".join(lines)


def plot(rows: list[dict], path: Path) -> None:
    """Draw F1 against minutes, a point for each row."""
    from utils.common.plots import figure_and_axes, save_figure

    figure, (ax,) = figure_and_axes(
        7, 4.5, 1, title=f"SQuAD, validation: F1 against the time of all training, {len(rows)} runs"
    )
    for row in rows:
        minutes, f1 = mean(row["minutes"]), mean(row["f1"])
        ax.plot(minutes, f1, "o", color="C0")
        ax.annotate(row["variant"], (minutes, f1), (5, -3), textcoords="offset points", fontsize=7)
    ax.set(xlabel="minutes", ylabel="F1 (percent)")
    ax.margins(x=0.2)
    save_figure(figure, path)


if __name__ == "__main__":
    sys.exit(main())

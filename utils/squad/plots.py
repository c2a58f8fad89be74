"""Pictures of a SQuAD run: its training, and its scores by question word and by answer length."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from utils.common.evaluation import Evaluation
from utils.squad.metrics import question_parts
from utils.squad.question import Question

METRICS = {"exact_match": "exact match", "f1": "F1"}
PARTS = {
    "question_word": ("question word", "first question word in the question"),
    "answer_length": ("answer length", "words in the first reference answer (characters, in languages without spaces)"),
}
"""Name of a way to part questions to its title and to the label of its axis."""
OVERLAP = "word_overlap"
"""The baseline that is drawn beside the model."""


def plot_training(
    run_dir: Path, rows: list[dict], baselines: dict[str, dict[str, Evaluation]], model_and_data: str
) -> None:
    """Draw `history.png`, the loss and the validation scores epoch by epoch.

    Args:
        run_dir: the run directory.
        rows: the rows of `metrics.csv`.
        baselines: name to split to evaluation; those of the validation questions are drawn as lines.
        model_and_data: the model's name and the data's, for the title.
    """
    from utils.common.plots import plot_history, reference_lines
    from utils.training.fit import best_row

    scores = {f"val_{metric}": name for metric, name in METRICS.items()}
    panels = {"training loss (nats)": {"loss": "loss"}, "validation score (percent)": scores}
    lines = reference_lines(baselines, [OVERLAP], scores)
    best_epoch = best_row(rows, "val_f1")["epoch"]
    plot_history(rows, run_dir / "history.png", panels, f"Training\n{model_and_data}", best_epoch, lines)


def plot_test(
    folder: Path,
    questions: Sequence[Question],
    evaluation: Evaluation,
    baselines: dict[str, dict[str, Evaluation]],
    model_and_data: str,
    split: str,
) -> None:
    """Draw `question_word.png` and `answer_length.png`: scores with 95 % intervals over articles.

    Args:
        folder: where to write.
        questions: the questions that were scored.
        evaluation: the model's on these questions.
        baselines: name to split to evaluation; that of word overlap is drawn.
        model_and_data: the model's name and the data's, for the title.
        split: name of the questions' split.
    """
    from utils.common.plots import plot_bars

    overlap = baselines.get(OVERLAP, {}).get(split)
    for part, masks in question_parts(questions).items():
        groups = {
            label: (int(mask.sum()), {name: _score(evaluation, metric, mask) for metric, name in METRICS.items()})
            for label, mask in masks.items()
        }
        marks = {}
        if overlap is not None:
            scores = overlap.per_example["f1"]
            marks["F1 of word overlap"] = {label: float(scores[mask].mean()) for label, mask in masks.items()}
        title, xlabel = PARTS[part]
        title = f"Scores by {title}\n{model_and_data}, {split}: {len(questions):,} questions, 95 % intervals"
        plot_bars(groups, folder / f"{part}.png", title, xlabel, "score (percent)", marks)


def _score(evaluation: Evaluation, metric: str, mask: np.ndarray) -> tuple[float, float, float]:
    """The mean of some questions, and its interval."""
    groups = None if evaluation.groups is None else evaluation.groups[mask]
    part = Evaluation.from_examples({metric: evaluation.per_example[metric][mask]}, groups)
    return part.metrics[metric], *part.intervals()[metric]

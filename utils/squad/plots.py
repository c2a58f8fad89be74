"""Plots of a SQuAD run, as PNG files."""

from __future__ import annotations

from pathlib import Path

from utils.squad.metrics import breakdown, question_scores


def plot_scores(run_dir: Path, rows: list[dict], questions, predictions: dict[str, str]) -> None:
    """Draw the scores by epoch (`history.png`), by question word and by answer length.

    Args:
        run_dir: folder of the plots.
        rows: the rows of `metrics.csv`.
        questions: `utils.squad.data.Question` records.
        predictions: question id to answer text.
    """
    from utils.common.plots import plot_history

    plot_history(rows, run_dir / "history.png", {"loss": ["loss"], "EM and F1": ["val_exact_match", "val_f1"]})
    plot_breakdown(run_dir, questions, predictions)


def plot_breakdown(folder: Path, questions, predictions: dict[str, str]) -> None:
    """Draw the scores by question word and by answer length; arguments as of `plot_scores`."""
    from utils.common.plots import plot_bars

    for part, groups in breakdown(questions, *question_scores(questions, predictions)).items():
        title = f"Scores by {part.replace('_', ' ')} ({len(questions):,} questions)"
        plot_bars(groups, folder / f"{part}.png", title, "score", ("EM", "F1"))

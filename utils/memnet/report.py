"""Files that a finished run leaves behind, and its scores as lines."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from utils.common.files import write_json
from utils.memnet.dataset import MemoryData
from utils.memnet.records import MemoryQuestion


def format_scores(split: str, metrics: dict) -> str:
    """One split's scores as a line."""
    abstention = "".join(
        f", {name.replace('_', ' ')} {metrics[name]:.4f}"
        for name in ("abstained_answerable", "answered_unanswerable", "aurc")
        if name in metrics
    )
    return (
        f"{split}: accuracy {metrics['accuracy']:.4f}, MRR {metrics['mrr']:.4f}, gold key {metrics['gold_key_accuracy']:.4f}, "
        f"answer in memory {metrics['candidate_recall']:.4f}{abstention}, {metrics['total']:,} questions"
    )


def write_predictions(run_dir: Path, questions: Sequence[MemoryQuestion], answers: Sequence[dict]) -> None:
    """Write `predictions.json`: each question with its correct answers, the best value, and the fact that it rests on.

    Args:
        run_dir: the run directory.
        questions: the questions.
        answers: what `MemnetPredictor.read_answers` returned for them.
    """
    rows = []
    for question, answer in zip(questions, answers, strict=True):
        row = {"id": question.id, "question": question.text, "correct_answers": list(question.answers), "answer": None}
        if answer["answers"]:
            fact = answer["supporting_fact"]
            row["answer"] = answer["answers"][0]["answer"]
            row["fact"] = f"{fact['subject']} / {fact['relation']} / {fact['object']}"
        rows.append(row)
    write_json(run_dir / "predictions.json", rows)


def write_splits(run_dir: Path, data: MemoryData, split_seed: int) -> None:
    """Write `splits.json`: the ids of the questions of each split."""
    ids = {split: [question.id for question in questions] for split, questions in data.questions.items()}
    write_json(run_dir / "splits.json", {"split_seed": split_seed, **ids})

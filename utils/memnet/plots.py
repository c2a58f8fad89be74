"""Plots of a run, as PNG files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from utils.common.plots import plot_attention, plot_history
from utils.memnet.features import MemoryFeatures
from utils.memnet.metrics import SlotScores
from utils.memnet.records import KnowledgeBase, MemoryQuestion

NUM_QUESTIONS, NUM_FACTS = 8, 8
"""Questions, and facts of each, in the plot and table of attention."""


def attention_rows(
    base: KnowledgeBase, questions: Sequence[MemoryQuestion], features: MemoryFeatures, slots: SlotScores
) -> list[tuple[str, list[tuple[str, float, bool]]]]:
    """Some questions, evenly spaced, each with its most attended facts: text, weight, and whether the fact answers it."""
    rows = []
    for row in range(0, len(questions), max(1, len(questions) // NUM_QUESTIONS))[:NUM_QUESTIONS]:
        memory, address, gold = features.memory[row], slots.address[row], features.gold[row]
        attended = [slot for slot in address.argsort()[::-1][:NUM_FACTS] if memory[slot] >= 0]
        facts = [(str(base.facts[memory[slot]]), float(address[slot]), bool(gold[slot])) for slot in attended]
        rows.append((questions[row].text, facts))
    return rows


def attention_table(rows) -> tuple[list[str], list[tuple]]:
    """The columns and rows of a table of attention, for the tracker."""
    columns = ["question", "fact", "weight", "answers"]
    return columns, [(question, *fact) for question, facts in rows for fact in facts]


def plot_run(run_dir: Path, history: list[dict], attention) -> None:
    """Write `history.png`, the scores epoch by epoch, and `attention.png`, the attention of some questions.

    Args:
        run_dir: the run directory.
        history: the rows of `metrics.csv`.
        attention: rows from `attention_rows`.
    """
    panels = {"loss": ["loss"], "validation": ["val_accuracy", "val_gold_key_accuracy"]}
    plot_history(history, run_dir / "history.png", panels)
    plot_attention(attention, run_dir / "attention.png")

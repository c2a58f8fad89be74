"""Pictures of a memnet run: its training, and the facts that some questions attend to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from utils.common.evaluation import Evaluation
from utils.common.figures import figure_and_axes, no_values, save_figure
from utils.common.fonts import drawable
from utils.common.plots import plot_history, reference_lines
from utils.memnet.answering import path_text
from utils.memnet.baselines import BASELINES
from utils.memnet.features import MemoryFeatures
from utils.memnet.metrics import SlotScores
from utils.memnet.predictor import MemnetPredictor
from utils.memnet.records import MemoryQuestion
from utils.text.words import shortened

NUM_CORRECT, NUM_WRONG, NUM_FACTS = 3, 2, 5
"""Questions with a correct and with a wrong answer, and the facts of each, in the picture and table of attention."""
MIN_WEIGHT = 1e-6
"""Weights up to this one are white."""


@dataclass(frozen=True)
class AttentionExample:
    """A question with its answer and the facts that it attends to.

    Args:
        question: the question.
        answer: the model's answer; empty where the memory holds no fact, or where the model says that none answers.
        probability: of the answer, or that no fact answers.
        is_correct: whether the answer is correct.
        correct_answers: the correct answers.
        facts: the most attended facts, largest weight first: text, weight, and whether the fact answers the question.
    """

    question: str
    answer: str
    probability: float
    is_correct: bool
    correct_answers: tuple[str, ...]
    facts: list[tuple[str, float, bool]]


def attention_examples(
    predictor: MemnetPredictor,
    questions: Sequence[MemoryQuestion],
    features: MemoryFeatures,
    slots: SlotScores,
    evaluation: Evaluation,
) -> list[AttentionExample]:
    """Some questions that are answered correctly, evenly spaced, and then some that are not.

    Where too few answers are wrong, the correct answers with the lowest probability take their places.

    Args:
        predictor: the trained model with its facts.
        questions: the questions.
        features: their features.
        slots: the scores of their slots.
        evaluation: of these questions.
    """
    is_correct = evaluation.per_example["accuracy"] > 0
    correct, wrong = np.flatnonzero(is_correct), np.flatnonzero(~is_correct)
    failures = wrong[:: max(1, len(wrong) // NUM_WRONG)][:NUM_WRONG].tolist()
    if len(failures) < NUM_WRONG:
        answers = predictor.read_answers(features, slots, n_best=1)
        least_certain = sorted(correct.tolist(), key=lambda row: answers[row]["answers"][0]["probability"])
        failures += least_certain[: NUM_WRONG - len(failures)]
    others = np.setdiff1d(correct, failures)
    rows = [*others[:: max(1, len(others) // NUM_CORRECT)][:NUM_CORRECT].tolist(), *failures]
    part = MemoryFeatures(features.question_ids[rows], features.memory[rows], features.gold[rows])
    answers = predictor.read_answers(part, slots.of(rows), n_best=NUM_FACTS)
    examples = []
    for row, answer in zip(rows, answers, strict=True):
        memory, address, gold = features.memory[row], slots.address[row], features.gold[row]
        attended = [slot for slot in address.argsort()[::-1] if memory[slot] >= 0][:NUM_FACTS]
        facts = [
            (path_text(fact), float(address[slot]), bool(gold[slot]))
            for fact, slot in zip(answer["facts"], attended, strict=True)
        ]
        none = {"answer": "", "probability": answer["no_answer_probability"] or 0.0}
        best = answer["answers"][0] if answer["answers"] else none
        examples.append(
            AttentionExample(
                questions[row].text,
                best["answer"],
                best["probability"],
                bool(is_correct[row]),
                questions[row].answers,
                facts,
            )
        )
    return examples


def attention_table(examples: Sequence[AttentionExample]) -> tuple[list[str], list[tuple]]:
    """The columns and rows of a table of attention, for the tracker."""
    columns = ["question", "answer", "is_correct", "fact", "weight", "fact_answers"]
    rows = [
        (example.question, example.answer, example.is_correct, *fact) for example in examples for fact in example.facts
    ]
    return columns, rows


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
    from utils.training.fit import best_row

    scores = {"val_accuracy": "accuracy", "val_gold_key_accuracy": "most attended fact answers"}
    panels = {"training loss (nats)": {"loss": "loss"}, "fraction of validation questions": scores}
    lines = reference_lines(baselines, BASELINES, ["val_accuracy"])
    best_epoch = best_row(rows, "val_accuracy")["epoch"]
    plot_history(rows, run_dir / "history.png", panels, f"Training\n{model_and_data}", best_epoch, lines)


def plot_test(folder: Path, examples: Sequence[AttentionExample], model_and_data: str, split: str) -> None:
    """Draw `attention.png`: a heat map per question, with a row per fact and a tick on facts that answer.

    Args:
        folder: where to write.
        examples: from `attention_examples`. Without any the plot says "no values".
        model_and_data: the model's name and the data's, for the title.
        split: name of the questions' split.
    """
    from matplotlib.colors import LogNorm

    title = f"Facts that questions attend to\n{model_and_data}, {split}"
    if examples and all(example.is_correct for example in examples):
        title += f"\nno wrong answer in the {split} questions: the last {NUM_WRONG} are the least certain ones"
    heights = [0.5 + 0.2 * max(1, len(example.facts)) for example in examples]
    figure, axes = figure_and_axes(8, 0.5 + sum(heights or [1.5]), 1, max(1, len(examples)), title,
                                   height_ratios=heights or None)  # fmt: skip
    for ax, example in zip(axes, examples, strict=False):
        weights = [[max(weight, MIN_WEIGHT)] for _, weight, _ in example.facts] or [[np.nan]]
        image = ax.imshow(weights, "Greens", aspect="auto", norm=LogNorm(MIN_WEIGHT, 1))
        for row, (_, weight, _) in enumerate(example.facts):
            label = f"{weight:.4f}" if weight >= 5e-5 else f"{weight:.0e}"
            ax.text(0, row, label, ha="center", va="center", fontsize=8, color="white" if weight > 1e-2 else "black")
        labels = [f"{drawable(shortened(fact, 60))} {'✓' if answers else '   '}" for fact, _, answers in example.facts]
        ax.set_yticks(range(len(example.facts)), labels, fontsize=8)
        ax.set_xticks([])
        ax.tick_params("y", length=0)
        ax.spines[:].set_visible(False)
        ax.set_title(_heading(example), fontsize=8.5, loc="right", color="black" if example.is_correct else "tab:red")
    if examples:
        shrink = min(1, 3 / sum(heights))
        bar = figure.colorbar(
            image, ax=list(axes), shrink=shrink, aspect=30, pad=0.02, format=lambda weight, _: f"{weight:g}"
        )
        bar.ax.minorticks_off()
        bar.ax.tick_params(labelsize=8)
        bar.set_label("attention weight (logarithmic)", fontsize=8)
    else:
        no_values(axes[0])
    save_figure(figure, folder / "attention.png")


def _heading(example: AttentionExample) -> str:
    """The question and its answer, on one line or on two."""
    answer = f"{drawable(shortened(example.answer, 40))} ({example.probability:.3f})" if example.answer else "none"
    if not example.is_correct:
        answer += f", correct: {drawable(shortened(' or '.join(example.correct_answers), 50))}"
    question, answer = drawable(shortened(example.question, 90)), f"answer: {answer}"
    return f"{question}{'   ' if len(question) + len(answer) < 85 else chr(10)}{answer}"

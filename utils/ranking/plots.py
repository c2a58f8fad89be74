"""Pictures of a ranking run: its training, scores of own answers by grade, and where the encoder and BM25 differ."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from utils.common.evaluation import Evaluation
from utils.common.figures import figure_and_axes, legend_above, no_values, save_figure
from utils.common.fonts import drawable
from utils.common.plots import plot_history, reference_lines
from utils.ranking.baselines import PLAIN
from utils.ranking.evaluation import Search, answerable
from utils.text.words import shortened

MAX_GRADES = 8
"""With more different grades than this, they are rounded to whole numbers."""
NUM_EXAMPLES = 4
"""Questions that are named where the encoder is ahead, and as many where BM25 is."""
BM25_NAME = "bm25"
"""The baseline that the encoder is compared with, question by question."""
MAX_LETTERS = 95
"""Letters of a question that are drawn."""


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

    panels = {"training loss": {"loss": "loss"}}
    if "val_mrr" in rows[0]:
        panels["validation, own answers"] = {"val_ndcg@10": "NDCG@10", "val_mrr": "MRR"}
    panels["validation, all answers"] = {"val_ndcg@10_all": "NDCG@10", "val_mrr_all": "MRR"}
    columns = [column for panel in panels.values() for column in panel if column.startswith("val_")]
    plain = {name: splits for name, splits in baselines.items() if name in PLAIN}
    lines, best_epoch = reference_lines(plain, PLAIN, columns), best_row(rows, "val_score")["epoch"]
    plot_history(rows, run_dir / "history.png", panels, f"Training\n{model_and_data}", best_epoch, lines)


def plot_test(
    folder: Path,
    search: Search,
    evaluation: Evaluation,
    bm25: Evaluation | None,
    model_and_data: str,
    split: str,
    own_search: Search | None = None,
    system: str = "encoder",
) -> None:
    """Draw `scores_by_grade.png`, a system's scores of own answers, and `bm25_differences.png`.

    Args:
        folder: where to write.
        search: what the system found for the questions.
        evaluation: of its scores.
        bm25: the evaluation of BM25 on the same questions; None draws no differences.
        model_and_data: the model's name and the data's, for the titles.
        split: name of the questions' split.
        own_search: what it found among own answers, where it scores these otherwise.
        system: what the pictures call it.
    """
    conditions = f"{model_and_data}, {split}"
    plot_grades(own_search or search, folder / "scores_by_grade.png", f"Scores of own answers by grade\n{conditions}")
    if bm25 is not None:
        queries = search.questions.queries
        texts = [queries[number].text for number in answerable(queries)]
        ranks, bm25_ranks = (1 / scores.per_example["mrr_all"] for scores in (evaluation, bm25))
        title = f"Where the {system} and BM25 differ: rank of the first relevant answer among all\n{conditions}"
        plot_differences(texts, ranks, bm25_ranks, folder / "bm25_differences.png", title, system)


def plot_grades(search: Search, path: Path, title: str) -> None:
    """The distribution of the scores of questions' own answers, for each grade: median, quartiles, and 5 % and 95 %.

    Args:
        search: the scores of the questions' graded answers.
        path: the PNG file to write.
        title: title of the plot; a line on the order within questions is added.
    """
    grades, own_scores, in_order = [], [], []
    for query, ranking in zip(search.questions.queries, search.results, strict=True):
        own = ranking.own_scores
        grade = np.array([candidate.relevance for candidate in query.candidates])
        better = grade[:, None] > grade[None]
        in_order.append((np.sign(own[:, None] - own[None])[better] + 1) / 2)
        grades.append(grade)
        own_scores.append(own)
    grades, own_scores, in_order = (np.concatenate(parts) for parts in (grades, own_scores, in_order))
    if len(np.unique(grades)) > MAX_GRADES:
        grades = np.rint(grades)
    if len(in_order):
        title += (
            f"\n{len(in_order):,} pairs of better and worse answers to one question: {in_order.mean():.1%} in order"
        )
    levels = np.unique(grades)
    figure, (ax,) = figure_and_axes(max(5.5, 2 + len(levels)), 4, 1, title=title)
    parts = [own_scores[grades == level] for level in levels]
    style = {"whis": (5, 95), "showfliers": False, "widths": 0.6, "patch_artist": True}
    ax.boxplot(
        parts, positions=range(len(levels)), medianprops={"color": "black"}, boxprops={"facecolor": "0.85"}, **style
    )
    ax.set_xticks(
        range(len(levels)),
        [f"{level:g}\n(n = {len(part):,})" for level, part in zip(levels, parts, strict=True)],
        fontsize=8,
    )
    ax.set_xlabel("grade of the answer", fontsize=9)
    ax.set_ylabel("score for the question\n(median, quartiles, 5 % and 95 %)", fontsize=9)
    ax.grid(alpha=0.3, axis="y")
    save_figure(figure, path)


def plot_differences(
    texts: list[str], ranks: np.ndarray, bm25_ranks: np.ndarray, path: Path, title: str, system: str = "encoder"
) -> None:
    """The ranks that two systems give, question by question, and the questions in which they differ most.

    Args:
        texts: the questions.
        ranks: rank of the first relevant answer by the system that is compared with BM25, from 1, `(questions,)`.
        bm25_ranks: the same by BM25.
        path: the PNG file to write. Without questions it says "no values".
        title: title of the plot; a line on who is ahead is added.
        system: what the picture calls the system.
    """
    gain = np.log(bm25_ranks / ranks)
    ahead, behind = (np.flatnonzero(np.abs(gain) * (np.sign(gain) == sign) > 1e-9) for sign in (1, -1))
    title += (
        f"\n{system} ahead in {len(ahead):,} of {len(texts):,} questions, BM25 in {len(behind):,}, "
        f"equal in {len(texts) - len(ahead) - len(behind):,}"
    )
    examples = [*ahead[np.argsort(-gain[ahead], kind="stable")][:NUM_EXAMPLES]]
    examples += [*behind[np.argsort(gain[behind], kind="stable")][:NUM_EXAMPLES][::-1]]
    height = 0.6 + 0.4 * max(1, len(examples))
    figure, (all_ax, ax) = figure_and_axes(7.5, 4.6 + height, 1, 2, title, height_ratios=[3.4, height])
    if len(texts):
        _draw_all_ranks(all_ax, ranks, bm25_ranks, system)
    else:
        no_values(all_ax)
    for position, number in enumerate(examples):
        pair = ranks[number], bm25_ranks[number]
        ax.plot(pair, (position, position), color="0.7", linewidth=1, zorder=0)
        for rank, colour, name in zip(pair, ("tab:blue", "tab:orange"), (system, "BM25"), strict=True):
            ax.plot(rank, position, "o", markersize=5, color=colour, label=name if position == 0 else None)
        text = drawable(shortened(texts[number], MAX_LETTERS))
        ax.text(0.01, position - 0.28, text, transform=ax.get_yaxis_transform(), fontsize=8, va="center")
    ax.set_yticks([])
    if examples:
        _log_ranks(ax.xaxis)
        ax.set_ylim(len(examples) - 0.6, -0.8)
        ax.set_xlabel("rank (logarithmic) in the questions that differ most", fontsize=9)
        ax.grid(alpha=0.3, axis="x")
        legend_above(ax)
    else:
        no_values(ax, "no differences")
    save_figure(figure, path)


def _draw_all_ranks(ax, ranks: np.ndarray, bm25_ranks: np.ndarray, system: str) -> None:
    """One dot per question, moved a little at random, so that equal ranks do not hide one another."""
    rng = np.random.default_rng(0)
    moved = [each * np.exp(rng.uniform(-0.1, 0.1, len(each))) for each in (bm25_ranks, ranks)]
    ax.scatter(*moved, s=9, alpha=min(1, max(0.15, 300 / len(ranks))), linewidths=0)
    longest = max(ranks.max(), bm25_ranks.max(), 2)
    ax.plot([1, longest], [1, longest], color="gray", linewidth=1, linestyle=":")
    for axis in (ax.xaxis, ax.yaxis):
        _log_ranks(axis)
    ax.set_xlabel("rank by BM25 (logarithmic)", fontsize=9)
    ax.set_ylabel(f"rank by the {system} (logarithmic)", fontsize=9)
    ax.grid(alpha=0.3)
    for x, y, text, alignment in ((0.98, 0.04, f"{system} ahead", "right"), (0.02, 0.93, "BM25 ahead", "left")):
        ax.text(x, y, text, transform=ax.transAxes, ha=alignment, color="gray", fontsize=9)


def _log_ranks(axis) -> None:
    """A logarithmic axis with whole numbers."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    (axis.axes.set_xscale if axis.axis_name == "x" else axis.axes.set_yscale)("log")
    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}" if value >= 1 else ""))
    axis.axes.tick_params(axis.axis_name, labelsize=8)

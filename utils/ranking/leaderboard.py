"""Losses of answer ranking side by side: one table, one figure, paired tests."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from utils.common.files import write_json
from utils.common.plots import plot_comparison
from utils.ranking.baselines import ORACLE
from utils.ranking.evaluation import KEPT, TESTED, means
from utils.ranking.metrics import holm, paired_randomisation
from utils.vectors.metrics import intervals


def leaderboard(run_dir: Path, runs: dict[str, list[Path]]) -> tuple[list[str], list[list[str]]]:
    """All losses and baselines in one table, printed, and written as `leaderboard.json` and `leaderboard.png`.

    Of each loss the mean over seeds. p: paired randomisation over the questions, with Holm's correction over the losses: each
    against the one that is best in validation, and against the baselines. Values of a question are means over seeds first, so p
    tells whether other questions would agree, not other seeds.

    Args:
        run_dir: where it is written.
        runs: the finished run directories of each loss, one a seed.

    Returns:
        The columns of the table and its rows.
    """
    each, seconds, several, validated = {}, {}, {}, {}
    for loss, folders in runs.items():
        kept = [np.load(folder / "per_question.npz") for folder in folders]
        results = [json.loads((folder / "results.json").read_text()) for folder in folders]
        each[loss] = {metric: np.mean([of[f"encoder/{metric}"] for of in kept], axis=0) for metric in KEPT}
        several[loss] = {metric: [of["metrics"]["test"][metric] for of in results] for metric in KEPT}
        seconds[loss] = float(np.mean([of["seconds"] for of in results]))
        validated[loss] = {
            metric: float(np.mean([of["metrics"]["validation"][metric] for of in results])) for metric in TESTED
        }
    plain = sorted({name.split("/")[0] for name in kept[0].files} - {"encoder"})
    each |= {name: {metric: kept[0][f"{name}/{metric}"] for metric in KEPT} for name in plain}
    table = {name: means(found) for name, found in each.items()}
    best = {metric: max(runs, key=lambda loss: validated[loss][metric]) for metric in TESTED}
    rivals, against = [name for name in plain if name != ORACLE], {}
    for metric in TESTED:
        for rival in (best[metric], *rivals):
            p = {x: paired_randomisation(each[x][metric], each[rival][metric]) for x in runs if x != rival}
            against[f"{metric} against {rival}"] = holm(p)
    columns = ["name", *TESTED, "p@1", "p@1_all", *(f"p, {metric}" for metric in TESTED[::2]), "seconds"]
    rows, count = [], len(next(iter(runs.values())))
    for name, of in sorted(table.items(), key=lambda row: -row[1]["ndcg@10_all"]):
        spread = several.get(name, {}) if count > 1 else {}
        spread = {metric: f" ± {np.std(values, ddof=1):.4f}" for metric, values in spread.items()}
        row = [name, *(f"{of[metric]:.4f}{spread.get(metric, '')}" for metric in columns[1:7])]
        p = [against[f"{metric} against {best[metric]}"].get(name) for metric in TESTED[::2]]
        row += ["best" if value is None else f"{value:.4f}" for value in p] if name in runs else ["", ""]
        rows.append([*row, f"{seconds[name]:.0f}" if name in runs else ""])
    print(f"\ntest, mean over {count} seeds; p: against the loss that is best in validation")
    for row in (columns, ["---"] * len(columns), *rows):
        print(f"| {' | '.join(row)} |")
    for metric, first in best.items():
        shown = ", ".join(f"{name} {against[f'{metric} against {name}'][first]:.4f}" for name in rivals)
        print(f"{metric}: {first} is best in validation; p against {shown}")
    board = {"test": table, "seeds": several, "validation": validated, "best": best, "p": against, "seconds": seconds}
    write_json(run_dir / "leaderboard.json", board)
    bars = {}
    for name, found in each.items():
        within = {
            metric: intervals({metric: of}, np.arange(len(of)))[metric] for metric, of in found.items() if len(of)
        }
        bars[name] = {m: (table[name][m], *within[m]) for m in ("ndcg@10", *TESTED[2:]) if m in within}
    plot_comparison(bars, run_dir / "leaderboard.png", "test questions, mean over seeds", "score, 95 % intervals")
    return columns, rows

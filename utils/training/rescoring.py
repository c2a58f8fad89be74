"""Write and print what `evaluate.py` finds: the table, the agreement with the run's own results, and the comparison of two runs."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from utils.common.files import finite_or_none, write_json
from utils.common.statistics import format_interval
from utils.training import environment
from utils.training.publish import SCHEMA_VERSION, Headline, scores
from utils.training.run_files import DataSource, checksum_of, file_checksums
from utils.training.scored import FinishedRun, Scored

OF_THE_RUN = ("model", "seed", "best_epoch", "epochs")


def write_results(
    run: FinishedRun, scored: Scored, source: DataSource, folder: Path, seconds: float, is_comparable: bool
) -> dict:
    """Write `results.json` in the shape of a run's, and the predictions and plots.

    Args:
        run: the run.
        scored: its scores.
        source: the data that was scored.
        folder: where to write.
        seconds: how long scoring took.
        is_comparable: whether the scores should be those of the run's own `results.json`; if so, `evaluated` says under
            `agreement` how they differ (see `agreement`).

    Returns:
        what `results.json` holds.
    """
    import keras

    folder.mkdir(parents=True, exist_ok=True)
    scored.write(folder)  # which may add details
    results = {
        "schema_version": SCHEMA_VERSION,
        "task": run.results["task"],
        **{name: run.results.get(name) for name in OF_THE_RUN},
        "parameters": scored.model.count_params(),
        "seconds": round(seconds, 1),
        "peak_memory_gib": round(environment.peak_memory_gib(), 2),
        "command": shlex.join(sys.argv),
        "hardware": f"{environment.hardware()}, {environment.accelerators()}",
        "backend": keras.backend.backend(),
        "versions": environment.versions(),
        "commit": environment.commit() or "unknown",
        "evaluated": {
            "reference": run.reference,
            "weights": checksum_of(run.folder / "best.keras"),
            "commit": run.results.get("commit"),
            "checksum": run.results["data"].get("checksum"),
        },
        "data": {
            **scored.data,
            "file_checksums": file_checksums(source.files),
            "notes": [*source.notes, *scored.notes],
        },
        "headline": vars(scored.headlines[0]),
        **scores(scored.evaluations, scored.baselines, run.settings["seed"]),
        "details": scored.details,
        "config": run.results.get("config", {}),
    }
    results = finite_or_none(results)
    if is_comparable:
        results["evaluated"]["agreement"] = agreement(run, results)
    write_json(folder / "results.json", results)
    return results


def table(results: dict, columns: dict[str, str], headlines: Sequence[Headline], name: str) -> list[str]:
    """The scores as lines: a row for each baseline on the first split, and one for the model on each split.

    Args:
        results: what `results.json` holds.
        columns: metric to its title.
        headlines: the metrics that are shown with their intervals.
        name: of the model.
    """
    digits, with_interval = headlines[0].digits, {headline.metric for headline in headlines}
    first = next(iter(results["metrics"]))
    shown = [metric for metric in columns if metric in results["metrics"][first]]
    rows = [["", *(columns[metric] for metric in shown)]]
    for baseline, splits in results["baselines"].items():
        rows.append([baseline.replace("_", " "), *(_number(splits[first].get(metric), digits) for metric in shown)])
    for split, metrics in results["metrics"].items():
        intervals = {key: value for key, value in results["intervals"].get(split, {}).items() if key in with_interval}
        cells = [
            _number(metrics.get(metric), digits) + format_interval(intervals.get(metric), digits) for metric in shown
        ]
        rows.append([name if split == first else f"{name}, {split.removeprefix('test_').replace('_', ' ')}", *cells])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _number(value: float | None, digits: int) -> str:
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) else f"{value:.{digits}f}"


def agreement(run: FinishedRun, results: dict) -> dict:
    """How the scores differ from those in the run's own `results.json`.

    Returns:
        `equal`, whether all metrics, intervals and baselines of the scored splits are the same to the last digit;
        `largest_difference` of a metric, and `metric`, its split and name.
    """
    stored = run.results
    differences = {
        f"{split} {name}": abs(value - stored["metrics"][split][name])
        for split, metrics in results["metrics"].items()
        for name, value in metrics.items()
        if isinstance(value, int | float) and isinstance(stored["metrics"].get(split, {}).get(name), int | float)
    }
    largest = max(differences, key=differences.get, default=None)
    pairs = [(results[part], stored[part]) for part in ("metrics", "intervals")]
    pairs += [(splits, stored["baselines"].get(name, {})) for name, splits in results["baselines"].items()]
    is_equal = all(
        values == others[split] for part, others in pairs for split, values in part.items() if split in others
    )
    return {"equal": is_equal, "largest_difference": differences.get(largest, 0.0), "metric": largest}


def agreement_line(agreed: dict) -> str:
    """What `agreement` returned, as a line."""
    if agreed["equal"]:
        return "all figures are those of the run's results.json, to the last digit"
    if not agreed["largest_difference"]:
        return "the metrics are those of the run's results.json; some intervals or baselines differ"
    return f"largest difference from the run's results.json: {agreed['largest_difference']:.2g} ({agreed['metric']})"


def comparison_lines(
    names: tuple[str, str], compared: dict[str, dict], columns: dict[str, str], digits: int
) -> list[str]:
    """What two runs are told apart by: a line for each metric, and the verdict.

    Args:
        names: of the two runs.
        compared: what `compare_evaluations` returned.
        columns: metric to its title.
        digits: digits after the decimal point.
    """
    lines = []
    for metric, entry in compared.items():
        interval = format_interval(entry["interval"], digits, sign="+").strip(" ()")
        p = "" if entry["p"] is None else f"p {entry['p']:.4f}"
        certainty = ", ".join(filter(None, [interval and f"95 % interval {interval}", p])) or "no interval"
        difference = f"{names[0]} less {names[1]}: {entry['difference']:+.{digits}f}"
        lines.append(f"{columns.get(metric, metric)}, {difference} ({certainty})")
    clear = [columns.get(metric, metric) for metric, entry in compared.items() if entry["is_clear"]]
    unclear = [columns.get(metric, metric) for metric, entry in compared.items() if not entry["is_clear"]]
    if not clear:
        return [*lines, f"{names[0]} and {names[1]} are not told apart by {' or '.join(unclear)}"]
    rest = f", not by {' or '.join(unclear)}" if unclear else ""
    return [*lines, f"{names[0]} and {names[1]} are told apart by {' and '.join(clear)}{rest}"]

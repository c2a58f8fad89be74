"""The scores of one trained model in float32 and in bfloat16, and with windows of several lengths.

The first row is the model as it is stored: float32, with the window length of its training. Each other row changes the precision
or the length; shorter windows overlap by at most a third.
"gain" is its F1 less that of the first row, with a 95 % interval of a bootstrap over articles. The seconds include compilation.

    python -m benchmarks.squad_precision squad-matching --files dev-v1.1.json.gz --max-lengths 256 192
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from benchmarks.harness import report_head, write_report
from utils.common.errors import UserError


def main() -> int:
    options = parse()
    try:
        rows = measure(options.run, options.files, options.max_lengths)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    report = report_head("squad_precision", options, rows=rows)
    print(as_markdown(report))
    write_report(report, options.out)
    return 0


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("run", help="a finished run of train_squad.py, or the name of a published model")
    add("--files", type=Path, nargs="+", required=True, help="questions with answers")
    add(
        "--max-lengths",
        type=int,
        nargs="*",
        default=[],
        help="further lengths of windows, at most that of the training",
    )
    add("--out", type=Path, help="write everything as JSON to this file")
    return parser.parse_args()


def measure(run: str, files: list[Path], max_lengths: list[int]) -> list[dict]:
    """One row for each setting; the first is the model as it is stored."""
    from utils.common.paired import compare_evaluations
    from utils.squad.data import read_squad_files
    from utils.squad.evaluation import evaluate
    from utils.squad.features import build_features
    from utils.squad.predictor import SquadPredictor

    questions = read_squad_files(files)
    stored = SquadPredictor.load(run)
    if any(length > stored.max_length for length in max_lengths):
        raise UserError(f"--max-lengths {max_lengths}: {run} was trained with windows of {stored.max_length} tokens")
    rows, evaluations = [], []
    settings = [("float32", stored.max_length), ("bfloat16", stored.max_length)]
    for precision, max_length in [*settings, *(("float32", length) for length in max_lengths)]:
        predictor = in_precision(stored, precision)
        stride = stored.doc_stride if max_length == stored.max_length else min(stored.doc_stride, max_length // 3)
        features = build_features(questions, stored.tokenizer, max_length, stride)
        start = time.perf_counter()
        answers = predictor.answer_features(features, questions).predictions(stored.null_threshold)
        seconds = time.perf_counter() - start
        evaluations.append(evaluate(questions, answers))
        row = {"precision": precision, "max_length": max_length, "windows": len(features), "seconds": seconds}
        row |= {name: evaluations[-1].metrics[name] for name in ("exact_match", "f1")}
        if rows:
            difference = compare_evaluations(evaluations[-1], evaluations[0], ["f1"])["f1"]
            row |= {"gain": difference["difference"], "interval": difference["interval"]}
        rows.append(row)
    return rows


def in_precision(stored, precision: str):
    """The predictor with a model that computes in this precision, from the same weights."""
    from utils.squad.predictor import SquadPredictor
    from utils.training.weights import inference_copy

    model = inference_copy(stored.model, policy={"float32": "float32", "bfloat16": "mixed_bfloat16"}[precision])
    lengths = {"max_length": stored.max_length, "doc_stride": stored.doc_stride}
    return SquadPredictor(model, stored.tokenizer, **lengths, length_penalty=stored.length_penalty)


def as_markdown(report: dict) -> str:
    """The table."""
    lines = ["", "| precision | longest window | windows | EM | F1 | gain | seconds |", "|---|---|---|---|---|---|---|"]
    for row in report["rows"]:
        gain = f"{row['gain']:.2f} ({row['interval'][0]:.2f} to {row['interval'][1]:.2f})" if "gain" in row else ""
        lines.append(
            f"| {row['precision']} | {row['max_length']} | {row['windows']:,} | {row['exact_match']:.2f} | {row['f1']:.2f} "
            f"| {gain} | {row['seconds']:.0f} |"
        )
    return "\n".join([*lines, "", f"- {report['hardware']}", f"- commit {report['commit']}"])


if __name__ == "__main__":
    sys.exit(main())

"""Latency of the four models of next vectors: milliseconds for one context, exported for LiteRT, on one thread.

Measured    Median and 95th percentile of 2,000 calls of the interpreter, each model in its own process. The weights are random.
Models      published   768 dimensions, contexts of 5, one output, published sizes (AMN: 1,510,912 weights)
            default     as train_vectors.py builds them: 384 dimensions, contexts of 160 (AMN) and 80, two outputs

    taskset -c 0 python -m benchmarks.vector_latency --out runs/vector_latency.json
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace

from benchmarks.harness import environment, fresh_process, report_head, write_report

MODELS = ("amn", "lstm", "gru", "transformer")
GOALS = {"p50_ms": 0.15, "p95_ms": 0.5}
"""Milliseconds that the published AMN should stay below."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, help="write everything as JSON to this file")
    options = parser.parse_args()
    os.environ |= environment(1)
    rows = []
    for sizes in ("published", "default"):
        for model in MODELS:
            with fresh_process() as process:
                rows.append({"sizes": sizes, "model": model, **process.submit(measure, model, sizes).result()})
    report = report_head("vector_latency", options, goals=GOALS, models=rows)
    print(as_markdown(report))
    write_report(report, options.out)
    return 0


def measure(name: str, sizes: str) -> dict:
    """Export one model and measure its calls."""
    from benchmarks.vector_step import settings
    from train_vectors import Config, build_model
    from utils.training.litert import export_litert, latency
    from utils.vectors.settings import fill_in_own_settings

    if sizes == "published":
        config, dim = settings(name, SimpleNamespace(context_length=5, batch_size=1, seed=0)), 768
    else:
        config, dim = Config(Path("unused"), model=name), 384
        fill_in_own_settings(config)
    model = build_model(config, dim)
    inputs = {"vectors": (config.context_length, dim), "padding_mask": (config.context_length,)}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.tflite"
        export_litert(model, file, inputs, floating=("vectors",))
        return {"parameters": model.count_params(), "mebibytes": file.stat().st_size / 2**20, **latency(file)}


def as_markdown(report: dict) -> str:
    """A table and its conditions."""
    rows, lines = report["models"], ["", "| sizes | model | parameters | MiB | p50, ms | p95, ms |", "|---" * 6 + "|"]
    for row in rows:
        lines.append(
            f"| {row['sizes']} | {row['model']} | {row['parameters']:,} | {row['mebibytes']:.1f} | {row['p50_ms']:.3f} "
            f"| {row['p95_ms']:.3f} |"
        )
    goals = ", ".join(
        f"{name} {rows[0][name]:.3f} of {goal} {'reached' if rows[0][name] < goal else 'missed'}"
        for name, goal in report["goals"].items()
    )
    packages = ", ".join(f"{name} {version}" for name, version in report["versions"].items())
    notes = [f"- goals of the published AMN: {goals}", f"- {report['hardware']}; commit {report['commit']}; {packages}"]
    return "\n".join([*lines, "", *notes])


if __name__ == "__main__":
    sys.exit(main())

"""Exports of all models: their sizes, how far they are from the models, and the time of one answer.

Models      every model of memnet, tracing and vectors, with random weights, as its train script builds it (384 dimensions for
            vectors); and the published models or runs that are named
Difference  the largest, of the exported model's outputs for two batch sizes and two lengths (`predictor.export`), and of all
            numbers of an answer (`answer.py` beside the predictor). Answers with other texts or rows count as infinitely far
Time        median of one answer from raw input to result: Keras' predictor, and `answer.py` with ONNX Runtime. One question about
            100 of 1,950 facts, about a text of 150 words or with 20 answers to rank; one student with 100 responses; one row of 60
Processes   one for each model; Keras has 2 threads, ONNX Runtime one for each core

    python -m benchmarks.export_check --models squad-matching ranking-small memnet-people tracing-practice vectors-wiki
    python -m benchmarks.export_check --calls 50 --out runs/export_check.json
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from benchmarks.harness import environment, fresh_process, report_head, write_report

UNTRAINED = {
    "memnet": ("pointer", "tied", "untied", "documented"),
    "tracing": ("deep_gpcm", "integrated", "state_space", "dkvmn", "dkt", "sakt"),
    "vectors": ("amn", "lstm", "gru", "transformer"),
}
VECTOR_DIM = 384
TEXT = "The report was written by Ada Lovelace in 1843. It describes a machine that computes by itself. " * 9
QUESTION = "Who wrote the report?"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="*", default=[], help="published models or run directories")
    parser.add_argument("--only-named", action="store_true", help="leave out the models with random weights")
    parser.add_argument("--calls", type=int, default=200, help="answers that are timed (200)")
    parser.add_argument("--out", type=Path, help="write everything as JSON to this file")
    options = parser.parse_args()
    os.environ |= environment(2)
    jobs = [(None, reference) for reference in options.models]
    if not options.only_named:
        jobs += [(task, name) for task, names in UNTRAINED.items() for name in names]
    rows = []
    for task, name in jobs:
        with fresh_process() as process:
            rows.append(process.submit(check, task, name, options.calls).result())
        print(table(rows)[-1], flush=True)
    report = report_head("export_check", options, models=rows)
    print(as_markdown(report))
    write_report(report, options.out)
    return 0


def check(task: str | None, name: str, calls: int) -> dict:
    """Export one model, and compare its answers and their time."""
    predictor = trained_predictor(name) if task is None else UNTRAINED_PREDICTORS[task](name)
    task = type(predictor).__name__.removesuffix("Predictor").lower()
    question = QUESTIONS[task](predictor)
    with tempfile.TemporaryDirectory() as folder:
        formats = predictor.export(Path(folder))
        answerer = import_module(f"utils.{task}.standalone").Answerer(folder)
        keras_ms, keras_answer = timed(lambda: predictor(*question), calls)
        onnx_ms, onnx_answer = timed(lambda: answerer(*question), calls)
    return {
        "task": task,
        "model": name,
        "parameters": predictor.model.count_params(),
        "formats": formats,
        "answer_difference": difference(keras_answer, onnx_answer),
        "keras_ms": keras_ms,
        "onnx_ms": onnx_ms,
    }


def timed(answer: Callable, calls: int):
    """The median milliseconds of a function after a warm-up, and its result."""
    result = answer()
    seconds = []
    for _ in range(calls):
        start = time.perf_counter()
        result = answer()
        seconds.append(time.perf_counter() - start)
    return 1000 * statistics.median(seconds), result


def difference(one, other) -> float:
    """The largest difference of two answers' numbers; infinite where anything else differs.

    >>> difference([{"answer": "Ada", "probability": 0.5}], [{"answer": "Ada", "probability": 0.75}])
    0.25
    """
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        return max((difference(one[key], other[key]) for key in one), default=0.0)
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        return max(map(difference, one, other), default=0.0)
    if isinstance(one, float) and isinstance(other, float):
        return abs(one - other)
    return 0.0 if one == other else float("inf")


# --- predictors


def trained_predictor(reference: str):
    """The predictor of a published model or a run."""
    from utils.training.finished import read_run

    task = read_run(reference)[1]["task"]
    return getattr(import_module(f"utils.{task}.predictor"), f"{task.capitalize()}Predictor").load(reference)


def randomized(model):
    """A built model whose trainable weights all have some noise, also those that training starts at zero."""
    import keras

    for number, weight in enumerate(model.trainable_variables):
        weight.assign_add(0.02 * keras.random.normal(weight.shape, seed=number))
    return model


def memnet_predictor(name: str):
    from train_memnet import Config, build_model, with_model_defaults
    from utils.common.reading import Reading
    from utils.memnet.features import VOCABULARIES
    from utils.memnet.predictor import MemnetPredictor
    from utils.memnet.settings import load_data

    config = with_model_defaults(Config(Path("unused"), model=name))
    data = load_data(config, Reading())
    vocabulary = VOCABULARIES[config.vocabulary](data.base, data.questions["train"])
    return MemnetPredictor(randomized(build_model(config, vocabulary)), vocabulary, data.base, config.candidates)


def tracing_predictor(name: str):
    from train_tracing import Config, build_model
    from utils.tracing.predictor import TracingPredictor

    model = randomized(build_model(Config(Path("unused"), model=name), 201, 4, None))
    return TracingPredictor(model, {str(item): item for item in range(1, 201)}, ability_deviation=1.0)


def vectors_predictor(name: str):
    from train_vectors import Config, build_model
    from utils.vectors.predictor import VectorsPredictor
    from utils.vectors.settings import fill_in_own_settings

    config = Config(Path("unused"), model=name)
    fill_in_own_settings(config)
    return VectorsPredictor(randomized(build_model(config, VECTOR_DIM)))


UNTRAINED_PREDICTORS = {"memnet": memnet_predictor, "tracing": tracing_predictor, "vectors": vectors_predictor}


# --- one question for each task, as the arguments of a call


def memnet_question(predictor) -> tuple:
    subject = predictor.known_facts[0].subject
    return ([f"Where was {subject} born?"],)


def tracing_question(predictor) -> tuple:
    items = sorted(predictor.item_numbers)
    return [[(items[step * 7 % len(items)], step % predictor.num_categories) for step in range(100)]], items[:1]


def vectors_question(predictor) -> tuple:
    import numpy as np

    return [np.random.default_rng(0).normal(size=(60, predictor.dim)).astype(np.float32)], [40]


def squad_question(predictor) -> tuple:
    return [QUESTION], [TEXT]


def ranking_question(predictor) -> tuple:
    sentences = TEXT.split(". ")
    return [QUESTION], [f"{number}. {sentences[number % len(sentences)]}" for number in range(20)]


QUESTIONS = {
    "memnet": memnet_question,
    "tracing": tracing_question,
    "vectors": vectors_question,
    "squad": squad_question,
    "ranking": ranking_question,
}


# --- report


def table(rows: list[dict]) -> list[str]:
    """A line for each model. Where a model has two encoders, sizes are sums."""
    lines = [
        "| task | model | parameters | `model.onnx`, MB | `saved_model`, MB | ONNX differs by | SavedModel differs by | "
        "answers differ by | Keras, ms | ONNX Runtime, ms |",
        "|---" * 10 + "|",
    ]
    for row in rows:
        formats = {
            kind: [export for name, export in row["formats"].items() if name.startswith(kind)]
            for kind in ("model", "saved_model")
        }
        problems = [export["left_out"] for export in row["formats"].values() if "left_out" in export]
        if problems:
            lines.append(f"| {row['task']} | {row['model']} | left out: {'; '.join(problems)} |")
            continue
        values = [
            *(f"{sum(export['bytes'] for export in exports) / 1e6:.2f}" for exports in formats.values()),
            *(f"{max(export['largest_difference'] for export in exports):.0e}" for exports in formats.values()),
            f"{row['answer_difference']:.0e}",
            f"{row['keras_ms']:.1f}",
            f"{row['onnx_ms']:.1f}",
        ]
        lines.append(f"| {row['task']} | {row['model']} | {row['parameters']:,} | {' | '.join(values)} |")
    return lines


def as_markdown(report: dict) -> str:
    """The table and its conditions."""
    packages = ", ".join(f"{name} {version}" for name, version in report["versions"].items())
    note = f"- {report['hardware']}; commit {report['commit']}; {packages}"
    return "\n".join(["", *table(report["models"]), "", note])


if __name__ == "__main__":
    sys.exit(main())

"""Train on vectors that do not fit into memory: seconds and memory of each phase, against the size of the file.

    python -m benchmarks.vectors_scale --gib 1 2 4 8

For each size it writes a `.npy` file of float16 vectors with 768 elements (documents of 1,000 vectors around topics of their
own), and lets a process of its own do what `train_vectors.py` does: read and check it, look for documents in two splits, compute
the checksum, take training steps with batches drawn from all over the file, fit the baselines, rank the targets of the held-out
documents, and write predictions. About `--targets` targets are held out for each split: ranking them among each other takes a
time that grows with their square. `own` is the memory that is no page of a file; the process is killed where it exceeds
`--limit-gib`. The last line is a straight line through the figures, extrapolated to 15 GiB. A file is deleted before the next one
is written.

`--many-targets` also ranks so many targets of the smallest file among as many vectors, with outputs on the disk.
"""

from __future__ import annotations

import argparse
import resource
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.resident import Phases, run_watched

PHASES = ("read", "checksum", "steps", "baselines", "scores", "report")
DIM, DOCUMENT_LENGTH = 768, 1000


def write_vectors(path: Path, num_bytes: int, seed: int = 0) -> int:
    """Write `NAME.npy` and `NAME.document.npy`, a document at a time; returns how many vectors there are."""
    rng = np.random.default_rng(seed)
    num_documents = num_bytes // (2 * DIM * DOCUMENT_LENGTH)
    count = num_documents * DOCUMENT_LENGTH
    vectors = np.lib.format.open_memmap(path, "w+", np.float16, (count, DIM))
    noise = rng.standard_normal((8 * DOCUMENT_LENGTH, DIM), np.float32)
    for number in range(num_documents):
        rows = rng.integers(0, len(noise), DOCUMENT_LENGTH)
        block = rng.standard_normal(DIM, np.float32) + 0.7 * noise[rows] + 0.7 * noise[np.roll(rows, 1)]
        vectors[number * DOCUMENT_LENGTH : (number + 1) * DOCUMENT_LENGTH] = block
    vectors.flush()
    np.save(path.with_suffix(".document.npy"), np.repeat(np.arange(num_documents), DOCUMENT_LENGTH))
    return count


def train(path: Path, folder: Path, fraction: float, num_steps: int, batch_size: int, until: str) -> None:
    """The measured process; it ends after the phase `until`."""
    from train_vectors import Config, build_model, compile_model, trained_outputs
    from utils.common.reading import Reading
    from utils.vectors.baselines import cached_baselines, global_mean
    from utils.vectors.evaluation import evaluate
    from utils.vectors.features import training_batches
    from utils.vectors.predictor import VectorsPredictor
    from utils.vectors.report import write_predictions
    from utils.vectors.scoring import describe_test, document_keys
    from utils.vectors.splits import read_splits

    phases, config = Phases(), Config(train_files=[path], context_length=5, batch_size=batch_size)
    with phases.phase("read") as measured:
        splits = read_splits([path], reading=Reading(), validation_fraction=fraction, test_fraction=fraction)
        train, test = splits.parts["train"], splits.parts["test"]
        measured |= {"targets": len(train.rows), "scored": len(test.rows)}
    with phases.phase("checksum"):
        checksum = splits.checksum()
    with phases.phase("steps") as measured:
        mean = global_mean(train.data, train.documents[:1000])
        model = build_model(config, splits.dim)
        compile_model(model, config, 1000)
        batches = training_batches(train.data, train.rows, config.context_length, batch_size, 0, 0)
        before = resource.getrusage(resource.RUSAGE_SELF)
        for _ in range(num_steps):
            inputs, targets = next(batches)
            model.train_on_batch(inputs, dict.fromkeys(trained_outputs(config), targets))
        after = resource.getrusage(resource.RUSAGE_SELF)
        measured |= {
            "blocks_read_per_step": (after.ru_inblock - before.ru_inblock) / num_steps,
            "major_faults_per_step": (after.ru_majflt - before.ru_majflt) / num_steps,
        }
    if until == "steps":
        return
    with phases.phase("baselines"):
        baselines, fitted = cached_baselines(splits, checksum, config.context_length, folder)
    with phases.phase("scores"):
        predictor = VectorsPredictor(model)
        predictions = predictor.predict_rows(test.data, test.rows)
        evaluation = evaluate(test, predictions, mean)
        describe_test(predictor, test, evaluation, {name: parts["test"] for name, parts in baselines.items()}, fitted)
    with phases.phase("report"):
        write_predictions(folder, test, predictions)
        document_keys(train, splits.parts["validation"])


def score_many(path: Path, folder: Path, num_targets: int) -> None:
    """The measured process of `--many-targets`."""
    from train_vectors import Config, build_model
    from utils.common.reading import Reading
    from utils.vectors.data import read_file
    from utils.vectors.evaluation import evaluate
    from utils.vectors.predictor import VectorsPredictor
    from utils.vectors.report import write_predictions
    from utils.vectors.splits import VectorSplit, target_rows

    phases = Phases()
    data = read_file(path, Reading())
    documents = np.arange(min(len(data.names), -(-num_targets // DOCUMENT_LENGTH)))
    split = VectorSplit(data, documents, target_rows(data, documents, 5))
    with phases.phase("predict") as measured:
        predictor = VectorsPredictor(build_model(Config(context_length=5), data.dim))
        predictions = predictor.predict_rows(data, split.rows)
        measured |= {"scored": len(split.rows)}
    with phases.phase("scores"):
        evaluate(split, predictions, None)
    with phases.phase("report"):
        write_predictions(folder, split, predictions)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--gib", type=float, nargs="+", default=[1.0, 2.0, 4.0, 8.0], help="sizes of the file")
    add("--folder", type=Path, help="where files are made; left out: the temporary folder")
    add("--limit-gib", type=float, default=2.0, help="memory that is no page of a file")
    add("--extrapolate-gib", type=float, default=15.0)
    add("--targets", type=int, default=5000, help="targets of the test and of the validation split, about")
    add("--many-targets", type=int, default=0)
    add(
        "--until",
        choices=("steps", "report"),
        default="report",
        help="the last phase; the time of those after steps is constant",
    )
    add("--steps", type=int, default=100)
    add("--batch-size", type=int, default=128)
    add("--child", type=Path, help=argparse.SUPPRESS)
    add("--fraction", type=float, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child and options.many_targets:
        score_many(options.child, options.folder, options.many_targets)
        return
    if options.child:
        train(options.child, options.folder, options.fraction, options.steps, options.batch_size, options.until)
        return
    rows, names = [], PHASES[: PHASES.index(options.until) + 1]
    print("| GiB | training targets | " + " | ".join(f"{name}, s" for name in names) + " | own, MiB | resident, MiB |")
    print("|" + "---|" * (len(names) + 4))
    if options.folder:
        options.folder.mkdir(parents=True, exist_ok=True)
    for size in options.gib:
        folder = Path(tempfile.mkdtemp(prefix="vectors-scale-", dir=options.folder))
        try:
            count = write_vectors(folder / "v.npy", int(size * 2**30))
            child = ["benchmarks.vectors_scale", "--child", str(folder / "v.npy"), "--folder", str(folder)]
            sizes = ["--steps", str(options.steps), "--batch-size", str(options.batch_size), "--until", options.until]
            fraction = ["--fraction", str(options.targets / count)]
            results = run_watched([*child, *sizes, *fraction], options.limit_gib * 1024)
            if not results["all"]["status"] and options.many_targets and size == options.gib[0]:
                many = run_watched([*child, "--many-targets", str(options.many_targets)], options.limit_gib * 1024)
                print(f"  many targets: {many}", flush=True)
        finally:
            shutil.rmtree(folder)
        if results["all"]["status"]:
            sys.exit(f"{size:g} GiB: ended with status {results['all']['status']} after {sorted(results)}")
        row = [results["read"]["targets"], *(results[name]["seconds"] for name in names), results["all"]["own"]]
        rows.append(row)
        seconds = " | ".join(f"{value:.1f}" for value in row[1:-1])
        print(f"| {size:g} | {row[0]:,} | {seconds} | {row[-1]:,} | {results['all']['resident']:,} |")
        peaks = ", ".join(f"{name} {results[name]['own']:,}" for name in names)
        steps = results["steps"]
        print(
            f"  peaks of its own memory, MiB: {peaks}; a step reads {steps['blocks_read_per_step'] / 2048:.2f} MiB from the disk "
            f"in {steps['major_faults_per_step']:.1f} page faults",
            flush=True,
        )
    if len(rows) > 1:
        law = np.polyfit(options.gib, np.array(rows, float), 1)
        values = law[0] * options.extrapolate_gib + law[1]
        phases = ", ".join(f"{name} {value:,.0f} s" for name, value in zip(names, values[1:], strict=False))
        print(f"extrapolated to {options.extrapolate_gib:g} GiB: {phases}, {values[-1]:,.0f} MiB of its own")


if __name__ == "__main__":
    main()

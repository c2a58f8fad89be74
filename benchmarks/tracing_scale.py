"""What a response log of many million rows costs, from the file to the predictions: seconds and peak memory of every stage.

Writes a table with a row per response (student, item, response, time, skill; students one after another) to a folder, and lets each
number of rows run in a process of its own through what `train_tracing.py` does: read and divide the students, number items and cut
sequences into pieces, train some steps, predict and score the test students, fit and score the baselines, and write the
predictions. `--limit-mib` bounds the address space of the process beyond what it has after its imports (RLIMIT_AS): it then fails
instead of growing.

    python -m benchmarks.tracing_scale --rows 1000000 10000000 --folder /tmp/logs

A million rows take 27 MiB on the disk.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.harness import fresh_process, report_head, write_report
from utils.training.environment import peak_memory_gib

ITEMS, SKILLS, RESPONSES_PER_STUDENT = 2_000, 100, 500
WRITTEN_TOGETHER = 1_000_000
BATCH_SIZE = 64


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--rows", type=int, nargs="+", default=[1_000_000])
    add("--folder", type=Path, help="where the log is written, and deleted again; left out, a temporary folder")
    add("--steps", type=int, default=20, help="training steps")
    add("--scored-students", type=int, default=0, help="score at most this many of the test students; 0 is all")
    add("--without-baselines", action="store_true", help="leave out the baselines, which take most of the time")
    add("--limit-mib", type=int, default=0, help="limit of the memory beyond that of the imports; 0 is none")
    add("--out", type=Path, help="write everything as JSON to this file")
    options = parser.parse_args()
    if options.folder:
        options.folder.mkdir(parents=True, exist_ok=True)
    results = []
    for rows in options.rows:
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            path = Path(folder) / "log.csv"
            begin = time.perf_counter()
            write_log(path, rows)
            written, size = time.perf_counter() - begin, path.stat().st_size
            with fresh_process() as process:
                stages = process.submit(run_stages, path, options).result()
        results.append({"rows": rows, "file_mib": size / 2**20, "seconds_to_write": written, "stages": stages})
        print(as_markdown(results[-1]), flush=True)
    write_report(report_head("tracing_scale", options, results=results), options.out)


def write_log(path: Path, rows: int) -> None:
    """Write a log of students with an ability of their own, who answer items of two categories at random."""
    rng = np.random.default_rng(0)
    difficulty = rng.normal(size=ITEMS)
    with open(path, "w") as file:
        file.write("student,item,response,time,skill\n")
        for start in range(0, rows, WRITTEN_TOGETHER):
            number = np.arange(start, min(rows, start + WRITTEN_TOGETHER))
            student, time_of_row = number // RESPONSES_PER_STUDENT, 1_600_000_000 + number
            item = rng.integers(0, ITEMS, len(number))
            ability = np.sin(student * 12.9898) * 1.5
            correct = rng.random(len(number)) < 1 / (1 + np.exp(difficulty[item] - ability))
            columns = (part.tolist() for part in (student, item, correct.astype(int), time_of_row, item % SKILLS))
            file.writelines(f"s{s},q{i},{r},{t},k{k}\n" for s, i, r, t, k in zip(*columns, strict=True))


def run_stages(path: Path, options) -> list[dict]:
    """Run all stages in this process.

    Returns:
        for each stage its name, seconds, and the peak of the resident memory so far beyond that of the imports, in MiB.
    """
    import keras

    from models.deep_gpcm import DeepGPCM
    from utils.common.reading import Reading
    from utils.tracing.baselines import evaluate_baselines, fit_baselines
    from utils.tracing.evaluation import evaluate, write_predictions
    from utils.tracing.features import cut, training_batches
    from utils.tracing.metrics import fit_rule
    from utils.tracing.predictor import TracingPredictor
    from utils.tracing.splits import HeldOut, read_files
    from utils.training.batch_dataset import as_dataset

    keras.utils.set_random_seed(0)
    warm_up = DeepGPCM(3, 2, head="linear")
    warm_up.build()
    warm_up(dict.fromkeys(("item_ids", "responses", "padding_mask"), np.ones((1, 2), np.int32)))
    start_memory, stages, begin = peak_memory_gib(), [], time.perf_counter()
    if options.limit_mib:
        address_space = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        limit = address_space + options.limit_mib * 2**20
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))

    def end_of(stage: str) -> None:
        nonlocal begin
        now = time.perf_counter()
        peak = (peak_memory_gib() - start_memory) * 1024
        stages.append({"stage": stage, "seconds": round(now - begin, 1), "peak_mib": round(peak)})
        begin = time.perf_counter()

    data = read_files([path], HeldOut(), reading=Reading(0.0))
    end_of("read and divide")
    assert data.checksum
    end_of("checksum")
    pieces = {split: cut(part, data.item_numbers, 512) for split, part in data.sequences.items()}
    end_of("number items, cut")
    model = DeepGPCM(
        len(data.item_numbers) + 1, 2, head="linear", num_slots=10, key_dim=20, value_dim=50, summary_dim=20
    )
    model.build()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(3e-3), loss={"logits": loss}, jit_compile=True)

    def batches(first_step: int):
        for inputs, targets, weights in training_batches(pieces["train"], BATCH_SIZE, 0, first_step):
            yield inputs, {"logits": targets}, {"logits": weights}

    model.fit(as_dataset(batches, 0, options.steps), steps_per_epoch=options.steps, shuffle=False, verbose=0)
    end_of(f"train {options.steps} steps")
    if options.scored_students:
        held_out = {
            split: part[: options.scored_students] for split, part in data.sequences.items() if split != "train"
        }
        data.sequences |= held_out
        pieces = {split: cut(part, data.item_numbers, 512) for split, part in held_out.items()}
    predictor = TracingPredictor(model, data.item_numbers)
    validation = predictor.predictions(pieces["validation"])
    rule = fit_rule(validation.probabilities, validation.responses)
    predictions = predictor.predictions(pieces["test"])
    end_of(f"predict {len(validation.responses) + len(predictions.responses):,} responses")
    evaluation = evaluate(predictions, rule)
    end_of("score the test responses")
    if not options.without_baselines:
        evaluate_baselines(data, fit_baselines(data))
        end_of("fit and score the baselines")
    write_predictions(path.with_name("predictions.csv"), data.sequences["test"], predictions)
    end_of(f"write the predictions (AUC {evaluation.metrics['auc']:.3f})")
    return stages


def as_markdown(result: dict) -> str:
    """The table of one number of rows."""
    rows = result["rows"]
    lines = [
        "",
        f"{rows:,} rows, {result['file_mib']:,.0f} MiB, written in {result['seconds_to_write']:.0f} s",
        "",
        "| stage | seconds | peak memory so far, MiB | bytes per row |",
        "|---|---|---|---|",
    ]
    for stage in result["stages"]:
        peak = stage["peak_mib"]
        lines.append(f"| {stage['stage']} | {stage['seconds']} | {peak:,} | {peak * 2**20 / rows:.0f} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()

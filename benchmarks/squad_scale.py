"""Train on SQuAD-format data that does not fit into memory: seconds and memory of each phase, against the size of the file.

    QKV_ZOO_DATA=... python -m benchmarks.squad_scale --gib 0.25 0.5 1 2

For each size it writes a file of articles (those of SQuAD's staged train file, again and again with other titles, ids, digits and
section numbers, so that no paragraph and no question repeats), and lets a process of its own read it, hold out validation
questions, train a tokenizer, cut and label windows, make word vectors, and take some training steps. `own` is the memory of the
process that is not a page of a file; the process is killed where it exceeds `--limit-gib`. The last line is a straight line through
the figures, extrapolated to `--extrapolate-gib`.

The file and the tokenized data of a size are deleted before the next one; they take about four times the size.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.resident import Phases, run_watched
from benchmarks.squad_step import staged_files

PHASES = ("read", "tokenizer", "features", "word vectors", "steps")


def write_data(path: Path, num_bytes: int, seed: int = 0) -> None:
    """Write a file of that size, one article after another, in SQuAD's layout."""
    if not (staged := staged_files()):
        sys.exit("error: QKV_ZOO_DATA: name the folder that holds squad/train-v1.1-partial.json.gz")
    with gzip.open(staged[0], "rt") as file:
        articles = json.load(file)["data"]
    draw, written, turn = random.Random(seed), 0, 0
    with open(path, "w") as file:
        file.write('{"version": "1.1", "data": [')
        while written < num_bytes:
            digits = list("0123456789")
            draw.shuffle(digits)
            table = str.maketrans("0123456789", "".join(digits))
            for article in articles:
                text = json.dumps(_changed(article, table, turn))
                file.write((", " if written else "") + text)
                written += len(text) + 2
                if written >= num_bytes:
                    break
            turn += 1
        file.write("]}")


def _changed(article: dict, table: dict, turn: int) -> dict:
    """An article in other words: digits are exchanged, and a number is added."""
    paragraphs = []
    for paragraph in article["paragraphs"]:
        qas = [
            {
                "id": f"{question['id']}-{turn}",
                "question": f"{question['question'].translate(table)} (section {turn})",
                "answers": [
                    {"text": answer["text"].translate(table), "answer_start": answer["answer_start"]}
                    for answer in question["answers"]
                ],
            }
            for question in paragraph["qas"]
        ]
        paragraphs.append({"context": f"{paragraph['context'].translate(table)} Section {turn}.", "qas": qas})
    return {"title": f"{article['title']} {turn}", "paragraphs": paragraphs}


def train(path: Path, folder: Path, num_steps: int, batch_size: int, until: str) -> None:
    """The measured process: what `train_squad.py` does until it has taken some steps; it ends earlier after the phase `until`."""
    from train_squad import Config, build_model, compile_model, with_model_settings
    from utils.common.reading import Reading
    from utils.squad import data, splits
    from utils.squad.batches import training_batches
    from utils.squad.cache import prepare_features
    from utils.squad.initial_weights import set_initial_weights
    from utils.squad.splits import load_splits
    from utils.squad.tokenizer import prepare_tokenizer

    data.STORED_BYTES = splits.FEW_QUESTIONS = 0  # small files, too, are treated like large ones
    phases = Phases()
    with phases.phase("read") as measured:
        files = {"train": [path], "validation": [], "test": []}
        questions, sources = load_splits("", files, 0.05, 0, Reading(), folder)
        measured |= {"questions": sources["train"]["questions"], "paragraphs": sources["train"]["paragraphs"]}
    if until == "read":
        return
    with phases.phase("tokenizer"):
        tokenizer = prepare_tokenizer(folder, questions["train"])
    with phases.phase("features") as measured:
        windows = {"max_length": 384, "doc_stride": 128}
        features = {
            name: prepare_features(name, part, tokenizer, cache_dir=folder, **windows)
            for name, part in questions.items()
        }
        measured |= {"windows": len(features["train"])}
    if until == "features":
        return
    config = with_model_settings(Config(train_files=[path], run_dir=folder, batch_size=batch_size))
    with phases.phase("word vectors"):
        model = build_model(config, tokenizer.get_vocab_size())
        set_initial_weights(model, config.word_vectors, None, features["train"])
    with phases.phase("steps"):
        compile_model(model, config, total_steps=1000)
        batches = training_batches(features["train"], batch_size, 0)
        for _ in range(num_steps):
            inputs, targets = next(batches)
            model.train_on_batch(inputs, targets)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--gib", type=float, nargs="+", default=[0.25, 0.5, 1.0, 2.0], help="sizes of the file")
    add("--folder", type=Path, help="where files are made; left out: the temporary folder")
    add("--limit-gib", type=float, default=6.0, help="memory that is no page of a file")
    add("--extrapolate-gib", type=float, default=5 * 1e9 / 2**30, help="size to extrapolate to; left out: 5 GB")
    add("--until", choices=("read", "features", "steps"), default="steps", help="the last phase")
    add("--steps", type=int, default=20)
    add("--batch-size", type=int, default=32)
    add("--child", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        train(options.child, options.folder, options.steps, options.batch_size, options.until)
        return
    rows, phases = [], PHASES[: PHASES.index(options.until) + 1]
    print(
        "| GiB | questions | "
        + " | ".join(f"{name}, s" for name in phases)
        + " | own, MiB | resident, MiB | disk, MiB |"
    )
    print("|" + "---|" * (len(phases) + 5))
    if options.folder:
        options.folder.mkdir(parents=True, exist_ok=True)
    for size in options.gib:
        folder = Path(tempfile.mkdtemp(prefix="squad-scale-", dir=options.folder))
        try:
            write_data(folder / "train.json", int(size * 2**30))
            arguments = ["benchmarks.squad_scale", "--child", str(folder / "train.json"), "--folder", str(folder)]
            arguments += [
                "--steps",
                str(options.steps),
                "--batch-size",
                str(options.batch_size),
                "--until",
                options.until,
            ]
            results = run_watched(arguments, options.limit_gib * 1024)
            disk = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 2**20 - size * 1024
        finally:
            shutil.rmtree(folder)
        if results["all"]["status"]:
            sys.exit(f"{size:g} GiB: ended with status {results['all']['status']} after {sorted(results)}")
        row = [results["read"]["questions"], *(results[name]["seconds"] for name in phases), results["all"]["own"]]
        rows.append(row)
        peaks = ", ".join(f"{name} {results[name]['own']:,}" for name in phases)
        print(
            f"| {size:g} | {row[0]:,} | "
            + " | ".join(f"{seconds:.1f}" for seconds in row[1:-1])
            + f" | {row[-1]:,} | {results['all']['resident']:,} | {disk:,.0f} |"
        )
        print(f"  peaks of its own memory, MiB: {peaks}", flush=True)
    if len(rows) > 1:
        law = np.polyfit(options.gib, np.array(rows, float), 1)
        values = law[0] * options.extrapolate_gib + law[1]
        print(
            f"extrapolated to {options.extrapolate_gib:.2f} GiB: {values[0]:,.0f} questions, "
            + ", ".join(f"{name} {value:,.0f} s" for name, value in zip(phases, values[1:], strict=False))
            + f", {values[-1]:,.0f} MiB of its own; measured on {time.strftime('%Y-%m-%d')}"
        )


if __name__ == "__main__":
    main()

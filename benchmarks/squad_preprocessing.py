"""Time and peak memory of SQuAD preprocessing in a first run, from the files to windows on disk.

Measured    Seconds of reading the files, of training the tokenizer, and of making features: tokenizing, cutting windows, checking
            every label, writing the cache. These are the functions that train_squad.py calls, with an empty cache. Also the peak
            resident memory (ru_maxrss) of a process that does nothing else.
Scaled      The questions are repeated under new ids until there are 87,599, the size of SQuAD's training set. Every repetition
            appends a sentence of its own to the paragraphs, so that they are tokenized again as new ones would be and their number
            scales too (they become some words longer). The variety of words does not scale: caches of words help a little more
            than with new text. Of files that hold more, the first 87,599 questions are taken.

    python -m benchmarks.squad_preprocessing --train-files train.json.gz --out runs/squad_preprocessing.json

Without --train-files it takes $QKV_ZOO_DATA/squad/train-v1.1-partial.json.gz if that exists, else the built-in demo data (whose
paragraphs are short). It takes under a minute on two cores.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.harness import fresh_process, report_head, write_report
from benchmarks.squad_step import staged_files
from utils.common.errors import UserError
from utils.training.environment import peak_memory_gib, usable_cores

SQUAD_QUESTIONS = 87_599


def main() -> int:
    options = parse()
    try:
        with tempfile.TemporaryDirectory(prefix="squad-preprocessing-") as folder:
            # Two processes, because making the data must not count, and a process' peak includes that of its parent.
            with fresh_process() as process:
                files, sizes = process.submit(scale, options, Path(folder)).result()
            with fresh_process() as process:
                measurements = process.submit(preprocess, options, files, Path(folder)).result()
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    report = report_head("squad_preprocessing", options, threads=usable_cores(), data=sizes, **measurements)
    print(as_markdown(report))
    write_report(report, options.out)
    return 0


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--train-files", type=Path, nargs="+", default=staged_files(), help="SQuAD-format .json or .json.gz files")
    add("--questions", type=int, default=SQUAD_QUESTIONS, help="scale to this many; 0 takes the files unchanged")
    add("--vocabulary-size", type=int, default=16_000)
    add("--max-length", type=int, default=384)
    add("--doc-stride", type=int, default=128)
    add("--out", type=Path, help="write everything as JSON to this file")
    options = parser.parse_args()
    if options.questions < 0:
        parser.error("--questions must be 0 or more")
    return options


def scale(options, folder: Path) -> tuple[list[Path], dict]:
    """The files to measure on, and their sizes: the user's own, or one that is written here with `--questions` questions."""
    from utils.squad.data import read_squad_files
    from utils.squad.demo import demo_squad

    questions = read_squad_files(options.train_files) if options.train_files else demo_squad()["train"]
    count = options.questions or len(questions)
    sizes = {
        "files": [path.name for path in options.train_files] or ["built-in demo data"],
        "questions_in_files": len(questions),
        "questions": count,
    }
    if count == len(questions) and options.train_files:
        return options.train_files, {**sizes, "paragraphs": len({question.context for question in questions})}
    paragraphs, written = {}, 0
    for repetition in range(-(-count // len(questions))):
        ending = f" This is repetition {repetition} of the paragraph." if repetition else ""
        for question in questions[: count - written]:
            context = question.context + ending
            answers = [{"text": answer.text, "answer_start": answer.start} for answer in question.answers]
            entry = {"id": f"{question.id}-{repetition}", "question": question.question, "answers": answers}
            entry |= {"is_impossible": True} if question.is_impossible else {}
            paragraphs.setdefault((question.title, context), []).append(entry)
        written += min(len(questions), count - written)
    articles = {}
    for (title, context), entries in paragraphs.items():
        articles.setdefault(title, []).append({"context": context, "qas": entries})
    data = [{"title": title, "paragraphs": parts} for title, parts in articles.items()]
    file = folder / "scaled.json"
    file.write_text(json.dumps({"version": "1.1", "data": data}))
    return [file], {**sizes, "paragraphs": len({context for _, context in paragraphs})}


def preprocess(options, files, folder: Path) -> dict:
    """Do what a first run does before it builds a model, and measure it."""
    from utils.squad.cache import prepare_features
    from utils.squad.data import read_squad_files
    from utils.squad.tokenizer import prepare_tokenizer

    run_dir, cache_dir = folder / "run", folder / "cache"
    run_dir.mkdir()
    clock = [time.perf_counter()]
    questions = read_squad_files(files)
    clock.append(time.perf_counter())
    tokenizer = prepare_tokenizer(run_dir, questions, vocabulary_size=options.vocabulary_size)
    clock.append(time.perf_counter())
    windows = {"max_length": options.max_length, "doc_stride": options.doc_stride}
    features = prepare_features("train", questions, tokenizer, cache_dir=cache_dir, **windows)
    clock.append(time.perf_counter())
    names = ("read", "train_tokenizer", "build_features")
    seconds = {name: round(after - before, 2) for name, before, after in zip(names, clock, clock[1:], strict=False)}
    return {
        "seconds": {**seconds, "all": round(clock[-1] - clock[0], 2)},
        "questions_per_second": round(len(questions) / (clock[-1] - clock[0]), 1),
        "peak_memory_gib": round(peak_memory_gib(), 3),
        "windows": len(features),
        "mean_length": round(float(features.lengths.mean()), 1),
        "wider_labels": len(features.wider_labels),
        "cache_mib": round(sum(file.stat().st_size for file in cache_dir.iterdir()) / 2**20, 1),
    }


def as_markdown(report: dict) -> str:
    """The table and its conditions."""
    seconds, data, settings = report["seconds"], report["data"], report["settings"]
    difference = data["questions"] - data["questions_in_files"]
    word = "scaled from the" if difference > 0 else "the first of the" if difference else "all"
    source = f"{word} {data['questions_in_files']:,} of "
    packages = ", ".join(f"{name} {version}" for name, version in report["versions"].items())
    return "\n".join(
        [
            "",
            "| questions | paragraphs | windows | read, s | tokenizer, s | features, s | all, s | questions/s | GiB |",
            "|---|---|---|---|---|---|---|---|---|",
            f"| {data['questions']:,} | {data['paragraphs']:,} | {report['windows']:,} | {seconds['read']:.1f} "
            f"| {seconds['train_tokenizer']:.1f} | {seconds['build_features']:.1f} | {seconds['all']:.1f} "
            f"| {report['questions_per_second']:,.0f} | {report['peak_memory_gib']:.2f} |",
            "",
            f"- {data['questions']:,} questions, {source}{', '.join(data['files'])}; windows of mean length "
            f"{report['mean_length']}; {report['wider_labels']} labels wider than their answer; cache of {report['cache_mib']} MiB",
            f"- vocabulary {settings['vocabulary_size']:,}, maximum length {settings['max_length']}, stride "
            f"{settings['doc_stride']}",
            f"- {report['hardware']}, {report['threads']} threads; commit {report['commit']}",
            f"- {packages}",
        ]
    )


if __name__ == "__main__":
    sys.exit(main())

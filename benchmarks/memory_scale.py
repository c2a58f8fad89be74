"""Questions to a million facts: seconds to index, memory, milliseconds per question, recall of the candidates, accuracy.

Facts       About invented people whose names repeat as real ones do (benchmarks/invented_facts.py). People with one name are one
            subject, and each of their answers is correct.
Model       A pointer (models/kv_memnet.py), trained as train_memnet.py does, but briefly, on questions about some thousands of the
            subjects and on their facts alone. The measured questions are about other subjects.
Measured    Each index in a process of its own, which reads the facts from a file, as predict.py does: seconds to read the facts, to
            encode them (`MemnetPredictor`) and to index them (`WordIndex` of words; `VectorIndex` of the vectors of all keys); peak
            resident memory, with TensorFlow and all texts; then for each question alone the milliseconds from its text to the
            candidates (retrieval) and to the best fact (whole answer: the model is called as a compiled function on the
            candidates, padded to a multiple of 8). Some questions before that warm up. Accuracy is the fraction of questions whose
            best fact has a correct value.

    python -m benchmarks.memory_scale --out runs/memory_scale.json
    python -m benchmarks.memory_scale --facts 50000 --indices words

The default run takes about four minutes on two cores.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.harness import environment, fresh_process, report_head, write_report
from benchmarks.invented_facts import invent_facts
from utils.demo import phrases
from utils.training.environment import peak_memory_gib, usable_cores

GOALS = {"median of a whole answer below 5 ms": 5, "encoded and indexed in less than 60 s": 60, "less than 2 GiB": 2}
WARM_UP_QUESTIONS = 50
"""Questions before those that are measured."""
VALIDATION_SUBJECTS = 50


def main() -> int:
    options = parse()
    os.environ |= environment(options.threads)
    with tempfile.TemporaryDirectory(prefix="memory-scale-") as folder:
        # Each in a process of its own: the peak memory of one process would include what it made before.
        with fresh_process() as process:
            data, questions = process.submit(prepare, options, Path(folder)).result()
        rows = []
        for kind in options.indices:
            with fresh_process() as process:
                rows.append(process.submit(measure, kind, questions, options, Path(folder)).result())
    report = report_head("memory_scale", options, goals=GOALS, data=data, indices=rows)
    print(as_markdown(report))
    write_report(report, options.out)
    return 0


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--facts", type=int, default=1_000_000)
    add("--indices", nargs="+", choices=("words", "vectors"), default=["words", "vectors"])
    add("--candidates", type=int, default=100, help="facts that the model is given")
    add("--questions", type=int, default=1_000, help="measured questions")
    add("--training-subjects", type=int, default=3_000)
    add("--training-steps", type=int, default=600)
    add("--threads", type=int, default=usable_cores())
    add("--seed", type=int, default=0)
    add("--out", type=Path, help="write everything as JSON to this file")
    options = parser.parse_args()
    for name in ("candidates", "questions", "training_subjects", "training_steps", "threads"):
        if getattr(options, name) < 1:
            parser.error(f"--{name.replace('_', '-')} must be at least 1")
    min_facts = 10 * (options.training_subjects + options.questions + VALIDATION_SUBJECTS)
    if options.facts < min_facts:
        parser.error(f"--facts must be at least {min_facts} for so many subjects to train on and to ask about")
    return options


# --- the process that makes the facts and a model for them


def prepare(options, folder: Path):
    """Write the facts, a trained model and its vocabulary; returns the counts of the data, and the questions to measure with."""
    import keras

    from train_memnet import Config, build_model, compile_model, with_model_defaults
    from utils.memnet.data import write_facts
    from utils.memnet.features import encode_facts, open_vocabulary, save_vocabulary, training_batches
    from utils.memnet.records import KnowledgeBase
    from utils.memnet.splits import split_templates
    from utils.training.batch_dataset import as_dataset

    rng = np.random.default_rng(options.seed)
    base = KnowledgeBase(invent_facts(options.facts, rng))
    write_facts(folder / "facts.tsv", base)

    sizes = {"train": options.training_subjects, "validation": VALIDATION_SUBJECTS, "test": options.questions}
    order, ends = rng.permutation(list(base.by_subject)).tolist(), np.cumsum([0, *sizes.values()])
    subjects = {split: order[start:end] for split, start, end in zip(sizes, ends, ends[1:], strict=False)}
    numbers = sorted(number for part in subjects.values() for name in part for number in base.by_subject[name])
    small_base = KnowledgeBase(tuple(base.facts[number] for number in numbers))
    config = Config(Path("unused"), seed=options.seed)
    config = replace(config, limit=options.training_steps * config.batch_size)
    templates = {relation: words.questions for relation, words in phrases.PERSON_RELATIONS.items()}
    data = split_templates(
        small_base, templates, subjects=subjects, max_templates=1, limit=config.limit, seed=options.seed
    )

    vocabulary = open_vocabulary(small_base, data.questions["train"])
    save_vocabulary(folder / "vocabulary.json", vocabulary)
    question_ids = data.encode_questions(vocabulary)["train"]
    # The vectors of a model that reads evidence hold no names, so each index has its own model.
    for kind in options.indices:
        kind_config = with_model_defaults(replace(config, retrieval=kind))
        keras.utils.set_random_seed(options.seed)
        facts = encode_facts(small_base.facts, vocabulary, kind_config.evidence)
        features_of_epoch = data.training_features(question_ids, facts, config.distractors, config.seed, redraw=False)
        model = build_model(kind_config, vocabulary)
        compile_model(model, kind_config, options.training_steps)
        batches = partial(training_batches, features_of_epoch, len(question_ids), facts, config.batch_size, config.seed)
        model.fit(as_dataset(batches, 0), steps_per_epoch=options.training_steps, shuffle=False, verbose=0)
        (folder / kind).mkdir()
        model.save(folder / kind / "best.keras")

    questions = data.questions["test"] + data.questions.get("test_unseen_value", [])
    chosen = rng.permutation(len(questions))[: WARM_UP_QUESTIONS + options.questions]
    counts = {"subjects": len(base.by_subject), "training_questions": len(data.questions["train"])}
    return counts | {"questions": len(chosen) - WARM_UP_QUESTIONS}, [questions[place] for place in chosen]


# --- the process of one index


def measure(kind: str, questions, options, folder: Path) -> dict:
    """Read, encode and index the facts; then answer each question by itself."""
    import tensorflow as tf

    from models import load_model
    from utils.common.reading import Reading
    from utils.memnet.data import read_facts
    from utils.memnet.evidence import FEATURES
    from utils.memnet.features import MemoryFeatures, assemble, read_vocabulary
    from utils.memnet.predictor import MemnetPredictor
    from utils.text.words import split_words

    vocabulary, model = read_vocabulary(folder / "vocabulary.json"), load_model(folder / kind)
    clock, peaks = [time.perf_counter()], {"start": round(peak_memory_gib(), 2)}

    def note_time_and_memory(name: str) -> None:
        clock.append(time.perf_counter())
        peaks[name] = round(peak_memory_gib(), 2)

    base = read_facts([folder / "facts.tsv"], Reading())
    note_time_and_memory("read")
    predictor = MemnetPredictor(model, vocabulary, base, options.candidates, retrieval=kind)
    note_time_and_memory("encode")
    index = predictor.index
    note_time_and_memory("index")

    ranks = {"question_ids": 2, "key_ids": 3, "value_ids": 3, "memory_mask": 2}
    shapes = {name: tf.TensorSpec((None,) * rank, tf.int32) for name, rank in ranks.items()}
    if predictor.has_evidence:
        shapes["evidence"] = tf.TensorSpec((None, None, len(FEATURES)), tf.float32)
    scores_of = tf.function(lambda inputs: model(inputs, training=False)["scores"], input_signature=[shapes])
    vectors_of = tf.function(model.encode, input_signature=[shapes["question_ids"]])

    def find_candidates(ids: list[int]) -> np.ndarray:
        if kind == "words":
            return index.candidates(ids, options.candidates)
        return index.candidates(vectors_of(np.array([ids], np.int32)).numpy(), options.candidates)[0]

    times, recalled, correct = [], [], []
    for question in questions:
        begin = time.perf_counter()
        ids = vocabulary.ids(split_words(question.text))
        memory = find_candidates(ids)
        retrieved = time.perf_counter()
        features = MemoryFeatures(np.array([ids], np.int32), memory[None], np.zeros((1, len(memory)), bool))
        scores = scores_of(assemble(features, predictor.facts, np.array([0]))).numpy()[0]
        best_fact = base.facts[memory[scores.argmax()]]
        times.append([retrieved - begin, time.perf_counter() - begin])
        recalled.append(bool(base.gold(question, memory)))
        correct.append(best_fact.object in question.answers)
    note_time_and_memory("answer")
    medians, tails = np.percentile(np.array(times[WARM_UP_QUESTIONS:]) * 1000, (50, 95), axis=0).round(2).tolist()
    read_seconds, encode_seconds, index_seconds, _ = np.diff(clock).round(1).tolist()
    return {
        "index": kind,
        "read_seconds": read_seconds,
        "encode_seconds": encode_seconds,
        "index_seconds": index_seconds,
        "peak_gib": peaks["answer"],
        "retrieval_p50_ms": medians[0],
        "retrieval_p95_ms": tails[0],
        "answer_p50_ms": medians[1],
        "answer_p95_ms": tails[1],
        "candidate_recall": round(float(np.mean(recalled[WARM_UP_QUESTIONS:])), 4),
        "accuracy": round(float(np.mean(correct[WARM_UP_QUESTIONS:])), 4),
        "peak_gib_after": peaks,
    }


# --- the report


def as_markdown(report: dict) -> str:
    """The table with its conditions."""
    settings, data, rows = report["settings"], report["data"], report["indices"]
    columns = [name for name in rows[0] if name != "peak_gib_after"]
    lines = ["", f"| {' | '.join(name.replace('_', ' ') for name in columns)} |", "|---" * len(columns) + "|"]
    lines += [f"| {' | '.join(str(row[name]) for name in columns)} |" for row in rows] + [""]
    for row in rows:
        measured = (row["answer_p50_ms"], row["encode_seconds"] + row["index_seconds"], row["peak_gib"])
        verdicts = [
            f"{goal} {'reached' if value < limit else 'missed'}"
            for (goal, limit), value in zip(report["goals"].items(), measured, strict=True)
        ]
        lines.append(f"- {row['index']}: {'; '.join(verdicts)}")
    packages = ", ".join(f"{name} {version}" for name, version in report["versions"].items())
    return "\n".join(
        [
            *lines,
            f"- {settings['facts']:,} facts about {data['subjects']:,} names; {data['questions']:,} questions about names that "
            f"training did not ask about, {settings['candidates']} candidates; the model was trained on "
            f"{data['training_questions']:,} questions, {settings['training_steps']} steps; seed {settings['seed']}",
            f"- {report['hardware']}, {settings['threads']} threads; commit {report['commit']}; {packages}",
        ]
    )


if __name__ == "__main__":
    sys.exit(main())

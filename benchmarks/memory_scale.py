"""Questions to a million facts: seconds to index, memory, milliseconds a question, recall of the candidates, accuracy.

Facts       About invented people whose names repeat as real ones do (benchmarks/invented_facts.py). People of the same name are
            one subject, and each of their answers is right.
Model       A pointer (models/kv_memnet.py), trained as train_memnet.py does, but briefly, on questions about some thousands of the
            subjects and their facts alone. The questions measured are about others.
Measured    In a process of its own for each index, told the facts by a file, as predict.py is: the seconds to read them, to encode
            them (`encode_facts`) and to index them (`WordIndex` on words; `VectorIndex` on the vectors of all keys); peak resident
            memory, with TensorFlow and all texts; then for every question alone: milliseconds from its text to the candidates
            (retrieval), and to the best fact (whole answer: the model is called as a compiled function on the candidates, padded
            to a multiple of 8). Some questions before that warm up. Accuracy counts best facts whose value is right.

    python -m benchmarks.memory_scale --out runs/memory_scale.json
    python -m benchmarks.memory_scale --facts 50000 --indices words

The default run takes about four minutes on two cores.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.harness import fresh_process, report_head, write_report
from benchmarks.invented_facts import invent_facts
from benchmarks.memory_step import environment
from utils.demo import phrases as words
from utils.training.environment import peak_memory_gib, usable_cores

GOALS = {"median of a whole answer below 5 ms": 5, "encoded and indexed in less than 60 s": 60, "less than 2 GiB": 2}
WARM_UP, VALIDATION = 50, 50
"""Questions before those that are measured; subjects that the split wants for validation."""


def main() -> int:
    options = parse()
    os.environ |= environment(options.threads)
    with tempfile.TemporaryDirectory(prefix="memory-scale-") as folder:
        # Processes of their own: a process's peak would hold what was made in it before.
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
    add("--questions", type=int, default=1_000, help="measured")
    add("--training-subjects", type=int, default=3_000)
    add("--training-steps", type=int, default=600)
    add("--threads", type=int, default=usable_cores())
    add("--seed", type=int, default=0)
    add("--out", type=Path, help="write everything as JSON to this file")
    options = parser.parse_args()
    if (
        min(options.candidates, options.questions, options.training_subjects, options.training_steps, options.threads)
        < 1
    ):
        parser.error(
            "--candidates, --questions, --training-subjects, --training-steps and --threads must be at least 1"
        )
    least = 10 * (options.training_subjects + options.questions + VALIDATION)
    if options.facts < least:
        parser.error(f"--facts must be at least {least} for so many subjects to train on and questions about others")
    return options


# --- facts, and a model for them


def prepare(options, folder: Path):
    """Write the facts, a trained model and its vocabulary; returns what the data is, and the questions to measure with."""
    import keras

    from train_memnet import MODELS, Config, build_model, compile_model
    from utils.memnet.data import KnowledgeBase
    from utils.memnet.features import encode_facts, open_vocabulary, training_batches
    from utils.memnet.splits import split_templates
    from utils.training.fit import as_dataset

    rng = np.random.default_rng(options.seed)
    base = KnowledgeBase(invent_facts(options.facts, rng))
    rows = (f"{fact.subject}\t{fact.relation}\t{fact.object}\n" for fact in base.facts)
    (folder / "facts.tsv").write_text("subject\trelation\tobject\n" + "".join(rows))

    sizes = {"train": options.training_subjects, "validation": VALIDATION, "test": options.questions}
    order, ends = rng.permutation(list(base.by_subject)).tolist(), np.cumsum([0, *sizes.values()])
    subjects = {name: order[start:end] for name, start, end in zip(sizes, ends, ends[1:], strict=False)}
    numbers = sorted(number for part in subjects.values() for name in part for number in base.by_subject[name])
    small = KnowledgeBase(tuple(base.facts[number] for number in numbers))
    config = Config(Path("unused"), templates_each=1, seed=options.seed, split_seed=options.seed)
    config = replace(config, **MODELS[config.model], limit=options.training_steps * config.batch_size)
    templates = {relation: phrases.questions for relation, phrases in words.PERSON_RELATIONS.items()}
    data = split_templates(config, small, [], templates, subjects)

    keras.utils.set_random_seed(options.seed)
    vocabulary = open_vocabulary(small, data.questions["train"])
    facts = encode_facts(small, vocabulary)
    features = data.features("train", vocabulary)
    model = build_model(config, vocabulary)
    compile_model(model, config, options.training_steps)

    def batches(first_step):
        return training_batches(
            lambda epoch: features, len(features.memory), facts, config.batch_size, config.seed, first_step
        )

    model.fit(as_dataset(batches, 0), steps_per_epoch=options.training_steps, shuffle=False, verbose=0)
    model.save(folder / "model.keras")
    (folder / "vocabulary.json").write_text(json.dumps(vocabulary.words))

    asked = data.questions["test"] + data.questions["test_unseen_value"]
    asked = [asked[place] for place in rng.permutation(len(asked))[: WARM_UP + options.questions]]
    counts = {"subjects": len(base.by_subject), "training_questions": len(data.questions["train"])}
    return counts | {"questions": len(asked) - WARM_UP}, asked


# --- the process of one index


def measure(kind: str, questions, options, folder: Path) -> dict:
    """Read, encode and index the facts; then answer every question by itself."""
    import tensorflow as tf

    from models import load_model
    from utils.memnet.data import read_facts
    from utils.memnet.features import MemoryFeatures, Vocabulary, assemble, encode_facts
    from utils.memnet.index import VectorIndex, WordIndex
    from utils.memnet.splits import vectors
    from utils.text.words import split_words

    vocabulary = Vocabulary(json.loads((folder / "vocabulary.json").read_text()))
    model = load_model(folder / "model.keras")
    clock, peaks = [time.perf_counter()], {"start": round(peak_memory_gib(), 2)}

    def done(name):
        clock.append(time.perf_counter())
        peaks[name] = round(peak_memory_gib(), 2)

    base, _ = read_facts([folder / "facts.tsv"])
    done("read")
    facts = encode_facts(base, vocabulary)
    done("encode")
    index = WordIndex(facts.keys) if kind == "words" else VectorIndex(vectors(model, facts.keys))
    done("index")

    free = {"question_ids": 2, "key_ids": 3, "value_ids": 3, "memory_mask": 2}
    free = {name: tf.TensorSpec((None,) * rank, tf.int32) for name, rank in free.items()}
    scores_of = tf.function(lambda inputs: model(inputs, training=False)["scores"], input_signature=[free])
    vector_of = tf.function(model.encode, input_signature=[free["question_ids"]])

    def candidates(ids):
        if kind == "words":
            return index.candidates(ids, options.candidates)
        return index.candidates(vector_of(np.array([ids], np.int32)).numpy(), options.candidates)[0]

    times, recalled, right = [], [], []
    for question in questions:
        begin = time.perf_counter()
        ids = vocabulary.ids(split_words(question.text))
        found = candidates(ids)
        retrieved = time.perf_counter()
        features = MemoryFeatures(np.array([ids], np.int32), found[None], np.zeros((1, len(found)), bool))
        scores = scores_of(assemble(features, facts, np.array([0]))).numpy()[0]
        best = base.facts[found[scores.argmax()]]
        times.append([retrieved - begin, time.perf_counter() - begin])
        recalled.append(bool(base.gold(question, found)))
        right.append(best.object in question.answers)
    done("answer")
    p50, p95 = np.percentile(np.array(times[WARM_UP:]) * 1000, (50, 95), axis=0).round(2).tolist()
    read, encode, build, _ = np.diff(clock).round(1).tolist()
    return {
        "index": kind,
        "read_seconds": read,
        "encode_seconds": encode,
        "index_seconds": build,
        "peak_gib": peaks["answer"],
        "retrieval_p50_ms": p50[0],
        "retrieval_p95_ms": p95[0],
        "answer_p50_ms": p50[1],
        "answer_p95_ms": p95[1],
        "candidate_recall": round(float(np.mean(recalled[WARM_UP:])), 4),
        "accuracy": round(float(np.mean(right[WARM_UP:])), 4),
        "peak_gib_after": peaks,
    }


def as_markdown(report: dict) -> str:
    """The table with its conditions."""
    settings, data, rows = report["settings"], report["data"], report["indices"]
    columns = [name for name in rows[0] if name != "peak_gib_after"]
    lines = ["", f"| {' | '.join(name.replace('_', ' ') for name in columns)} |", "|---" * len(columns) + "|"]
    lines += [f"| {' | '.join(str(row[name]) for name in columns)} |" for row in rows] + [""]
    for row in rows:
        found = (row["answer_p50_ms"], row["encode_seconds"] + row["index_seconds"], row["peak_gib"])
        verdicts = [
            f"{goal} {'reached' if value < most else 'missed'}"
            for (goal, most), value in zip(report["goals"].items(), found, strict=True)
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

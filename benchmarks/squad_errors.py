"""Which questions a SQuAD model answers wrongly, and how.

    python -m benchmarks.squad_errors squad-matching --test-files dev-v1.1.json.gz --out runs/errors

It answers all questions and prints F1 and EM by question word, by length of the answer, by overlap of the question with the
sentence of the answer, and by the distance of the answer from the question's words; what the best of the n best answers would
score; and a count of what is wrong with the answers (`benchmarks/squad_error_classes.py` says how this is decided). The column
"lost" says how many points of F1 over all questions a group costs: over a division of all questions it adds up to 100 minus F1.

The folder of --out gets `report.json`, the predictions, and `wrong_answers.tsv`: wrong answers drawn with --seed, with an empty
last column for what a reader says about them. Run again, the command keeps what was written there and counts it.

With --predictions it reads answers in the place of a model: a folder that this command, train_squad.py or evaluate.py wrote, or a
file of predictions by others.

    python -m benchmarks.squad_errors --predictions runs/squad --test-files dev-v1.1.json.gz --out runs/errors
"""

from __future__ import annotations

import argparse
import csv
import io
import sys
from collections import Counter
from pathlib import Path

import numpy as np

from benchmarks.harness import report_head, write_report
from benchmarks.squad_error_classes import (
    CLASSES,
    DISTANCES,
    OVERLAPS,
    answer_places,
    difficulty,
    error_class,
    group_name,
    sentence_of,
    sentence_places,
)
from utils.common.errors import UserError
from utils.common.evaluation import Evaluation
from utils.common.files import read_json, write_atomically
from utils.common.reading import Reading
from utils.common.statistics import format_interval
from utils.squad.data import Question, read_squad_files
from utils.squad.decoding import Answers
from utils.squad.evaluation import evaluate
from utils.squad.metrics import question_parts, question_scores
from utils.squad.predictions import read_predictions

RANKS = (1, 2, 3, 5, 10, 20)
"""The best of this many answers is scored."""
COLUMNS = ("id", "question", "references", "sentence of the answer", "prediction", "sentence of the prediction", "f1")
COLUMNS += ("probability", "rank of a right answer", "class", "note")


def main() -> int:
    options = parse()
    try:
        questions = [q for q in read_squad_files(options.test_files, Reading(), require_offsets=False) if q.answers]
        answers = read_answers(options.predictions) if options.predictions else answers_of_run(options, questions)
        if answers.answers.keys().isdisjoint(question.id for question in questions):
            raise UserError(
                f"{options.predictions}: none of its questions is in --test-files; name the file they are for"
            )
        if options.run:
            options.out.mkdir(parents=True, exist_ok=True)
            answers.write(options.out, None)
        report = report_head("squad_errors", options, **analyse(questions, answers))
        drawn = draw_wrong(questions, answers, options.count, options.seed)
        report["notes"] = write_table(drawn, options.out / "wrong_answers.tsv")
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    write_report(report, options.out / "report.json")
    print(as_markdown(report))
    return 0


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("run", nargs="?", help="a run directory, the name of a published model, or hf://owner/name")
    add("--predictions", type=Path, help="answers in the place of those of a run: a folder or a file")
    add("--test-files", type=Path, nargs="+", required=True, help="questions with reference answers")
    add("--out", type=Path, required=True, help="folder of everything that is written")
    add("--count", type=int, default=50, help="wrong answers that are written to the table")
    add("--seed", type=int, default=0, help="of what is drawn")
    options = parser.parse_args()
    if bool(options.run) == bool(options.predictions):
        parser.error("name either a run or --predictions")
    return options


def answers_of_run(options, questions: list[Question]) -> Answers:
    """The answers of a run's model, each question answered."""
    from utils.squad.features import build_features
    from utils.squad.predictor import SquadPredictor

    predictor = SquadPredictor.load(options.run)
    windows = {"max_length": predictor.max_length, "doc_stride": predictor.doc_stride}
    return predictor.answer_features(build_features(questions, predictor.tokenizer, **windows), questions)


def read_answers(path: Path) -> Answers:
    """Answers from a folder with `predictions.json` and maybe `nbest_predictions.json`, or from a file of predictions.

    Raises:
        UserError: a file cannot be used.
    """
    n_best_file = path / "nbest_predictions.json"
    predictions = read_predictions(path / "predictions.json" if path.is_dir() else path)
    n_best = read_json(n_best_file) if n_best_file.exists() else {}
    if not isinstance(n_best, dict) or not all(
        isinstance(best, list) and all(isinstance(entry, dict) and "text" in entry for entry in best)
        for best in n_best.values()
    ):
        raise UserError(f"{n_best_file}: does not map each question to a list of answers; remove it to do without")
    return Answers(predictions, n_best, {})


def analyse(questions: list[Question], answers: Answers) -> dict:
    """The scores, by group and by class of error, as lists of dicts of plain numbers."""
    evaluation = evaluate(questions, answers.answers)
    metrics, intervals = evaluation.metrics, evaluation.intervals()
    is_wrong = evaluation.per_example["exact_match"] == 0
    classes = np.array(
        [
            error_class(q, answers.answers.get(q.id, ""), answer_start(q, answers)) if wrong else ""
            for q, wrong in zip(questions, is_wrong, strict=True)
        ]
    )
    report = {
        "scores": {name: round(metrics[name], 2) for name in ("exact_match", "f1")} | {"questions": len(questions)},
        "f1_interval": [round(value, 2) for value in intervals["f1"]],
        "groups": {
            part: [{"group": name, **group_scores(evaluation, mask)} for name, mask in masks.items()]
            for part, masks in question_groups(questions).items()
        },
        "classes": [
            {"class": name, **group_scores(evaluation, classes == name)} for name in CLASSES if name in classes
        ],
        "oracle": oracle(questions, answers) if answers.n_best else [],
    }
    return report


def question_groups(questions: list[Question]) -> dict[str, dict[str, np.ndarray]]:
    """Each division of the questions: name of a group to a mask, bool `(questions,)`."""
    difficulties = [difficulty(question) for question in questions]
    labels = {
        "overlap of the question with the sentence": (
            OVERLAPS,
            [group_name(one.overlap, OVERLAPS) for one in difficulties],
        ),
        "words between the answer and the question's words": (
            DISTANCES,
            [group_name(one.distance, DISTANCES) for one in difficulties],
        ),
        "sentence with the most words of the question": (
            ("that of the answer", "another"),
            [("another", "that of the answer")[one.is_best_sentence] for one in difficulties],
        ),
    }
    parts = question_parts(questions)
    divisions = {"question word": parts["question_word"], "words of the answer": parts["answer_length"]}
    for name, (names, values) in labels.items():
        values = np.array(values)
        divisions[name] = {group: values == group for group in names if (values == group).any()}
    return divisions


def group_scores(evaluation: Evaluation, mask: np.ndarray) -> dict:
    """The scores of some questions. `lost` is how many points the mean F1 over all questions lacks because of them."""
    f1, exact_match = evaluation.per_example["f1"], evaluation.per_example["exact_match"]
    part = Evaluation({"f1": 0.0}, {"f1": f1[mask]}, evaluation.groups[mask])
    return {
        "questions": int(mask.sum()),
        "f1": round(float(f1[mask].mean()), 2),
        "f1_interval": [round(value, 1) for value in part.intervals()["f1"]],
        "exact_match": round(float(exact_match[mask].mean()), 2),
        "lost": round(float((100 - f1[mask]).sum() / len(f1)), 2),
    }


def oracle(questions: list[Question], answers: Answers) -> list[dict]:
    """EM and F1 of the best of the first answers of each question, as if one knew which."""
    exact_match, f1 = scores_of_n_best(questions, answers, max(RANKS))
    return [
        {
            "best of": rank,
            "exact_match": round(float(exact_match[:rank].max(axis=0).mean()), 2),
            "f1": round(float(f1[:rank].max(axis=0).mean()), 2),
        }
        for rank in RANKS
    ]


def scores_of_n_best(questions: list[Question], answers: Answers, count: int) -> tuple[np.ndarray, np.ndarray]:
    """EM and F1 (0-100) of each of the first answers, both `(count, questions)`; 0 where there are fewer."""
    scores = []
    for rank in range(count):
        texts = {key: best[rank]["text"] for key, best in answers.n_best.items() if rank < len(best)}
        scores.append(question_scores(questions, texts))
    exact_match, f1 = zip(*scores, strict=True)
    return np.stack(exact_match), np.stack(f1)


def answer_start(question: Question, answers: Answers) -> int:
    """The first character of the answer that was given; -1 where that is not known."""
    best = answers.n_best.get(question.id) or [{}]
    is_first = best[0].get("text") == answers.answers.get(question.id)
    return int(best[0].get("start", -1)) if is_first else -1


def draw_wrong(questions: list[Question], answers: Answers, count: int, seed: int) -> list[dict]:
    """Some of the questions without an exact match, in the order of the file, as rows of the table."""
    exact_match, f1 = question_scores(questions, answers.answers)
    wrong = np.flatnonzero(exact_match == 0)
    drawn = np.sort(np.random.default_rng(seed).permutation(wrong)[:count])
    ranks = np.zeros(len(drawn), int)
    if answers.n_best:
        is_correct = scores_of_n_best([questions[number] for number in drawn], answers, max(RANKS))[0] > 0
        ranks = np.where(is_correct.any(axis=0), is_correct.argmax(axis=0) + 1, 0)
    rows = []
    for number, rank in zip(drawn.tolist(), ranks.tolist(), strict=True):
        question = questions[number]
        prediction, start = answers.answers.get(question.id, ""), answer_start(question, answers)
        sentences = sentence_places(question.context)
        own = sentence_of(answer_places(question)[0][0], sentences)
        other = sentence_of(max(question.context.find(prediction), 0) if start < 0 else start, sentences)
        best = answers.n_best.get(question.id) or [{}]
        values = (
            question.id,
            question.question,
            " | ".join(dict.fromkeys(reference.text for reference in question.answers)),
            question.context[slice(*sentences[own])].strip(),
            prediction,
            "the same" if own == other else question.context[slice(*sentences[other])].strip(),
            f"{f1[number]:.0f}",
            f"{best[0]['probability']:.2f}" if "probability" in best[0] else "",
            rank or "none",
            error_class(question, prediction, start),
            "",
        )
        rows.append(dict(zip(COLUMNS, values, strict=True)))
    return rows


def write_table(rows: list[dict], path: Path) -> dict[str, int]:
    """Write the table, with the notes that it has already; returns each different note and how often it was made.

    Raises:
        UserError: the table that is there has notes on other answers.
    """
    notes = {}
    if path.exists():
        with path.open(encoding="utf-8", newline="") as file:
            old_rows = list(csv.DictReader(file, delimiter="\t"))
        notes = {(row.get("id"), row.get("prediction")): row["note"] for row in old_rows if row.get("note")}
    if notes.keys() - {(row["id"], row["prediction"]) for row in rows}:
        raise UserError(f"{path}: has notes on other answers than these; name another --out, or remove it")
    rows = [row | {"note": notes.get((row["id"], row["prediction"]), "")} for row in rows]
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, COLUMNS, delimiter="\t", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, buffer.getvalue())
    return dict(Counter(row["note"] for row in rows if row["note"]).most_common())


def as_markdown(report: dict) -> str:
    """The tables."""
    scores, interval = report["scores"], format_interval(report["f1_interval"], 1)
    lines = [f"EM {scores['exact_match']:.2f}, F1 {scores['f1']:.2f}{interval} on {scores['questions']:,} questions"]
    tables = [(part, "group", rows) for part, rows in report["groups"].items()]
    for title, key, rows in [*tables, ("answers without an exact match", "class", report["classes"])]:
        lines += ["", f"| {title} | questions | F1 (95 %) | EM | lost |", "|---|---|---|---|---|"]
        for row in rows:
            f1 = f"{row['f1']:.2f}{format_interval(row['f1_interval'], 1)}"
            lines.append(f"| {row[key]} | {row['questions']:,} | {f1} | {row['exact_match']:.2f} | {row['lost']:.2f} |")
    if report["oracle"]:
        lines += ["", "| best of the first | F1 | EM |", "|---|---|---|"]
        lines += [f"| {row['best of']} | {row['f1']:.2f} | {row['exact_match']:.2f} |" for row in report["oracle"]]
    if report["notes"]:
        lines += ["", "| note | answers |", "|---|---|", *(f"| {name} | {n} |" for name, n in report["notes"].items())]
    return "\n".join([*lines, "", f"Commit {report['commit']}."])


if __name__ == "__main__":
    sys.exit(main())

"""Ask a trained model on the command line.

    python predict.py runs/squad "Who wrote it?" "The report was written by Ada Lovelace in 1843."
    python predict.py runs/squad "Who wrote it?" --file report.txt
    python predict.py runs/memnet "When was Ada Lovelace born?"
    python predict.py runs/memnet "When was Ada Lovelace born?" --file facts.tsv
    python predict.py runs/tracing 17,4 --file history.csv
    python predict.py runs/vectors 211 --file vectors.npz
    python predict.py runs/ranking "How should I store coffee beans?" --file coffee.jsonl.gz

A model of texts prints the answer with its probability among the best spans, and the runners-up. A model of facts answers from
those it was trained beside, or from a file's, among which an index of words finds its memory: it prints answers with their
probabilities, the facts it attended to with their weights, and words of the question that no fact has. A model of responses is
asked for items: it prints, for each student of a file, how each would be answered next, and the ability with its standard error.
A model of vectors is asked what follows a row of a file: it prints the file's rows that are nearest to what it looks for. A model
that ranks answers is asked a question: it prints the best of a file's answers.
"""

from __future__ import annotations

import contextlib
import json
import time
import zipfile
from dataclasses import dataclass
from pathlib import Path

import tyro

from utils.common.errors import UserError
from utils.training.run import run_script


@dataclass
class Config:
    """What to ask of which run."""

    run_dir: tyro.conf.Positional[Path]
    """Run directory of a training that has ended."""
    question: tyro.conf.Positional[str]
    """The question; for a model of responses, items, with commas between; for one of vectors, a row of the file, from 0."""
    text: tyro.conf.Positional[str] = ""
    """The text that holds the answer."""
    file: Path | None = None
    """Read the text from this file instead (UTF-8); for a model of facts, its facts (CSV, TSV, or .txt as WikiMovies has); for one
    of responses, students' histories (as for training), and without it a student is asked about who has answered nothing yet; for
    one of vectors, the vectors or texts to look among (as for training); for one that ranks, questions with answers (alike)."""
    n_best: int = 3
    """Answers to show."""


def main(config: Config) -> int:
    if config.n_best < 1:
        raise UserError(f"--n-best {config.n_best}: must be 1 or more")
    if config.file and config.text:
        raise UserError("a text and --file were given: leave one out")
    if not config.question.strip():
        raise UserError("the question is empty")
    tasks = {
        "squad": answer_from_text,
        "memnet": answer_from_facts,
        "tracing": answer_from_responses,
        "vectors": answer_from_vectors,
        "ranking": answer_from_answers,
    }
    task = finished_task(config.run_dir)
    if task not in tasks:
        raise UserError(f"{config.run_dir}: is a run of the task {task!r}, which answers no questions")
    return tasks[task](config)


def finished_task(run_dir: Path) -> str:
    """The task of a training that has ended."""
    try:
        return str(json.loads((run_dir / "results.json").read_text())["task"])
    except (OSError, ValueError, KeyError, TypeError):
        several = sorted(path.parent for path in run_dir.glob("*/results.json"))
        if several:
            raise UserError(f"{run_dir}: holds several runs; name one of them, such as {several[0]}") from None
        raise UserError(f"{run_dir}: no finished run there (results.json); name the --run-dir of a training") from None


@contextlib.contextmanager
def told_if_damaged(run_dir: Path):
    """Within the block, files of a run are read; those that are missing or broken are one line."""
    try:
        yield
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise UserError(f"{run_dir}: damaged run ({reason}); name another, or train it again") from None


# --- a text


def answer_from_text(config: Config) -> int:
    text = read_text(config.file) if config.file else config.text
    if not text.strip():
        raise UserError("the text is empty; give it after the question or with --file")
    model, tokenizer, settings = load_run(config.run_dir)
    settings["n_best"] = config.n_best
    answer(model, tokenizer, settings, config.question, text)  # the first call builds the graph
    started = time.perf_counter()
    best, null_score = answer(model, tokenizer, settings, config.question, text)
    milliseconds = 1000 * (time.perf_counter() - started)
    if not best or (settings["null_threshold"] is not None and null_score > settings["null_threshold"]):
        print("(no answer in this text)")
    for entry in best[: config.n_best]:
        print(f"{entry['probability']:.3f}  {entry['text']}")
    print(f"({milliseconds:.0f} ms)")
    return 0


def read_text(path: Path) -> str:
    """A UTF-8 text file as a string."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: can not be read as UTF-8 text ({error}); give a plain text file") from None


def load_run(run_dir: Path):
    """The model, its tokenizer, and the settings that an answer depends on."""
    files = {name: run_dir / name for name in ("config.json", "results.json", "tokenizer.json", "best.keras")}
    missing = [name for name, file in files.items() if not file.is_file()]
    if missing:
        raise UserError(
            f"{run_dir}: no finished run there ({', '.join(missing)} missing); name the --run-dir of a training"
        )
    from models import load_model
    from utils.text.tokenization import load_tokenizer

    with told_if_damaged(run_dir):
        config, results = (json.loads(files[name].read_text()) for name in ("config.json", "results.json"))
        settings = {name: config[name] for name in ("max_length", "doc_stride", "length_penalty")}
        settings["null_threshold"] = results["details"]["null_threshold"]
        model = load_model(files["best.keras"])
    return model, load_tokenizer(files["tokenizer.json"]), settings


def answer(model, tokenizer, settings, question: str, text: str):
    """The n-best list and the null score of one question about one text."""
    from utils.squad.data import Question
    from utils.squad.decoding import N_BEST, answer_questions
    from utils.squad.features import build_features

    questions = [Question(id="asked", title="", context=text, question=question, answers=())]
    features = build_features(
        questions, tokenizer, settings["max_length"], settings["doc_stride"], labelled=False
    )  # fmt: skip
    n_best, length_penalty = max(settings["n_best"], N_BEST), settings["length_penalty"]
    found = answer_questions(model, features, questions, length_penalty=length_penalty, n_best=n_best)
    return found.n_best["asked"], found.null_scores["asked"]


# --- facts


def answer_from_facts(config: Config) -> int:
    from utils.memnet.predictor import MemnetPredictor

    if config.text:
        raise UserError("this run answers from facts, not from a text: leave the text out, or give facts with --file")
    predictor = MemnetPredictor.load(config.run_dir, [config.file] if config.file else [])
    for note in predictor.notes if config.file else ():
        print(note)
    predictor.answer([config.question])  # the first call builds the graph
    started = time.perf_counter()
    (answer,) = predictor.answer([config.question], n_best=config.n_best)
    milliseconds = 1000 * (time.perf_counter() - started)
    if answer["unknown_words"]:
        print(f"(no fact has: {', '.join(answer['unknown_words'])})")
    if not answer["answers"]:
        print("(no memory: no fact shares a word with the question)")
        return 0
    for row in answer["answers"]:
        print(f"{row['probability']:.3f}  {row['answer']}")
    print("attended to:")
    for fact in answer["facts"]:
        print(f"{fact['weight']:.3f}  {fact['subject']} / {fact['relation']} / {fact['object']}")
    print(f"({milliseconds:.0f} ms, {answer['num_candidates']} of {len(predictor.base.facts):,} facts)")
    return 0


# --- responses


def answer_from_responses(config: Config) -> int:
    from utils.tracing.data import NEW_STUDENT, read_responses
    from utils.tracing.predictor import TracingPredictor

    if config.text:
        raise UserError("this run predicts responses, not answers in a text: leave the text out")
    items = [item.strip() for item in config.question.split(",") if item.strip()]
    if not items:
        raise UserError(f"{config.question!r}: names no item; give items, separated by commas")
    predictor = TracingPredictor.load(config.run_dir)
    histories, notes = read_responses(config.file) if config.file else ([NEW_STUDENT], [])
    unknown = [item for item in items if item not in predictor.item_numbers]
    if unknown:
        notes.append(f"not in training, treated as an unknown item: {', '.join(unknown)}")
    for note in notes:
        print(f"({note})")
    for student in predictor.predict(histories, items):
        print(f"student {student['student']}, {student['num_responses']:,} responses")
        if student["unknown_items"]:
            print(f"  (not in training, treated as an unknown item: {', '.join(student['unknown_items'][:5])})")
        for prediction in student["predictions"]:
            probabilities = "  ".join(f"{k}: {value:.3f}" for k, value in enumerate(prediction["probabilities"]))
            ability = (
                f"  (ability {prediction['ability']:.2f} ± {prediction['ability_error']:.2f})"
                if "ability" in prediction
                else ""
            )
            print(f"  item {prediction['item']}: {probabilities}{ability}")
    return 0


def answer_from_vectors(config: Config) -> int:
    """Print what follows a row of a file of vectors: the rows nearest to the model's query, of all documents, and of its own."""
    import numpy as np

    from models import load_model
    from utils.vectors.data import read_file
    from utils.vectors.demo import demo_vectors
    from utils.vectors.features import contexts
    from utils.vectors.metrics import EXCLUSION
    from utils.vectors.predictor import VectorsPredictor
    from utils.vectors.text_vectors import text_embedder

    with told_if_damaged(config.run_dir):
        settings = json.loads((config.run_dir / "config.json").read_text())
        context_length, encoder = settings["context_length"], settings["embed_with"]
        model = load_model(config.run_dir / "best.keras")
    if config.file:
        if not encoder and config.file.name.removesuffix(".gz").endswith((".txt", ".jsonl")):
            raise UserError(f"{config.file}: is text, but the run was trained on vectors; give a file of vectors")
        data, notes = read_file(config.file, text_embedder(encoder, Path(".cache")))
        for note in notes:
            print(f"({note})")
    elif settings["train_files"]:
        raise UserError("a model of vectors looks for the next one in a file: name it with --file")
    else:
        data = demo_vectors(settings["split_seed"])
    if data.vectors.shape[1] != model.config["dim"]:
        raise UserError(
            f"{data.file}: vectors have {data.vectors.shape[1]} elements, the model's {model.config['dim']}"
        )
    if not config.question.isdecimal() or int(config.question) >= len(data.vectors):
        raise UserError(f"{config.question!r}: must be a row of {data.file}, from 0 to {len(data.vectors) - 1:,}")
    row = int(config.question)
    outputs = VectorsPredictor(model).predict(contexts(data, np.array([row]), context_length, include_row=True))
    query = outputs.get("query", outputs["predicted"])[0]
    similar = np.concatenate(
        [data.take(part) @ query for part in np.array_split(np.arange(len(data.vectors)), 64) if len(part)]
    )
    start = data.starts[data.document[row]]
    similar[max(start, row + 1 - EXCLUSION) : row + 1] = -np.inf
    print(f"after row {row} ({data.names[data.document[row]]}){shown(data, row)}")
    for title, among in (
        ("of all documents", similar),
        ("of its own", np.where(data.document == data.document[row], similar, -np.inf)),
    ):
        print(f"{title}:")
        for found in np.argsort(-among, kind="stable")[: config.n_best]:
            if np.isfinite(among[found]):
                print(f"  {among[found]:.3f}  row {found} ({data.names[data.document[found]]}){shown(data, found)}")
    return 0


def shown(data, row: int) -> str:
    """The beginning of a row's text, where texts are known."""
    return f": {data.texts[row][:100]}" if data.texts else ""


# --- answers to other questions


def answer_from_answers(config: Config) -> int:
    """Print the answers of a file whose vectors are nearest to the question's."""
    from utils.common.plots import shortened
    from utils.ranking.data import read_rankings
    from utils.ranking.predictor import RankingPredictor

    if config.text or not config.file:
        raise UserError(
            "a model that ranks answers looks for them in a file: name it with --file, and leave the text out"
        )
    predictor = RankingPredictor.load(config.run_dir)
    queries, notes = read_rankings(config.file)
    for note in notes:
        print(f"({note})")
    answers = [(query, candidate) for query in queries for candidate in query.candidates]
    (results,) = predictor.search([config.question], [candidate.text for _, candidate in answers], config.n_best)
    for result in results:
        query, candidate = answers[result["candidate"]]
        print(f"{result['score']:.3f}  {candidate.id}, of question {query.id}: {shortened(candidate.text, 300)}")
    print(f"({len(answers):,} answers)")
    return 0


if __name__ == "__main__":
    run_script(main, Config)

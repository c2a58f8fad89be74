"""Ask a trained model on the command line.

    python predict.py runs/squad "Who wrote it?" "The report was written by Ada Lovelace in 1843."
    python predict.py runs/squad "Who wrote it?" --file report.txt
    python predict.py runs/memnet "When was Ada Lovelace born?"
    python predict.py runs/memnet "When was Ada Lovelace born?" --file facts.tsv
    python predict.py runs/tracing 17,4 --file history.csv
    python predict.py runs/vectors 211 --file vectors.npz
    python predict.py runs/ranking "How should I store coffee beans?" --file coffee.jsonl.gz

What a run answers depends on its task:

    squad:    answers from the text, each with its probability among the best ones
    memnet:   answers from facts, the facts that the model attended to, and the words of the question that no fact has
    tracing:  how each student of a file would respond to the items next, and the student's ability with its standard error
    vectors:  the rows of a file that are most likely to follow the given row
    ranking:  the answers of a file that fit the question best
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import tyro

from utils.common.errors import UserError, counted
from utils.common.files import read_document
from utils.training.finished import read_run
from utils.training.run import run_script


@dataclass
class Config:
    """Which run to ask, and what."""

    run_dir: tyro.conf.Positional[Path]
    """Run directory of a finished training."""
    question: tyro.conf.Positional[str]
    """The question. For tracing, items with commas between; for vectors, a row number of the file, from 0."""
    text: tyro.conf.Positional[str] = ""
    """For squad: the text that holds the answer."""
    file: Path | None = None
    """For squad, a text file in the place of the text. For memnet, facts to answer from. For
    tracing, students' histories; without it, a new student is asked. For vectors, the vectors or texts to search. For ranking,
    what is searched: questions with answers, a collection, or a text file with a text per line. Formats are those of training."""
    n_best: int = 3
    """Answers to show."""


def main(config: Config) -> int:
    if config.n_best < 1:
        raise UserError(f"--n-best {config.n_best}: must be 1 or more")
    if config.file and config.text:
        raise UserError("a text and --file were given: leave one out")
    if not config.question.strip():
        raise UserError("the question is empty")
    answer = {
        "squad": answer_from_text,
        "memnet": answer_from_facts,
        "tracing": predict_responses,
        "vectors": find_next_vectors,
        "ranking": find_answers,
    }
    _, results = read_run(config.run_dir)
    task = str(results["task"])
    if task not in answer:
        raise UserError(f"{config.run_dir}: is a run of the task {task!r}, which answers no questions")
    if config.text and task != "squad":
        raise UserError("only a squad run answers from a text: leave the text out, or give a file with --file")
    answer[task](config)
    return 0


def answer_from_text(config: Config) -> None:
    """Print the best answers in a text."""
    from utils.squad.predictor import SquadPredictor

    text = read_document(config.file) if config.file else config.text
    if not text.strip():
        raise UserError("the text is empty; give it after the question or with --file")
    predictor = SquadPredictor.load(config.run_dir)
    records = [{"question": config.question, "context": text}]
    (answer,), milliseconds = timed(lambda: predictor.answer(records, config.n_best))
    if not answer["answer"]:
        print("(no answer in this text)")
    for entry in answer["n_best"]:
        print(f"{entry['probability']:.3f}  {entry['text']}")
    print(f"({milliseconds:.0f} ms)")


def answer_from_facts(config: Config) -> None:
    """Print the best answers that facts give, and the facts that the model attended to."""
    from utils.memnet.predictor import MemnetPredictor

    predictor = MemnetPredictor.load(config.run_dir, [config.file] if config.file else [])
    for note in predictor.notes if config.file else ():
        print(f"({note})")
    (answer,), milliseconds = timed(lambda: predictor.answer([config.question], n_best=config.n_best))
    if answer["unknown_words"]:
        print(f"(no fact has: {', '.join(answer['unknown_words'])})")
    if not answer["answers"]:
        print("(no memory: no fact shares a word with the question)")
        return
    for entry in answer["answers"]:
        print(f"{entry['probability']:.3f}  {entry['answer']}")
    print("attended to:")
    for fact in answer["facts"]:
        print(f"{fact['weight']:.3f}  {fact['subject']} / {fact['relation']} / {fact['object']}")
    print(f"({milliseconds:.0f} ms, {answer['num_candidates']} of {counted(len(predictor.base.facts), 'fact')})")


def predict_responses(config: Config) -> None:
    """Print each student's probable responses to some items."""
    from utils.tracing.predictor import TracingPredictor
    from utils.tracing.sequences import NEW_STUDENT

    items = [item.strip() for item in config.question.split(",") if item.strip()]
    if not items:
        raise UserError(f"{config.question!r}: no item there; give items, with commas between")
    predictor = TracingPredictor.load(config.run_dir)
    histories, notes = predictor.read_histories(config.file) if config.file else ([NEW_STUDENT], [])
    students = predictor.predict(histories, items)
    for note in notes:
        print(f"({note})")
    unknown = [prediction["item"] for prediction in students[0]["predictions"] if not prediction["is_known"]]
    if unknown:
        print(f"(not in training, treated as an unknown item: {', '.join(unknown)})")
    for student in students:
        print(f"student {student['student']}, {student['num_responses']:,} responses")
        if student["unknown_items"]:
            print(f"  (not in training, treated as an unknown item: {', '.join(student['unknown_items'][:5])})")
        for prediction in student["predictions"]:
            line = "  ".join(f"{category}: {p:.3f}" for category, p in enumerate(prediction["probabilities"]))
            if "ability" in prediction:
                line += f"  (ability {prediction['ability']:.2f} ± {prediction['ability_error']:.2f})"
            print(f"  item {prediction['item']}: {line}")


def find_next_vectors(config: Config) -> None:
    """Print the rows that are most likely to follow a row, among all documents and in its own."""
    from utils.vectors.predictor import VectorsPredictor

    predictor = VectorsPredictor.load(config.run_dir)
    data, notes = predictor.read_documents(config.file)
    for note in notes:
        print(f"({note})")
    if not config.question.isdecimal():
        raise UserError(f"{config.question!r}: must be a row of {data.file}, from 0 to {len(data.vectors) - 1:,}")
    (answer,) = predictor.nearest(data, [int(config.question)], config.n_best)
    print(f"after {described_row(answer)}")
    for title, rows in (("of all documents", answer["nearest"]), ("of its own", answer["nearest_in_document"])):
        print(f"{title}:")
        for row in rows:
            print(f"  {row['similarity']:.3f}  {described_row(row)}")


def find_answers(config: Config) -> None:
    """Print the answers that fit the question best, of a file or of the demo world."""
    from utils.ranking.predictor import RankingPredictor
    from utils.text.words import shortened

    predictor = RankingPredictor.load(config.run_dir)
    texts, notes = predictor.read_texts(config.file)
    for note in notes:
        print(f"({note})")
    (results,) = predictor.search([config.question], [text for _, text in texts], config.n_best)
    for result in results:
        print(f"{result['score']:.3f}  {texts[result['candidate']][0]}: {shortened(result['text'], 300)}")
    print(f"({len(texts):,} answers)")


def described_row(row: dict) -> str:
    """A row of a file of vectors with its document and the beginning of its text."""
    return f"row {row['row']} ({row['document']})" + (f": {row['text'][:100]}" if row["text"] else "")


def timed(function):
    """What a function returns on its second call, and the milliseconds that call takes; the first one builds the graph."""
    function()
    start = time.perf_counter()
    result = function()
    return result, 1000 * (time.perf_counter() - start)


if __name__ == "__main__":
    run_script(main, Config)

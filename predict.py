"""Ask a trained model: one question, or a file of them.

    python predict.py squad-matching "Who wrote it?" "The report was written by Ada Lovelace in 1843."
    python predict.py squad-matching "Who wrote it?" --file report.txt
    python predict.py memnet-people "Who invented the telephone?"
    python predict.py memnet-people "When was Ada Lovelace born?" --file facts.tsv
    python predict.py tracing-practice 17,4 --file history.csv
    python predict.py tracing-practice --n-best 3 --file history.csv
    python predict.py vectors-wiki 7 --file article.npz
    python predict.py ranking-small "How should I store coffee beans?" --file answers.jsonl

A file of questions gives a file of answers, a line for each question in the same order:

    python predict.py squad-matching --input questions.json --output answers.jsonl
    python predict.py squad-matching --input dev-v1.1.json --output predictions/
    python predict.py memnet-people --input questions.txt --output answers.jsonl
    python predict.py tracing-practice --input histories.csv --output next.jsonl
    python predict.py tracing-practice --input histories.csv --output students/
    python predict.py vectors-wiki --input articles.npz --output next.jsonl
    python predict.py ranking-small --input questions.jsonl --file corpus.jsonl --output run.trec

docs/predict.md has the formats.
"""

from __future__ import annotations

import importlib
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import tyro

from utils.common.asking import OrderedReport, Request, json_line, print_json_lines, say_notes, write_lines
from utils.common.errors import UserError, counted, one_line
from utils.training.finished import read_run
from utils.training.run import run_script
from utils.training.settings import check_ranges

EMPTY = "the question is empty; give one (for tracing, items or --n-best), or a file of questions with --input"
TASKS = ("squad", "memnet", "tracing", "vectors", "ranking", "reranker")
OUTPUTS = {
    "squad": (".jsonl", ""),
    "tracing": (".jsonl", ""),
    "vectors": (".jsonl", ".npz"),
    "ranking": (".jsonl", ".trec"),
    "reranker": (".jsonl", ".trec"),
}
"""Endings that the name of an output may have, for the tasks that have more than lines of JSON; "" is a folder."""
FILES_IN_A_FOLDER = (
    "predictions.json",
    "nbest_predictions.json",
    "null_scores.json",
    "predictions.jsonl",
    "mastery.csv",
    "mastery.png",
)


@dataclass
class Config:
    """Which model to ask, and what."""

    model: tyro.conf.Positional[str]
    """A published model (zoo/), the run directory of a finished training, or hf://owner/name."""
    question: tyro.conf.Positional[str] = ""
    """The question. For tracing, items with commas between; for vectors, a row of the file, from 0, or rows with commas between."""
    text: tyro.conf.Positional[str] = ""
    """For squad: the text that holds the answer."""
    file: Path | None = None
    """For squad, a text file in the place of the text. For memnet, facts to answer from. For tracing, students' histories; without
    them, the answer is for a new student. For vectors, the vectors or texts to search. For rankers, what is searched: questions
    with answers, a collection, or a text file with a text per line. Formats are those of training."""
    input: Path | None = None
    """A file of questions in the place of one. For tracing, of histories; for vectors, of documents to continue."""
    max_bad_fraction: float = 0.05
    """Records of --input that cannot be answered get an error in the output. If they are more than this fraction, the exit status
    is 2. Of --file, records that cannot be used are left out, as long as they are at most this fraction."""

    # --- output
    output: Path | None = None
    """Where the answers to --input go: NAME.jsonl, lines of JSON. For squad also a folder, for predictions.json and
    nbest_predictions.json; for tracing a folder, for predictions.jsonl and each student's mastery of each skill, as a table and a
    picture (mastery.csv, mastery.png); for rankers NAME.trec, a TREC run; for vectors NAME.npz, the predicted vectors. Left out:
    lines of JSON on standard output."""
    n_best: int | None = None
    """Answers to list for a question. Left out: 3; for --input of squad 20, in a TREC run 100. For tracing, items to list, those
    whose response would tell most of the student; left out, all that are named, or of --input all of training."""
    json: bool = False
    """Print the answer to one question as a line of JSON."""


def main(config: Config) -> int:
    check(config)
    _, results = read_run(config.model)
    task = str(results["task"])
    check_task(config, task)
    asking = importlib.import_module(f"utils.{task}.asking")
    settings = {name: value for name, value in vars(config).items() if name not in ("model", "json")}
    request = Request(config.model, **settings)
    print(f"loading {one_line(config.model)} ...", file=sys.stderr, flush=True)
    start = time.perf_counter()
    predictor = asking.load(request)
    say_notes(getattr(predictor, "notes", ()))
    if config.input:
        answer_file(asking, predictor, request)
        return 0
    loaded = time.perf_counter()
    answers = asking.ask(predictor, request)
    answered = time.perf_counter()
    if config.json:
        print_json_lines(answers)
    else:
        for answer in answers:
            for line in asking.answer_lines(answer):
                print(one_line(line))
    print(f"(loaded in {loaded - start:.1f} s, answered in {answered - loaded:.2f} s)", file=sys.stderr)
    return 0


def check(config: Config) -> None:
    """Check what does not depend on the task, before anything is loaded.

    Raises:
        UserError: settings that do not go together, or a file that is not there.
    """
    check_ranges(config, less_than_1="max_bad_fraction", more_than_0="n_best")
    if config.file and config.text:
        raise UserError("a text and --file were given: leave one out")
    if not config.input and not config.question.strip() and not config.n_best:
        raise UserError(EMPTY)
    if config.output and not config.input:
        raise UserError("--output goes with --input; one answer is printed, with --json as a line of JSON")
    if config.input and config.json:
        raise UserError("--json is for one question; the answers to --input are lines of JSON in any case")
    for path in (config.input, config.file):
        if path and not path.exists():
            raise UserError(f"{path}: no such file; check the path")
        for written in (config.output, *(config.output / name for name in FILES_IN_A_FOLDER)) if config.output else ():
            if path and written.exists() and path.samefile(written):
                raise UserError(f"{path}: is read, and --output would replace it; name another --output")


def check_task(config: Config, task: str) -> None:
    """Check the settings against the task of the model.

    Raises:
        UserError: the run answers no questions, or a setting does not fit its task.
    """
    if task not in TASKS:
        raise UserError(f"{config.model}: is a run of the task {task[:80]!r}, which answers no questions")
    if not config.input and not config.question.strip() and task != "tracing":
        raise UserError(EMPTY)
    if config.text and task != "squad":
        raise UserError("only a squad run answers from a text: leave the text out, or give a file with --file")
    if config.input and config.question and task != "tracing":
        raise UserError("a question and --input were given: leave one out")
    if task == "tracing" and config.input and config.file:
        raise UserError("--file and --input both name histories: leave one out")
    endings = OUTPUTS.get(task, (".jsonl",))
    if config.output and ending_of(config.output) not in endings:
        names = " or ".join(f"NAME{ending}" if ending else "a folder" for ending in endings)
        raise UserError(f"--output {config.output}: give {names} for a {task} model")
    if config.output and (config.output / "results.json").exists():
        raise UserError(
            f"--output {config.output}: is the directory of a run, whose predictions are there; name another folder"
        )


def answer_file(asking, predictor, request: Request) -> None:
    """Answer a file of questions, and say how many were answered.

    Raises:
        UserError: more records could not be answered than may be; the output is written nevertheless.
    """
    start, output = time.perf_counter(), request.output
    report = OrderedReport(request.input)
    if output:
        make_folder(output.parent if ending_of(output) else output)
    if output and ending_of(output) == ".npz":
        print(f"{counted(asking.write_predicted(predictor, request), 'vector')} in {output}", file=sys.stderr)
        return
    answers = with_bar(asking.ask_file(predictor, request, report), output is not None)
    if not output:
        print_json_lines(answers)
    elif not ending_of(output):
        asking.write_folder(output, answers, predictor, report)
    elif ending_of(output) == ".trec":
        write_lines(output, asking.trec_lines(answers))
    else:
        write_lines(output, map(json_line, answers))
    seconds = time.perf_counter() - start
    print(f"{counted(report.used, 'answer')} in {seconds:.1f} s{f', in {output}' if output else ''}", file=sys.stderr)
    report.check_answers(request.max_bad_fraction, output)
    say_notes(report.notes)


def ending_of(output: Path) -> str:
    """The ending that says what is written: `.jsonl`, say; empty for a folder."""
    return "" if output.is_dir() else output.suffix


def make_folder(folder: Path) -> None:
    """Make the folder that is written to, unless it is there.

    Raises:
        UserError: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = "a file is in its place" if folder.exists() else error.strerror
        raise UserError(f"{folder}: no folder can be made there ({reason}); name another --output") from None


def with_bar(answers, is_shown: bool):
    """The same answers; if `is_shown`, a bar on a terminal counts them."""
    from tqdm import tqdm

    return tqdm(answers, "answering", unit=" records", delay=1, leave=False, disable=None if is_shown else True)


if __name__ == "__main__":
    run_script(main, Config)

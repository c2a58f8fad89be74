"""Ask a trained model on the command line.

    python predict.py runs/squad "Who wrote it?" "The report was written by Ada Lovelace in 1843."
    python predict.py runs/squad "Who wrote it?" --file report.txt

Prints the answer with its probability among the best spans, and the runners-up.
"""

from __future__ import annotations

import json
import time
import zipfile
from dataclasses import dataclass
from pathlib import Path

import tyro

from utils.errors import UserError
from utils.run import run_script


@dataclass
class Config:
    """What to ask of which run."""

    run_dir: tyro.conf.Positional[Path]
    """Run directory of a training that has ended."""
    question: tyro.conf.Positional[str]
    """The question."""
    text: tyro.conf.Positional[str] = ""
    """The text that holds the answer."""
    file: Path | None = None
    """Read the text from this file instead (UTF-8)."""
    n_best: int = 3
    """Answers to show."""


def main(config: Config) -> int:
    if config.n_best < 1:
        raise UserError(f"--n-best {config.n_best}: must be 1 or more")
    if config.file and config.text:
        raise UserError("a text and --file were given: leave one out")
    if not config.question.strip():
        raise UserError("the question is empty")
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
    from models.span_model import load_span_model
    from utils.tokenization import load_tokenizer

    try:
        config, results = (json.loads(files[name].read_text()) for name in ("config.json", "results.json"))
        if results["task"] != "squad":
            raise UserError(
                f"{run_dir}: is a run of the task {results['task']!r}, which answers no questions about a text"
            )
        settings = {"max_length": config["max_length"], "doc_stride": config["doc_stride"]}
        settings["null_threshold"] = results["null_threshold"]
        model = load_span_model(files["best.keras"])
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise UserError(f"{run_dir}: damaged run ({reason}); name another, or train it again") from None
    return model, load_tokenizer(files["tokenizer.json"]), settings


def answer(model, tokenizer, settings, question: str, text: str):
    """The n-best list and the null score of one question about one text."""
    from utils.data.squad import Question
    from utils.data.squad_features import build_features
    from utils.span_decoding import N_BEST, answer_questions

    questions = [Question(id="asked", title="", context=text, question=question, answers=())]
    features = build_features(
        questions, tokenizer, settings["max_length"], settings["doc_stride"], labelled=False
    )  # fmt: skip
    found = answer_questions(model, features, questions, n_best=max(settings["n_best"], N_BEST))
    return found.n_best["asked"], found.null_scores["asked"]


if __name__ == "__main__":
    run_script(main, Config)

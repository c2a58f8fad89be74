"""The command line of an export that ranks texts."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path

from utils.common.errors import UserError, exit_on_user_error, one_line
from utils.common.exported import read_text_argument
from utils.common.files import has_lone_surrogate


def answer_texts(make_answerer: Callable) -> None:
    """Rank texts on the command line.

    Args:
        make_answerer: makes what ranks texts, from the name of a model's file.
    """
    parser = argparse.ArgumentParser(description="Rank texts for a question, the best one first.")
    parser.add_argument("question")
    parser.add_argument("texts", nargs="*", help="the texts to rank")
    parser.add_argument("--file", type=Path, help="a file with a text per line in the place of the texts")
    parser.add_argument("--n-best", type=int, default=10, help="texts to show, at most (10)")
    parser.add_argument("--json", action="store_true", help="print one line of JSON")
    parser.add_argument("--model", default="model.onnx", help="the model's file (model.onnx)")
    arguments = parser.parse_args()
    with exit_on_user_error():
        if not arguments.question.strip():
            raise UserError("the question is empty")
        lines = read_text_argument("\n".join(arguments.texts), arguments.file).splitlines()
        texts = [line for line in (lines if arguments.file else arguments.texts) if line.strip()]
        if any(map(has_lone_surrogate, [arguments.question, *texts])):
            raise UserError("the question or a text is not UTF-8; correct it")
        (ranking,) = make_answerer(arguments.model)([arguments.question], texts)
        if arguments.json:
            print(json.dumps(ranking[: max(arguments.n_best, 1)]))
            return
        for entry in ranking[: max(arguments.n_best, 1)]:
            print(one_line(f"{entry['score']:.3f}  {entry['text']}"))

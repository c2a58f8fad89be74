"""Answers questions about texts with an exported model. It needs the packages of requirements.txt, and nothing else.

python answer.py "Who wrote it?" "The report was written by Ada Lovelace in 1843."
python answer.py "Who wrote it?" --file report.txt

from answer import Answerer

answerer = Answerer()
answerer(["Who wrote it?"], ["The report was written by Ada Lovelace in 1843."])[0]["answer"]
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from utils.common.errors import UserError, exit_on_user_error, one_line
from utils.common.exported import read_exported, read_exported_tokenizer, read_text_argument
from utils.common.files import finite_or_none
from utils.common.onnx_model import OnnxModel
from utils.squad.answering import SquadAnswerer, answer_lines


class Answerer(SquadAnswerer):
    """Answers questions with an exported model, see `SquadAnswerer`.

    Args:
        folder: the export; left out, the folder of this file.
        model: name of the model's file in it.

    Raises:
        UserError: a file is missing or damaged.
    """

    def __init__(self, folder: str | Path | None = None, model: str = "model.onnx"):
        folder = Path(__file__).parent if folder is None else Path(folder)
        settings = read_exported(folder, "settings.json")
        super().__init__(OnnxModel(folder / model, ("start", "end")), read_exported_tokenizer(folder), **settings)


def main() -> None:
    """Answer one question on the command line."""
    parser = argparse.ArgumentParser(description="Answer a question from a text.")
    parser.add_argument("question")
    parser.add_argument("text", nargs="?", default="", help="the text that holds the answer")
    parser.add_argument("--file", type=Path, help="a text file in the place of the text")
    parser.add_argument("--n-best", type=int, default=3, help="answers to show, at most (3)")
    parser.add_argument("--json", action="store_true", help="print one line of JSON")
    parser.add_argument("--model", default="model.onnx", help="the model's file (model.onnx)")
    arguments = parser.parse_args()
    with exit_on_user_error():
        if not arguments.question.strip():
            raise UserError("the question is empty")
        record = {"question": arguments.question, "context": read_text_argument(arguments.text, arguments.file)}
        (result,) = Answerer(model=arguments.model).answer([record], max(arguments.n_best, 1))
        if arguments.json:
            print(json.dumps(finite_or_none(result)))
            return
        for line in answer_lines(result):
            print(one_line(line))

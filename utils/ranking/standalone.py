"""Ranks texts for a question with an exported encoder. It needs the packages of requirements.txt, and nothing else.

python answer.py "How should I store coffee beans?" "Keep coffee beans in a closed jar." "Water boils at 100 degrees."
python answer.py "How should I store coffee beans?" --file texts.txt

from answer import Answerer

answerer = Answerer()
answerer(["How should I store coffee beans?"], ["Keep coffee beans in a closed jar.", "Water boils at 100 degrees."])[0][0]["text"]
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from utils.common.errors import UserError, exit_on_user_error, one_line
from utils.common.exported import read_exported, read_exported_tokenizer, read_text_argument
from utils.common.files import has_lone_surrogate
from utils.ranking.answering import RankingAnswerer, onnx_encoders
from utils.ranking.word_scores import LEXICAL, LexicalScorer


class Answerer(RankingAnswerer):
    """Ranks texts with an exported encoder, see `RankingAnswerer`.

    Args:
        folder: the export; left out, the folder of this file.
        model: name of the encoder's file in it. Where questions have an encoder of their own, its name ends with `_queries`.

    Raises:
        UserError: a file is missing or damaged.
    """

    def __init__(self, folder: str | Path | None = None, model: str = "model.onnx"):
        folder = Path(__file__).parent if folder is None else Path(folder)
        settings = read_exported(folder, "settings.json")
        encoders = onnx_encoders(folder / model, settings.pop("shared"))
        super().__init__(*encoders, read_exported_tokenizer(folder), **settings)
        lexical = read_exported(folder, LEXICAL) if (folder / LEXICAL).exists() else None
        self.lexical = lexical and LexicalScorer.from_dict(lexical)


def main() -> None:
    """Rank texts on the command line."""
    parser = argparse.ArgumentParser(description="Rank texts for a question, the best one first.")
    parser.add_argument("question")
    parser.add_argument("texts", nargs="*", help="the texts to rank")
    parser.add_argument("--file", type=Path, help="a file with a text per line in the place of the texts")
    parser.add_argument("--n-best", type=int, default=10, help="texts to show, at most (10)")
    parser.add_argument("--json", action="store_true", help="print one line of JSON")
    parser.add_argument("--model", default="model.onnx", help="the encoder's file (model.onnx)")
    arguments = parser.parse_args()
    with exit_on_user_error():
        if not arguments.question.strip():
            raise UserError("the question is empty")
        lines = read_text_argument("\n".join(arguments.texts), arguments.file).splitlines()
        texts = [line for line in (lines if arguments.file else arguments.texts) if line.strip()]
        if any(map(has_lone_surrogate, [arguments.question, *texts])):
            raise UserError("the question or a text is not UTF-8; correct it")
        (ranking,) = Answerer(model=arguments.model).search([arguments.question], texts, max(arguments.n_best, 1))
        if arguments.json:
            print(json.dumps(ranking))
            return
        for entry in ranking:
            print(one_line(f"{entry['score']:.3f}  {entry['text']}"))

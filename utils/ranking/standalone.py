"""Ranks texts for a question with an exported encoder. It needs the packages of requirements.txt, and nothing else.

python answer.py "How should I store coffee beans?" "Keep coffee beans in a closed jar." "Water boils at 100 degrees."
python answer.py "How should I store coffee beans?" --file texts.txt

from answer import Answerer

answerer = Answerer()
answerer(["How should I store coffee beans?"], ["Keep coffee beans in a closed jar.", "Water boils at 100 degrees."])[0][0]["text"]
"""

from __future__ import annotations

from pathlib import Path

from utils.common.exported import read_exported, read_exported_tokenizer
from utils.ranking.answer_texts import answer_texts
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
    answer_texts(lambda model: Answerer(model=model))

"""Ranks texts for a question with an exported re-ranker. It needs the packages of requirements.txt, and nothing else.

python answer.py "How should I store coffee beans?" "Keep coffee beans in a closed jar." "Water boils at 100 degrees."
python answer.py "How should I store coffee beans?" --file texts.txt

from answer import Answerer

answerer = Answerer()
answerer(["How should I store coffee beans?"], ["Keep coffee beans in a closed jar.", "Water boils at 100 degrees."])[0][0]["text"]
"""

from __future__ import annotations

from pathlib import Path

from utils.common.exported import read_exported, read_exported_tokenizer
from utils.common.onnx_model import OnnxModel
from utils.ranking.answer_texts import answer_texts
from utils.reranker.answering import RerankerAnswerer


class Answerer(RerankerAnswerer):
    """Ranks texts with an exported re-ranker, see `RerankerAnswerer`. Every text is read with the question.

    Args:
        folder: the export; left out, the folder of this file.
        model: name of the model's file in it.

    Raises:
        UserError: a file is missing or damaged.
    """

    def __init__(self, folder: str | Path | None = None, model: str = "model.onnx"):
        folder = Path(__file__).parent if folder is None else Path(folder)
        settings = read_exported(folder, "settings.json")
        super().__init__(OnnxModel(folder / model, ("scores",)), read_exported_tokenizer(folder), **settings)


def main() -> None:
    """Rank texts on the command line."""
    answer_texts(lambda model: Answerer(model=model))

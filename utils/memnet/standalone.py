"""Answers questions from facts with an exported model. It needs the packages of requirements.txt, and nothing else.

python answer.py "Where was Ada Lovelace born?"
python answer.py "Who built the bridge?" --facts my_facts.tsv

from answer import Answerer

answerer = Answerer()
answerer(["Where was Ada Lovelace born?"])[0]["answers"]
answerer(["Who built the bridge?"], [("the bridge", "built_by", "Mira Holt")])[0]["answers"]
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from utils.common.errors import UserError, exit_on_user_error, one_line
from utils.common.exported import read_exported
from utils.common.files import has_lone_surrogate
from utils.common.onnx_model import OnnxModel
from utils.common.tables import read_table
from utils.memnet.answering import MemnetAnswerer, answer_lines
from utils.memnet.features import Vocabulary
from utils.memnet.ntriples import names_of_terms
from utils.memnet.records import BadFactError, Fact, fact_from

COLUMNS = ["subject", "relation", "object"]


class Answerer(MemnetAnswerer):
    """Answers questions with an exported model, see `MemnetAnswerer`.

    Args:
        folder: the export; left out, the folder of this file.
        model: name of the model's file in it.
        facts: a file of facts to answer from, see `read_fact_file`; left out, `facts.tsv` of the export.

    Raises:
        UserError: a file is missing or damaged.
    """

    def __init__(self, folder: str | Path | None = None, model: str = "model.onnx", facts: str | Path | None = None):
        folder = Path(__file__).parent if folder is None else Path(folder)
        super().__init__(
            OnnxModel(folder / model),
            Vocabulary.from_dict(read_exported(folder, "vocabulary.json")),
            read_fact_file(folder / "facts.tsv" if facts is None else Path(facts)),
            **read_exported(folder, "settings.json"),
        )


def read_fact_file(path: Path) -> tuple[Fact, ...]:
    """Read a table of facts: subject, relation and object, with tabs between. Its first line may name these columns.

    Quotes and terms of RDF are read as in training.

    Raises:
        UserError: the file cannot be read, a line holds no fact, or there is none.
    """
    facts: dict[Fact, None] = {}
    for place, (line, row) in enumerate(read_table(path, "\t")):
        if place == 0 and [name.strip().lower() for name in row] == COLUMNS:
            continue
        try:
            facts[fact_from(names_of_terms(row))] = None
        except BadFactError as error:
            raise UserError(
                f"{path}, line {line:,}: is no fact ({error}); give subject, relation and object with tabs between"
            ) from None
    if not facts:
        raise UserError(f"{path}: has no facts; give subject, relation and object in each line, with tabs between")
    return tuple(facts)


def main() -> None:
    """Answer one question on the command line."""
    parser = argparse.ArgumentParser(description="Answer a question from facts.")
    parser.add_argument("question")
    parser.add_argument(
        "--facts",
        type=Path,
        help="a table of subject, relation and object with tabs between, in the place of facts.tsv",
    )
    parser.add_argument("--n-best", type=int, default=3, help="answers and facts to show, at most (3)")
    parser.add_argument("--json", action="store_true", help="print one line of JSON")
    parser.add_argument("--model", default="model.onnx", help="the model's file (model.onnx)")
    arguments = parser.parse_args()
    with exit_on_user_error():
        if not arguments.question.strip() or has_lone_surrogate(arguments.question):
            raise UserError("the question is empty or not UTF-8; give a text")
        answerer = Answerer(model=arguments.model, facts=arguments.facts)
        (result,) = answerer.answer([arguments.question], n_best=max(arguments.n_best, 1))
        if arguments.json:
            print(json.dumps(result))
            return
        for line in answer_lines(result):
            print(one_line(line))

"""Questions as a file in SQuAD's layout (Rajpurkar et al. 2016; Rajpurkar, Jia and Liang 2018)."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable
from itertools import groupby

from utils.squad.question import Question


def squad_file(questions: Iterable[Question], is_compressed: bool) -> bytes:
    """The content of the file. The same questions give the same bytes, and they are read in the order that they have here.

    Neighbours with the same title make an article, and those of them with the same context a paragraph.

    Args:
        questions: with labels.
        is_compressed: whether the content is compressed with gzip.
    """
    data = []
    for title, article in groupby(questions, lambda question: question.title):
        paragraphs = groupby(article, lambda question: question.context)
        data.append(
            {
                "title": title,
                "paragraphs": [{"context": text, "qas": [*map(_record, about)]} for text, about in paragraphs],
            }
        )
    content = json.dumps({"version": "1.1", "data": data}, ensure_ascii=False).encode()
    return gzip.compress(content, mtime=0) if is_compressed else content


def _record(question: Question) -> dict:
    answers = [{"text": answer.text, "answer_start": answer.start} for answer in question.answers]
    record = {"id": question.id, "question": question.question, "answers": answers}
    return record | {"is_impossible": True} if question.is_impossible else record

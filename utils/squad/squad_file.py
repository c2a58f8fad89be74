"""Questions as a file in SQuAD's layout (Rajpurkar et al. 2016)."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable

from utils.squad.question import Question


def squad_file(questions: Iterable[Question], is_compressed: bool) -> bytes:
    """The content of the file; questions with the same title are those of an article. The same questions give the same bytes.

    Args:
        questions: with labels; one without answers is written as unanswerable.
        is_compressed: whether the content is compressed with gzip.
    """
    articles: dict[str, dict[str, list[dict]]] = {}
    for question in questions:
        answers = [{"text": answer.text, "answer_start": answer.start} for answer in question.answers]
        record = {"id": question.id, "question": question.question, "answers": answers}
        if question.is_impossible:
            record["is_impossible"] = True
        articles.setdefault(question.title, {}).setdefault(question.context, []).append(record)
    data = [
        {"title": title, "paragraphs": [{"context": context, "qas": records} for context, records in contexts.items()]}
        for title, contexts in articles.items()
    ]
    content = json.dumps({"version": "1.1", "data": data}, ensure_ascii=False).encode()
    return gzip.compress(content, mtime=0) if is_compressed else content

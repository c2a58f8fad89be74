"""The names under which people keep questions, candidates and grades, and how a grade is written."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path

from utils.common.tables import find_columns

FIELDS = {
    "query": (
        "question", "anchor", "sentence1", "sentence_a", "question1", "text1", "text_a", "query_text", "question_text", "prompt",
        "q", "s1",
    ),
    "candidate": (
        "answer", "sentence", "passage", "response", "sentence2", "sentence_b", "question2", "text2", "text_b", "answer_text",
        "passage_text", "document", "document_text", "doc", "s2", "context", "text",
    ),
    "relevance": (
        "label", "grade", "judgement", "judgment", "is_relevant", "relevant", "is_correct", "is_answer", "is_selected",
        "is_duplicate", "score", "similarity", "similarity_score", "rating", "rel",
    ),
    "query_id": ("question_id", "qid", "topic_id", "topic"),
    "candidate_id": (
        "sentence_id", "answer_id", "passage_id", "pid", "docid", "doc_id", "corpus_id", "document_id", "docno"
    ),
    "positive": (
        "positives", "pos", "positive_passages", "positive_passage", "positive_ctxs", "positive_docs", "positive_doc",
        "correct_answer", "best_answer", "chosen",
    ),
    "candidates": ("docs", "documents", "passages", "texts", "answers"),
    "labels": ("relevances", "grades", "is_selected", "scores"),
}  # fmt: skip
"""Each field to its other names; the first one that a file has is taken."""
DOCUMENT_FIELDS = {
    "id": ("_id", "docid", "doc_id", "pid", "passage_id", "corpus_id", "document_id", "docno", "query_id", "qid", "question_id"),
    "title": ("document_title",),
    "text": (
        "contents", "content", "passage", "passage_text", "document", "body", "query", "question", "segment", "sentence",
        "answer",
    ),
}  # fmt: skip
"""The same for documents and questions that stand alone, with an id."""
NEGATIVE = re.compile(
    r"(hard)?neg(ative)?s?(passage|ctx|doc|document)?s?\d*|rejected|distractors?\d*|incorrectanswers?\d*"
)
"""Names of fields with negatives, without capital letters, blanks and punctuation."""
KNOWN_NAMES = frozenset(
    name for fields in (FIELDS, DOCUMENT_FIELDS) for field, others in fields.items() for name in (field, *others)
) | {"negative"}
MISSING = frozenset({"", "na", "n/a", "nan", "none", "null", "<na>"})
"""Texts that mean that there is no grade."""
WORDS = {"true": 1.0, "false": 0.0, "yes": 1.0, "no": 0.0, "relevant": 1.0, "irrelevant": 0.0}
MAX_GRADE = 1e9


def find_fields(path: str | Path, names: Sequence[str]) -> dict[str, list[str]]:
    """The names in a file of each field of `FIELDS` that it has, one each, and of all its `negative` fields.

    >>> find_fields("pairs.jsonl", ["anchor", "positive", "negative_1", "negative_2"])
    {'query': ['anchor'], 'positive': ['positive'], 'negative': ['negative_1', 'negative_2']}

    Raises:
        UserError: a name stands twice in the file.
    """
    fields = {field: [names[place]] for field, place in find_columns(path, names, FIELDS).items()}
    negatives = [name for name in names if NEGATIVE.fullmatch(re.sub(r"[\W_]+", "", name.casefold()))]
    return fields | ({"negative": negatives} if negatives else {})


def parse_grade(value) -> float | None:
    """A grade as a number: of a number, of true or false, or of a text that writes one; a comma before one or two digits is a
    decimal comma.

    >>> parse_grade("2,5"), parse_grade(True), parse_grade("nan"), parse_grade("good")
    (2.5, 1.0, None, nan)

    Returns:
        the grade, which may be negative; None where there is none; NaN where it is no number that can be used.
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, str):
        text = value.strip().lower()
        if text in MISSING:
            return None
        if text in WORDS:
            return WORDS[text]
        text = text.replace(",", ".") if re.fullmatch(r"[-+]?\d+,\d\d?", text) else text
        value = float(text) if re.fullmatch(r"[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?", text) else math.nan
    if not isinstance(value, int | float) or not abs(value) <= MAX_GRADE:
        return math.nan
    return float(value)

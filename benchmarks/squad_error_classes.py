"""What makes a question of SQuAD hard, and what is wrong with a wrong answer: by words and places alone, without a model."""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from utils.squad.english import MONTHS
from utils.squad.normalization import answer_tokens
from utils.squad.question import Question
from utils.squad.tokens import stem
from utils.text.sentences import split_sentences

FUNCTION_WORDS = """a about after all also an and any are as at be been before being between both but by can could did do does done
    during for from had has have he her his how if in into is it its many may most much name no not of on or other s she should so
    some such than that the their them then there these they this those to under up was were what when where which while who whom
    whose why will with would"""
FUNCTION_WORDS = frozenset(FUNCTION_WORDS.split())
"""Words of a question that say nothing about where its answer stands. Published tables (docs/squad_levers.md) rest on this
list; that of `utils.squad.english` is longer, because questions that are made from text need words that say more."""
NUMBER_WORDS = """one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen
    eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand million billion trillion half third
    quarter dozen"""
NUMBER_WORDS = frozenset(NUMBER_WORDS.split())
WEEKDAYS = "(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day"
DATE = re.compile(rf"\b(?:{'|'.join(MONTHS)}|{WEEKDAYS}|(?:1\d|20)\d\ds?|century|centuries)\b")
WORD = re.compile(r"\w+")

OVERLAPS = {"none": 0.0, "up to a third": 1 / 3, "up to a half": 1 / 2, "up to two thirds": 2 / 3, "more": 1.0}
"""Name of a group to the highest fraction in it."""
DISTANCES = {"1": 1, "2": 2, "3-4": 4, "5-8": 8, "9-16": 16, "17+": np.inf}
"""Name of a group to the highest number of words in it."""

CLASSES = {
    "no answer": "it is empty, or articles and punctuation alone",
    "too long": "it holds a reference answer and more words",
    "too short": "it is a part of a reference answer",
    "shifted": "it shares a part of its place with a reference answer",
    "same sentence, same kind": "another date, number, name or phrase of the sentence with the answer",
    "same sentence, other kind": "something of another kind in that sentence",
    "other sentence, same kind": "a date, number, name or phrase like the answer, in another sentence",
    "other sentence, other kind": "neither the sentence nor the kind",
}
"""What may be wrong with an answer: the first that holds."""


@dataclass(frozen=True)
class Difficulty:
    """What is known of a question whose answer is known.

    Args:
        overlap: fraction (0-1) of the question's different content words whose stems the sentence with the answer has; 0 where
            the question has none.
        distance: words from the answer to the nearest word of the paragraph, outside the answer, whose stem is that of a content
            word of the question; 1 is a neighbour, infinite is none.
        is_best_sentence: whether no other sentence of the paragraph has more of the question's content words.
    """

    overlap: float
    distance: float
    is_best_sentence: bool


def difficulty(question: Question) -> Difficulty:
    """The difficulty of a question, by its first reference answer.

    >>> from utils.squad.question import Answer
    >>> text = "Ada went to Rome. She met Bo, who painted a bridge there."
    >>> difficulty(Question("1", "", text, "Who painted bridges?", (Answer("Bo", 26),)))
    Difficulty(overlap=1.0, distance=2, is_best_sentence=True)
    """
    wanted = content_stems(question.question)
    start, stop = answer_places(question)[0]
    sentences = sentence_places(question.context)
    stems = [(match.start(), stem(match[0].lower())) for match in WORD.finditer(question.context)]
    matches = [[word for place, word in stems if first <= place < last and word in wanted] for first, last in sentences]
    counts = [len(set(words)) for words in matches]
    own = counts[sentence_of(start, sentences)]
    positions = np.array([place for place, _ in stems])
    is_inside = (positions >= start) & (positions < stop)
    is_match = np.array([word in wanted for _, word in stems], bool) & ~is_inside
    distance = np.inf
    if is_match.any():
        first = np.searchsorted(positions, start)  # the number of the answer's first word
        last = max(first, np.searchsorted(positions, stop) - 1)
        numbers = np.flatnonzero(is_match)
        distance = int(np.maximum(first - numbers, numbers - last).min())
    return Difficulty(own / len(wanted) if wanted else 0.0, distance, own == max(counts))


def group_name(value: float, groups: dict[str, float]) -> str:
    """The first group whose highest value is not below this one.

    >>> group_name(3, DISTANCES), group_name(0.5, OVERLAPS), group_name(0.0, OVERLAPS)
    ('3-4', 'up to a half', 'none')
    """
    return next(name for name, highest in groups.items() if value <= highest + 1e-9)


def error_class(question: Question, prediction: str, start: int) -> str:
    """The name in `CLASSES` of what is wrong with an answer that matches no reference exactly.

    Args:
        question: with at least one reference answer.
        prediction: the wrong answer, a part of the question's paragraph, or "".
        start: its first character in the paragraph; -1 where that is not known: its first occurrence is taken.
    """
    tokens = answer_tokens(prediction)
    if not tokens:
        return "no answer"
    references = [answer_tokens(answer.text) for answer in question.answers]
    if any(reference and is_part(reference, tokens) for reference in references):
        return "too long"
    if any(is_part(tokens, reference) for reference in references):
        return "too short"
    start = max(question.context.find(prediction), 0) if start < 0 else start
    stop = start + len(prediction)
    places = answer_places(question)
    if any(first < stop and start < last for first, last in places):
        return "shifted"
    sentences = sentence_places(question.context)
    is_same_sentence = sentence_of(start, sentences) in {sentence_of(first, sentences) for first, _ in places}
    is_same_kind = answer_kind(prediction) in {answer_kind(answer.text) for answer in question.answers}
    sentence, kind = ("same" if is_same else "other" for is_same in (is_same_sentence, is_same_kind))
    return f"{sentence} sentence, {kind} kind"


def answer_kind(text: str) -> str:
    """`date`, `number`, `name` (at least half of the words are capitalised) or `phrase`, by the words alone.

    >>> [answer_kind(text) for text in ("in May 1905", "two dogs", "the Seine", "along the river")]
    ['date', 'number', 'name', 'phrase']
    """
    words = WORD.findall(text)
    lowered = {word.lower() for word in words}
    if DATE.search(text):
        return "date"
    if lowered & NUMBER_WORDS or any(character.isdigit() for character in text):
        return "number"
    content = [word for word in words if word.lower() not in FUNCTION_WORDS]
    is_name = content and 2 * sum(word[0].isupper() for word in content) >= len(content)
    return "name" if is_name else "phrase"


def answer_places(question: Question) -> list[tuple[int, int]]:
    """First character and the one after the last of each reference answer; its first occurrence where its place is not known."""
    starts = [
        max(question.context.find(answer.text), 0) if answer.start < 0 else answer.start for answer in question.answers
    ]
    return [(start, start + len(answer.text)) for start, answer in zip(starts, question.answers, strict=True)]


@functools.lru_cache(maxsize=4096)
def sentence_places(context: str) -> tuple[tuple[int, int], ...]:
    """First character and the one after the last of each sentence; together they are the whole text.

    Unlike in `utils.squad.english.sentence_places`, the end of a line ends no sentence: SQuAD's paragraphs have lines that end
    within a formula. Published tables rest on this.
    """
    places, end = [], 0
    for sentence in split_sentences(context, "en"):
        places.append((end, end + len(sentence)))
        end += len(sentence)
    return tuple(places)


def sentence_of(place: int, sentences: Sequence[tuple[int, int]]) -> int:
    """The number of the sentence that has a character."""
    return next((number for number, (_, end) in enumerate(sentences) if place < end), len(sentences) - 1)


def content_stems(text: str) -> frozenset[str]:
    """The stems of a text's different words, without function words."""
    return frozenset(stem(word.lower()) for word in WORD.findall(text) if word.lower() not in FUNCTION_WORDS)


def is_part(inner: Sequence[str], outer: Sequence[str]) -> bool:
    """Whether some tokens stand next to each other in others."""
    inner, outer = list(inner), list(outer)
    return any(outer[start : start + len(inner)] == inner for start in range(len(outer) - len(inner) + 1))

"""What stands beside every SQuAD score: what no training gives (word overlap and letter case), and what people reach."""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import replace

WORD = re.compile(r"\w+(?:['\u2019.,-]\w+)*")
SENTENCE = re.compile(r"[^.!?]+(?:[.!?](?!\s)[^.!?]*)*[.!?]?")


def overlap_answers(questions) -> dict[str, str]:
    """Answer with the first name or number, absent from the question, of the sentence that shares the rarest words with it.

    Words count by how few of the paragraph's sentences hold them, the idea of the sliding-window baseline of Richardson et al.
    2013 that Rajpurkar et al. 2016 compare with. Only the question and its paragraph are looked at.

    Args:
        questions: `utils.squad.data.Question` records.

    Returns:
        Question id to a piece of its paragraph.
    """
    answers = {}
    for question in questions:
        asked = {word.lower() for word in WORD.findall(question.question)}
        sentences = [match.group().strip() for match in SENTENCE.finditer(question.context)] or [question.context]
        words = [{word.lower() for word in WORD.findall(sentence)} for sentence in sentences]
        counts = Counter(word for bag in words for word in bag)
        weights = [sum(math.log1p(len(sentences) / counts[word]) for word in sorted(bag & asked)) for bag in words]
        sentence = sentences[weights.index(max(weights))]
        answers[question.id] = _name_or_number(sentence, asked) or sentence
    return answers


def human_answers(questions):
    """Each question's second reference answer as a person's answer, to be scored against the other references.

    Rajpurkar et al. 2016, section 6. A model is scored against one reference more, so this ceiling is a little low.

    Args:
        questions: `utils.squad.data.Question` records.

    Returns:
        The questions with two references or more, without their second one; and question id to that one's text.
    """
    several = [question for question in questions if len(question.answers) > 1]
    others = [replace(question, answers=question.answers[:1] + question.answers[2:]) for question in several]
    return others, {question.id: question.answers[1].text for question in several}


def _name_or_number(sentence: str, asked: set[str]) -> str:
    """The first run of capitalised words or numbers that the question does not hold (the sentence's first word aside)."""
    run = None
    for number, match in enumerate(WORD.finditer(sentence)):
        word = match.group()
        if word.lower() not in asked and (word[0].isdigit() or (word[0].isupper() and number)):
            run = (run[0] if run else match.start(), match.end())
        elif run:
            break
    return sentence[slice(*run)] if run else ""

"""Scores to compare a SQuAD model with: word overlap, which needs no training, and people, who are the ceiling."""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import replace

from utils.common.evaluation import Evaluation
from utils.squad.evaluation import evaluate
from utils.squad.normalization import is_by_character
from utils.text.scripts import writing_system

WORD = r"\w+(?:['\u2019.,-]\w+)*"
"""A word or number, which may have punctuation within."""
CHARACTER = r"[A-Za-z0-9]+(?:['\u2019.,-][A-Za-z0-9]+)*|\w"
"""The same where words have no spaces between them: a Latin word, a number, or one character."""
SENTENCE = re.compile("[^.!?।॥。！？؟]+(?:[.!?](?!\\s)[^.!?।॥。！？؟]*)*[.!?।॥。！？؟]?")


def evaluate_baselines(questions, by_character: bool | None = None) -> dict[str, Evaluation]:
    """Evaluate `word_overlap`, and `human` where questions have several reference answers.

    With unanswerable questions there is no human score: the data set holds no second opinion on what has no answer.
    `by_character` is how answers are compared, see `utils.squad.metrics.question_scores`.
    """
    evaluations = {"word_overlap": evaluate(questions, overlap_answers(questions), by_character)}
    others, answers = human_answers(questions)
    if others and not any(question.is_impossible for question in questions):
        evaluations["human"] = evaluate(others, answers, by_character)
    return evaluations


def overlap_answers(questions) -> dict[str, str]:
    """Answer with the first name or number of the sentence that shares the rarest words with the question.

    Names and numbers that the question contains are skipped. A word counts more, the fewer of the paragraph's sentences contain it:
    the idea of the sliding-window baseline of Richardson et al. 2013, with which Rajpurkar et al. 2016 compare. Only the question
    and its paragraph are used. Where words have no spaces between them, characters are counted in their place. A sentence without
    a name or number is the answer as a whole.

    Args:
        questions: `utils.squad.data.Question` records.

    Returns:
        question id to a piece of its paragraph.
    """
    answers = {}
    for question in questions:
        word_pattern = _word_pattern(question.context)
        question_words = {word.lower() for word in word_pattern.findall(question.question)}
        sentences = [match.group().strip() for match in SENTENCE.finditer(question.context)] or [question.context]
        words = [{word.lower() for word in word_pattern.findall(sentence)} for sentence in sentences]
        counts = Counter(word for bag in words for word in bag)
        weights = [
            sum(math.log1p(len(sentences) / counts[word]) for word in sorted(bag & question_words)) for bag in words
        ]
        sentence = sentences[weights.index(max(weights))]
        answers[question.id] = _name_or_number(sentence, question_words, word_pattern) or sentence
    return answers


def human_answers(questions):
    """Take each question's second reference answer as a person's answer, to be scored against the other references.

    Rajpurkar et al. 2016, section 6. A model is scored against one reference more, so this ceiling is a little low.

    Args:
        questions: `utils.squad.data.Question` records.

    Returns:
        the questions with two references or more, without their second one; and question id to the text of that one.
    """
    with_several = [question for question in questions if len(question.answers) > 1]
    others = [replace(question, answers=question.answers[:1] + question.answers[2:]) for question in with_several]
    return others, {question.id: question.answers[1].text for question in with_several}


def _word_pattern(context: str):
    if is_by_character(context):
        return re.compile(CHARACTER)
    if context.isascii() or writing_system([context]) == "Latin":
        return re.compile(WORD)
    import regex

    return regex.compile(WORD)  # here, \w has the combining marks of Hindi and others


def _name_or_number(sentence: str, question_words: set[str], word_pattern) -> str:
    """The first run of capitalised words or numbers that are not in the question; the sentence's first word does not count."""
    run = None
    for number, match in enumerate(word_pattern.finditer(sentence)):
        word = match.group()
        if word.lower() not in question_words and (word[0].isdigit() or (word[0].isupper() and number)):
            run = (run[0] if run else match.start(), match.end())
        elif run:
            break
    return sentence[slice(*run)] if run else ""

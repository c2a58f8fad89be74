"""Questions made from the sentences of a paragraph: clozes in the form of questions.

A span of a sentence that recurs elsewhere in the paragraph is asked for. The sentence is taken out of the paragraph, and the other
places of the span are the answers (after Dhingra et al. 2018, 1804.00720, and Lewis et al. 2019, 1906.04980). Of the paragraph

    Fleming returned to his laboratory in 1928. In September, Fleming noticed that bacteria around a mould had died.

the second sentence becomes `Who noticed that bacteria around a mould had died in September?`, the first one holds the answer.
`cloze_spans.py` has the rules for spans, `cloze_wording.py` those for the form of a question.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass

from utils.squad.cloze_spans import (
    Span,
    Word,
    content_stems,
    mentions,
    occurrences,
    phrases,
    read_words,
)
from utils.squad.cloze_wording import WhWord, long_question, persons, short_question, unit, wh_word
from utils.squad.english import sentence_places
from utils.squad.question import Answer, Question
from utils.squad.unseen import cloze_title

MAX_PLACES = 4
"""A span with more other places than this is what the whole paragraph is about: asking for it teaches little."""
SENTENCE_WORDS = 6, 45
"""Words of a sentence that is made into a question, at least and at most."""
MAX_COMMAS = 0.2
"""A sentence with more commas and the like for a word is a list."""
MAX_CAPITALS = 0.4
"""A sentence with more capitalised words for a word is a heading or a list of names."""
MIN_CONTENT_WORDS = 3
"""Content words that are left in a question, at least."""
MIN_OVERLAP = {"noun": 2}
"""Content words that the question and the sentence of an answer have in common, at least; 1 for other kinds of spans."""
MIN_CONTEXT_WORDS = 15
"""Words of a paragraph without the sentence, at least: enough for `SharedText` to recognise it."""
MAX_QUESTIONS_PER_SENTENCE = MAX_QUESTIONS_PER_SPAN = 2
"""Questions of one sentence, and of one span, at most."""
_LISTING = (",", "and", "or", "&", "/")


@dataclass(frozen=True)
class _Cloze:
    """A question that may be made.

    Args:
        text: the question.
        span: what it asks for.
        answers: the places of its answers.
        overlap: content words that it has in common with the sentence of an answer, at most.
    """

    text: str
    span: Span
    answers: list[Span]
    overlap: int


def cloze_questions(text: str, seed: int = 0, max_questions: int = 8) -> list[Question]:
    """Make questions of a paragraph: a pure function of its arguments.

    Those with most words in common with the sentence of an answer come first. All have the same title, so that the questions of a
    paragraph are held out together.

    Args:
        text: an English paragraph.
        seed: decides which form a question has, and which of equally good ones are made.
        max_questions: questions, at most.

    Returns:
        the questions; none for a paragraph without recurring spans. The paragraph of each lacks a sentence.
    """
    sentences = sentence_places(text)
    words = read_words(text, sentences)
    words_of_sentence = [[word for word in words if word.sentence == number] for number in range(len(sentences))]
    names_and_numbers = mentions(words)
    names_of_persons = persons(words, [span for span in names_and_numbers if span.kind == "name"])
    rng = random.Random(f"{seed} {text}")
    clozes = []
    for span, places in occurrences(words, names_and_numbers + phrases(words, names_and_numbers)).items():
        is_short = rng.random() < 0.5
        wh = wh_word(words, span, names_of_persons)
        if span.kind == "number":
            places = [place for place in places if unit(words, place) == unit(words, span)]
        sentence = words_of_sentence[words[span.first].sentence]
        if wh and 1 <= len(places) <= MAX_PLACES and not _is_list(sentence) and not _is_listed(words, span):
            cloze = _cloze(text, words, words_of_sentence, span, places, wh, is_short)
            clozes += [cloze] if cloze else []
    counts = Counter(word.sentence for word in words if word.text[0].isalnum())
    num_words = counts.total()
    rng.shuffle(clozes)
    clozes.sort(key=lambda cloze: -cloze.overlap)
    of_sentence, of_span, questions = Counter(), Counter(), []
    title = cloze_title(text)
    for cloze in clozes:
        sentence = words[cloze.span.first].sentence
        span_words = tuple(word.lowered for word in words[cloze.span.first : cloze.span.stop])
        is_repeated = (
            of_sentence[sentence] == MAX_QUESTIONS_PER_SENTENCE or of_span[span_words] == MAX_QUESTIONS_PER_SPAN
        )
        if is_repeated or num_words - counts[sentence] < MIN_CONTEXT_WORDS or len(questions) == max_questions:
            continue
        of_sentence[sentence] += 1
        of_span[span_words] += 1
        context, shift = _without(text, *sentences[sentence])
        answers = []
        for place in cloze.answers:
            begin, end = words[place.first].start, words[place.stop - 1].end
            answers.append(Answer(text[begin:end], begin - (shift if words[place.first].sentence > sentence else 0)))
        questions.append(Question(f"{title}-{len(questions)}", title, context, cloze.text, tuple(answers)))
    return questions


def _without(text: str, begin: int, end: int) -> tuple[str, int]:
    """The text without a sentence, and by how many characters what came after it moves to the front."""
    before, after = text[:begin].rstrip(), text[end:].lstrip()
    before += " " if before and after else ""
    return before + after, len(text) - len(after) - len(before)


def _cloze(
    text: str,
    words: list[Word],
    words_of_sentence: list[list[Word]],
    span: Span,
    places: list[Span],
    wh: WhWord,
    is_short: bool,
) -> _Cloze | None:
    """The question for a span, or None where too little of it points to an answer."""
    own = set(content_stems(words[span.first : span.stop]))
    forms = (short_question, long_question) if is_short else (long_question,)
    for form in forms:  # a clause may have too few words; the sentence then has enough
        question, used = form(text, words, wh)
        stems = set(content_stems(used)) - own
        overlaps = {
            place: len(stems & set(content_stems(words_of_sentence[words[place.first].sentence]))) for place in places
        }
        if len(stems) >= MIN_CONTENT_WORDS and max(overlaps.values()) >= MIN_OVERLAP.get(span.kind, 1):
            answers = [place for place in places if overlaps[place]]
            return _Cloze(question, span, answers, max(overlaps.values()))
    return None


def _is_list(sentence: list[Word]) -> bool:
    """Whether a sentence is too short or too long, a list, or a heading."""
    real = [word for word in sentence if word.text[0].isalnum()]
    if not SENTENCE_WORDS[0] <= len(real) <= SENTENCE_WORDS[1]:
        return True
    commas = sum(word.text in ",;/|*•" for word in sentence)
    capitals = sum(word.is_capital for word in real)
    return commas > MAX_COMMAS * len(real) or capitals > MAX_CAPITALS * len(real)


def _is_listed(words: list[Word], span: Span) -> bool:
    """Whether a span is one of several in a row, or part of a word with a hyphen."""
    before = words[span.first - 1] if span.first else None
    after = words[span.stop] if span.stop < len(words) else None
    if before and before.lowered in ("both", "between", "either"):
        return True
    if before and after and before.lowered in _LISTING and after.lowered in _LISTING:
        return True
    is_joined_before = before is not None and before.text in "-/:⁄" and before.end == words[span.first].start
    return is_joined_before or (after is not None and after.text in "-/⁄" and after.start == words[span.stop - 1].end)

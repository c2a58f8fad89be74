"""How a sentence becomes a question: which wh-word stands for a span of it, and in which order the other words follow.

The wh-word, by the first rule that holds:

- before a possessive `'s`: `whose`, also in its place;
- of a date: `which` after a determiner and before a noun, also in the place of an article (`the 2001 earthquake`); else `when`,
  also in the place of `in`, `on` and `during`;
- of a number: `how much` after the sign of a currency, `what percentage` before % or percent, `how many` before a noun;
- of a name: `who`, if the paragraph shows that it is a person's (`persons`); `where`, after and in the place of `in`, `at` and
  `near`; else `what`;
- of another phrase: `what`, also in the place of its article or possessive.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from utils.squad.cloze_spans import Span, Word, content_stems
from utils.squad.english import DETERMINERS, FUNCTION_WORDS, PREPOSITIONS, words_of

SHORT_QUESTION = 16
"""Words of a question with the wh-word in front, at most."""
TITLES = words_of(
    "mr mr. mrs mrs. ms ms. dr dr. prof prof. professor president king queen prince princess emperor empress sir lord lady saint "
    "st. pope general captain colonel major governor senator chancellor judge father brother sister bishop archbishop actor "
    "actress singer author poet composer director producer journalist writer rapper"
)
AFTER_PERSONS = words_of(
    "said says wrote writes died married told argued thought believed composed sang stated felt replied asked explained recalled "
    "attended studied graduated himself herself who whose claimed commented admitted announced"
)
RELATIONS = words_of(
    "father mother wife husband son daughter brother sister parents children family friend friends death life birth works career"
)
PERSONAL = words_of("he she his her him himself herself")
NOT_BEFORE_PERSONS = PREPOSITIONS | words_of("is are was were")
OF_PLACES = words_of("in at near")
BEFORE_DATES = words_of("in on during")
ARTICLES = words_of("the a an my your his her its our their this these")
CLAUSE_WORDS = words_of("which who and but while although because so where")
"""Words that begin another clause after a comma."""
CURRENCIES = "$£€"
POSSESSIVES = ("'s", "’s")
_BORDER = re.compile(r"[;:—–()\[\]\"“”*•]")


@dataclass(frozen=True)
class WhWord:
    """A wh-word, and the words that it replaces: numbers `first` up to, and without, `stop`."""

    text: str
    first: int
    stop: int


def wh_word(words: list[Word], span: Span, names_of_persons: set[str]) -> WhWord | None:
    """The wh-word for a span, by the rules at the top of this file; None for a number that no rule fits.

    Args:
        words: those of the paragraph.
        span: what is asked for.
        names_of_persons: as of `persons`.
    """
    before, after = _neighbours(words, span)
    preposition = before.lowered if before else ""
    last = words[span.stop - 1]
    if after and (
        after.text in POSSESSIVES or (after.text in "'’" and last.text.endswith("s") and after.start == last.end)
    ):
        return WhWord("whose", span.first - (preposition in ARTICLES), span.stop + 1)
    if span.kind == "date":
        if before and after and preposition in DETERMINERS and after.is_content:
            return WhWord("which", span.first - (preposition in ARTICLES), span.stop)
        return WhWord("when", span.first - (preposition in BEFORE_DATES), span.stop)
    if span.kind == "number":
        if preposition and preposition in CURRENCIES:
            return WhWord("how much", span.first - 1, span.stop)
        if after and after.lowered in ("%", "percent"):
            return WhWord("what percentage", span.first, span.stop + 1)
        return (
            WhWord("how many", span.first, span.stop) if after and after.is_content and not after.is_capital else None
        )
    if span.kind == "name":
        if words[span.stop - 1].lowered in names_of_persons:
            return WhWord("who", span.first, span.stop)
        if preposition in OF_PLACES and not (after and after.is_content):
            return WhWord("where", span.first - 1, span.stop)
    return WhWord("what", span.first - (preposition in ARTICLES), span.stop)


def unit(words: list[Word], span: Span) -> str:
    """What a number counts: the sign before it, or the stem of the word after it; "" for nothing."""
    before, after = _neighbours(words, span)
    if before and before.text in CURRENCIES:
        return before.text
    return "%" if after and after.lowered in ("%", "percent") else next(content_stems([after] if after else []), "")


def _neighbours(words: list[Word], span: Span) -> tuple[Word | None, Word | None]:
    """The words before and after a span in its sentence."""
    sentence = words[span.first].sentence
    before = words[span.first - 1] if span.first else None
    after = words[span.stop] if span.stop < len(words) else None
    return tuple(word if word and word.sentence == sentence else None for word in (before, after))


def persons(words: list[Word], names: list[Span]) -> set[str]:
    """The last words, in small letters, of names that are persons'.

    A name is one if there is a title before it (`Dr`, `King`), or after it a verb, a pronoun or a relation (`wrote`, `, who`,
    `was born`, `'s wife`), or if it is the last name before `he`, `her` and the like in the same sentence, or the first one of the
    sentence before it, unless a preposition or `is` stands before it. What has `the` before it anywhere (`the Chinese`) is none.
    """
    last_words: set[str] = set()
    with_article = {
        words[name.stop - 1].lowered for name in names if name.first and words[name.first - 1].lowered == "the"
    }
    ends = {name.stop: name for name in names}
    first_of_sentence: dict[int, Span] = {}
    for name in names:
        first_of_sentence.setdefault(words[name.first].sentence, name)
        before = words[name.first - 1].lowered if name.first else ""
        after = [
            word.lowered for word in words[name.stop : name.stop + 2] if word.sentence == words[name.first].sentence
        ]
        after = [*after, "", ""]
        if (
            before in TITLES
            or words[name.first].lowered in TITLES
            or after[0] in AFTER_PERSONS
            or (after[0] == "," and after[1] in ("who", "whose"))
            or (after[0] == "was" and after[1] == "born")
            or (after[0] in POSSESSIVES and after[1] in RELATIONS)
        ):
            last_words.add(words[name.stop - 1].lowered)
    latest: Span | None = None
    for number, word in enumerate(words):
        latest = ends.get(number, latest)
        if word.lowered in PERSONAL:
            is_near = latest and words[latest.first].sentence == word.sentence
            name = latest if is_near else first_of_sentence.get(word.sentence - 1)
            if name and (not name.first or words[name.first - 1].lowered not in NOT_BEFORE_PERSONS):
                last_words.add(words[name.stop - 1].lowered)
    return last_words - with_article


def long_question(text: str, words: list[Word], wh: WhWord) -> tuple[str, list[Word]]:
    """The sentence with the wh-word in its place, and the words of the sentence that the question has."""
    first, stop = _sentence(words, wh)
    words_before, words_after = words[first : wh.first], words[wh.stop : stop]
    return _as_question([_text(text, words_before), wh.text, _text(text, words_after)]), [*words_before, *words_after]


def short_question(text: str, words: list[Word], wh: WhWord) -> tuple[str, list[Word]]:
    """The clause around the wh-word, cut to `SHORT_QUESTION` words, with the wh-word in front.

    What introduces the clause goes to its end (`In 1928, Fleming noticed it`: `Who noticed it in 1928?`), and a preposition comes
    to the front with its wh-word (`held by Republicans until 1881`: `By what held until 1881?`).
    """
    first, stop = _clause(words, wh)
    words_before, words_after = words[first : wh.first], words[wh.stop : stop]
    half = SHORT_QUESTION // 2
    num_before = min(len(words_before), max(half, SHORT_QUESTION - len(words_after)))
    is_cut = len(words_after) > SHORT_QUESTION - num_before
    words_before = words_before[len(words_before) - num_before :]
    words_after = words_after[: SHORT_QUESTION - num_before]
    while words_after and (not words_after[-1].text[0].isalnum() or (is_cut and not words_after[-1].is_content)):
        words_after.pop()
    lowered = _text(text, words_before)
    if words_before and words_before[0].lowered in FUNCTION_WORDS and words_before[0].text != "I":
        lowered = lowered[0].lower() + lowered[1:]
    is_whole_before = wh.first == first + len(words_before)
    has_preposition = bool(words_before) and words_before[-1].lowered in PREPOSITIONS
    if words_before and words_before[-1].text == "," and len(words_before) <= half:
        parts = [wh.text, _text(text, words_after), lowered]
    elif words_after and has_preposition and is_whole_before:
        without_preposition = lowered[: words_before[-1].start - words_before[0].start]
        parts = [words_before[-1].text, wh.text, without_preposition, _text(text, words_after)]
    else:
        parts = [wh.text, lowered, _text(text, words_after)]
    return _as_question(parts), [*words_before, *words_after]


def _sentence(words: list[Word], wh: WhWord) -> tuple[int, int]:
    """The words of the sentence: the first one's number, and that after the last."""
    first, stop, sentence = wh.first, wh.stop, words[wh.first].sentence
    while first and words[first - 1].sentence == sentence:
        first -= 1
    while stop < len(words) and words[stop].sentence == sentence:
        stop += 1
    return first, stop


def _clause(words: list[Word], wh: WhWord) -> tuple[int, int]:
    """The part of the sentence around the wh-word: up to a strong mark, or to a comma before another clause."""
    first, stop = _sentence(words, wh)

    def begins_clause(number: int) -> bool:
        return words[number].text == "," and number + 1 < stop and words[number + 1].lowered in CLAUSE_WORDS

    for number in range(wh.first - 1, first - 1, -1):
        if _BORDER.fullmatch(words[number].text) or begins_clause(number):
            first = number + (2 if begins_clause(number) else 1)
            break
    for number in range(wh.stop, stop):
        if _BORDER.fullmatch(words[number].text) or begins_clause(number):
            stop = number
            break
    return min(first, wh.first), stop


def _text(text: str, words: list[Word]) -> str:
    return text[words[0].start : words[-1].end] if words else ""


def _as_question(parts: list[str]) -> str:
    """The parts with single spaces, none before a mark, a capital letter at the beginning and a question mark at the end."""
    question = " ".join(" ".join(parts).split())
    question = re.sub(r" (?=[,.;:!?)%]|['’]s\b)", "", question).rstrip(" .,;:!?-–—\"'“”(") + "?"
    return question[0].upper() + question[1:]

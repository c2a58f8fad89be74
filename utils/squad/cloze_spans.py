"""Where a paragraph names the same thing twice: the words and recurring spans that questions are made from.

The rules are for English: they know its function words, and take a capital letter for that of a name.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from utils.squad.english import DETERMINERS, FUNCTION_WORDS, MONTHS, PREPOSITIONS, PRONOUNS
from utils.squad.tokens import stem

BEFORE_NOUNS = (DETERMINERS | PREPOSITIONS | {"and", "or", "is", "are", "was", "were", "has", "have", "had", "'s", "’s"}) - {
    "to", "that", "like", "as", "than",
}  # fmt: skip
"""Words after which a phrase that begins is mostly one of nouns."""
NAME_JOINTS = ("of the", "of", "de", "von", "van", "der", "la", "del", "di", "du", "da", "bin", "al", "&")
"""What stands in small letters within names."""
MAX_WORDS = 6
"""Words of a span, at most."""
MAX_FULL_NAME = 3
"""Words of a person's full name, at most."""
MAX_PHRASE = 4
"""Words of a span without a name or a number, at most."""

_WORD = re.compile(
    r"(?:[A-Z]\.){2,}|(?:Dr|Mrs?|Ms|Prof|St|Sen|Gen|Rev)\.|\d+(?:[.,:]\d+)*(?!\w)|\w+(?:[-'’.&]\w+)*?(?=['’]s\b)|\w+(?:[-'’&]\w+)*|['’]s\b|\S"
)
_NUMBER = re.compile(r"\d+([.,]\d+)*")
_YEAR = re.compile(r"(1\d|20)\d\ds?")
Kind = Literal["date", "number", "name", "phrase", "noun"]


@dataclass(frozen=True)
class Word:
    """A word, or a punctuation mark, of a text.

    Args:
        text: the word.
        start: its first character in the text.
        end: the character after its last.
        sentence: number of its sentence.
    """

    text: str
    start: int
    end: int
    sentence: int

    @property
    def lowered(self) -> str:
        return self.text.lower()

    @property
    def is_content(self) -> bool:
        """Whether it is a word, and no function word."""
        return self.text[0].isalnum() and self.lowered not in FUNCTION_WORDS

    @property
    def is_capital(self) -> bool:
        """Whether it begins with a capital letter."""
        return self.text[0].isupper()

    @property
    def is_number(self) -> bool:
        """Whether it begins with a digit."""
        return self.text[0].isdigit()


@dataclass(frozen=True)
class Span:
    """Neighbouring words of one sentence: from number `first` up to, and without, number `stop`."""

    first: int
    stop: int
    kind: Kind


def read_words(text: str, sentences: list[tuple[int, int]]) -> list[Word]:
    """The words of a text in order; those of a possessive are two, `Emma` and `'s`."""
    return [
        Word(match[0], match.start(), match.end(), number)
        for number, (begin, end) in enumerate(sentences)
        for match in _WORD.finditer(text, begin, end)
    ]


def mentions(words: list[Word]) -> list[Span]:
    """The dates, numbers and names of a text, none within another."""
    spans, place = [], 0
    in_small_letters = {word.text for word in words if not word.is_capital}
    names_elsewhere = {
        word.text for number, word in enumerate(words) if word.is_capital and not _begins_sentence(words, number)
    }
    while place < len(words):
        word = words[place]
        span = _date(words, place)
        if span is None and _NUMBER.fullmatch(word.text):
            span = Span(place, place + 1, "number")
        if span is None and word.is_capital and word.lowered not in FUNCTION_WORDS:
            span = _name(words, place)
            is_doubtful = _begins_sentence(words, place) and (
                word.lowered in in_small_letters or (span.stop == place + 1 and word.text not in names_elsewhere)
            )
            if is_doubtful:  # a capital letter because of its place alone
                span = Span(place + 1, span.stop, "name") if span.stop > place + 1 else None
                if span and not words[span.first].is_capital:
                    span = None
        if span and span.stop - span.first <= MAX_WORDS:
            spans.append(span)
        place = span.stop if span else place + 1
    return spans


def _begins_sentence(words: list[Word], number: int) -> bool:
    """Whether a word may have its capital letter because of its place."""
    return (
        number == 0
        or words[number - 1].sentence != words[number].sentence
        or words[number - 1].text in "\"'“‘():-–—*•["
    )


def _in_sentence(words: list[Word], number: int, other: int) -> bool:
    return other < len(words) and words[other].sentence == words[number].sentence


def _date(words: list[Word], first: int) -> Span | None:
    """A date that begins here: `1920`, `the 1950s` without its article, `May 2010`, `10 December 1920`, `December 10, 1920`."""

    def text(number: int) -> str:
        return words[number].text if _in_sentence(words, first, number) else ""

    def is_day(number: int) -> bool:
        return re.fullmatch(r"[1-3]?\d(st|nd|rd|th)?", text(number)) is not None

    def is_year(number: int) -> bool:
        return _YEAR.fullmatch(text(number)) is not None

    stop = first
    if is_day(first) and text(first + 1) in MONTHS:
        stop = first + 2
    elif text(first) in MONTHS and (is_day(first + 1) or is_year(first + 1)):
        stop = first + 2 if is_day(first + 1) else first + 1
    elif is_year(first):
        return Span(first, first + 1, "date")
    if stop > first:
        comma = text(stop) == "," and is_year(stop + 1)
        return Span(first, stop + (2 if comma else is_year(stop)), "date")
    return None


def _name(words: list[Word], first: int) -> Span:
    """The name that begins here: capitalised words, maybe with `of` and the like between them, and a number at the end."""
    stop = first + 1
    while _in_sentence(words, first, stop):
        joint = next((joint.split() for joint in NAME_JOINTS if _follow(words, stop, joint.split())), [])
        after = stop + len(joint)
        if _in_sentence(words, first, after) and words[after].is_capital and words[after].lowered not in PRONOUNS:
            stop = after + 1
        elif not joint and words[stop].is_number and not _YEAR.fullmatch(words[stop].text):
            return Span(first, stop + 1, "name")
        else:
            break
    return Span(first, stop, "name")


def _follow(words: list[Word], first: int, texts: list[str]) -> bool:
    return [word.text for word in words[first : first + len(texts)]] == texts


def phrases(words: list[Word], taken: list[Span]) -> list[Span]:
    """Phrases of nouns by their surroundings, and single nouns: up to four content words, maybe with `of` between them, after a
    determiner, a preposition or the like (a noun in the singular: after a determiner) and before a function word, a punctuation
    mark or the end. They overlap none of the spans in `taken`."""
    is_taken = {number for span in taken for number in range(span.first, span.stop)}
    spans = []
    for first, word in enumerate(words):
        before = words[first - 1].lowered if first and words[first - 1].sentence == word.sentence else "the"
        if not _is_noun_like(word) or first in is_taken or before not in BEFORE_NOUNS:
            continue
        stop = first + 1
        while _in_sentence(words, first, stop) and stop not in is_taken and stop - first < MAX_PHRASE:
            if _is_noun_like(words[stop]):
                stop += 1
            elif words[stop].text == "of" and _in_sentence(words, first, stop + 1) and _is_noun_like(words[stop + 1]):
                stop += 2
            else:
                break
        is_whole = not _in_sentence(words, first, stop) or not words[stop].is_content
        is_free = is_taken.isdisjoint(range(first, stop))
        is_verb = words[stop - 1].text.endswith("ed")
        if is_whole and is_free and 2 <= stop - first <= MAX_PHRASE and not is_verb:
            spans.append(Span(first, stop, "phrase"))
        is_noun = word.text.islower() and (before in DETERMINERS or word.text.endswith("s"))
        if is_whole and is_free and stop - first == 1 and is_noun:
            spans.append(Span(first, stop, "noun"))
    return spans


def _is_noun_like(word: Word) -> bool:
    return word.is_content and len(word.text) > 2 and not word.is_number and not word.lowered.endswith("ly")


def occurrences(words: list[Word], spans: list[Span]) -> dict[Span, list[Span]]:
    """For each span, the places of the same words in other sentences, without regard to capital letters.

    Where some of them are whole mentions, and not parts of longer ones, only these count: of `Notre Dame`, those that are not part
    of `University of Notre Dame`. A name of one word also recurs in `Frédéric Chopin`, as that name, and `Frédéric Chopin` in
    `Chopin`, where they recur in no other way. A span that its own sentence has twice has none. In the place of a phrase that does
    not recur, its longest end that does is a span: of `small frozen pie`, `frozen pie` or `pie`.
    """
    lowered = [word.lowered for word in words]
    numbers_of: dict[str, list[int]] = defaultdict(list)
    for number, text in enumerate(lowered):
        numbers_of[text].append(number)
    names = [span for span in spans if span.kind == "name"]
    names_by_last_word: dict[str, list[Span]] = defaultdict(list)
    for name in names:
        if name.stop - name.first <= MAX_FULL_NAME and all(words[n].is_capital for n in range(name.first, name.stop)):
            names_by_last_word[lowered[name.stop - 1]].append(name)
    within_name = {number for name in names for number in range(name.first, name.stop)}
    wholes = {(span.first, span.stop) for span in spans}

    def recurring(span: Span) -> list[Span]:
        length, sentence = span.stop - span.first, words[span.first].sentence
        key = lowered[span.first : span.stop]
        firsts = [number for number in numbers_of[key[0]] if lowered[number : number + length] == key]
        firsts = [number for number in firsts if words[number].sentence == words[number + length - 1].sentence]
        if sum(words[number].sentence == sentence for number in firsts) > 1:
            return []
        others = [Span(number, number + length, span.kind) for number in firsts if words[number].sentence != sentence]
        whole = [
            other
            for other in others
            if (other.first, other.stop) in wholes or within_name.isdisjoint(range(other.first, other.stop))
        ]
        if span.kind != "name" or whole:
            return whole or others
        same_end = names_by_last_word[key[-1]] if span in names_by_last_word[key[-1]] else []
        aliases = [name for name in same_end if 1 in (length, name.stop - name.first)]
        return [name for name in aliases if words[name.first].sentence != sentence] or others

    result = {}
    for span in spans:
        places = recurring(span)
        while not places and span.kind == "phrase":
            span = Span(span.first + 1, span.stop, "phrase" if span.stop - span.first > 2 else "noun")
            places = recurring(span) if words[span.first].text != "of" else []
        result[span] = places
    return result


def content_stems(words: list[Word]) -> Iterator[str]:
    """The stems of the content words among some words."""
    for word in words:
        if word.is_content:
            yield stem(word.lowered)

"""Any number of facts about invented people whose names are as unevenly frequent as real ones."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from utils.demo import phrases
from utils.memnet.records import Fact


def invent_facts(count: int, rng: np.random.Generator) -> tuple[Fact, ...]:
    """Distinct facts in the demo world's relations of people, three to ten relations per person.

    A name has a first name and a last name, and every fifth has a second first name. They are drawn from 5,000 first names and
    50,000 last names with Zipf-like frequencies: the most common first name belongs to one person in 60, the most common last name
    to one in 90. So words, pairs of words and whole names repeat. Places, schools and companies are drawn in the same way.
    """
    num_people = count // 6
    first_names = invented_words(rng, 5_000, phrases.FEMININE_ENDINGS + phrases.MASCULINE_ENDINGS)
    first = draw_by_zipf(rng, first_names, 2 * num_people)
    last = draw_by_zipf(rng, invented_words(rng, 50_000, phrases.LAST_NAME_ENDINGS), num_people)
    has_second_name = rng.random(num_people) < 0.2
    names = [
        f"{name} {second_name} {last_name}" if has_two else f"{name} {last_name}"
        for name, second_name, last_name, has_two in zip(
            first[:num_people], first[num_people:], last, has_second_name, strict=True
        )
    ]
    places = invented_words(rng, 5_000, phrases.PLACE_ENDINGS)
    institutions = invented_words(rng, 5_000, phrases.NAME_ENDINGS)
    titles = [f"The {adjective} {noun}" for adjective in phrases.WORK_ADJECTIVES for noun in phrases.WORK_NOUNS]
    schools = [form.format(name) for name in institutions for form in phrases.SCHOOLS]
    companies = [form.format(name) for name in institutions for form in phrases.COMPANIES]
    values = {
        "born_in": draw_by_zipf(rng, places, num_people),
        "birth_year": rng.integers(1801, 1990, num_people).astype(str),
        "studied_at": draw_by_zipf(rng, schools, num_people),
        "taught_by": rng.permutation(names),
        "occupation": rng.choice(phrases.OCCUPATIONS, num_people),
        "works_for": draw_by_zipf(rng, companies, num_people),
        "lives_in": draw_by_zipf(rng, places, num_people),
        "married_to": rng.permutation(names),
        "known_for": rng.choice(titles, num_people),
        "instrument": rng.choice(phrases.INSTRUMENTS, num_people),
    }
    facts, relations = {}, np.array(list(values))
    for person, name in enumerate(names):
        for relation in rng.permutation(relations)[: rng.integers(3, len(relations) + 1)].tolist():
            facts[Fact(name, relation, str(values[relation][person]))] = None
    return tuple(facts)[:count]


def invented_words(rng: np.random.Generator, count: int, endings: Sequence[str]) -> np.ndarray:
    """Different capitalised words, at most `count`."""
    parts = (phrases.ONSETS, phrases.VOWELS, phrases.ONSETS, phrases.VOWELS, phrases.CODAS, endings)
    columns = (rng.choice(options, 2 * count) for options in parts)
    words = dict.fromkeys("".join(syllables).capitalize() for syllables in zip(*columns, strict=True))
    return np.array(list(words)[:count])


def draw_by_zipf(rng: np.random.Generator, options: Iterable[str], count: int) -> np.ndarray:
    """Draw options with weights `1 / (rank + 10)`: Zipf's law, flattened for the most frequent ones."""
    weights = 1 / (np.arange(len(options)) + 10)
    return rng.choice(options, count, p=weights / weights.sum())

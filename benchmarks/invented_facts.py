"""Any number of facts about invented people whose names are as unevenly frequent as real ones."""

from __future__ import annotations

import numpy as np

from utils.demo import phrases as words
from utils.memnet.data import Fact


def invent_facts(count: int, rng: np.random.Generator) -> tuple[Fact, ...]:
    """Distinct facts in the demo world's relations of people, three to ten relations a person.

    A first and a last name, every fifth with a second first name, drawn from 5,000 and 50,000 with Zipf-like frequencies (the
    commonest first name is that of one in 60, the last name of one in 90), so that words, pairs of words and whole names
    repeat. Places, schools and companies are drawn alike.
    """
    people = count // 6
    first = drawn(rng, invented(rng, 5_000, words.FEMININE_ENDINGS + words.MASCULINE_ENDINGS), 2 * people)
    last = drawn(rng, invented(rng, 50_000, words.LAST_NAME_ENDINGS), people)
    twice = rng.random(people) < 0.2
    names = [
        f"{one} {other} {family}" if both else f"{one} {family}"
        for one, other, family, both in zip(first[:people], first[people:], last, twice, strict=True)
    ]
    places = invented(rng, 5_000, words.PLACE_ENDINGS)
    institutions = invented(rng, 5_000, words.NAME_ENDINGS)
    titles = [f"The {one} {other}" for one in words.WORK_ADJECTIVES for other in words.WORK_NOUNS]
    values = {
        "born_in": drawn(rng, places, people),
        "birth_year": rng.integers(1801, 1990, people).astype(str),
        "studied_at": drawn(rng, [kind.format(name) for name in institutions for kind in words.SCHOOLS], people),
        "taught_by": rng.permutation(names),
        "occupation": rng.choice(words.OCCUPATIONS, people),
        "works_for": drawn(rng, [kind.format(name) for name in institutions for kind in words.COMPANIES], people),
        "lives_in": drawn(rng, places, people),
        "married_to": rng.permutation(names),
        "known_for": rng.choice(titles, people),
        "instrument": rng.choice(words.INSTRUMENTS, people),
    }
    facts, relations = {}, np.array(list(values))
    for person, name in enumerate(names):
        for relation in rng.permutation(relations)[: rng.integers(3, len(relations) + 1)].tolist():
            facts[Fact(name, relation, str(values[relation][person]))] = None
    return tuple(facts)[:count]


def invented(rng: np.random.Generator, count: int, endings) -> np.ndarray:
    """Different capitalised words."""
    parts = (words.ONSETS, words.VOWELS, words.ONSETS, words.VOWELS, words.CODAS, endings)
    columns = (rng.choice(parts_of_one, 2 * count) for parts_of_one in parts)
    return np.array(list(dict.fromkeys("".join(word).capitalize() for word in zip(*columns, strict=True)))[:count])


def drawn(rng: np.random.Generator, options, count: int) -> np.ndarray:
    """Some of the options, the first ones oftener: by Zipf's law, less steep for the first ten."""
    weights = 1 / (np.arange(len(options)) + 10)
    return rng.choice(options, count, p=weights / weights.sum())

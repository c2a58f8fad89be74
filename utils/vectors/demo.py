"""The demo data: documents about towns of an invented world and the people who live there, a vector per sentence."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Sequence

import numpy as np

from utils.demo.world import World, build_world, demo_passages
from utils.vectors.data import VectorDocuments

DIM = 256
NUM_PEOPLE, NUM_TOWNS = 1200, 300


def demo_vectors(seed: int) -> VectorDocuments:
    """The documents of `demo_documents`; a sentence's vector is its hashed bag of words."""
    documents = demo_documents(build_world(seed, NUM_PEOPLE, NUM_TOWNS), seed)
    sentences = [sentence for document in documents.values() for sentence in document]
    numbers = np.repeat(np.arange(len(documents)), [len(document) for document in documents.values()])
    return VectorDocuments(hashed_words(sentences, DIM), numbers, sentences, list(documents), "demo world")


def demo_documents(world: World, seed: int) -> dict[str, list[str]]:
    """The name of each town to sentences: what is said of the town, and then of everyone who lives there, one after another.

    Every passage states its facts in the same order. So the next sentence is mostly about the subject of those before it, and the
    other people of the town have sentences on the same matter: a model that knows only the subject, or only the matter, does not
    find the next sentence.

    Args:
        world: the towns and people.
        seed: of the words in which facts are stated.
    """
    subjects = world.people + world.places
    passages = dict(zip(subjects, demo_passages(world, seed), strict=True))
    residents: dict[str, list[str]] = {}
    for fact in world.facts:
        if fact.relation == "lives_in":
            residents.setdefault(fact.object, []).append(fact.subject)
    return {
        town: [sentence for subject in (town, *residents.get(town, ())) for sentence in passages[subject]]
        for town in world.places
    }


def hashed_words(texts: Sequence[str], dim: int) -> np.ndarray:
    """A bag of hashed words for each text (Weinberger et al. 2009), weighted by inverse document frequency.

    A word's hash decides its element and its sign. Rare words weigh more.

    Args:
        texts: each holds a word at least.
        dim: number of elements.

    Returns:
        float32 `(texts, dim)`, of unit norm.
    """
    words_of_texts = [[word.strip(".,?!'\"").lower() for word in text.split()] for text in texts]
    counts = Counter(word for words in words_of_texts for word in set(words))
    vectors = np.zeros((len(texts), dim), np.float32)
    for row, words in enumerate(words_of_texts):
        for word in words:
            code = zlib.crc32(word.encode())
            vectors[row, code // 2 % dim] += (code % 2 * 2 - 1) * np.log(1 + len(texts) / counts[word])
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

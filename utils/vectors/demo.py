"""The demo data: passages about an invented world, a vector per sentence."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Sequence

import numpy as np

from utils.demo.world import build_world, demo_passages
from utils.vectors.data import VectorDocuments

DIM = 256


def demo_vectors(seed: int) -> VectorDocuments:
    """The demo world's passages as documents; a sentence's vector is its hashed bag of words."""
    passages = demo_passages(build_world(seed, num_people=1200, num_places=400), seed)
    sentences = [sentence for passage in passages for sentence in passage]
    document = np.repeat(np.arange(len(passages)), [len(passage) for passage in passages])
    names = [passage[0] for passage in passages]
    return VectorDocuments(hashed_words(sentences, DIM), document, sentences, names, "demo world")


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

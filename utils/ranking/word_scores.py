"""Scores by words, as a model has learned them: BM25 with parameters of its own. It needs no index, and no Keras."""

from __future__ import annotations

import functools
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from utils.text.words import split_words

LEXICAL = "lexical.json"
"""The file of an export that holds a `LexicalScorer`, or null for a model of vectors alone."""


@dataclass(frozen=True)
class LexicalParameters:
    """The parameters of BM25 (Robertson and Zaragoza 2009, "The Probabilistic Relevance Framework: BM25 and Beyond", section 3.4).

    Args:
        k1: how many occurrences of a word count.
        b: how much longer texts are held back, 0-1.
        idf_power: the power of a word's inverse frequency; 1 in BM25.
    """

    k1: float = 1.5
    b: float = 0.75
    idf_power: float = 1.0


USUAL_PARAMETERS = LexicalParameters()


@dataclass(frozen=True)
class WordStatistics:
    """How often words are in a collection of texts.

    Args:
        counts: word to the number of texts that have it.
        num_texts: the texts.
        mean_length: their mean number of words.
    """

    counts: dict[str, int]
    num_texts: int
    mean_length: float

    @classmethod
    def of(cls, texts: Iterable[str]) -> WordStatistics:
        """The statistics of texts, each counted once."""
        counts: Counter[str] = Counter()
        num_texts = num_words = 0
        for text in dict.fromkeys(texts):
            words = stemmed_words(text)
            counts.update(set(words))
            num_texts, num_words = num_texts + 1, num_words + len(words)
        return cls(dict(counts), num_texts, num_words / max(num_texts, 1))

    def inverse_frequency(self, word: str) -> float:
        """The idf of a word; that of a word that no text has is the highest."""
        return inverse_frequency(self.counts.get(word, 0), self.num_texts)

    @classmethod
    def from_dict(cls, stored: dict) -> WordStatistics:
        """The statistics that `dataclasses.asdict` made a dict of.

        Raises:
            ValueError, KeyError, TypeError: it is something else.
        """
        counts, num_texts, mean_length = stored["counts"], stored["num_texts"], stored["mean_length"]
        if not isinstance(counts, dict) or not all(type(count) is int for count in counts.values()):
            raise ValueError("the file holds no counts of words")
        return cls(counts, int(num_texts), float(mean_length))


@dataclass(frozen=True)
class LexicalScorer:
    """Scores by words, as a model has learned them.

    Args:
        scale: s of `components.lexical_weights.LexicalWeights`.
        vector_weight: the weight of the vectors' inner product beside it.
        parameters: of BM25.
        statistics: of the texts of the training, for texts that are ranked on their own.
    """

    scale: float
    vector_weight: float
    parameters: LexicalParameters
    statistics: WordStatistics

    def as_dict(self) -> dict:
        """What `from_dict` takes, for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, stored: dict) -> LexicalScorer:
        """The scorer that `as_dict` described.

        Raises:
            ValueError, KeyError, TypeError: it is something else.
        """
        return cls(
            float(stored["scale"]),
            float(stored["vector_weight"]),
            LexicalParameters(**stored["parameters"]),
            WordStatistics.from_dict(stored["statistics"]),
        )

    def scores(
        self,
        question: str,
        texts: Sequence[Counter[str]],
        cosines: np.ndarray,
        statistics: WordStatistics | None = None,
    ) -> np.ndarray:
        """The scores of texts for a question, by words and vectors.

        Args:
            question: its text.
            texts: the words of each text with their counts, from `word_counts`.
            cosines: of the vectors of question and texts, `(texts,)`.
            statistics: of the words of a collection; left out, those of the training.

        Returns:
            float32 `(texts,)`.
        """
        statistics, k1, b = statistics or self.statistics, self.parameters.k1, self.parameters.b
        weights = {
            word: self.scale * count * statistics.inverse_frequency(word) ** self.parameters.idf_power
            for word, count in word_counts(question).items()
        }
        by_words = np.zeros(len(texts), np.float32)
        for place, counts in enumerate(texts):
            held_back = k1 * (1 - b + b * counts.total() / max(statistics.mean_length, 1e-9))
            shared = counts.keys() & weights.keys()
            by_words[place] = sum(weights[word] * counts[word] / (counts[word] + held_back) for word in shared)
        return by_words + np.float32(self.vector_weight) * cosines


def word_counts(text: str) -> Counter[str]:
    """The words of a text and how often it has them."""
    return Counter(stemmed_words(text))


def stemmed_words(text: str) -> list[str]:
    """The words of a text; those of plain Latin letters by their stems."""
    stem = _stemmer()
    return [stem(word) if word.isascii() else word for word in split_words(text)]


@functools.cache
def _stemmer():
    import snowballstemmer

    return functools.lru_cache(maxsize=1 << 17)(snowballstemmer.stemmer("english").stemWord)


def inverse_frequency(count: int, num_texts: int) -> float:
    """Lucene's idf of a word that `count` of `num_texts` texts have.

    >>> round(inverse_frequency(1, 10), 3), round(inverse_frequency(10, 10), 3)
    (1.992, 0.047)
    """
    return math.log(1 + (num_texts - count + 0.5) / (count + 0.5))

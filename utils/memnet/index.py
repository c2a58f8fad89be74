"""Candidate facts for a question from a whole knowledge base: an index of words (key hashing) and one of vectors."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np


class WordIndex:
    """An inverted index of the facts' subjects: key hashing (Miller et al. 2016, section 3.1).

    Candidates are the facts that share a rare word with the question. They are ranked by the summed inverse frequency of all
    shared words, `sum_w log(1 + facts / facts with w)`. A word is frequent if more than `cutoff` facts have it. Frequent words
    count in the ranking, but bring no candidates, unless the question has no rare word: then its rarest one does.

    Args:
        subjects: word ids of each fact's subject, `(facts, words)`, 0 for padding.
        cutoff: number of facts above which a word is frequent.
    """

    def __init__(self, subjects: np.ndarray, cutoff: int = 2_000):
        width = subjects.shape[1]
        places = np.flatnonzero(subjects.ravel() > 0)
        words = subjects.ravel()[places]
        order = np.argsort(words, kind="stable")  # facts stay in order, so the facts of each word are sorted
        self.facts = (places[order] // width).astype(np.int32)
        self.words, starts = np.unique(words[order], return_index=True)
        self.offsets = np.append(starts, len(self.facts))
        self.num_facts = len(subjects)
        self.cutoff = cutoff

    def _facts_with(self, word: int) -> np.ndarray:
        """The sorted numbers of the facts that have this word."""
        place = np.searchsorted(self.words, word)
        if place == len(self.words) or self.words[place] != word:
            return self.facts[:0]
        return self.facts[self.offsets[place] : self.offsets[place + 1]]

    def __contains__(self, word: int) -> bool:
        """Whether a fact has this word."""
        return len(self._facts_with(word)) > 0

    def candidates(self, words: Iterable[int], limit: int) -> np.ndarray:
        """Candidates for a question.

        Args:
            words: word ids of the question.
            limit: number of facts, at most.

        Returns:
            fact numbers, best first; none where no fact shares a word with the question.
        """
        facts_by_word = [facts for facts in map(self._facts_with, dict.fromkeys(words)) if len(facts)]
        if not facts_by_word:
            return self.facts[:0]
        rare = [facts for facts in facts_by_word if len(facts) <= self.cutoff] or [min(facts_by_word, key=len)]
        candidates = np.unique(np.concatenate(rare))
        scores = np.zeros(len(candidates))
        for facts in facts_by_word:
            place = np.minimum(np.searchsorted(facts, candidates), len(facts) - 1)
            scores += (facts[place] == candidates) * np.log(1 + self.num_facts / len(facts))
        best = np.argsort(-scores, kind="stable")[:limit]
        return candidates[best]


class VectorIndex:
    """Approximate nearest neighbours of key vectors by inner product (faiss, inverted lists, 16-bit vectors).

    On a million facts it finds fewer answers than `WordIndex`, 90.6 % against 100 %, and takes longer (docs/large_data.md).

    Args:
        vectors: float32 `(facts, dim)`.
        probes: lists that a search visits. More lists find more neighbours and take longer.
        seed: seed of the clustering.
    """

    def __init__(self, vectors: np.ndarray, probes: int = 32, seed: int = 0):
        import faiss

        num_lists = max(1, int(min(4 * len(vectors) ** 0.5, len(vectors) / 39)))
        quantizer = faiss.IndexFlatIP(vectors.shape[1])
        self.index = faiss.IndexIVFScalarQuantizer(
            quantizer, vectors.shape[1], num_lists, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT
        )
        self.index.cp.seed = seed
        self.index.cp.niter = 10
        rng = np.random.default_rng(seed)
        sample = rng.permutation(len(vectors))[: 50 * num_lists]
        self.index.train(np.ascontiguousarray(vectors[sample]))
        self.index.add(np.ascontiguousarray(vectors))
        self.index.nprobe = min(probes, num_lists)

    def candidates(self, vectors: np.ndarray, limit: int) -> list[np.ndarray]:
        """Candidates for each question.

        Args:
            vectors: question vectors, float `(questions, dim)`.
            limit: number of facts per question, at most.

        Returns:
            fact numbers of each question, most similar first; fewer than `limit` where the visited lists hold fewer.
        """
        _, neighbours = self.index.search(np.ascontiguousarray(vectors, dtype=np.float32), limit)
        return [row[row >= 0] for row in neighbours]

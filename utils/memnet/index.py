"""Candidate memories from a whole knowledge base: by words (key hashing) or by vectors."""

from __future__ import annotations

import numpy as np


class WordIndex:
    """An inverted index of the facts' keys: key hashing (Miller et al. 2016, section 3.1).

    Candidates are the facts that share a rare word with the question; they are ranked by the inverse frequency of all words shared,
    frequent ones included. Words in more than `cutoff` facts bring no candidates of their own, unless a question has no others.

    Args:
        keys: word ids of every fact's key, `(facts, words)`, 0 for padding.
        cutoff: facts above which a word is frequent.
    """

    def __init__(self, keys: np.ndarray, cutoff: int = 2_000):
        width = keys.shape[1]
        places = np.flatnonzero(keys.ravel() > 0)
        words = keys.ravel()[places]
        order = np.argsort(words, kind="stable")  # facts stay in order, so each word's are sorted
        self.facts = (places[order] // width).astype(np.int32)
        self.words, starts = np.unique(words[order], return_index=True)
        self.offsets = np.append(starts, len(self.facts))
        self.num_facts = len(keys)
        self.cutoff = cutoff

    def _facts_of(self, word: int) -> np.ndarray:
        place = np.searchsorted(self.words, word)
        if place == len(self.words) or self.words[place] != word:
            return self.facts[:0]
        return self.facts[self.offsets[place] : self.offsets[place + 1]]

    def knows(self, word: int) -> bool:
        """Whether any fact has the word."""
        return len(self._facts_of(word)) > 0

    def candidates(self, words, limit: int) -> np.ndarray:
        """The numbers of at most `limit` facts for a question of these word ids, the most promising first; perhaps none."""
        found = [facts for facts in map(self._facts_of, dict.fromkeys(words)) if len(facts)]
        if not found:
            return self.facts[:0]
        rare = [facts for facts in found if len(facts) <= self.cutoff] or [min(found, key=len)]
        facts = np.unique(np.concatenate(rare))
        scores = np.zeros(len(facts))
        for shared in found:
            place = np.minimum(np.searchsorted(shared, facts), len(shared) - 1)
            scores += (shared[place] == facts) * np.log(1 + self.num_facts / len(shared))
        best = np.argsort(-scores, kind="stable")[:limit]
        return facts[best]


class VectorIndex:
    """Approximate nearest neighbours of key vectors by inner product (faiss: inverted lists, 16-bit vectors).

    Args:
        vectors: float32 `(facts, dim)`.
        probes: lists that a search visits; more find more and take longer.
    """

    def __init__(self, vectors: np.ndarray, probes: int = 32, seed: int = 0):
        import faiss

        lists = max(1, int(min(4 * len(vectors) ** 0.5, len(vectors) / 39)))
        quantizer = faiss.IndexFlatIP(vectors.shape[1])
        self.index = faiss.IndexIVFScalarQuantizer(
            quantizer, vectors.shape[1], lists, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT
        )
        self.index.cp.seed = seed
        self.index.cp.niter = 10
        rng = np.random.default_rng(seed)
        sample = rng.permutation(len(vectors))[: 50 * lists]
        self.index.train(np.ascontiguousarray(vectors[sample]))
        self.index.add(np.ascontiguousarray(vectors))
        self.index.nprobe = min(probes, lists)

    def candidates(self, vectors: np.ndarray, limit: int) -> list[np.ndarray]:
        """The numbers of about `limit` facts for every question vector, the most similar first."""
        _, found = self.index.search(np.ascontiguousarray(vectors, dtype=np.float32), limit)
        return [row[row >= 0] for row in found]

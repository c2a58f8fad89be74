"""Approximate search among very many vectors, by faiss, in files that are read through a memory map."""

from __future__ import annotations

from pathlib import Path

import numpy as np

TEXTS_IN_A_FILE = 1 << 20
"""Vectors of a file; those of one file are in memory while it is made."""
VECTORS_PER_LIST = 50
"""Vectors from which each list's centre is computed, at most."""
ADDED_TOGETHER = 1 << 14
PROBES = 32
"""Lists of a file that a search visits. More lists find more of the nearest vectors and take longer."""


class VectorLists:
    """Inverted lists of vectors (faiss: IVF with 16-bit vectors), by inner product.

    Args:
        files: indexes of faiss, whose vectors follow one another.
    """

    def __init__(self, files: list):
        self.files = files

    @classmethod
    def build(cls, vectors: np.ndarray, folder: Path, seed: int = 0) -> None:
        """Make the lists of vectors, in memory for `TEXTS_IN_A_FILE` of them.

        Args:
            vectors: float `(texts, dim)`, which may be a memory map.
            folder: where to write.
            seed: seed of the clustering.
        """
        import faiss

        folder.mkdir(exist_ok=True)
        for old in folder.glob("*.faiss"):
            old.unlink()
        num_texts, dim = vectors.shape
        in_a_file = min(num_texts, TEXTS_IN_A_FILE)
        num_lists = max(1, int(min(4 * in_a_file**0.5, num_texts / 39)))
        index = faiss.IndexIVFScalarQuantizer(
            faiss.IndexFlatIP(dim), dim, num_lists, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT
        )
        index.cp.seed, index.cp.niter = seed, 10
        sample = np.sort(
            np.random.default_rng(seed).choice(num_texts, min(num_texts, VECTORS_PER_LIST * num_lists), False)
        )
        index.train(np.asarray(vectors[sample], np.float32))
        for number, start in enumerate(range(0, num_texts, TEXTS_IN_A_FILE)):
            end = min(start + TEXTS_IN_A_FILE, num_texts)
            for first in range(start, end, ADDED_TOGETHER):
                index.add(np.ascontiguousarray(vectors[first : min(first + ADDED_TOGETHER, end)], np.float32))
            faiss.write_index(index, str(folder / f"{number:05}.faiss"))
            index.reset()

    @classmethod
    def open(cls, folder: Path) -> VectorLists:
        """The lists in a folder of `build`.

        Raises:
            OSError: there are none, or a file is damaged.
        """
        import faiss

        paths = sorted(folder.glob("*.faiss"))
        if not paths:
            raise OSError(f"{folder.name} holds no lists")
        try:
            return cls([faiss.read_index(str(path), faiss.IO_FLAG_MMAP) for path in paths])
        except RuntimeError as error:
            raise OSError(f"{folder.name} cannot be read: {str(error).splitlines()[-1]}") from None

    def search(self, vectors: np.ndarray, n_best: int) -> list[tuple[np.ndarray, np.ndarray]]:
        """The places and the inner products of nearly the best vectors for each question, best first.

        Args:
            vectors: float `(questions, dim)`.
            n_best: how many, at most; fewer where the visited lists hold fewer.
        """
        queries, start, places, scores = np.ascontiguousarray(vectors, np.float32), 0, [], []
        for index in self.files:
            index.nprobe = min(PROBES, index.nlist)
            values, numbers = index.search(queries, n_best)
            places.append(np.where(numbers < 0, -1, numbers + start))
            scores.append(values)
            start += index.ntotal
        places, scores = np.concatenate(places, axis=1), np.concatenate(scores, axis=1)
        results = []
        for row_places, row_scores in zip(places, scores, strict=True):
            order = np.argsort(-row_scores, kind="stable")
            order = order[row_places[order] >= 0][:n_best]
            results.append((row_places[order], row_scores[order]))
        return results

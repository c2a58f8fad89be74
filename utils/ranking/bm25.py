"""BM25 over words. Its index is made a block of texts at a time and stays on disk, where bm25s reads it through a memory map."""

from __future__ import annotations

import json
import tempfile
from array import array
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from utils.common.disk_rows import FlatRows
from utils.ranking.scores import Scores
from utils.ranking.word_scores import USUAL_PARAMETERS, LexicalParameters, inverse_frequency, stemmed_words

WORDS_TOGETHER = 1 << 20
"""Words of texts whose scores are computed at a time."""


class BM25:
    """BM25 over words, English ones by their stems (Robertson and Zaragoza 2009; k1 1.5, b 0.75, Lucene's idf).

    Args:
        texts: the collection that is searched, read once.
        folder: an empty folder for the index; None is a temporary one, which vanishes with the process.
        parameters: others than BM25's usual ones, such as learned ones.
    """

    def __init__(
        self, texts: Iterable[str], folder: Path | None = None, parameters: LexicalParameters = USUAL_PARAMETERS
    ):
        if folder is not None:
            write_index(map(stemmed_words, texts), folder, parameters)
            self._read(folder)
            return
        with tempfile.TemporaryDirectory(prefix="bm25-") as temporary:
            write_index(map(stemmed_words, texts), Path(temporary), parameters)
            self._read(Path(temporary))  # what is mapped stays readable after the files have lost their names

    @classmethod
    def open(cls, folder: Path) -> BM25:
        """An index that was made in a folder."""
        index = cls.__new__(cls)
        index._read(folder)
        return index

    def _read(self, folder: Path) -> None:
        import bm25s

        self.index = bm25s.BM25.load(folder, mmap=True, show_progress=False)
        self.num_texts = self.index.scores["num_docs"]

    def scores(self, query: str) -> np.ndarray:
        """The score of every text, float32 `(texts,)`."""
        words = [word for word in stemmed_words(query) if word in self.index.vocab_dict]
        return self.index.get_scores(words) if words else np.zeros(self.num_texts, np.float32)


class BM25Scores(Scores):
    """BM25's scores of questions and texts.

    Args:
        index: of the texts.
        questions: texts of the questions.
        places: the text of each candidate, integer `(candidates,)`; None: the candidates are the texts.
    """

    has_whole_rows = True

    def __init__(self, index: BM25, questions: Sequence[str], places: np.ndarray | None = None):
        super().__init__(len(questions), index.num_texts if places is None else len(places))
        self.index, self.questions, self.places = index, questions, places

    def block(self, questions: np.ndarray, candidates: slice) -> np.ndarray:
        values = np.empty((len(questions), len(range(*candidates.indices(self.shape[1])))), np.float32)
        for row, number in enumerate(questions):
            scores = self.index.scores(self.questions[number])
            values[row] = (scores if self.places is None else scores[self.places])[candidates]
        return values


def write_index(texts: Iterable[Sequence[str]], folder: Path, parameters: LexicalParameters = USUAL_PARAMETERS) -> None:
    """Write an index in the format of bm25s, with its scores. Memory grows with the vocabulary and not with the texts.

        score(w, d) = log(1 + (N - n_w + 1/2) / (n_w + 1/2))^p f / (f + k1 (1 - b + b |d| / mean |d|))

    with f the number of times that d has the word w, n_w the number of texts with w, and N that of all texts.

    Args:
        texts: the words of each text.
        folder: where to write.
        parameters: k1, b and p.
    """
    import bm25s

    k1, b = parameters.k1, parameters.b

    vocabulary: dict[str, int] = {}
    counts = array("q")

    def numbers() -> Iterator[list[int]]:
        for words in texts:
            ids = [vocabulary.setdefault(word, len(vocabulary)) for word in words or ("",)]
            counts.extend([0] * (len(vocabulary) - len(counts)))
            for word in set(ids):
                counts[word] += 1
            yield ids

    words = FlatRows.write(numbers(), np.int32)
    num_texts, lengths = len(words), words.lengths()
    mean_length = lengths.mean()
    idf = np.array([inverse_frequency(n, num_texts) for n in counts]) ** parameters.idf_power
    idf = idf.astype(np.float32)
    vocabulary.setdefault("", len(vocabulary))
    if len(idf) < len(vocabulary):
        idf, counts = np.append(idf, np.float32(0)), array("q", [*counts, 0])
    columns = np.concatenate([[0], np.cumsum(np.frombuffer(counts, np.int64))])
    create = np.lib.format.open_memmap
    data = create(folder / "data.csc.index.npy", "w+", np.float32, (int(columns[-1]),))
    indices = create(folder / "indices.csc.index.npy", "w+", np.int32, (int(columns[-1]),))
    next_places = columns[:-1].copy()
    for first, end in _blocks_of_texts(words.ends):
        start = words.ends[first - 1] if first else 0
        text = np.repeat(np.arange(end - first), lengths[first:end])
        keys, frequency = np.unique(
            words.values[start : words.ends[end - 1]].astype(np.int64) * (end - first) + text, return_counts=True
        )
        word, text = np.divmod(keys, end - first)
        frequency = frequency.astype(np.float32)
        length = lengths[first + text]
        scores = idf[word] * (frequency / (k1 * ((1 - b) + b * length / mean_length) + frequency))
        of_word, first_of_word, num_of_word = np.unique(word, return_index=True, return_counts=True)
        places = np.arange(len(word)) + np.repeat(next_places[of_word] - first_of_word, num_of_word)
        data[places], indices[places] = scores, first + text
        next_places[of_word] += num_of_word
    np.save(folder / "indptr.csc.index.npy", columns)
    (folder / "vocab.index.json").write_text(json.dumps(vocabulary), "utf-8")
    settings = {"k1": k1, "b": b, "method": "lucene", "dtype": "float32", "int_dtype": "int32"}
    settings |= {"num_docs": num_texts, "version": bm25s.__version__}
    (folder / "params.index.json").write_text(json.dumps(settings), "utf-8")
    for values in (data, indices):
        values.flush()


def _blocks_of_texts(ends: np.ndarray) -> Iterator[tuple[int, int]]:
    """Yield the first text of each block and the first after it; a block has about `WORDS_TOGETHER` words."""
    first = 0
    while first < len(ends):
        start = ends[first - 1] if first else 0
        end = max(first + 1, int(np.searchsorted(ends, start + WORDS_TOGETHER, "right")))
        yield first, end
        first = end

"""What finds the texts that a re-ranker reads: BM25, or a trained encoder."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from utils.ranking.answering import TextSearcher, ranked
from utils.ranking.bm25 import BM25, BM25Scores
from utils.ranking.predictor import RankingPredictor
from utils.ranking.scores import Scores
from utils.ranking.text_numbers import first_of_each, text_numbers
from utils.text.embedding import token_rows

BM25_STAGE = "bm25"


def load_first_stage(name: str) -> BM25Stage | EncoderStage:
    """The first stage of this name.

    Args:
        name: `bm25`, or a finished run of `train_ranking.py`, the name of a published model, or `hf://owner/name`.

    Raises:
        UserError: there is no such run.
    """
    return BM25Stage() if name == BM25_STAGE else EncoderStage(RankingPredictor.load(name))


def name_from_run(name: str, run_dir: Path) -> str:
    """The name of a first stage as a run keeps it: that of a folder leads there from the run's, whatever the working directory."""
    is_folder = name != BM25_STAGE and Path(name).exists()
    return os.path.relpath(Path(name).resolve(), run_dir.resolve()) if is_folder else name


def name_to_load(name: str, run_dir: Path) -> str:
    """The name for `load_first_stage` of what a run keeps; older runs keep the name as it was typed."""
    return str(run_dir / name) if name != BM25_STAGE and (run_dir / name).exists() else name


class BM25Stage:
    """Scores by BM25, with the word frequencies of the texts that are searched."""

    scores_pairs = False
    """Whether the score of a question and a text is the same whatever else is searched."""

    def scores(self, questions: Sequence[str], texts: Sequence[str]) -> Scores:
        """The score of every question with every text; equal texts are indexed once."""
        _, indexed, places = np.unique(text_numbers(texts), return_index=True, return_inverse=True)
        return BM25Scores(BM25(texts[place] for place in indexed), questions, places)

    def searcher(self, texts: Sequence[str]) -> DistinctSearcher:
        """These texts, ready to be searched several times."""
        return DistinctSearcher(texts, BM25Searcher)


class BM25Searcher:
    """Texts that are searched by BM25.

    Args:
        texts: at least one text.
    """

    def __init__(self, texts: Sequence[str]):
        self.texts = texts
        self.index = BM25(texts)

    def search(self, questions: Sequence[str], n_best: int) -> list[list[dict]]:
        """The `n_best` texts for each question, as `utils.ranking.answering.ranked` gives them."""
        return [ranked(self.index.scores(question), self.texts, n_best) for question in questions]


class DistinctSearcher:
    """Texts of which equal ones are searched once: only the first of them is an answer.

    Args:
        texts: at least one text.
        make_searcher: makes what searches the different ones.
    """

    def __init__(self, texts: Sequence[str], make_searcher: Callable[[list[str]], BM25Searcher | TextSearcher]):
        self.places = first_of_each(texts)
        self.searcher = make_searcher([texts[place] for place in self.places])

    def search(self, questions: Sequence[str], n_best: int) -> list[list[dict]]:
        """The `n_best` texts for each question, as `utils.ranking.answering.ranked` gives them."""
        return [
            [{**entry, "candidate": int(self.places[entry["candidate"]])} for entry in ranking]
            for ranking in self.searcher.search(questions, n_best)
        ]


class EncoderStage:
    """Scores by a trained encoder.

    Args:
        predictor: the encoder.
    """

    def __init__(self, predictor: RankingPredictor):
        self.predictor = predictor

    @property
    def scores_pairs(self) -> bool:
        """Whether the score of a question and a text is the same whatever else is searched: not where words count."""
        return self.predictor.lexical is None

    def own_scores(self, questions: Sequence[str], texts: Sequence[Sequence[str]]) -> list[np.ndarray]:
        """The scores of each question with its texts, float `(texts,)` each."""
        scores = [np.empty(len(own)) for own in texts]
        for values, ranking in zip(scores, self.predictor.rank(questions, texts), strict=True):
            for entry in ranking:
                values[entry["candidate"]] = entry["score"]
        return scores

    def scores(self, questions: Sequence[str], texts: Sequence[str]) -> Scores:
        """The score of every question with every text."""
        predictor = self.predictor
        question_ids = token_rows(predictor.tokenizer, questions, predictor.query_length)
        text_ids = token_rows(predictor.tokenizer, texts, predictor.max_length)
        return predictor.scores(question_ids, text_ids, questions, texts)

    def searcher(self, texts: Sequence[str]) -> DistinctSearcher:
        """These texts, ready to be searched several times."""
        return DistinctSearcher(texts, self.predictor.searcher)

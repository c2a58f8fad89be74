"""A trained re-ranker: a first stage finds texts, and the cross-encoder reads the best of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from utils.common.errors import UserError
from utils.common.reading import MAX_BAD_FRACTION
from utils.common.references import model_folder
from utils.ranking.data import NamedText
from utils.ranking.predictor import MAX_TOKENS, read_searched_texts
from utils.reranker.answering import RerankerAnswerer
from utils.reranker.first_stage import BM25Stage, EncoderStage, first_stage
from utils.text.tokenization import check_fits, load_tokenizer
from utils.training.finished import MAX_SEED, checked_number, damaged_run_as_user_error, read_run, read_run_file

FIRST_STAGE = "first_stage.json"
"""The file of a run that names the first stage, its depth, and the weight of its score."""
MAX_DEPTH = 100_000


class RerankerPredictor(RerankerAnswerer):
    """Ranks texts for questions with a model that reads both.

        predictor = RerankerPredictor.load("runs/reranker")
        predictor(["Who wrote it?"], ["It is long.", "It was written by Ada."])[0][0]["text"]

    Args:
        model: `models.cross_encoder.CrossEncoder`.
        tokenizer: the `tokenizers.Tokenizer` that the model was trained with.
        query_length: maximal number of tokens of a question; the rest is cut off.
        max_length: maximal number of tokens of a text.
        stage: finds texts in a search.
        depth: how many of the texts that it finds are read.
        weight: what its score is multiplied by and then added to the model's, in a search.
        demo_seed: seed of the demo world that the model was trained on, or None.
    """

    def __init__(
        self,
        model,
        tokenizer,
        *,
        query_length: int,
        max_length: int,
        stage: BM25Stage | EncoderStage,
        depth: int,
        weight: float = 0.0,
        demo_seed: int | None = None,
    ):
        super().__init__(model, tokenizer, query_length=query_length, max_length=max_length)
        self.stage = stage
        self.depth = depth
        self.weight = weight
        self.demo_seed = demo_seed

    @classmethod
    def load(cls, run_dir: str | Path) -> RerankerPredictor:
        """Load a finished run.

        Args:
            run_dir: the run directory, the name of a published model, or `hf://owner/name`.

        Raises:
            UserError: there is no finished run of this task, one of its files is damaged, or its first stage is not there.
        """
        read_run(run_dir, "reranker")  # checks that the run is finished
        return cls.load_best_epoch(run_dir)

    @classmethod
    def load_best_epoch(cls, run_dir: str | Path) -> RerankerPredictor:
        """Load the best epoch of a run that has been scored on validation questions.

        Raises:
            UserError: a file of the run is missing or damaged, or its first stage is not there.
        """
        run_dir = model_folder(run_dir)
        with damaged_run_as_user_error(run_dir):
            config, first = read_run_file(run_dir, "config.json"), read_run_file(run_dir, FIRST_STAGE)
            lengths = {name: checked_number(config, name, 3, MAX_TOKENS) for name in ("query_length", "max_length")}
            demo_seed = None if config["train_files"] else checked_number(config, "split_seed", 0, MAX_SEED)
            model, tokenizer = load_model_and_tokenizer(run_dir)
            check_fits(tokenizer, model.encoder.config, sum(lengths.values()))
            depth, weight = checked_number(first, "depth", 1, MAX_DEPTH), checked_number(first, "weight", 0, 1e9, float)
            stage = str(first["stage"])
        return cls(
            model, tokenizer, **lengths, stage=first_stage(stage), depth=depth, weight=weight, demo_seed=demo_seed
        )

    def search(self, questions: Sequence[str], texts: Sequence[str], n_best: int = 10) -> list[list[dict]]:
        """Find the best texts of one collection for each question.

        The first stage finds `depth` of them, or `n_best` if that is more, and the model reads these.

        Args:
            questions: texts of the questions.
            texts: the collection, at least one text.
            n_best: maximal number of results per question.

        Returns:
            for each question the results, best first, as of `rank`. The score is the model's plus `weight` times the first stage's.
        """
        return self.searcher(texts).search(questions, n_best)

    def searcher(self, texts: Sequence[str]) -> RerankingSearcher:
        """These texts, ready to be searched several times; at least one text."""
        return RerankingSearcher(self, self.stage.searcher(texts))

    def rerank(self, questions: Sequence[str], entries: Sequence[list[dict]], n_best: int) -> list[list[dict]]:
        """The best of the texts that a first stage found for each question, with new scores.

        Args:
            questions: texts of the questions.
            entries: for each question dicts with `text` and the first stage's `score`.
            n_best: maximal number of results per question.
        """
        scores = self.scores(questions, [[entry["text"] for entry in found] for found in entries])
        results = []
        for values, found in zip(scores, entries, strict=True):
            values = values + self.weight * np.array([entry["score"] for entry in found])
            order = np.argsort(-values, kind="stable")[:n_best]
            results.append([{**found[place], "score": float(values[place])} for place in order])
        return results

    def read_texts(
        self, path: Path | None = None, max_bad_fraction: float = MAX_BAD_FRACTION
    ) -> tuple[list[NamedText], list[str]]:
        """The texts to search among, and notes on what was left out, see `utils.ranking.predictor.read_searched_texts`."""
        return read_searched_texts(path, self.demo_seed, max_bad_fraction)

    def open_index(self, folder: Path) -> RerankedIndex:
        """An index of texts that the encoder of the first stage made.

        Raises:
            UserError: the first stage is BM25, which has no such index, or the index is another encoder's.
        """
        from utils.ranking.index import TextIndex

        if isinstance(self.stage, BM25Stage):
            raise UserError(f"{folder}: is an index of vectors, and this run searches by BM25; name a file with texts")
        return RerankedIndex(self, TextIndex(folder, self.stage.predictor))

    def export(self, folder: Path) -> dict:
        """Write the model to a folder that needs nothing else, see `utils.reranker.export`."""
        from utils.reranker.export import export_reranker

        return export_reranker(self, folder)


class RerankingSearcher:
    """Texts that are searched by a first stage and a re-ranker.

    Args:
        predictor: the re-ranker.
        first: searches the texts, like `utils.ranking.answering.TextSearcher`.
    """

    def __init__(self, predictor: RerankerPredictor, first):
        self.predictor, self.first = predictor, first

    def search(self, questions: Sequence[str], n_best: int) -> list[list[dict]]:
        """The `n_best` texts for each question, best first, see `RerankerPredictor.search`."""
        entries = self.first.search(questions, max(self.predictor.depth, n_best))
        return self.predictor.rerank(questions, entries, n_best)


class RerankedIndex:
    """An index of texts on disk whose results a re-ranker reads.

    Args:
        predictor: the re-ranker.
        index: `utils.ranking.index.TextIndex`.
    """

    def __init__(self, predictor: RerankerPredictor, index):
        self.predictor, self.index = predictor, index

    def __len__(self) -> int:
        return len(self.index)

    def search(self, questions: Sequence[str], n_best: int) -> list[dict]:
        """The `n_best` texts for each question: a dict of `question` and `answers`, best first."""
        entries = [result["answers"] for result in self.index.search(questions, max(self.predictor.depth, n_best))]
        rankings = self.predictor.rerank(questions, entries, n_best)
        return [
            {"question": question, "answers": ranking} for question, ranking in zip(questions, rankings, strict=True)
        ]

    def with_trec_ids(self) -> RerankedIndex:
        """The same index, whose ids have no white space."""
        self.index.with_trec_ids()
        return self


def load_model_and_tokenizer(run_dir: Path) -> tuple:
    """The model of a run's best epoch and its tokenizer.

    Raises:
        UserError: one of them is damaged, or the model is another one.
    """
    from models import load_model
    from models.cross_encoder import CrossEncoder

    with damaged_run_as_user_error(run_dir):
        model, tokenizer = load_model(run_dir), load_tokenizer(Path(run_dir) / "tokenizer.json")
    if not isinstance(model, CrossEncoder):
        raise UserError(f"{run_dir}: holds a {type(model).__name__}; name a run of train_reranker.py")
    return model, tokenizer

"""A trained re-ranker: a first stage finds texts, and the cross-encoder reads the best of them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np

from utils.common.errors import UserError
from utils.common.reading import MAX_BAD_FRACTION
from utils.common.references import model_folder
from utils.ranking.answering import ranked
from utils.ranking.data import NamedText
from utils.ranking.predictor import MAX_TOKENS, read_searched_texts
from utils.reranker.answering import RerankerAnswerer
from utils.reranker.evaluation import NO_WEIGHTS, Weights
from utils.reranker.first_stage import BM25_STAGE, BM25Stage, EncoderStage, load_first_stage, name_to_load
from utils.text.tokenization import check_fits, load_tokenizer
from utils.training.finished import MAX_SEED, checked_number, damaged_run_as_user_error, read_run, read_run_file
from utils.training.run_files import checksum_of

FIRST_STAGE_FILE = "first_stage.json"
"""The file of a run that names the first stage, the checksum of its weights, its depth, and the weights of its scores."""
MAX_DEPTH = 100_000
"""Texts that a run may ask to read for a question."""


class RerankerPredictor(RerankerAnswerer):
    """Ranks texts for questions with a model that reads both.

        predictor = RerankerPredictor.load("runs/reranker")
        predictor(["Who wrote it?"], ["It is long.", "It was written by Ada."])[0][0]["text"]

    Args:
        model: `models.cross_encoder.CrossEncoder`.
        tokenizer: the `tokenizers.Tokenizer` that the model was trained with.
        query_length: maximal number of tokens of a question; the rest is cut off.
        max_length: maximal number of tokens of a text.
        first_stage: name of what finds texts in a search, see `utils.reranker.first_stage.load_first_stage`. It is loaded by the
            first search.
        checksum: of the weights of an encoder as first stage; empty where it is not known.
        depth: how many of the texts that it finds are read.
        weights: what the first stage's scores are multiplied by and then added to the model's.
        demo_seed: seed of the demo world that the model was trained on, or None.
    """

    def __init__(
        self,
        model,
        tokenizer,
        *,
        query_length: int,
        max_length: int,
        first_stage: str,
        depth: int,
        weights: Weights = NO_WEIGHTS,
        checksum: str = "",
        demo_seed: int | None = None,
    ):
        super().__init__(model, tokenizer, query_length=query_length, max_length=max_length)
        self.first_stage = first_stage
        self.checksum = checksum
        self.depth = depth
        self.weights = weights
        self.demo_seed = demo_seed

    @classmethod
    def load(cls, run_dir: str | Path) -> RerankerPredictor:
        """Load a finished run.

        Args:
            run_dir: the run directory, the name of a published model, or `hf://owner/name`.

        Raises:
            UserError: there is no finished run of this task, or one of its files is damaged.
        """
        read_run(run_dir, "reranker")  # checks that the run is finished
        return cls.load_best_epoch(run_dir)

    @classmethod
    def load_best_epoch(cls, run_dir: str | Path) -> RerankerPredictor:
        """Load the best epoch of a run that has been scored on validation questions.

        Raises:
            UserError: a file of the run is missing or damaged.
        """
        run_dir = model_folder(run_dir)
        with damaged_run_as_user_error(run_dir):
            config, first = read_run_file(run_dir, "config.json"), read_run_file(run_dir, FIRST_STAGE_FILE)
            lengths = {name: checked_number(config, name, 3, MAX_TOKENS) for name in ("query_length", "max_length")}
            demo_seed = None if config["train_files"] else checked_number(config, "split_seed", 0, MAX_SEED)
            model, tokenizer = load_model_and_tokenizer(run_dir)
            check_fits(tokenizer, model.encoder.config, sum(lengths.values()))
            depth = checked_number(first, "depth", 1, MAX_DEPTH)
            weights = Weights(*(checked_number(first, name, 0, 1e9, float) for name in ("own_weight", "weight")))
            stage = {"first_stage": name_to_load(str(first["stage"]), run_dir), "checksum": str(first["checksum"])}
        return cls(model, tokenizer, **lengths, **stage, depth=depth, weights=weights, demo_seed=demo_seed)

    @cached_property
    def stage(self) -> BM25Stage | EncoderStage:
        """The first stage.

        Raises:
            UserError: it is not there any more, or it is another one than in training.
        """
        if self.first_stage == BM25_STAGE:
            return BM25Stage()
        try:
            folder = model_folder(self.first_stage)
            if self.checksum and checksum_of(folder / "best.keras") != self.checksum:
                raise UserError("has other weights than in the training of this re-ranker")
            return load_first_stage(self.first_stage)
        except (UserError, OSError) as error:
            raise UserError(
                f"the first stage of this re-ranker, {self.first_stage}: {error}; put it back, or train again with another "
                "--first-stage"
            ) from None

    def rank(self, questions: Sequence[str], candidates: Sequence[Sequence[str]]) -> list[list[dict]]:
        """Rank each question's own candidates.

        Args:
            questions: texts of the questions.
            candidates: for each question the texts of its candidates.

        Returns:
            for each question its candidates, best first: `{"candidate": place in its list, "text": str, "score": float}`. The score
            is the model's plus that of the first stage times its weight, which is 0 for BM25.
        """
        scores = self.scores(questions, candidates)
        if self.weights.own:
            first = self.stage.own_scores(questions, candidates)
            scores = [own + self.weights.own * values for own, values in zip(scores, first, strict=True)]
        return [ranked(values, texts) for values, texts in zip(scores, candidates, strict=True)]

    def search(self, questions: Sequence[str], texts: Sequence[str], n_best: int = 10) -> list[list[dict]]:
        """Find the best texts of one collection for each question.

        The model reads the best `depth` that the first stage finds. Where more are asked for, the others follow in its order.

        Args:
            questions: texts of the questions.
            texts: the collection, at least one text.
            n_best: maximal number of results per question.

        Returns:
            for each question the results, best first, as of `rank`. The score is the model's plus that of the first stage times the
            weight of a search.
        """
        return self.searcher(texts).search(questions, n_best)

    def searcher(self, texts: Sequence[str]) -> RerankingSearcher:
        """These texts, ready to be searched several times; at least one text."""
        return RerankingSearcher(self, self.stage.searcher(texts))

    def rerank(self, questions: Sequence[str], entries: Sequence[list[dict]], n_best: int) -> list[list[dict]]:
        """The best of the texts that a first stage found for each question, with new scores.

        The first `depth` are read. The others stay behind them, in their order and at their distances.

        Args:
            questions: texts of the questions.
            entries: for each question dicts with `text` and the first stage's `score`, best first.
            n_best: maximal number of results per question.
        """
        read = [retrieved[: self.depth] for retrieved in entries]
        scores = self.scores(questions, [[entry["text"] for entry in texts] for texts in read])
        results = []
        for values, retrieved in zip(scores, entries, strict=True):
            first_scores = np.array([entry["score"] for entry in retrieved])
            values = values + self.weights.search * first_scores[: len(values)]
            if len(retrieved) > len(values):
                others = first_scores[len(values) :]
                values = np.append(values, values.min() - 1 - (others[0] - others))
            order = np.argsort(-values, kind="stable")[:n_best]
            results.append([{**retrieved[place], "score": float(values[place])} for place in order])
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

"""A trained encoder that ranks answers."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise
from pathlib import Path

import numpy as np

from utils.common.errors import UserError
from utils.common.inputs import as_texts, check_same_length
from utils.common.reading import Reading
from utils.common.references import model_folder
from utils.ranking.data import named_answers, read_texts
from utils.ranking.demo import demo_rankings
from utils.text.embedding import embed, token_ids
from utils.text.tokenization import check_fits, load_tokenizer, special_token_ids
from utils.training.finished import MAX_SEED, checked_number, damaged_run_as_user_error, read_run, read_run_file

MAX_TOKENS = 100_000
"""Tokens of a text that a run may ask for."""


class RankingPredictor:
    """Ranks candidate texts for questions, by the cosine of their vectors.

        predictor = RankingPredictor.load("ranking-small")
        predictor(["Who wrote it?"], ["It is long.", "It was written by Ada."])[0][0]["text"]

    Args:
        model: `models.bi_encoder.BiEncoder`.
        tokenizer: the `tokenizers.Tokenizer` that the model was trained with.
        query_length: maximal number of tokens of a question; the rest is cut off.
        max_length: maximal number of tokens of a candidate.
        demo_seed: seed of the demo world that the model was trained on, or None.
    """

    def __init__(self, model, tokenizer, *, query_length: int, max_length: int, demo_seed: int | None = None):
        self.model = model
        self.tokenizer = tokenizer
        self.query_length = query_length
        self.max_length = max_length
        self.demo_seed = demo_seed
        self.padding_id, *_ = special_token_ids(tokenizer)

    @classmethod
    def load(cls, run_dir: str | Path) -> RankingPredictor:
        """Load a finished run.

        Args:
            run_dir: the run directory, the name of a published model, or `hf://owner/name`.

        Raises:
            UserError: there is no finished run of this task, or one of its files is damaged.
        """
        read_run(run_dir, "ranking")  # checks that the run is finished
        return cls.load_best_epoch(run_dir)

    @classmethod
    def load_best_epoch(cls, run_dir: str | Path) -> RankingPredictor:
        """Load the best epoch of a run that need not be finished.

        Raises:
            UserError: a file of the run is missing or damaged.
        """
        from models import load_model

        run_dir = model_folder(run_dir)
        with damaged_run_as_user_error(run_dir):
            config = read_run_file(run_dir, "config.json")
            lengths = {name: checked_number(config, name, 3, MAX_TOKENS) for name in ("query_length", "max_length")}
            demo_seed = None if config["train_files"] else checked_number(config, "split_seed", 0, MAX_SEED)
            model, tokenizer = load_model(run_dir), load_tokenizer(run_dir / "tokenizer.json")
            check_fits(tokenizer, model.candidates.encoder.config, max(lengths.values()))
        return cls(model, tokenizer, **lengths, demo_seed=demo_seed)

    def read_texts(self, path: Path | None = None) -> tuple[list[tuple[str, str]], list[str]]:
        """The texts to search among, and notes on what was left out.

        Args:
            path: a file with questions and answers, a collection, or a text file with a text per line (see
                `utils.ranking.data.read_texts`); None is the demo world, for a run that was trained on it.

        Returns:
            `(name, text)` of each text, and the notes.

        Raises:
            UserError: the file cannot be used, or it is needed and missing.
        """
        if path is None and self.demo_seed is None:
            raise UserError("a ranking run looks for answers in a file: name it with --file")
        if path is None:
            return named_answers(demo_rankings(self.demo_seed)), []
        reading = Reading()
        return read_texts(path, reading), reading.notes

    def __call__(
        self, questions: Sequence[str], candidates: Sequence[str] | Sequence[Sequence[str]]
    ) -> list[list[dict]]:
        """Rank candidate texts for questions.

        Args:
            questions: texts.
            candidates: the texts to rank, the same for all questions; or a list of texts for each question.

        Returns:
            for each question its candidates, best first, see `rank`.

        Raises:
            TypeError, ValueError: a question or a candidate is not a text or empty, or the numbers of questions and of lists of
                candidates differ.
        """
        questions = as_texts(questions, "questions")
        if isinstance(candidates, str) or any(isinstance(candidate, str) for candidate in candidates):
            texts = as_texts(candidates, "candidates")
            return self.search(questions, texts, len(texts)) if questions else []
        own_texts = [as_texts(texts, f"candidates[{number}]") for number, texts in enumerate(candidates)]
        check_same_length(len(questions), len(own_texts), "questions", "lists of candidates")
        return self.rank(questions, own_texts)

    def rank(self, questions: Sequence[str], candidates: Sequence[Sequence[str]]) -> list[list[dict]]:
        """Rank each question's own candidates.

        Args:
            questions: texts of the questions.
            candidates: for each question the texts of its candidates.

        Returns:
            for each question its candidates, best first: `{"candidate": place in its list, "text": str, "score": cosine}`.
        """
        texts = [text for own_texts in candidates for text in own_texts]
        if not texts:
            return [[] for _ in questions]
        question_vectors, candidate_vectors = self.embed_questions(questions), self.embed_candidates(texts)
        ends = accumulate(map(len, candidates), initial=0)
        return [
            _ranked(candidate_vectors[start:end] @ vector, own_texts)
            for vector, own_texts, (start, end) in zip(question_vectors, candidates, pairwise(ends), strict=True)
        ]

    def search(self, questions: Sequence[str], texts: Sequence[str], n_best: int = 10) -> list[list[dict]]:
        """Find the best texts of one collection for each question.

        Args:
            questions: texts of the questions.
            texts: the collection, at least one text.
            n_best: maximal number of results per question.

        Returns:
            for each question the results, best first: `{"candidate": place in texts, "text": str, "score": cosine}`.
        """
        text_vectors = self.embed_candidates(texts)
        return [_ranked(text_vectors @ vector, texts, n_best) for vector in self.embed_questions(questions)]

    def embed_questions(self, questions: Sequence[str]) -> np.ndarray:
        """The unit vector of each question, float32 `(questions, dim)`; at least one question."""
        return self.question_vectors(token_ids(self.tokenizer, questions, self.query_length))

    def embed_candidates(self, texts: Sequence[str]) -> np.ndarray:
        """The unit vector of each candidate text, float32 `(texts, dim)`; at least one text."""
        return self.candidate_vectors(token_ids(self.tokenizer, texts, self.max_length))

    def question_vectors(self, query_ids: Sequence[Sequence[int]]) -> np.ndarray:
        """The unit vector of each question, from its token ids."""
        return embed(self.model.queries, query_ids, self.padding_id)

    def candidate_vectors(self, candidate_ids: Sequence[Sequence[int]]) -> np.ndarray:
        """The unit vector of each candidate, from its token ids. Equal texts are encoded once."""
        places: dict[tuple[int, ...], int] = {}
        numbers = [places.setdefault(tuple(ids), len(places)) for ids in candidate_ids]
        return embed(self.model.candidates, list(places), self.padding_id)[numbers]

    def scores(self, query_ids: Sequence[Sequence[int]], candidate_ids: Sequence[Sequence[int]]) -> np.ndarray:
        """The cosine of every question with every candidate, float32 `(questions, candidates)`, from token ids."""
        return self.question_vectors(query_ids) @ self.candidate_vectors(candidate_ids).T

    def export(self, folder: Path) -> None:
        """Write the encoder as a SavedModel in `folder/saved_model`, and a second one for questions in `saved_model_queries`.

        They take texts of as many tokens as the encoder has positions; a longer one gives an error that names the bound.
        """
        from utils.training.export import export_saved_model

        axes = {"token_ids": ("batch", "sequence"), "padding_mask": ("batch", "sequence")}
        max_sizes = {"sequence": self.model.config["encoder"]["max_length"]}
        export_saved_model(self.model.candidates, folder / "saved_model", axes, max_sizes=max_sizes)
        if not self.model.config["shared"]:
            export_saved_model(self.model.queries, folder / "saved_model_queries", axes, max_sizes=max_sizes)


def _ranked(scores: np.ndarray, texts: Sequence[str], n_best: int | None = None) -> list[dict]:
    return [
        {"candidate": int(place), "text": texts[place], "score": float(scores[place])}
        for place in np.argsort(-scores, kind="stable")[:n_best]
    ]

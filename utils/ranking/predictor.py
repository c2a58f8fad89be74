"""A trained encoder that ranks answers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from utils.common.errors import UserError
from utils.common.reading import MAX_BAD_FRACTION, Reading
from utils.common.references import model_folder
from utils.ranking.answering import RankingAnswerer, onnx_encoders
from utils.ranking.data import NamedText, named_answers, read_texts
from utils.ranking.demo import demo_rankings
from utils.ranking.lexical import WORDS, scorer_of, scores_of_all
from utils.ranking.scores import Scores, VectorScores
from utils.ranking.vector_files import vectors_on_disk
from utils.ranking.word_scores import LexicalScorer, WordStatistics
from utils.text.tokenization import check_fits, load_tokenizer
from utils.training.finished import MAX_SEED, checked_number, damaged_run_as_user_error, read_run, read_run_file

MAX_TOKENS = 100_000
"""Tokens of a text that a run may ask for."""
VECTORS_IN_MEMORY = 2**30
"""Bytes of candidates' vectors that are kept in memory while they are scored."""


class RankingPredictor(RankingAnswerer):
    """Ranks candidate texts for questions, by the cosine of their vectors.

        predictor = RankingPredictor.load("ranking-small")
        predictor(["Who wrote it?"], ["It is long.", "It was written by Ada."])[0][0]["text"]

    Args:
        model: `models.bi_encoder.BiEncoder`.
        tokenizer: the `tokenizers.Tokenizer` that the model was trained with.
        query_length: maximal number of tokens of a question; the rest is cut off.
        max_length: maximal number of tokens of a candidate.
        demo_seed: seed of the demo world that the model was trained on, or None.
        statistics: of the words of the training's texts, for a model in which words count beside vectors.
    """

    def __init__(
        self,
        model,
        tokenizer,
        *,
        query_length: int,
        max_length: int,
        demo_seed: int | None = None,
        statistics: WordStatistics | None = None,
    ):
        lengths = {"query_length": query_length, "max_length": max_length}
        super().__init__(model.candidates, model.queries, tokenizer, **lengths)
        self.model = model
        self.demo_seed = demo_seed
        self.statistics = statistics

    @property
    def lexical(self) -> LexicalScorer | None:
        """Scores by words, with the model's parameters as they are now; None for a model of vectors alone."""
        return scorer_of(self.model, self.statistics) if self.model.config["lexical"] else None

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
            is_lexical = model.config["lexical"]
            statistics = WordStatistics.from_dict(read_run_file(run_dir, WORDS)) if is_lexical else None
        return cls(model, tokenizer, **lengths, demo_seed=demo_seed, statistics=statistics)

    def read_texts(
        self, path: Path | None = None, max_bad_fraction: float = MAX_BAD_FRACTION
    ) -> tuple[list[NamedText], list[str]]:
        """The texts to search among, and notes on what was left out, see `read_searched_texts`."""
        return read_searched_texts(path, self.demo_seed, max_bad_fraction)

    def scores(
        self,
        query_ids: Sequence[Sequence[int]],
        candidate_ids: Sequence[Sequence[int]],
        questions: Sequence[str] = (),
        candidates: Sequence[str] = (),
    ) -> Scores:
        """The score of every question with every candidate: the cosine, and where words count that of the words beside it.

        The candidates' vectors are in memory up to `VECTORS_IN_MEMORY` bytes, and beyond that in a temporary file.

        Args:
            query_ids: token ids of the questions.
            candidate_ids: token ids of the candidates.
            questions: their texts, for a model in which words count.
            candidates: the candidates' texts, for such a model.
        """
        if 4 * len(candidate_ids) * self.model.candidates.size <= VECTORS_IN_MEMORY:
            vectors = self.candidate_vectors(candidate_ids)
        else:
            vectors = vectors_on_disk(self.candidate_encoder, candidate_ids, self.padding_id)
        scores = VectorScores(self.question_vectors(query_ids), vectors)
        return scores_of_all(self.lexical, scores, questions, candidates) if self.lexical else scores

    def open_index(self, folder: Path):
        """An index of texts that this encoder made, see `utils.ranking.index.TextIndex`."""
        from utils.ranking.index import TextIndex

        return TextIndex(folder, self)

    def use_onnx(self, path: str | Path) -> None:
        """Let an exported encoder compute all vectors from now on, such as `export/model_int8.onnx`."""
        self.candidate_encoder, self.question_encoder = onnx_encoders(path, self.model.config["shared"])

    def export(self, folder: Path) -> dict:
        """Write the encoder to a folder that needs nothing else, see `utils.ranking.export`."""
        from utils.ranking.export import export_ranking

        return export_ranking(self, folder)


def read_searched_texts(
    path: Path | None, demo_seed: int | None, max_bad_fraction: float = MAX_BAD_FRACTION
) -> tuple[list[NamedText], list[str]]:
    """The texts to search among, and notes on what was left out.

    Args:
        path: a file with questions and answers, a collection, or a text file with a text per line (see
            `utils.ranking.data.read_texts`); None is the demo world, for a run that was trained on it.
        demo_seed: seed of that world; None for other runs.
        max_bad_fraction: fraction of its records that may be unusable.

    Returns:
        the texts with their names, and the notes.

    Raises:
        UserError: the file cannot be used, or it is needed and missing.
    """
    if path is None and demo_seed is None:
        raise UserError("this run looks for answers in a file: name it with --file")
    if path is None:
        return named_answers(demo_rankings(demo_seed)), []
    reading = Reading(max_bad_fraction)
    return read_texts(path, reading), reading.notes

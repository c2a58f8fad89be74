"""A trained model that answers questions about texts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from utils.common.onnx_model import OnnxModel
from utils.common.references import model_folder
from utils.squad.answering import SquadAnswerer
from utils.squad.batch_lengths import lengths_of_batches
from utils.squad.decoding import N_BEST, Answers, answer_questions
from utils.squad.features import SquadFeatures
from utils.squad.metrics import best_null_threshold
from utils.squad.question import Question
from utils.text.tokenization import check_fits, load_tokenizer
from utils.training.finished import checked_number, damaged_run_as_user_error, read_run, read_run_file

MAX_WINDOW = 100_000
"""Tokens of a window that a run may ask for."""


class SquadPredictor(SquadAnswerer):
    """Answers questions from the texts that come with them.

        predictor = SquadPredictor.load("squad-matching")
        predictor(["Who wrote it?"], ["It was written by Ada Lovelace."])[0]["answer"]

    Args:
        model: `QATransformer` or `BertQA`.
        tokenizer: the `tokenizers.Tokenizer` that the model was trained with.
        max_length: longest window in tokens, question and special tokens included.
        doc_stride: tokens by which neighbouring windows of a long text overlap.
        length_penalty: power of the number of words that an answer's weight is divided by, see `answer_texts`.
        null_threshold: null score above which a question is taken to be unanswerable; None: every question is answered.
    """

    @property
    def batch_lengths(self) -> tuple[int, ...]:
        """The lengths that batches are padded to; an exported model takes any."""
        return () if isinstance(self.model, OnnxModel) else lengths_of_batches(self.max_length)

    @classmethod
    def load(cls, run_dir: str | Path) -> SquadPredictor:
        """Load a finished run.

        Args:
            run_dir: the run directory, the name of a published model, or `hf://owner/name`.

        Raises:
            UserError: there is no finished run of this task, or one of its files is damaged.
        """
        _, results = read_run(run_dir, "squad")
        predictor = cls.load_best_epoch(run_dir)
        with damaged_run_as_user_error(run_dir):
            if results["details"]["null_threshold"] is not None:
                predictor.null_threshold = checked_number(results["details"], "null_threshold", -1e9, 1e9, float)
        return predictor

    @classmethod
    def load_best_epoch(cls, run_dir: str | Path) -> SquadPredictor:
        """Load the best epoch of a run that need not be finished; it answers every question.

        Raises:
            UserError: a file of the run is missing or damaged.
        """
        from models import load_model

        run_dir = model_folder(run_dir)
        with damaged_run_as_user_error(run_dir):
            config = read_run_file(run_dir, "config.json")
            max_length = checked_number(config, "max_length", 8, MAX_WINDOW)
            settings = {
                "max_length": max_length,
                "doc_stride": checked_number(config, "doc_stride", 0, max_length - 5),
                "length_penalty": checked_number(config, "length_penalty", 0, 100, float),
            }
            model, tokenizer = load_model(run_dir), load_tokenizer(run_dir / "tokenizer.json")
            check_fits(tokenizer, getattr(model, "encoder", model).config, max_length)
        return cls(model, tokenizer, **settings)

    def answer_features(self, features: SquadFeatures, questions: Sequence[Question], n_best: int = N_BEST) -> Answers:
        """Answer questions whose features are made already, without regard to `null_threshold`."""
        settings = {"length_penalty": self.length_penalty, "n_best": n_best, "lengths": self.batch_lengths}
        return answer_questions(self.model, features, questions, **settings)

    def fit_null_threshold(self, questions: Sequence[Question], answers: Answers) -> None:
        """Choose the `null_threshold` of highest F1 on these questions; None where all of them have answers."""
        has_unanswerable = any(question.is_impossible for question in questions)
        self.null_threshold = (
            best_null_threshold(questions, answers.answers, answers.null_scores)[0] if has_unanswerable else None
        )

    def use_onnx(self, path: str | Path) -> None:
        """Let an exported model answer from now on, such as `export/model_int8.onnx`."""
        self.model = OnnxModel(path, ("start", "end"))

    def export(self, folder: Path) -> dict:
        """Write the model to a folder that needs nothing else, see `utils.squad.export`."""
        from utils.squad.export import export_squad

        return export_squad(self, folder)

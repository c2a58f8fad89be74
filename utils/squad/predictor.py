"""A trained model that answers questions about texts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from utils.common.errors import UserError
from utils.common.files import has_lone_surrogate
from utils.common.inputs import as_texts, check_same_length
from utils.common.references import model_folder
from utils.squad.data import Question
from utils.squad.decoding import N_BEST, Answers, answer_questions
from utils.squad.features import SquadFeatures, build_features
from utils.squad.metrics import best_null_threshold
from utils.text.tokenization import check_fits, load_tokenizer
from utils.training.finished import checked_number, damaged_run_as_user_error, read_run, read_run_file

MAX_WINDOW = 100_000
"""Tokens of a window that a run may ask for."""


class SquadPredictor:
    """Answers questions from the texts that come with them.

        predictor = SquadPredictor.load("squad-matching")
        predictor(["Who wrote it?"], ["It was written by Ada Lovelace."])[0]["answer"]

    Args:
        model: `QATransformer` or `BertQA`.
        tokenizer: the `tokenizers.Tokenizer` that the model was trained with.
        max_length: longest window in tokens, question and special tokens included.
        doc_stride: tokens by which neighbouring windows of a long text overlap.
        length_penalty: power of the number of words that an answer's weight is divided by, see `answer_questions`.
        null_threshold: null score above which a question is taken to be unanswerable; None: every question is answered.
    """

    def __init__(
        self, model, tokenizer, *, max_length: int, doc_stride: int, length_penalty: float, null_threshold=None
    ):
        self.model = model
        self.tokenizer = tokenizer
        self.max_length = max_length
        self.doc_stride = doc_stride
        self.length_penalty = length_penalty
        self.null_threshold = null_threshold

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

    def __call__(self, questions: Sequence[str], contexts: Sequence[str] | str, n_best: int = N_BEST) -> list[dict]:
        """Answer questions, each from its own text or all from the same one.

        Args:
            questions: texts.
            contexts: the text that holds the answer to each question, or one text for all of them.
            n_best: answers to list for each question.

        Returns:
            a dict for each question, see `answer`.

        Raises:
            TypeError, ValueError: a question or a context is not a text or empty, or their numbers differ.
        """
        questions = as_texts(questions, "questions")
        contexts = as_texts([contexts] * len(questions) if isinstance(contexts, str) else contexts, "contexts")
        check_same_length(len(questions), len(contexts), "questions", "contexts")
        records = [
            {"question": question, "context": context} for question, context in zip(questions, contexts, strict=True)
        ]
        return self.answer(records, n_best)

    def answer(self, records: Sequence[dict], n_best: int = N_BEST) -> list[dict]:
        """Answer a batch of questions.

        Args:
            records: `{"question": str, "context": str}` each; other keys are ignored.
            n_best: answers to list for each question.

        Returns:
            for each record a dict:
                `answer`: the text, "" where the question is taken to be unanswerable;
                `probability`: that of the answer among the best texts, None where there is no answer;
                `start`: the answer's first character in the context, None where there is no answer;
                `null_score`: how much "no answer" is preferred to the best text;
                `n_best`: the best texts, see `Answers`; their probabilities sum to one over at least the 20 best.

        Raises:
            UserError: a record has no question or no context, or a question is too long for `max_length`.
        """
        questions = [_as_question(number, record) for number, record in enumerate(records)]
        if not questions:
            return []
        features = build_features(questions, self.tokenizer, self.max_length, self.doc_stride, labelled=False)
        answers = self.answer_features(features, questions, n_best=max(n_best, N_BEST))
        predictions = answers.predictions(self.null_threshold)
        results = []
        for question in questions:
            best = answers.n_best[question.id]
            is_answered = bool(predictions[question.id])
            results.append(
                {
                    "answer": predictions[question.id],
                    "probability": best[0]["probability"] if is_answered else None,
                    "start": best[0]["start"] if is_answered else None,
                    "null_score": answers.null_scores[question.id],
                    "n_best": best[:n_best],
                }
            )
        return results

    def answer_features(self, features: SquadFeatures, questions: Sequence[Question], n_best: int = N_BEST) -> Answers:
        """Answer questions whose features are made already, without regard to `null_threshold`."""
        return answer_questions(self.model, features, questions, length_penalty=self.length_penalty, n_best=n_best)

    def fit_null_threshold(self, questions: Sequence[Question], answers: Answers) -> None:
        """Choose the `null_threshold` of highest F1 on these questions; None where all of them have answers."""
        has_unanswerable = any(question.is_impossible for question in questions)
        self.null_threshold = (
            best_null_threshold(questions, answers.answers, answers.null_scores)[0] if has_unanswerable else None
        )

    def export(self, folder: Path) -> None:
        """Write the model as a SavedModel in `folder/saved_model`.

        It takes windows of as many tokens as the model has positions; a longer one gives an error that names the bound.
        """
        from utils.training.export import export_saved_model

        settings = self.model.get_config()
        positions = settings.get("encoder", settings)["max_length"]
        axes = dict.fromkeys(self.model.feature_names, ("batch", "sequence"))
        export_saved_model(self.model, folder / "saved_model", axes, max_sizes={"sequence": positions})


def _as_question(number: int, record: dict) -> Question:
    for name in ("question", "context"):
        text = record.get(name)
        if not isinstance(text, str) or not text.strip():
            raise UserError(f"record {number + 1}: its {name} is empty; give a question and a context with text")
        if has_lone_surrogate(text):
            raise UserError(f"record {number + 1}: its {name} holds half a character (a lone surrogate); correct it")
    return Question(str(number), "", record["context"], record["question"], ())

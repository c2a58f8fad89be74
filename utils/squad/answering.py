"""Answers to questions about texts, from any model that gives start and end logits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from utils.common.errors import UserError
from utils.common.files import has_lone_surrogate
from utils.common.inputs import as_texts, check_same_length
from utils.squad.decoding import N_BEST, answer_texts
from utils.squad.windows import cut_windows


class SquadAnswerer:
    """Answers questions from the texts that come with them.

    Args:
        model: gives start and end logits for the inputs of `assemble`, such as `QATransformer`, `BertQA`, or an exported one.
        tokenizer: the `tokenizers.Tokenizer` that the model was trained with.
        max_length: longest window in tokens, question and special tokens included.
        doc_stride: tokens by which neighbouring windows of a long text overlap.
        length_penalty: power of the number of words that an answer's weight is divided by, see `answer_texts`.
        null_threshold: null score above which a question is taken to be unanswerable; None: every question is answered.
    """

    batch_lengths: tuple[int, ...] = ()
    """See `utils.squad.decoding.answer_texts`."""

    def __init__(
        self, model, tokenizer, *, max_length: int, doc_stride: int, length_penalty: float, null_threshold=None
    ):
        self.model = model
        self.tokenizer = tokenizer
        self.max_length = max_length
        self.doc_stride = doc_stride
        self.length_penalty = length_penalty
        self.null_threshold = null_threshold

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
                `n_best`: the best texts, each a dict of `text`, `probability`, `start`, `start_logit` and `end_logit`; their
                    probabilities sum to one over at least the 20 best. The first one has the best expected score, which is not
                    always the highest probability; the others follow by their probability.

        Raises:
            UserError: a record has no question or no context, or its question has more than 64 tokens or leaves no room for the
                context.
        """
        for number, record in enumerate(records):
            _check_record(number, record)
        if not records:
            return []
        questions, contexts = ([record[name] for record in records] for name in ("question", "context"))
        windows = cut_windows(questions, contexts, self.tokenizer, self.max_length, self.doc_stride)
        question_lengths = np.diff(windows.questions.offsets)
        for number in np.flatnonzero(question_lengths > windows.question_lengths):
            raise UserError(
                f"record {number + 1}: its question has {question_lengths[number]:,} tokens, more than the "
                f"{windows.question_lengths[number]} that the model reads; shorten it, and put what it is about into the context"
            )
        answers = answer_texts(
            self.model,
            windows,
            contexts,
            length_penalty=self.length_penalty,
            n_best=max(n_best, N_BEST),
            lengths=self.batch_lengths,
        )
        results = []
        for best, null_score in answers:
            is_answered = bool(best) and (self.null_threshold is None or null_score <= self.null_threshold)
            results.append(
                {
                    "answer": best[0]["text"] if is_answered else "",
                    "probability": best[0]["probability"] if is_answered else None,
                    "start": best[0]["start"] if is_answered else None,
                    "null_score": null_score,
                    "n_best": best[:n_best],
                }
            )
        return results


def _check_record(number: int, record: dict) -> None:
    for name in ("question", "context"):
        text = record.get(name)
        if not isinstance(text, str) or not text.strip():
            raise UserError(f"record {number + 1}: its {name} is empty; give a question and a context with text")
        if has_lone_surrogate(text):
            raise UserError(f"record {number + 1}: its {name} holds half a character (a lone surrogate); correct it")


def answer_lines(answer: dict) -> Iterator[str]:
    """What is printed of an answer."""
    if not answer["answer"]:
        yield "(no answer in this text)"
    for entry in answer["n_best"]:
        yield f"{entry['probability']:.3f}  {entry['text']}"

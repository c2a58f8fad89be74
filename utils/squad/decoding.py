"""From start and end logits to answers: joint span decoding over all windows of a question."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from utils.squad.evaluation import normalize_answer
from utils.squad.features import assemble

LONGEST_ANSWER = 30  # tokens
N_BEST = 20
LENGTH_PENALTY = 0.4
"""Power of the number of words that an answer's weight is divided by: `start + end` knows no difference between an answer and the
stretch from the start of one candidate to the end of another. Chosen on validation data (docs/results.md)."""


def best_spans(start_logits, end_logits, allowed, n_best: int = N_BEST, max_tokens: int = LONGEST_ANSWER):
    """The spans of highest `start + end` with `start <= end < start + max_tokens`, exactly (no top-k of each side first).

    Args:
        start_logits, end_logits: `(batch, sequence)`.
        allowed: `(batch, sequence)`, True where a span may start or end.

    Returns:
        starts, ends (int) and scores, each `(batch, n_best)`, best first; a score of -inf or less than -1e8 is no span.
    """
    batch, length = start_logits.shape
    start = np.where(allowed, start_logits, -np.inf).astype(np.float32)
    end = np.pad(np.where(allowed, end_logits, -np.inf).astype(np.float32), ((0, 0), (0, max_tokens - 1)),
                 constant_values=-np.inf)  # fmt: skip
    windows = np.lib.stride_tricks.sliding_window_view(end, max_tokens, axis=1)
    scores = (start[:, :, None] + windows).reshape(batch, length * max_tokens)
    n_best = min(n_best, scores.shape[1])
    top = np.argpartition(-scores, n_best - 1, axis=1)[:, :n_best]
    top_scores = np.take_along_axis(scores, top, axis=1)
    order = np.argsort(-top_scores, axis=1, kind="stable")
    top, top_scores = np.take_along_axis(top, order, axis=1), np.take_along_axis(top_scores, order, axis=1)
    starts = top // max_tokens
    return starts, starts + top % max_tokens, top_scores


@dataclass(frozen=True)
class Answers:
    """What a model says to some questions, each a dict by question id.

    `answers`: the best non-empty text (empty only when the paragraph has no token).
    `n_best`: a list of `{"text", "probability", "start_logit", "end_logit"}`, best first; probabilities sum to one over it. Spans
    whose texts are equal once normalised (case, punctuation, articles) are one answer: it has the sum of their weights, and the
    text and logits of the best of them.
    `null_scores`: score of no answer less that of the best answer; above a threshold the question is taken to be
    unanswerable (SQuAD 2.0). Of several windows, the one that is least sure of no answer speaks for it.
    """

    answers: dict[str, str]
    n_best: dict[str, list[dict]]
    null_scores: dict[str, float]


def answer_questions(
    model, features, questions, batch_size: int = 64, n_best: int = N_BEST, length_penalty: float = LENGTH_PENALTY
) -> Answers:
    """Answer every question, from all windows of its paragraph.

    Args:
        model: returns `{"start", "end"}` logits of shape `(batch, sequence)` for the inputs of `assemble`.
        features: `utils.squad.features.SquadFeatures` of `questions`, in the same order.
        length_penalty: an answer of n words weighs `exp(start + end) / n ** length_penalty`.
    """
    order = np.argsort(features.lengths, kind="stable")
    candidates: list[list] = [[] for _ in questions]
    null = np.full(len(questions), np.inf)
    for first in range(0, len(order), batch_size):
        windows = order[first : first + batch_size]
        inputs = assemble(features, windows)
        outputs = model.predict_on_batch(inputs)
        start_logits, end_logits = np.asarray(outputs["start"]), np.asarray(outputs["end"])
        shift = 2 + features.question_lengths[features.window_question[windows]]
        count = features.window_end[windows] - features.window_start[windows]
        position = np.arange(start_logits.shape[1])[None, :]
        allowed = (position >= shift[:, None]) & (position < (shift + count)[:, None])
        starts, ends, scores = best_spans(start_logits, end_logits, allowed, n_best)
        for row, window in enumerate(windows):
            question = features.window_question[window]
            null[question] = min(null[question], start_logits[row, 0] + end_logits[row, 0])
            move = features.window_start[window] - shift[row]
            candidates[question] += [
                (float(score), int(a + move), int(b + move), float(start_logits[row, a]), float(end_logits[row, b]))
                for a, b, score in zip(starts[row], ends[row], scores[row], strict=True)
                if np.isfinite(score)
            ]
    answers, all_best, null_scores = {}, {}, {}
    for number, question in enumerate(questions):
        context = features.window_context_of(number)
        begin = features.contexts.offsets[context]
        spans = {}
        for score, a, b, start_logit, end_logit in sorted(candidates[number]):
            spans[a, b] = score, start_logit, end_logit  # of the window that is surest of it
        top = max((score for score, _, _ in spans.values()), default=0.0)
        pooled = {}
        for (a, b), (score, start_logit, end_logit) in sorted(spans.items(), key=lambda item: -item[1][0]):
            text = question.context[features.contexts.starts[begin + a] : features.contexts.ends[begin + b]]
            key = normalize_answer(text) or text
            entry = pooled.setdefault(
                key, {"text": text, "probability": 0.0, "start_logit": start_logit, "end_logit": end_logit}
            )
            entry["probability"] += float(np.exp(score - top)) / max(len(key.split()), 1) ** length_penalty
        best = sorted(pooled.values(), key=lambda entry: -entry["probability"])[:n_best]
        total = sum(entry["probability"] for entry in best)
        for entry in best:
            entry["probability"] /= total
        answers[question.id] = best[0]["text"] if best else ""
        all_best[question.id] = best
        chosen = best[0]["start_logit"] + best[0]["end_logit"] if best else -np.inf
        null_scores[question.id] = float(null[number] - chosen)
    return Answers(answers, all_best, null_scores)

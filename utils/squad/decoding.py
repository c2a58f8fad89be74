"""Start and end logits to answers: joint decoding of spans over all windows of a question."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from utils.common.files import write_json
from utils.common.progress import with_progress
from utils.squad.metrics import apply_null_threshold
from utils.squad.normalization import answer_tokens, is_by_character
from utils.squad.windows import Windows, assemble, coarse_length

MAX_ANSWER_TOKENS = 30
"""Tokens of the longest answer."""
N_BEST = 20
"""Answers that are kept for each question."""


def best_spans(start_logits, end_logits, can_start, can_end, n_best: int = N_BEST, max_tokens: int = MAX_ANSWER_TOKENS):
    """Find the spans of highest `start + end` with `start <= end < start + max_tokens`, exactly (no top-k of each side first).

    Args:
        start_logits: `(batch, sequence)`.
        end_logits: `(batch, sequence)`.
        can_start: `(batch, sequence)`, True where a span may start.
        can_end: `(batch, sequence)`, True where a span may end.
        n_best: number of spans.
        max_tokens: longest span.

    Returns:
        starts, ends (int) and scores, each `(batch, n_best)`, best first; an entry whose score is -inf is no span.
    """
    batch, length = start_logits.shape
    start_logits = np.where(can_start, start_logits, -np.inf).astype(np.float32)
    end_logits = np.where(can_end, end_logits, -np.inf).astype(np.float32)
    end_logits = np.pad(end_logits, ((0, 0), (0, max_tokens - 1)), constant_values=-np.inf)
    end_logits_in_reach = np.lib.stride_tricks.sliding_window_view(end_logits, max_tokens, axis=1)
    scores = (start_logits[:, :, None] + end_logits_in_reach).reshape(batch, length * max_tokens)
    n_best = min(n_best, scores.shape[1])
    top = np.argpartition(-scores, n_best - 1, axis=1)[:, :n_best]
    top_scores = np.take_along_axis(scores, top, axis=1)
    order = np.argsort(-top_scores, axis=1, kind="stable")
    top, top_scores = np.take_along_axis(top, order, axis=1), np.take_along_axis(top_scores, order, axis=1)
    starts = top // max_tokens
    return starts, starts + top % max_tokens, top_scores


@dataclass(frozen=True)
class Answers:
    """A model's answers to some questions, each a dict by question id.

    Args:
        answers: the best non-empty text; empty only where the paragraph has no token.
        n_best: a list of `{"text", "probability", "start", "start_logit", "end_logit"}`: the answer first, which is not always
            the most probable (`expected_scores`), then the others by their probability; `start` is the text's first character in
            the paragraph, and probabilities sum to one over the list. Spans whose texts are equal once normalised (case,
            punctuation, articles) are one answer: its weight is the sum of theirs, and its text, place and logits are those of
            the best of them.
        null_scores: score of "no answer" minus the score of the best answer; above a threshold the question is taken to be
            unanswerable (SQuAD 2.0). Of several windows, the one with the lowest score of "no answer" counts.
    """

    answers: dict[str, str]
    n_best: dict[str, list[dict]]
    null_scores: dict[str, float]

    def predictions(self, null_threshold: float | None) -> dict[str, str]:
        """The answers, "" where the null score exceeds the threshold; None: every question is answered."""
        if null_threshold is None:
            return self.answers
        return apply_null_threshold(self.answers, self.null_scores, null_threshold)

    def write(self, folder: Path, null_threshold: float | None) -> None:
        """Write `predictions.json`, `nbest_predictions.json` and, where there is a threshold, `null_scores.json`."""
        write_json(folder / "predictions.json", self.predictions(null_threshold))
        write_json(folder / "nbest_predictions.json", self.n_best)
        if null_threshold is not None:
            write_json(folder / "null_scores.json", self.null_scores)


def answer_questions(model, windows: Windows, questions, **settings) -> Answers:
    """Answer every question from all windows of its paragraph.

    Args:
        model: as for `answer_texts`.
        windows: the windows of `questions`, in the same order.
        questions: `utils.squad.data.Question` records.
        settings: the other arguments of `answer_texts`.
    """
    answers = answer_texts(model, windows, [question.context for question in questions], **settings)
    ids = [question.id for question in questions]
    return Answers(
        {key: best[0]["text"] if best else "" for key, (best, _) in zip(ids, answers, strict=True)},
        {key: best for key, (best, _) in zip(ids, answers, strict=True)},
        {key: null_score for key, (_, null_score) in zip(ids, answers, strict=True)},
    )


def answer_texts(
    model,
    windows: Windows,
    contexts: Sequence[str],
    *,
    length_penalty: float,
    batch_size: int = 64,
    n_best: int = N_BEST,
    lengths: tuple[int, ...] = (),
) -> list[tuple[list[dict], float]]:
    """Find the best answers to every question in all windows of its text.

    The sum `start + end` does not tell an answer from the stretch between the start of one candidate and the end of another. The
    length penalty does: it prefers the shorter of two.

    Of the `N_BEST` texts of highest weight, the answer is the one with the highest expected score (`expected_scores`). That added
    0.5 to the F1 of models on validation data, and took 0.3 from exact match (docs/squad_decoding.md).

    An answer neither starts nor ends within a word, where words have spaces between them. That added 0.18 to the F1 of
    a model on validation data (docs/squad_decoding.md).

    Args:
        model: returns `{"start", "end"}` logits of shape `(batch, sequence)` for the inputs of `assemble`.
        windows: the windows of the questions.
        contexts: the text of each question.
        length_penalty: an answer of n words has the weight `exp(start + end) / n ** length_penalty`; of n characters where the
            text's words have no spaces between them. The unit does not matter: it is a factor that all answers share.
        batch_size: windows per batch.
        n_best: answers that are kept for each question.
        lengths: the only lengths that batches are padded to (`coarse_lengths`); empty where any length will do.

    Returns:
        for each question its best answers and its null score, see `Answers`.
    """
    spans, null_logits = _spans_of_questions(model, windows, contexts, batch_size, n_best, lengths)
    answers = []
    for number, context in enumerate(contexts):
        begin = windows.contexts.offsets[windows.context_number(number)]
        characters = {
            (first, last): (int(windows.contexts.starts[begin + first]), int(windows.contexts.ends[begin + last]))
            for first, last in spans[number]
        }
        best = _best_texts(context, spans[number], characters, length_penalty, n_best)
        best_score = best[0]["start_logit"] + best[0]["end_logit"] if best else -np.inf
        answers.append((best, float(null_logits[number] - best_score)))
    return answers


def _spans_of_questions(model, windows: Windows, contexts: Sequence[str], batch_size: int, n_best: int, lengths):
    """For each question its best spans over all windows, and its lowest score of "no answer".

    A span is a pair of tokens of the paragraph, mapped to `(score, start logit, end logit)`. Where several windows hold a span, the
    highest score counts.
    """
    order = np.argsort(windows.lengths, kind="stable")
    candidates: list[list] = [[] for _ in contexts]
    null_logits = np.full(len(contexts), np.inf)
    borders = {}  # text number to its `_word_borders`
    for batch_start in with_progress(range(0, len(order), batch_size), "answering"):
        chosen = order[batch_start : batch_start + batch_size]
        longest = coarse_length(int(windows.lengths[chosen].max()), lengths)
        outputs = model.predict_on_batch(assemble(windows, chosen, longest))
        start_logits, end_logits = np.asarray(outputs["start"]), np.asarray(outputs["end"])
        shift = windows.tokens_around_question + windows.question_lengths[windows.window_question[chosen]]
        count = windows.window_end[chosen] - windows.window_start[chosen]
        position = np.arange(start_logits.shape[1])[None, :]
        in_context = (position >= shift[:, None]) & (position < (shift + count)[:, None])
        can_start, can_end = in_context.copy(), in_context.copy()
        for row, window in enumerate(chosen):
            number = int(windows.window_context[window])
            if number not in borders:
                borders[number] = _word_borders(windows, number, contexts[windows.window_question[window]])
            tokens = slice(windows.window_start[window], windows.window_end[window])
            for mask, is_border in zip((can_start, can_end), borders[number], strict=True):
                mask[row, shift[row] : shift[row] + count[row]] = is_border[tokens]
        first_positions, last_positions, scores = best_spans(start_logits, end_logits, can_start, can_end, n_best)
        for row, window in enumerate(chosen):
            question = windows.window_question[window]
            null_logits[question] = min(null_logits[question], start_logits[row, 0] + end_logits[row, 0])
            move = windows.window_start[window] - shift[row]
            candidates[question] += [
                (float(score), int(i + move), int(j + move), float(start_logits[row, i]), float(end_logits[row, j]))
                for i, j, score in zip(first_positions[row], last_positions[row], scores[row], strict=True)
                if np.isfinite(score)
            ]
    # In ascending order, so that of the entries of one span that of the highest score comes last and stays in the dict.
    spans = [
        {(first, last): (score, start_logit, end_logit) for score, first, last, start_logit, end_logit in sorted(rows)}
        for rows in candidates
    ]
    return spans, null_logits


def _word_borders(windows: Windows, number: int, text: str) -> tuple[np.ndarray, np.ndarray]:
    """At which tokens of a text an answer may start, and at which it may end: not between two letters or digits.

    Where no spaces stand between words, and where a word has more tokens than an answer may have, it may at any token.
    """
    tokens = slice(windows.contexts.offsets[number], windows.contexts.offsets[number + 1])
    starts, ends = windows.contexts.starts[tokens], windows.contexts.ends[tokens]
    anywhere = np.ones(len(starts), bool)
    if is_by_character(text):
        return anywhere, anywhere
    is_letter = np.zeros(len(text) + 2, bool)  # with a space before and after the text
    is_letter[1:-1] = [character.isalnum() for character in text]
    is_joined = is_letter[:-1] & is_letter[1:]  # the characters before and after each border
    can_start, can_end = ~is_joined[starts], ~is_joined[ends]
    word_lengths = np.diff(np.append(np.flatnonzero(can_start), len(starts)))
    is_usable = can_start.any() and can_end.any() and word_lengths.max() <= MAX_ANSWER_TOKENS
    return (can_start, can_end) if is_usable else (anywhere, anywhere)


def _best_texts(context: str, spans: dict, characters: dict, length_penalty: float, n_best: int) -> list[dict]:
    """The `n_best` texts with their probabilities, see `Answers`; spans with the same normalised text share an entry.

    `characters` maps a span to the first character of its text and the one after its last.
    """
    top = max((score for score, _, _ in spans.values()), default=0.0)
    by_character = is_by_character(context)
    pooled: dict[tuple[str, ...], dict] = {}
    for span, (score, start_logit, end_logit) in sorted(spans.items(), key=lambda item: -item[1][0]):
        first_character, stop = characters[span]
        text = context[first_character:stop]
        tokens = answer_tokens(text, by_character)
        key = tuple(tokens) or (text,)
        best_span = {"start": first_character, "start_logit": start_logit, "end_logit": end_logit}
        entry = pooled.setdefault(key, {"text": text, "weight": 0.0, "best_span": best_span})
        entry["weight"] += float(np.exp(score - top)) / max(len(tokens), 1) ** length_penalty
    if not pooled:
        return []
    best = sorted(pooled.items(), key=lambda item: -item[1]["weight"])[:n_best]
    weights = np.array([entry["weight"] for _, entry in best])
    # Of the first N_BEST alone, so that the answer does not depend on how many others are listed.
    scores = expected_scores([tokens for tokens, _ in best[:N_BEST]], weights[:N_BEST] / weights[:N_BEST].sum())
    chosen = int(scores.argmax())
    order = [chosen, *(place for place in range(len(best)) if place != chosen)]
    total = weights.sum()
    return [
        {"text": best[i][1]["text"], "probability": float(weights[i] / total), **best[i][1]["best_span"]} for i in order
    ]


def expected_scores(answers: Sequence[Sequence[str]], probabilities: np.ndarray) -> np.ndarray:
    """The expected mean of F1 and exact match of each answer, if exactly one of the answers is right.

    An answer that shares words with other probable answers can be a better choice than the most probable one: this is minimum
    Bayes risk decoding (Kumar and Byrne 2004).

    >>> expected_scores([["may"], ["in", "may", "1905"], ["may", "1905"]], np.array([0.36, 0.3, 0.34])).round(2).tolist()
    [0.55, 0.53, 0.58]

    Args:
        answers: the tokens of n different answers.
        probabilities: `(n,)`, of being the right answer.

    Returns:
        `(n,)`, each from 0 to 1.
    """
    columns = {token: column for column, token in enumerate(dict.fromkeys(itertools.chain(*answers)))}
    counts = np.zeros((len(answers), len(columns)))
    for row, tokens in enumerate(answers):
        for token in tokens:
            counts[row, columns[token]] += 1
    in_common = np.minimum(counts[:, None], counts).sum(-1)
    lengths = counts.sum(-1)
    f1 = 2 * in_common / (lengths[:, None] + lengths)
    return (f1 @ probabilities + probabilities) / 2

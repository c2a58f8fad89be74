"""Joint span decoding against loops of its own: one window, and all windows of a question."""

import numpy as np
import pytest

from utils.data.squad import Answer, Question
from utils.data.squad_features import assemble, build_features
from utils.span_decoding import answer_questions, best_spans
from utils.tokenization import train_tokenizer

CONTEXTS = ["Ada met Bob in Rome. Bob left Rome for Oslo in May, and Ada stayed.", "Eve stayed in Oslo.", "Bob left."]
ASKED = ["Who left Rome?", "Where did Eve stay?", "Who left?"]
WINDOWS = {"max_length": 14, "doc_stride": 3, "labelled": False}


def question(number, context):
    return Question(f"q{number}", "title", context, ASKED[number % 3], (Answer("Bob", context.find("Bob")),))


@pytest.fixture(scope="module")
def tokenizer():
    return train_tokenizer([*CONTEXTS, *ASKED], 200, min_frequency=1)


class FakeModel:
    """Random logits per token id, so that a token says the same in every window; large ones where nothing may start."""

    def __init__(self, seed=0):
        self.table = np.random.default_rng(seed).normal(size=(2, 300)).astype("float32")
        self.batches = 0

    def predict_on_batch(self, inputs):
        self.batches += 1
        ids = inputs["token_ids"]
        logits = self.table[:, ids]
        outside = (inputs["segment_ids"] == 0) | (ids == 0)
        outside[:, 0] = False  # the sequence start speaks for "no answer"
        return dict(zip(("start", "end"), np.where(outside, 50.0, logits).astype("float32"), strict=True))


@pytest.mark.parametrize("max_tokens", [1, 3, 20])
def test_best_spans_equal_brute_force(max_tokens):
    rng = np.random.default_rng(3)
    start, end = rng.normal(size=(2, 5, 11)).astype("float32")
    allowed = rng.random((5, 11)) < 0.6
    start[~allowed] += 10
    end[~allowed] += 10
    starts, ends, scores = best_spans(start, end, allowed, n_best=7, max_tokens=max_tokens)
    assert starts.shape == ends.shape == scores.shape == (5, 7)
    for row in range(5):
        places = [int(i) for i in np.flatnonzero(allowed[row])]
        spans = [(i, j) for i in places for j in places if i <= j < i + max_tokens]
        expected = sorted((start[row, i] + end[row, j] for i, j in spans), reverse=True)[:7]
        found = np.isfinite(scores[row])
        assert found.sum() == len(expected)  # what is left over is marked as no span
        np.testing.assert_array_equal(scores[row, found], np.asarray(expected, "float32"))
        pairs = [(int(i), int(j)) for i, j in zip(starts[row, found], ends[row, found], strict=True)]
        assert len(set(pairs)) == len(pairs) and set(pairs) <= set(spans)
        np.testing.assert_array_equal([start[row, i] + end[row, j] for i, j in pairs], scores[row, found])


def test_more_spans_are_asked_for_than_there_are():
    one = np.ones((1, 3), "float32")
    starts, ends, scores = best_spans(one, one, np.array([[False, True, True]]), n_best=50, max_tokens=2)
    assert scores.shape == (1, 6) and np.isfinite(scores).sum() == 3
    assert sorted(zip(starts[0, :3].tolist(), ends[0, :3].tolist(), strict=True)) == [(1, 1), (1, 2), (2, 2)]


def answers_by_brute_force(model, features, questions):
    """Per question: text to its best score, and the null score, window by window and span by span."""
    best, null = [{} for _ in questions], [np.inf] * len(questions)
    for window in range(len(features)):
        number = int(features.window_question[window])
        context = features.window_context[window]
        begin = features.contexts.offsets[context] + features.window_start[window]
        stop = features.contexts.offsets[context] + features.window_end[window]
        outputs = model.predict_on_batch(assemble(features, np.array([window])))
        start, end = outputs["start"][0], outputs["end"][0]
        null[number] = min(null[number], float(start[0]) + float(end[0]))
        shift = 2 + features.question_lengths[number] - begin
        for i in range(begin, stop):
            for j in range(i, min(stop, i + 30)):
                text = questions[number].context[features.contexts.starts[i] : features.contexts.ends[j]]
                score = float(np.float32(start[i + shift] + end[j + shift]))
                best[number][text] = max(best[number].get(text, -np.inf), score)
    return best, null


@pytest.mark.parametrize("seed", range(3))
def test_all_windows_of_all_questions_are_merged(tokenizer, seed):
    questions = [question(number, CONTEXTS[number % 3]) for number in range(5)]
    features = build_features(questions, tokenizer, **WINDOWS)
    assert np.bincount(features.window_question).tolist() == [4, 1, 1, 4, 1]
    model = FakeModel(seed)
    found = answer_questions(model, features, questions, batch_size=2, n_best=6)
    assert model.batches == 6
    expected, null = answers_by_brute_force(model, features, questions)
    for number, record in enumerate(questions):
        ranked = sorted(expected[number].values(), reverse=True)
        n_best = found.n_best[record.id]
        assert found.answers[record.id] == n_best[0]["text"]
        assert len(n_best) == len({entry["text"] for entry in n_best}) == min(6, len(ranked))
        scores = [expected[number][entry["text"]] for entry in n_best]
        np.testing.assert_allclose(scores, ranked[: len(scores)], atol=1e-6)
        np.testing.assert_allclose([e["start_logit"] + e["end_logit"] for e in n_best], scores, atol=1e-5)
        probabilities = np.array([entry["probability"] for entry in n_best])
        np.testing.assert_allclose(probabilities, np.exp(scores) / np.exp(scores).sum(), rtol=1e-5)
        np.testing.assert_allclose(probabilities.sum(), 1, rtol=1e-9)
        np.testing.assert_allclose(found.null_scores[record.id], null[number] - ranked[0], atol=1e-5)


def test_an_answer_that_only_the_second_window_holds(tokenizer):
    """Offsets are those of the whole paragraph, and the first window's certainty of no answer does not silence it."""
    record = question(0, CONTEXTS[0])
    features = build_features([record], tokenizer, **WINDOWS)

    class Model:
        def predict_on_batch(self, inputs):
            is_may = inputs["token_ids"] == tokenizer.token_to_id("may")
            logits = np.where(is_may, 9.0, 0.0).astype("float32")
            logits[:, 0] = np.where(is_may.any(axis=1), -4.0, 8.0)
            return {"start": logits, "end": logits}

    found = answer_questions(Model(), features, [record])
    assert found.answers == {"q0": "May"} and found.n_best["q0"][0]["probability"] > 0.9
    np.testing.assert_allclose(found.null_scores["q0"], -8.0 - 18.0)


def test_a_paragraph_without_tokens_has_no_answer(tokenizer):
    questions = [question(0, "   "), question(1, CONTEXTS[1])]
    found = answer_questions(FakeModel(), build_features(questions, tokenizer, **WINDOWS), questions)
    assert found.answers["q0"] == "" and found.n_best["q0"] == [] and found.null_scores["q0"] == float("inf")
    assert found.answers["q1"] in CONTEXTS[1]

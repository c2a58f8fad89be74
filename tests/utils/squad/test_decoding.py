"""Joint span decoding against loops of its own: one window, and all windows of a question."""

import json
import re

import numpy as np
import pytest

from utils.squad.data import Answer, Question
from utils.squad.decoding import N_BEST, Answers, answer_questions, best_spans
from utils.squad.features import build_features
from utils.squad.metrics import exact_match_score, f1_score, normalize_answer
from utils.squad.windows import assemble
from utils.text.tokenization import train_tokenizer

CONTEXTS = ["Ada met Bob in Rome. Bob left Rome for Oslo in May, and Ada stayed.", "Eve stayed in Oslo.", "Bob left."]
QUESTIONS = ["Who left Rome?", "Where did Eve stay?", "Who left?"]
WINDOWS = {"max_length": 14, "doc_stride": 3, "labelled": False}


def question(number, context):
    return Question(f"q{number}", "title", context, QUESTIONS[number % 3], (Answer("Bob", context.find("Bob")),))


@pytest.fixture(scope="module")
def tokenizer():
    return train_tokenizer([*CONTEXTS, *QUESTIONS], 200, min_frequency=1)


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
    can_start, can_end = rng.random((2, 5, 11)) < 0.6
    start[~can_start] += 10
    end[~can_end] += 10
    starts, ends, scores = best_spans(start, end, can_start, can_end, n_best=7, max_tokens=max_tokens)
    assert starts.shape == ends.shape == scores.shape == (5, 7)
    for row in range(5):
        firsts, lasts = np.flatnonzero(can_start[row]).tolist(), np.flatnonzero(can_end[row]).tolist()
        spans = [(i, j) for i in firsts for j in lasts if i <= j < i + max_tokens]
        expected = sorted((start[row, i] + end[row, j] for i, j in spans), reverse=True)[:7]
        is_span = np.isfinite(scores[row])
        assert is_span.sum() == len(expected)  # the rest is marked as no span
        np.testing.assert_array_equal(scores[row, is_span], np.asarray(expected, "float32"))
        pairs = [(int(i), int(j)) for i, j in zip(starts[row, is_span], ends[row, is_span], strict=True)]
        assert len(set(pairs)) == len(pairs) and set(pairs) <= set(spans)
        np.testing.assert_array_equal([start[row, i] + end[row, j] for i, j in pairs], scores[row, is_span])


def test_n_best_may_exceed_the_number_of_spans():
    one = np.ones((1, 3), "float32")
    mask = np.array([[False, True, True]])
    starts, ends, scores = best_spans(one, one, mask, mask, n_best=50, max_tokens=2)
    assert scores.shape == (1, 6) and np.isfinite(scores).sum() == 3
    assert sorted(zip(starts[0, :3].tolist(), ends[0, :3].tolist(), strict=True)) == [(1, 1), (1, 2), (2, 2)]


def spans_by_brute_force(model, features, questions):
    """Per question: the best score of every span of the paragraph over all windows, and the null score."""
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
                span = features.contexts.starts[i], features.contexts.ends[j]
                if any(
                    re.fullmatch(r"\w\w", questions[number].context[max(place - 1, 0) : place + 1]) for place in span
                ):
                    continue  # an answer neither starts nor ends within a word
                score = float(np.float32(start[i + shift] + end[j + shift]))
                best[number][span] = max(best[number].get(span, -np.inf), score)
    return best, null


def expected_score(text, n_best):
    """The mean of F1 and exact match over the answers that may be right."""
    score = 0.0
    for entry in n_best:
        matches = exact_match_score(text, entry["text"]) if normalize_answer(text) else text == entry["text"]
        score += entry["probability"] * (max(f1_score(text, entry["text"]), matches) + matches) / 2
    return score


@pytest.mark.parametrize("length_penalty", [0.0, 0.4])
@pytest.mark.parametrize("seed", range(3))
def test_all_windows_of_all_questions_are_merged(tokenizer, seed, length_penalty):
    questions = [question(number, CONTEXTS[number % 3]) for number in range(5)]
    features = build_features(questions, tokenizer, **WINDOWS)
    assert np.bincount(features.window_question).tolist() == [4, 1, 1, 4, 1]
    model = FakeModel(seed)
    answers = answer_questions(model, features, questions, batch_size=2, n_best=500, length_penalty=length_penalty)
    assert model.batches == 6
    expected, null = spans_by_brute_force(model, features, questions)
    for number, record in enumerate(questions):
        weights = {}
        for (start, end), score in expected[number].items():
            text = normalize_answer(record.context[start:end]) or record.context[start:end]
            weights[text] = weights.get(text, 0.0) + np.exp(score) / len(text.split()) ** length_penalty
        n_best = answers.n_best[record.id]
        assert answers.answers[record.id] == n_best[0]["text"]
        probabilities = {
            normalize_answer(entry["text"]) or entry["text"]: entry["probability"] for entry in n_best
        }  # fmt: skip
        most_probable = sorted(n_best, key=lambda entry: -entry["probability"])[:N_BEST]
        expected_scores = [expected_score(entry["text"], most_probable) for entry in most_probable]
        np.testing.assert_allclose(expected_score(n_best[0]["text"], most_probable), max(expected_scores), rtol=1e-12)
        order = [entry["probability"] for entry in n_best[1:]]
        assert order == sorted(order, reverse=True)
        assert len(n_best) == len(weights) and set(probabilities) == set(weights)
        for text, weight in weights.items():
            np.testing.assert_allclose(probabilities[text], weight / sum(weights.values()), rtol=1e-5)
        best = n_best[0]["start_logit"] + n_best[0]["end_logit"]
        spans = {score: (start, end) for (start, end), score in expected[number].items()}
        start, end = min(spans.items(), key=lambda item: abs(item[0] - best))[1]
        assert record.context[start:end] == n_best[0]["text"]
        np.testing.assert_allclose(answers.null_scores[record.id], null[number] - best, atol=1e-5)


@pytest.mark.parametrize(
    ("context", "texts"),
    [
        ("ab cd", {"ab", "cd", "ab cd"}),
        ("b-cd.", {"b", "b-", "b-cd", "b-cd.", "-", "-cd", "-cd.", "cd", "cd.", "."}),  # a hyphen parts words
        ("a 19a", {"a", "19a", "a 19a"}),
        ("北京", {"北", "京", "北京"}),  # there are no spaces between words
        ("a" * 40, {"a" * count for count in range(1, 31)}),  # the word is longer than an answer may be
    ],
)
def test_answers_begin_and_end_with_words(context, texts):
    """Every token is one character, and all that may be answers are among the n best."""
    characters = train_tokenizer(["abcd19"], 80, min_frequency=9)
    record = Question("q", "", context, "a", ())
    features = build_features([record], characters, max_length=80, doc_stride=8, labelled=False)
    assert len(features.contexts.token_ids) == len(context.replace(" ", ""))
    answers = answer_questions(FakeModel(), features, [record], length_penalty=0.0, n_best=500)
    keys = {normalize_answer(text) or text for text in texts}
    assert {normalize_answer(entry["text"]) or entry["text"] for entry in answers.n_best["q"]} == keys


def test_pooled_answers_and_the_length_penalty(tokenizer):
    """Two mentions together outweigh a better single span; at equal logits the shorter answer wins, by its power of words."""
    record = question(0, CONTEXTS[0])
    features = build_features([record], tokenizer, max_length=64, doc_stride=8, labelled=False)

    class Model:
        def __init__(self, **logits):
            self.logits = {tokenizer.token_to_id(token): value for token, value in logits.items()}

        def predict_on_batch(self, inputs):
            values = np.vectorize(lambda token: self.logits.get(token, -30.0))(inputs["token_ids"]).astype("float32")
            return {"start": values, "end": values}

    n_best = answer_questions(Model(bob=1.0, may=1.1), features, [record], length_penalty=0.0).n_best["q0"]
    by_text = {entry["text"]: entry for entry in n_best}
    # Bob (twice), May, and the two stretches from Bob to May: 2 e^2, e^2.2, e^2.1 each
    assert n_best[0]["text"] == "Bob"
    assert all(record.context.startswith(entry["text"], entry["start"]) for entry in n_best)
    np.testing.assert_allclose(
        by_text["Bob"]["probability"] / by_text["May"]["probability"], 2 * np.exp(-0.2), rtol=1e-5
    )
    np.testing.assert_allclose([by_text["Bob"][end] for end in ("start_logit", "end_logit")], 1.0)
    for penalty in (0.0, 1.0):
        model = Model(eve=0, oslo=1.0, may=1.0)
        n_best = answer_questions(model, features, [record], length_penalty=penalty).n_best["q0"]
        by_text = {entry["text"]: entry["probability"] for entry in n_best}
        np.testing.assert_allclose(by_text["Oslo"] / by_text["Oslo in May"], 3.0**penalty, rtol=1e-5)


def test_the_length_penalty_counts_characters_where_words_have_no_spaces():
    context = "王明在北京大学任教。"
    tokenizer = train_tokenizer([context] * 3, 60)
    record = question(0, context)
    features = build_features([record], tokenizer, max_length=64, doc_stride=8, labelled=False)

    class Model:
        def predict_on_batch(self, inputs):
            """The answer begins at the first character and ends at any other: all spans have equal logits."""
            ids = inputs["token_ids"]
            first = ids == tokenizer.token_to_id("王")
            return {"start": np.where(first, 0.0, -30.0), "end": np.zeros(ids.shape)}

    n_best = answer_questions(Model(), features, [record], length_penalty=1.0).n_best["q0"]
    by_text = {entry["text"]: entry["probability"] for entry in n_best}
    np.testing.assert_allclose(by_text["王明"] / by_text["王明在北"], 2.0, rtol=1e-5)
    # The full stop is no character of the answer, so that both texts are one answer with two weights.
    np.testing.assert_allclose(by_text["王明在北京大学任教"] / by_text["王"], 2 / 9, rtol=1e-5)


def test_answers_keep_the_marks_that_the_tokenizer_drops():
    from tokenizers import BertWordPieceTokenizer, Tokenizer

    context = "मीनू दिल्ली की है।"
    learner = BertWordPieceTokenizer(lowercase=True, strip_accents=True)  # as bert-base-multilingual-uncased has it
    learner.train_from_iterator([context] * 3, show_progress=False)
    record = question(0, context)
    features = build_features(
        [record], Tokenizer.from_str(learner.to_str()), max_length=64, doc_stride=8, labelled=False
    )
    n_best = answer_questions(FakeModel(), features, [record], length_penalty=0.4, n_best=500).n_best["q0"]
    words = {word for entry in n_best for word in entry["text"].split()}
    assert {"मीनू", "दिल्ली", "की", "है", "है।"} <= words and {"मीन", "दल", "क", "ह"}.isdisjoint(words)


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

    answers = answer_questions(Model(), features, [record], length_penalty=0.4)
    assert answers.answers == {"q0": "May"} and answers.n_best["q0"][0]["probability"] > 0.9
    np.testing.assert_allclose(answers.null_scores["q0"], -8.0 - 18.0)


def test_predictions_respect_the_null_threshold(tmp_path):
    answers = Answers({"a": "Bob", "b": "May"}, {"a": [], "b": []}, {"a": 0.5, "b": float("inf")})
    assert answers.predictions(None) == {"a": "Bob", "b": "May"}
    assert answers.predictions(0.5) == {"a": "Bob", "b": ""}
    answers.write(tmp_path, 0.5)
    files = {path.stem: json.loads(path.read_text()) for path in tmp_path.iterdir()}
    assert files["predictions"] == {"a": "Bob", "b": ""}
    assert files["null_scores"] == {"a": 0.5, "b": None}  # JSON has no infinity
    assert files["nbest_predictions"] == answers.n_best


def test_a_paragraph_without_tokens_has_no_answer(tokenizer):
    questions = [question(0, "   "), question(1, CONTEXTS[1])]
    answers = answer_questions(
        FakeModel(), build_features(questions, tokenizer, **WINDOWS), questions, length_penalty=0.4
    )
    assert answers.answers["q0"] == "" and answers.n_best["q0"] == [] and answers.null_scores["q0"] == float("inf")
    assert answers.answers["q1"] in CONTEXTS[1]

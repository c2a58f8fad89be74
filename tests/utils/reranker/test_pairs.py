"""Pairs as sequences, their scores, and training batches of them."""

import numpy as np
import pytest
from tokenizers import processors

from tests.helpers.paths import FIXTURES
from tests.helpers.ranking_questions import make_features
from utils.ranking.features import training_batches
from utils.reranker.pairs import TOKENS_AT_ONCE, PairFormat, score_pairs
from utils.text.embedding import token_ids
from utils.text.tokenization import load_tokenizer

PLAIN = PairFormat(padding_id=0)


@pytest.mark.parametrize("between", ["[SEP]", "[SEP] [SEP]"], ids=["bert", "roberta"])
def test_a_pair_reads_as_the_tokenizer_joins_two_texts(between):
    tokenizer = load_tokenizer(FIXTURES / "pretrained" / "bert")
    names = ["[CLS]", "[SEP]"]
    tokenizer.post_processor = processors.TemplateProcessing(
        "[CLS] $A [SEP]", f"[CLS] $A {between} $B [SEP]", [(name, tokenizer.token_to_id(name)) for name in names]
    )
    texts = "who built it?", "Mira built it."
    expected = tokenizer.encode(*texts).ids
    question_ids, text_ids = token_ids(tokenizer, texts, 50)
    inputs = PairFormat.of(tokenizer).inputs([(question_ids, text_ids)])
    places = np.arange(inputs["token_ids"].shape[1])
    assert inputs["token_ids"][0, : len(expected)].tolist() == expected
    assert (inputs["padding_mask"][0] == (places < len(expected))).all()
    first_of_text = len(expected) - len(text_ids) + 1
    assert (inputs["segment_ids"][0] == (places >= first_of_text) * inputs["padding_mask"][0]).all()


def test_an_empty_slot_is_all_padding():
    inputs = PLAIN.inputs([([1, 5, 2], [1, 6, 2]), ([1, 5, 2], ())])
    assert inputs["token_ids"][0, :6].tolist() == [1, 5, 2, 6, 2, 0]
    assert not inputs["padding_mask"][1].any() and not inputs["token_ids"][1].any()


class CountingModel:
    """The score of a pair is a sum over its real tokens; remembers the shapes that it was asked."""

    def __init__(self):
        self.shapes = []

    def predict_on_batch(self, inputs):
        self.shapes.append(inputs["token_ids"].shape)
        return (inputs["token_ids"] * inputs["padding_mask"] * (1 + inputs["segment_ids"])).sum(axis=1)


def test_scores_come_in_the_order_of_the_pairs_in_few_shapes():
    rng = np.random.default_rng(0)
    pairs = [
        (
            [1, *rng.integers(3, 99, size=rng.integers(1, 30)), 2],
            [1, *rng.integers(3, 99, size=rng.integers(1, 200)), 2],
        )
        for _ in range(500)
    ]
    model = CountingModel()
    scores = score_pairs(model, PLAIN, pairs)
    assert scores.tolist() == [float(sum(question) + 2 * sum(text[1:])) for question, text in pairs]
    assert all(size & (size - 1) == 0 and size * length <= TOKENS_AT_ONCE for size, length in model.shapes)
    assert len(set(model.shapes)) <= 16
    assert len(score_pairs(model, PLAIN, [])) == 0


def test_a_training_batch_has_a_pair_for_each_slot():
    features = make_features()
    negatives = [np.array([7]), np.array([], int), np.array([], int), np.array([0, 1])]
    inputs, targets = next(training_batches(features, negatives, 3, 3, 0, 0, make_inputs=PLAIN.slot_inputs))
    assert inputs["token_ids"].shape[:2] == (3, 3) and targets.shape == (3, 10)
    assert (inputs["padding_mask"].any(axis=2) == targets[:, 3:6]).all()
    for row in range(3):
        question = int(inputs["token_ids"][row, 0, 0]) - 1
        own = [features.candidate_ids[number] for number in features.own_candidates(question)]
        first = inputs["token_ids"][row, 0][inputs["padding_mask"][row, 0] == 1].tolist()
        best = max(features.own_candidates(question), key=lambda number: features.relevance[number])
        assert first == [*features.query_ids[question], *features.candidate_ids[best][1:]]
        assert features.candidate_ids[best] in own

"""Learned BM25 weights: their equation, their first values, and that they are saved."""

import numpy as np
from keras import ops

from components.lexical_weights import RATE, LexicalWeights


def counts_of(seed=0):
    rng = np.random.default_rng(seed)
    questions, texts = rng.integers(0, 3, (2, 7)), rng.integers(0, 4, (2, 3, 7))
    return (
        questions.astype("float32"),
        rng.random((2, 7), "float32"),
        texts.astype("float32"),
        rng.random((2, 3), "float32"),
    )


def expected_scores(questions, idf, texts, lengths, scale, power, k1, b):
    scores = np.zeros(lengths.shape)
    for row, slot in np.ndindex(lengths.shape):
        for word in range(7):
            count = texts[row, slot, word]
            part = count / (count + k1 * (1 - b + b * lengths[row, slot]))
            scores[row, slot] += scale * questions[row, word] * idf[row, word] ** power * part
    return scores


def test_the_sum_over_shared_words_is_bm25_and_with_other_parameters_a_learned_one():
    layer, arrays = LexicalWeights(scale=0.3), counts_of()
    layer.build()
    for parameters in (np.zeros(4), np.array([0.3, -0.2, 0.5, 0.9])):
        layer.parameters.assign(parameters / RATE)
        questions, texts = (ops.convert_to_numpy(vectors) for vectors in layer(*arrays))
        b = 1 / (1 + np.exp(-(parameters[3] + np.log(3))))
        values = 0.3 * np.exp(parameters[0]), np.exp(parameters[1]), 1.5 * np.exp(parameters[2]), b
        np.testing.assert_allclose([float(value) for value in layer.values()], values, rtol=1e-5)
        expected = expected_scores(*arrays, *values)
        np.testing.assert_allclose(np.einsum("bw,bsw->bs", questions, texts), expected, rtol=1e-4)


def test_an_empty_slot_and_a_word_without_counts_have_no_weight():
    zeros = np.zeros((1, 5), "float32")
    questions, texts = LexicalWeights()(zeros, zeros + 2, np.zeros((1, 2, 5), "float32"), np.zeros((1, 2), "float32"))
    assert not ops.convert_to_numpy(questions).any() and not ops.convert_to_numpy(texts).any()


def test_its_configuration_makes_it_again():
    layer = LexicalWeights.from_config(LexicalWeights(scale=0.7).get_config())
    assert layer.scale == 0.7 and layer.compute_output_shape((2, 7), (2, 7), (2, 3, 7), (2, 3)) == ((2, 7), (2, 3, 7))

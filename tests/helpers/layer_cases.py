"""One table of all public layers and losses: how each is made, what it reads, and the shapes that it returns.

Tests that hold for every layer run over `LAYERS`, those for every loss over `LOSSES`. A new layer or loss adds its entry here; a
test fails until it does.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import keras
import numpy as np
from keras import ops

from components.ability_filter import AbilityFilter
from components.ability_filter_cell import AbilityFilterCell
from components.bert_encoder import BertEncoder
from components.context_query_attention import ContextQueryAttention
from components.convolution_block import ConvolutionBlock
from components.dropout import Dropout
from components.dynamic_key_value_memory import DynamicKeyValueMemory
from components.hashed_embedding import HashedEmbedding
from components.irt_parameters import IRTParameters
from components.item_embedding import ItemEmbedding
from components.key_value_memory import KeyValueMemory
from components.layer_dropout import LayerDropout
from components.lexical_match_bias import LexicalMatchBias
from components.lexical_match_features import LexicalMatchFeatures
from components.lexical_match_maps import match_maps
from components.lexical_weights import LexicalWeights
from components.losses import RANKING_LOSSES
from components.losses.ordinal_loss import OrdinalLoss
from components.losses.places_cross_entropy import PlacesCrossEntropy
from components.losses.position_cross_entropy import PositionCrossEntropy
from components.losses.position_targets_loss import PositionTargetsLoss
from components.losses.r_drop import RDrop
from components.losses.replaced_token_loss import ReplacedTokenLoss
from components.losses.vector_loss import VectorLoss
from components.masked_word_head import MaskedWordHead
from components.multi_head_self_attention import MultiHeadSelfAttention
from components.next_vector_head import NextVectorHead
from components.past_attention import PastAttention
from components.positional_encoding import PositionalEncoding
from components.projected_lstm_cell import ProjectedLSTMCell
from components.question_span_selection import QuestionSpanSelection
from components.recency_mean import RecencyMean
from components.relative_position_bias import RelativePositionBias
from components.response_embedding import ResponseEmbedding
from components.shared_response_embedding import SharedResponseEmbedding
from components.similarity_weights import SimilarityWeights
from components.transformer_block import TransformerBlock
from tests.helpers import ranking_batch
from tests.helpers.calls import call_compiled

BATCH, LENGTH, REAL = 2, 13, 7
"""Places of the second row beyond REAL are padding."""
HEADS, DIM, KEY_DIM, VALUE_DIM, MAX_LENGTH = 3, 15, 5, 11, 17
VOCABULARY, BUCKETS, CATEGORIES = 19, 23, 3


@dataclass(frozen=True)
class LayerCase:
    """A layer with one choice of its options.

    Attributes:
        name: unique, for test ids.
        layer_class: the class.
        arguments: of its constructor, none at its default.
        inputs: call argument to array name of `arrays`, in the order of the call.
        shapes: `shapes(length)` returns the shapes of the outputs, in the order of `flatten`.
        float32: numbers of the outputs that are float32 at any precision.
    """

    name: str
    layer_class: type
    arguments: dict
    inputs: dict[str, str]
    shapes: Callable
    float32: tuple[int, ...] = ()

    def make(self, **settings):
        """The layer, not built, with the same random weights every time."""
        keras.utils.set_random_seed(31)
        return self.layer_class(**self.arguments, **settings)

    def arrays(self, length=LENGTH):
        pool = arrays(length)
        return {argument: pool[name] for argument, name in self.inputs.items()}


def arrays(length=LENGTH):
    """Arrays by name, for two rows. Arrays of length REAL are those of length LENGTH without the padding of the second row."""
    rng = np.random.default_rng(5)

    def normal(*shape):
        return rng.normal(size=shape).astype("float32")

    def integers(low, high):
        return rng.integers(low, high, (BATCH, LENGTH)).astype("int32")

    segment_ids = np.tile((np.arange(LENGTH) > 3).astype("int32"), (BATCH, 1))
    word_ids = integers(0, 4)
    maps = ops.convert_to_numpy(match_maps(word_ids, np.minimum(word_ids, 2), segment_ids))
    bias = normal(BATCH, 1, LENGTH, LENGTH)
    mask = (np.arange(LENGTH) < [[LENGTH], [REAL]]).astype("int32")
    sequences = {
        "sequence": normal(BATCH, LENGTH, DIM),
        "mask": mask,
        "segment_ids": segment_ids,
        "token_ids": integers(0, VOCABULARY),
        "word_ids": integers(0, VOCABULARY + BUCKETS**2),
        "item_ids": integers(0, VOCABULARY),
        "responses": integers(0, CATEGORIES),
        "keys": normal(BATCH, LENGTH, KEY_DIM),
        "values": normal(BATCH, LENGTH, VALUE_DIM),
    }
    context = {"context": normal(BATCH, LENGTH, KEY_DIM), "context_mask": mask[:, ::-1].copy()}
    return {
        "query": normal(BATCH, KEY_DIM),
        "state": normal(BATCH, DIM),
        "gates": normal(BATCH, 4 * KEY_DIM),
        "cell_states": [normal(BATCH, KEY_DIM), normal(BATCH, KEY_DIM)],
        "bias": bias[:, :, :length, :length],
        "maps": maps[:, :, :length, :length],
        **{name: array[:, :length] for name, array in sequences.items()},
        **{name: array[:, LENGTH - length :] for name, array in context.items()},  # padding stands before the vectors
        "transformed": normal(BATCH, LENGTH, DIM)[:, :length],
        "places": np.array([[2, 5, 0, 6], [1, 3, 3, 0]], "int32"),
        "token_vectors": normal(VOCABULARY, DIM),
        "question_counts": np.abs(normal(BATCH, KEY_DIM)),
        "word_idf": np.abs(normal(BATCH, KEY_DIM)),
        "text_counts": np.abs(normal(BATCH, LENGTH, KEY_DIM))[:, :length],
        "text_lengths": np.abs(normal(BATCH, LENGTH))[:, :length],
        "discrimination": np.abs(normal(BATCH, LENGTH))[:, :length],
        "thresholds": np.sort(normal(BATCH, LENGTH, CATEGORIES - 1))[:, :length],
        "filter_states": [normal(BATCH, DIM), np.tile(np.eye(DIM, dtype="float32"), (BATCH, 1, 1))],
    }


def flatten(outputs) -> list:
    """The outputs of a layer as a list: a dict's by name, a tuple's in order, with the states of a cell after its output."""
    if isinstance(outputs, dict):
        return [outputs[name] for name in sorted(outputs)]
    if isinstance(outputs, (list, tuple)):
        return [leaf for part in outputs for leaf in flatten(part)]
    return [outputs]


def call(layer, inputs, **options):
    """Call a layer and return its outputs as a list of float32 NumPy arrays."""
    results = call_compiled(layer, *inputs.values(), **options)
    return [ops.convert_to_numpy(ops.cast(output, "float32")) for output in flatten(results)]


def same(length):
    return [(BATCH, length, DIM)]


MASKED = {"inputs": "sequence", "padding_mask": "mask"}
BIASED = {**MASKED, "attention_bias": "bias"}
CONTEXT = {"inputs": "context", "padding_mask": "context_mask"}

LAYERS = [
    LayerCase(
        "ability_filter",
        AbilityFilter,
        {"num_categories": CATEGORIES, "num_slots": KEY_DIM, "head": "graded"},
        {"address": "keys", "discrimination": "discrimination", "thresholds": "thresholds", "responses": "responses"},
        lambda length: [(BATCH, length), (BATCH, length), (BATCH, length, CATEGORIES)],
        float32=(0, 1, 2),
    ),
    LayerCase(
        "ability_filter_cell",
        AbilityFilterCell,
        {"num_categories": CATEGORIES, "num_slots": DIM - 2, "head": "graded"},
        {"inputs": "gates", "states": "filter_states"},
        lambda length: [(BATCH, CATEGORIES + 2), (BATCH, DIM), (BATCH, DIM, DIM)],
        float32=(0, 1, 2),
    ),
    LayerCase(
        "bert",
        BertEncoder,
        {
            "vocabulary_size": VOCABULARY,
            "hidden_dim": DIM,
            "num_layers": 1,
            "num_heads": HEADS,
            "intermediate_dim": 7,
            "max_length": MAX_LENGTH,
            "num_segments": 3,
            "embedding_dim": KEY_DIM,
            "dropout": 0.2,
            "attention_dropout": 0.05,
            "activation": "gelu_tanh",
            "norm_epsilon": 1e-5,
            "max_distance": 3,
        },
        {"token_ids": "token_ids", "segment_ids": "segment_ids", "padding_mask": "mask"},
        same,
    ),
    LayerCase(
        "context_query_attention",
        ContextQueryAttention,
        {"dropout": 0.2},
        {"inputs": "sequence", "segment_ids": "segment_ids", "padding_mask": "mask"},
        same,
    ),
    LayerCase("convolution", ConvolutionBlock, {"width": 3, "dropout": 0.2}, MASKED, same),
    LayerCase("dropout", Dropout, {"rate": 0.2, "seed": 4}, {"inputs": "sequence"}, same),
    LayerCase(
        "dynamic_memory",
        DynamicKeyValueMemory,
        {"num_slots": 5, "value_dim": VALUE_DIM},
        {"query": "keys", "value": "sequence", "padding_mask": "mask"},
        lambda length: [(BATCH, length, VALUE_DIM), (BATCH, length, 5)],
        float32=(1,),
    ),
    LayerCase(
        "dynamic_memory_forgetting",
        DynamicKeyValueMemory,
        {"num_slots": 5, "value_dim": VALUE_DIM, "forgetting": True},
        {"query": "keys", "value": "sequence", "padding_mask": "mask"},
        lambda length: [(BATCH, length, VALUE_DIM), (BATCH, length, 5)],
        float32=(1,),
    ),
    LayerCase(
        "hashed_embedding",
        HashedEmbedding,
        {"vocabulary_size": VOCABULARY, "dim": 14, "num_buckets": BUCKETS, "gain": 2.0},
        {"ids": "word_ids"},
        lambda length: [(BATCH, length, 14)],
    ),
    LayerCase(
        "irt_parameters",
        IRTParameters,
        {"num_categories": CATEGORIES, "initial_scale": 2.0},
        {"summary": "sequence", "item": "keys"},
        lambda length: [(BATCH, length), (BATCH, length), (BATCH, length, CATEGORIES - 1)],
        float32=(0, 1, 2),
    ),
    LayerCase(
        "irt_parameters_monotone",
        IRTParameters,
        {"num_categories": CATEGORIES, "monotone": True, "item_discrimination": True},
        {"summary": "sequence", "item": "keys"},
        lambda length: [(BATCH, length), (BATCH, length), (BATCH, length, CATEGORIES - 1)],
        float32=(0, 1, 2),
    ),
    LayerCase(
        "item_embedding",
        ItemEmbedding,
        {"num_items": VOCABULARY, "dim": DIM, "skills": [n % 3 for n in range(VOCABULARY)], "stddev": 0.5},
        {"item_ids": "item_ids"},
        same,
    ),
    LayerCase(
        "key_value_memory",
        KeyValueMemory,
        {},
        {"query": "query", "keys": "keys", "values": "values", "memory_mask": "mask"},
        lambda length: [(BATCH, VALUE_DIM), (BATCH, length)],
        float32=(1,),
    ),
    LayerCase(
        "lexical_weights",
        LexicalWeights,
        {"scale": 0.3},
        {
            "question_counts": "question_counts",
            "idf": "word_idf",
            "text_counts": "text_counts",
            "text_lengths": "text_lengths",
        },
        lambda length: [(BATCH, KEY_DIM), (BATCH, length, KEY_DIM)],
        float32=(0, 1),
    ),
    LayerCase(
        "layer_dropout",
        LayerDropout,
        {"rate": 0.2, "seed": 4},
        {"inputs": "sequence", "outputs": "transformed"},
        same,
    ),
    LayerCase(
        "lexical_match_bias",
        LexicalMatchBias,
        {"num_heads": HEADS},
        {"maps": "maps"},
        lambda length: [(BATCH, HEADS, length, length)],
    ),
    LayerCase(
        "lexical_match_features",
        LexicalMatchFeatures,
        {"hidden_dim": DIM},
        {"maps": "maps", "segment_ids": "segment_ids"},
        same,
    ),
    LayerCase(
        "masked_word_head",
        MaskedWordHead,
        {"vocabulary_size": VOCABULARY},
        {"inputs": "sequence", "places": "places", "embeddings": "token_vectors"},
        lambda _: [(BATCH, 4, VOCABULARY)],
        float32=(0,),
    ),
    LayerCase(
        "attention",
        MultiHeadSelfAttention,
        {"num_heads": HEADS, "dropout": 0.2, "use_bias": False, "kernel_initializer": "he_normal"},
        BIASED,
        same,
    ),
    LayerCase(
        "next_vector_head",
        NextVectorHead,
        {"dim": KEY_DIM, "context_length": MAX_LENGTH, "similarity_dim": 7, "signed": True},
        {"state": "state", "vectors": "context", "padding_mask": "context_mask"},
        lambda _: [(BATCH, KEY_DIM)],
        float32=(0,),
    ),
    LayerCase(
        "next_vector_head_plain",
        NextVectorHead,
        {"dim": KEY_DIM, "context_length": MAX_LENGTH, "dense": False, "recency": False},
        {"state": "query", "vectors": "context", "padding_mask": "context_mask"},
        lambda _: [(BATCH, KEY_DIM)],
        float32=(0,),
    ),
    LayerCase("positional_encoding", PositionalEncoding, {"max_length": MAX_LENGTH}, {"inputs": "sequence"}, same),
    LayerCase(
        "positional_encoding_learned",
        PositionalEncoding,
        {"max_length": MAX_LENGTH, "learned": True},
        {"inputs": "sequence"},
        same,
    ),
    LayerCase(
        "lstm_cell",
        ProjectedLSTMCell,
        {"units": KEY_DIM},
        {"inputs": "gates", "states": "cell_states"},
        lambda _: [(BATCH, KEY_DIM)] * 3,
    ),
    LayerCase(
        "question_span_selection",
        QuestionSpanSelection,
        {},
        {"inputs": "sequence", "question_places": "places", "allowed": "mask"},
        lambda length: [(BATCH, 4, length)] * 2,
        float32=(0, 1),
    ),
    LayerCase(
        "past_attention",
        PastAttention,
        {"num_heads": HEADS},
        {"query": "sequence", "key": "sequence", "value": "sequence"},
        lambda length: [(BATCH, length, DIM)],
    ),
    LayerCase(
        "recency_mean",
        RecencyMean,
        {"context_length": MAX_LENGTH, "decay": 0.3},
        CONTEXT,
        lambda _: [(BATCH, KEY_DIM)],
    ),
    LayerCase(
        "recency_mean_signed",
        RecencyMean,
        {"context_length": MAX_LENGTH, "mean_fraction": 0.3, "signed": True, "similarity_dim": 7},
        CONTEXT,
        lambda _: [(BATCH, KEY_DIM)],
    ),
    LayerCase(
        "relative_position_bias",
        RelativePositionBias,
        {"num_heads": HEADS, "max_distance": 2},
        {"inputs": "sequence"},
        lambda length: [(1, HEADS, length, length)],
    ),
    LayerCase(
        "response_embedding",
        ResponseEmbedding,
        {"num_items": VOCABULARY, "num_categories": CATEGORIES, "dim": DIM, "kind": "ordered"},
        {"item_ids": "item_ids", "responses": "responses"},
        same,
    ),
    LayerCase(
        "shared_response_embedding",
        SharedResponseEmbedding,
        {"num_categories": CATEGORIES, "dim": DIM, "kind": "unordered"},
        {"items": "keys", "responses": "responses"},
        same,
    ),
    LayerCase(
        "similarity_weights",
        SimilarityWeights,
        {"context_length": MAX_LENGTH, "hidden_dim": 7},
        CONTEXT,
        lambda length: [(BATCH, length)],
        float32=(0,),
    ),
    LayerCase("transformer_block", TransformerBlock, {"num_heads": HEADS, "intermediate_dim": 7}, MASKED, same),
    LayerCase(
        "transformer_block_post_ln",
        TransformerBlock,
        {
            "num_heads": HEADS,
            "intermediate_dim": 7,
            "dropout": 0.2,
            "attention_dropout": 0.1,
            "norm_first": False,
            "activation": "relu",
            "norm_epsilon": 1e-5,
            "kernel_initializer": "he_normal",
        },
        BIASED,
        same,
    ),
]


@dataclass(frozen=True)
class LossCase:
    """A loss with one choice of its options.

    Attributes:
        name: unique, for test ids.
        make: `make(**settings)` returns the loss.
        y_true, y_pred: its arguments.
        values: shape of the values before they are reduced; None if there are no such values.
    """

    name: str
    make: Callable
    y_true: np.ndarray
    y_pred: np.ndarray
    values: tuple[int, ...] | None = field(default=(BATCH,))


def _vectors():
    rng = np.random.default_rng(3)
    vectors = rng.normal(size=(2, 7, DIM))
    target, predicted = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
    places = [[4, 1], [4, 2], [4, 9], [5, 3], [5, 30], [6, 1], [6, 2]]  # document, place
    return np.concatenate([target, places], axis=-1).astype("float32"), predicted.astype("float32")


def _ordinal():
    rng = np.random.default_rng(4)
    return rng.integers(0, CATEGORIES, (BATCH, 7)), rng.normal(size=(BATCH, 7, CATEGORIES)).astype("float32")


LOSSES = [
    LossCase(
        "position_cross_entropy",
        lambda **settings: PositionCrossEntropy(0.2, **settings),
        np.array([1, 4]),
        np.random.default_rng(2).normal(size=(BATCH, 7)).astype("float32"),
    ),
    LossCase(
        "position_targets_loss",
        lambda **settings: PositionTargetsLoss(0.2, 0.5, 0.7, 2.0, **settings),
        np.array([[1, 1, 3, 0, 0.6, 0.3, 0.1, 0, 0, 0], [4, 2, 6, 0, 0, 0, 0, 0, 0, 0]], "float32"),
        np.random.default_rng(2).normal(size=(BATCH, 7)).astype("float32"),
    ),
    LossCase(
        "r_drop",
        lambda **settings: RDrop(PositionCrossEntropy(0.2), 0.5, **settings),
        np.array([4, 4]),
        np.random.default_rng(2).normal(size=(BATCH, 7)).astype("float32"),
    ),
    LossCase(
        "places_cross_entropy",
        lambda **settings: PlacesCrossEntropy(**settings),
        np.array([[1, -1, 4], [-1, 0, 0]]),
        np.random.default_rng(2).normal(size=(BATCH, 3, 7)).astype("float32"),
    ),
    LossCase(
        "replaced_token_loss",
        lambda **settings: ReplacedTokenLoss(**settings),
        np.array([[0, 1, 1], [1, 1, 0]]),
        np.stack([np.random.default_rng(2).normal(size=(BATCH, 3)), [[0, 1, 0], [1, 0, 0]]], -1).astype("float32"),
    ),
    *(
        LossCase(
            part,
            lambda part=part, **settings: OrdinalLoss({part: 2.0}, gamma=1.5, **settings),
            *_ordinal(),
            values=None if part == "soft_qwk" else (BATCH, 7),
        )
        for part in OrdinalLoss.PARTS
    ),
    *(
        LossCase(
            f"vector_{part}",
            lambda part=part, **settings: VectorLoss({part: 2.0}, "all", temperature=0.3, exclusion=2, **settings),
            *_vectors(),
            values=(7,),
        )
        for part in VectorLoss.PARTS
    ),
    *(
        LossCase(
            f"ranking_{name}",
            lambda loss_class=loss_class: loss_class.from_settings(
                temperature=ranking_batch.T, margin=0.3, dim=ranking_batch.DIM
            ),
            ranking_batch.TRUE,
            ranking_batch.VECTORS,
            values=(ranking_batch.B,),
        )
        for name, loss_class in RANKING_LOSSES.items()
    ),
]

"""One table of all public models: how each is built, what it reads, and how it is trained.

Tests that hold for every model run over `CASES`. A new model adds its entry here; a test fails until it does.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import keras
import numpy as np

from components.losses.info_nce import InfoNCE
from components.losses.ordinal_loss import OrdinalLoss
from components.losses.places_cross_entropy import PlacesCrossEntropy
from components.losses.position_cross_entropy import PositionCrossEntropy
from components.losses.replaced_token_loss import ReplacedTokenLoss
from components.losses.vector_loss import VectorLoss
from models.amn import AMN
from models.bert_qa import BertQA
from models.bi_encoder import BiEncoder
from models.cross_encoder import CrossEncoder
from models.deep_gpcm import DeepGPCM
from models.dkt import DKT
from models.integrated_gpcm import IntegratedAttentionGPCM
from models.kv_memnet import KVMemNet
from models.qa_transformer import QATransformer
from models.recurrent_vectors import RecurrentVectors
from models.replaced_token_pretrainer import ReplacedTokenPretrainer
from models.sakt import SAKT
from models.span_pretrainer import SpanPretrainer
from models.state_space_gpcm import StateSpaceGPCM
from models.text_encoder import TextEncoder
from models.vector_transformer import VectorTransformer
from tests.helpers import tracing_inputs, vector_inputs

BATCH, LENGTHS = 3, (13, 5)
VOCABULARY, BUCKETS, OUTPUT_DIM = 23, 11, 7
ENCODER = {
    "vocabulary_size": VOCABULARY,
    "hidden_dim": 10,
    "num_layers": 1,
    "num_heads": 5,
    "intermediate_dim": 17,
    "dropout": 0.0,
    "max_length": 29,
}


@dataclass(frozen=True)
class ModelCase:
    """A model with one choice of its options, without dropout.

    Attributes:
        name: unique, for test ids.
        model_class: the class.
        arguments: of its constructor.
        inputs: `inputs(batch, length, seed)` returns a dict of arrays in which ids repeat.
        targets: `targets(batch, length, seed)` returns what `losses()` compares with the outputs.
        losses: `losses()` returns the loss, or a dict of losses, that the train script uses.
    """

    name: str
    model_class: type
    arguments: dict
    inputs: Callable
    targets: Callable
    losses: Callable

    def make(self, **settings):
        """Return the model, built, with the same random weights every time."""
        keras.utils.set_random_seed(7)
        model = self.model_class(**self.arguments, **settings)
        model.build()
        return model


# --- squad: windows of "[CLS] question [SEP] context [SEP]"


def span_inputs(batch, length, seed=1):
    """Windows with questions of two tokens; every next window has one more token of padding."""
    rng = np.random.default_rng(seed)
    places = np.arange(length)[None]
    padding_mask = (places < length - np.arange(batch)[:, None]).astype("int32")
    segment_ids = padding_mask * (places > 3)
    words = padding_mask * (places > 0) * (places != 3)

    def ids(count):
        return rng.integers(1, count, (batch, length)).astype("int32")

    return {
        "token_ids": ids(VOCABULARY) * padding_mask,
        "segment_ids": segment_ids.astype("int32"),
        "padding_mask": padding_mask,
        "word_ids": ids(7) * words.astype("int32"),
        "stem_ids": ids(5) * words.astype("int32"),
        "shape_ids": ids(8) * words.astype("int32"),
    }


def span_targets(batch, length, seed=1):
    start = np.random.default_rng(seed).integers(4, length - batch, batch)
    return {"start": start.astype("int32"), "end": start.astype("int32")}


def span_losses():
    return {name: PositionCrossEntropy(0.1) for name in ("start", "end")}


# --- pretraining: windows of text with masked places

QUESTIONS, PLACES = 3, 4


def pretraining_inputs(batch, length, seed=1):
    """Windows whose third to fifth token are masked; of the last window the third alone."""
    places = np.tile([2, 3, 4, 0], (batch, 1)).astype("int32")
    places[-1, 1:] = 0
    masking = np.zeros((batch, length), "int32")
    masking[:, 2] = 1
    masking[:-1, 3:5] = 1
    draws = np.random.default_rng(seed).random((batch, PLACES), "float32")
    inputs = span_inputs(batch, length, seed)
    questions = {"question_places": places[:, :QUESTIONS], "masked_places": places}
    return inputs | questions | {"masking": masking, "draws": draws}


def selection_inputs(batch, length, seed=1):
    inputs = pretraining_inputs(batch, length, seed)
    return {name: value for name, value in inputs.items() if name not in ("masking", "draws")}


def replacement_inputs(batch, length, seed=1):
    names = ("token_ids", "segment_ids", "padding_mask", "masked_places", "masking", "draws")
    return {name: pretraining_inputs(batch, length, seed)[name] for name in names}


def selection_targets(batch, length, seed=1):
    start = np.tile([7, 8, -1], (batch, 1)).astype("int32")
    return {"start": start, "end": start, "words": np.tile([3, 9, 2, -1], (batch, 1)).astype("int32")}


def replacement_targets(batch, length, seed=1):
    words = selection_targets(batch, length)["words"]
    return {"words": words, "replaced": span_inputs(batch, length, seed)["segment_ids"]}


def selection_losses():
    return {name: PlacesCrossEntropy() for name in ("start", "end", "words")}


def replacement_losses():
    return {"words": PlacesCrossEntropy(), "replaced": ReplacedTokenLoss()}


# --- memnet: a question and the facts of its memory


def memory_inputs(batch, length, seed=1, num_ids=VOCABULARY + BUCKETS**2):
    """Memories of `length` slots, of which the last is empty."""
    rng = np.random.default_rng(seed)
    mask = np.ones((batch, length), "int32")
    mask[:, -1] = 0

    def ids(*shape):
        return rng.integers(1, num_ids, shape).astype("int32")

    return {
        "question_ids": ids(batch, 5),
        "key_ids": ids(batch, length, 3) * mask[..., None],
        "value_ids": ids(batch, length, 2) * mask[..., None],
        "memory_mask": mask,
    }


def memory_targets(batch, length, seed=1):
    slots = np.eye(length, dtype="float32")[np.random.default_rng(seed).integers(0, length - 1, batch)]
    return {"scores": slots, "address": slots}


def memory_losses():
    return {name: keras.losses.CategoricalCrossentropy(from_logits=True) for name in ("scores", "address")}


# --- tracing: the items that students answered, and their responses


def tracing_batch(batch, length, seed=1, categories=tracing_inputs.CATEGORIES):
    return tracing_inputs.batch(length, categories, seed, batch)


def tracing_targets(batch, length, seed=1, categories=tracing_inputs.CATEGORIES):
    return {"logits": tracing_batch(batch, length, seed, categories)["responses"]}


def tracing_losses():
    return {"logits": OrdinalLoss()}


# --- vectors: contexts with room for CONTEXT vectors


def vectors_batch(batch, length, seed=1):
    """Contexts of `CONTEXT` places, as models need them: of a shorter `length` the first places are padding."""
    inputs = vector_inputs.batch(seed, batch)
    padding = max(vector_inputs.CONTEXT - length, 0)
    inputs["padding_mask"][:, :padding] = 0
    inputs["vectors"][:, :padding] = 0
    return inputs


def vectors_targets(batch, length, seed=1):
    target = vector_inputs.batch(seed + 1, batch)["vectors"][:, -1]
    target = np.column_stack([target, np.zeros(batch), 100.0 * np.arange(batch)]).astype("float32")
    return {"predicted": target, "query": target}


def vectors_losses():
    return {"predicted": VectorLoss({"cosine": 1}), "query": VectorLoss({"info_nce": 1})}


# --- ranking: queries with candidates, and texts


def ranking_inputs(batch, length, seed=1):
    """Queries of 5 tokens, each with two candidates of `length`; the last candidate is an empty slot."""
    rng = np.random.default_rng(seed)
    inputs = {}
    for name, shape in (("query", (batch, 5)), ("candidate", (batch, 2, length))):
        inputs[f"{name}_ids"] = rng.integers(1, VOCABULARY, shape).astype("int32")
        inputs[f"{name}_mask"] = np.ones(shape, "int32")
    inputs["candidate_mask"][:, 0, -2:] = 0
    inputs["candidate_mask"][-1, 1] = 0
    return inputs


def ranking_targets(batch, length, seed=1):
    """Relevance of both candidates, whether each exists, the queries they belong to, and the query's own number."""
    numbers = np.arange(batch)
    target = np.column_stack([np.tile([1.0, 0.0, 1.0, 1.0], (batch, 1)), numbers, numbers, numbers])
    target[-1, 3] = 0
    return target.astype("float32")


def pair_inputs(batch, length, seed=1):
    """Two pairs of question and text for each question; the last one is an empty slot."""
    inputs = span_inputs(2 * batch, length, seed)
    names = ("token_ids", "segment_ids", "padding_mask")
    inputs = {name: inputs[name].reshape(batch, 2, length) for name in names}
    inputs["padding_mask"][-1, 1] = 0
    return inputs


def text_inputs(batch, length, seed=1):
    inputs = span_inputs(batch, length, seed)
    return {name: inputs[name] for name in ("token_ids", "padding_mask")}


def unit_targets(batch, length, seed=1, dim=ENCODER["hidden_dim"]):
    vectors = np.random.default_rng(seed).normal(size=(batch, dim)).astype("float32")
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


# --- the table

SPAN = (span_inputs, span_targets, span_losses)
MEMORY = (memory_inputs, memory_targets, memory_losses)
TRACING = (tracing_batch, tracing_targets, tracing_losses)
VECTORS = (vectors_batch, vectors_targets, vectors_losses)
RANKING = (ranking_inputs, ranking_targets, InfoNCE)

TRANSFORMER = {"hidden_dim": 10, "num_layers": 1, "num_heads": 5, "intermediate_dim": 17, "dropout": 0.0}
MATCHING = {
    "match_features": True,
    "match_bias": True,
    "relative_positions": True,
    "num_layers": 2,
    "convolution_width": 3,
    "context_query_attention": True,
}
ENCODER_FROM_SCRATCH = {"vocabulary_size": VOCABULARY} | TRANSFORMER | MATCHING
ITEMS = {"num_items": tracing_inputs.ITEMS, "num_categories": tracing_inputs.CATEGORIES}
SKILLS = [0] + [1, 2] * (tracing_inputs.ITEMS // 2)
SLOT_MEMORY = ITEMS | {"num_slots": 7, "key_dim": 13, "value_dim": 17, "summary_dim": 6}
CONTEXTS = {"dim": vector_inputs.DIM, "context_length": vector_inputs.CONTEXT, "similarity_dim": 5}
WORDS = {"vocabulary_size": VOCABULARY, "hidden_dim": 10, "num_buckets": BUCKETS}

CASES = (
    ModelCase("AMN", AMN, CONTEXTS | {"encoder_dim": 5, "hidden_dims": (13, 7)}, *VECTORS),
    ModelCase("BertQA", BertQA, {"encoder": ENCODER | {"num_layers": 2}}, *SPAN),
    ModelCase("BiEncoder", BiEncoder, {"encoder": ENCODER, "output_dim": OUTPUT_DIM, "temperature": 0.1}, *RANKING),
    ModelCase("BiEncoder-two-encoders", BiEncoder, {"encoder": ENCODER, "shared": False, "temperature": 0.1}, *RANKING),
    ModelCase("CrossEncoder", CrossEncoder, {"encoder": ENCODER}, pair_inputs, ranking_targets, InfoNCE),
    ModelCase(
        "CrossEncoder-cls", CrossEncoder, {"encoder": ENCODER, "pooling": "cls"}, pair_inputs, ranking_targets, InfoNCE
    ),
    ModelCase("DeepGPCM", DeepGPCM, SLOT_MEMORY | {"item_skills": SKILLS}, *TRACING),
    ModelCase(
        "DeepGPCM-linear",
        DeepGPCM,
        SLOT_MEMORY | {"head": "linear", "response_embedding": "unordered", "shared_embedding": False},
        *TRACING,
    ),
    ModelCase("DeepGPCM-graded", DeepGPCM, SLOT_MEMORY | {"head": "graded", "ability_sees_item": True}, *TRACING),
    ModelCase("DeepGPCM-filter", DeepGPCM, SLOT_MEMORY | {"ability_filter": True}, *TRACING),
    ModelCase("DKT", DKT, ITEMS | {"hidden_dim": 13, "item_skills": SKILLS}, *TRACING),
    ModelCase("IntegratedAttentionGPCM", IntegratedAttentionGPCM, SLOT_MEMORY | {"num_heads": 3}, *TRACING),
    ModelCase("KVMemNet", KVMemNet, WORDS | {"num_hops": 2}, *MEMORY),
    ModelCase(
        "KVMemNet-tied",
        KVMemNet,
        WORDS | {"scoring": "tied", "encoder": "position", "num_buckets": 0},
        partial(memory_inputs, num_ids=VOCABULARY),
        *MEMORY[1:],
    ),
    ModelCase(
        "KVMemNet-untied", KVMemNet, WORDS | {"scoring": "untied", "encoder": "transformer", "num_heads": 2}, *MEMORY
    ),
    ModelCase("QATransformer", QATransformer, {"vocabulary_size": VOCABULARY} | TRANSFORMER, *SPAN),
    ModelCase("QATransformer-matching", QATransformer, {"vocabulary_size": VOCABULARY} | TRANSFORMER | MATCHING, *SPAN),
    ModelCase(
        "QATransformer-hashed_words",
        QATransformer,
        {"vocabulary_size": VOCABULARY, "hashed_words": 7} | TRANSFORMER,
        *SPAN,
    ),
    ModelCase("RecurrentVectors-lstm", RecurrentVectors, CONTEXTS | {"cell": "lstm", "hidden_dim": 13}, *VECTORS),
    ModelCase("RecurrentVectors-gru", RecurrentVectors, CONTEXTS | {"cell": "gru"}, *VECTORS),
    ModelCase(
        "ReplacedTokenPretrainer",
        ReplacedTokenPretrainer,
        {"encoder": ENCODER_FROM_SCRATCH, "mask_id": 4, "generator_dim": 13, "generator_heads": 5},
        replacement_inputs,
        replacement_targets,
        replacement_losses,
    ),
    ModelCase("SAKT", SAKT, ITEMS | {"hidden_dim": 10, "num_heads": 5, "item_skills": SKILLS}, *TRACING),
    ModelCase(
        "SpanPretrainer",
        SpanPretrainer,
        {"encoder": ENCODER_FROM_SCRATCH},
        selection_inputs,
        selection_targets,
        selection_losses,
    ),
    ModelCase(
        "StateSpaceGPCM",
        StateSpaceGPCM,
        ITEMS | {"num_slots": 7, "key_dim": 13, "item_skills": SKILLS, "item_scale": 0.5},  # items of a skill differ
        *TRACING,
    ),
    ModelCase(
        "SpanPretrainer-bert",
        SpanPretrainer,
        {"encoder": ENCODER | {"embedding_dim": 7}, "architecture": "BertEncoder"},
        selection_inputs,
        selection_targets,
        selection_losses,
    ),
    ModelCase(
        "TextEncoder", TextEncoder, {"encoder": ENCODER}, text_inputs, unit_targets, keras.losses.CosineSimilarity
    ),
    ModelCase(
        "TextEncoder-attention",
        TextEncoder,
        {"encoder": ENCODER, "pooling": "attention", "output_dim": OUTPUT_DIM},
        text_inputs,
        partial(unit_targets, dim=OUTPUT_DIM),
        keras.losses.CosineSimilarity,
    ),
    ModelCase(
        "TextEncoder-dense",
        TextEncoder,
        {
            "encoder": ENCODER,
            "pooling": "max+mean_sqrt_len+weightedmean+lasttoken",
            "dense": [{"units": OUTPUT_DIM, "activation": "gelu", "use_bias": True}],
            "normalize": False,
        },
        text_inputs,
        partial(unit_targets, dim=OUTPUT_DIM),
        keras.losses.CosineSimilarity,
    ),
    ModelCase("VectorTransformer", VectorTransformer, CONTEXTS | TRANSFORMER, *VECTORS),
)

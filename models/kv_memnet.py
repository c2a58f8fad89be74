"""KVMemNet: answers questions by attention over a memory of facts."""

import keras
from keras import ops

from components.hashed_embedding import HashedEmbedding
from components.key_value_memory import KeyValueMemory
from components.masking import masking_bias
from components.positional_encoding import PositionalEncoding
from components.transformer_block import TransformerBlock

ENCODERS = ("words", "position", "transformer")
SCORINGS = ("pointer", "tied", "untied")


@keras.saving.register_keras_serializable(package="qkv_zoo")
class KVMemNet(keras.Model):
    """A key-value memory network (Miller et al. 2016, section 3.1): a question addresses the facts' keys and reads their values.

        p_i = softmax_i(q_j . A key_i + w . e_i)      address
        o = sum_i p_i A value_i                       read
        q_{j+1} = R_j (q_j + o)                       the query of the next hop, H = `num_hops` in all

    A text, here A key_i or A value_i, becomes a vector by `encoder`:

        words         sum of the word vectors. The sum over words outside of the vocabulary is divided by the square root of their
                      number, so that a name matches itself better than a longer name that contains it.
        position      sum of the word vectors, weighted by place j of J words and by dimension k of d:
                      l_kj = (1 - j/J) - (k/d)(1 - 2j/J)          Sukhbaatar et al. 2015, section 4.1
        transformer   mean over the words after one Pre-LN Transformer block

    Among facts about many subjects, vectors alone do not tell similar names apart. So the address may have a second term: e_i says
    how the question names the subject of fact i (`utils.memnet.evidence`), and w is learned, from ones.

    With evidence the vectors hold no names. So a second step goes from the objects of the first one's facts to the facts about
    them, and the model decides from the question alone where to stop (s_1 + s_2 = 1):

        a^1_i = softmax_i(q . A key_i + w . e_i);  r_j = sum_i a^1_i [object_i is subject_j and object_j is not subject_i]
        a^2_j = softmax_j(R q . A key_j + log(r_j + 1e-6));  the answer's attention is s_1 a^1 + s_2 a^2

    The slot for "no fact answers" keeps the weight that the first step gives it (its r is 1): no second step starts from it.

    The slots are scored as answers by `scoring`:

        pointer   q_H . A key_i + w . e_i: the attention of the last hop is the answer. It finds keys and cannot memorise values.
        tied      R_H (q_H + o) . A value_i
        untied    R_H (q_H + o) . B value_i, with an embedding B for answers, as published. The vectors of values that training
                  never had stay random, so such answers are mostly missed (docs/memnet.md).

    Args:
        vocabulary_size: int, number of words with a learned vector, padding (id 0) included. Larger ids are hashed
            (`components.hashed_embedding`).
        hidden_dim: int, size of the vectors; an even number if words are hashed.
        num_hops: int, number of reads, at least 1; at most 2 with evidence.
        scoring: str, `pointer`, `tied` or `untied`.
        encoder: str, `words`, `position` or `transformer`.
        num_buckets: int, rows of the table for hashed words; 0 if all words are in the vocabulary.
        num_heads: int, attention heads of the Transformer block.
        max_length: int, the Transformer block reads this many words of a text and drops the rest.
        num_evidence: int, size of e_i; 0 for no second term.

    Inputs, a dict of int arrays:
        question_ids: `(batch, words)`.
        key_ids, value_ids: `(batch, num_slots, words)`.
        memory_mask: `(batch, num_slots)`, 1 for a slot that holds a fact.
        evidence: float `(batch, num_slots, num_evidence)`, where there is evidence.
        subject_numbers, object_numbers: `(batch, num_slots)`, where there is evidence and a second step: equal numbers are equal
            names, and the subject's number 0 is the slot for "no fact answers", which can be reached from everywhere.
        Id 0 pads texts.

    Returns:
        A dict of float32 logits `(batch, num_slots)`, about -1e9 at empty slots: `scores` of the slots' values as answers, and
        `address`, the attention of the last hop before its softmax. With evidence and a second step also `first` and `second`, the
        logarithms of s_1 a^1 and s_2 a^2.

    Raises:
        ValueError: an unknown scoring or encoder, no hop, or evidence with more hops than two or another scoring than `pointer`.

    Example:

    >>> texts = ops.ones((2, 5, 3), "int32")
    >>> inputs = {"question_ids": texts[:, 0], "key_ids": texts, "value_ids": texts, "memory_mask": texts[..., 0]}
    >>> tuple(KVMemNet(vocabulary_size=11)(inputs)["scores"].shape)
    (2, 5)
    """

    def __init__(
        self,
        vocabulary_size,
        hidden_dim=128,
        num_hops=1,
        scoring="pointer",
        encoder="words",
        num_buckets=8192,
        num_heads=4,
        max_length=64,
        num_evidence=0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if scoring not in SCORINGS or encoder not in ENCODERS or num_hops < 1:
            raise ValueError(
                f"scoring {scoring!r} must be one of {', '.join(SCORINGS)}, encoder {encoder!r} one of {', '.join(ENCODERS)}, "
                f"num_hops {num_hops} at least 1"
            )
        self.config = {
            "vocabulary_size": vocabulary_size,
            "hidden_dim": hidden_dim,
            "num_hops": num_hops,
            "scoring": scoring,
            "encoder": encoder,
            "num_buckets": num_buckets,
            "num_heads": num_heads,
            "max_length": max_length,
            "num_evidence": num_evidence,
        }
        if num_evidence and (num_hops > 2 or scoring != "pointer"):
            raise ValueError(f"evidence is for scoring 'pointer' and at most 2 hops, not {scoring!r} and {num_hops}")
        policy = self.dtype_policy

        def embedding(name):
            return HashedEmbedding(vocabulary_size, hidden_dim, num_buckets, dtype=policy, name=name)

        self.embedding = embedding("embedding")  # A
        self.answer_embedding = embedding("answer_embedding") if scoring == "untied" else None  # B
        if encoder == "transformer":
            self.position = PositionalEncoding(max_length, dtype=policy, name="position")
            self.block = TransformerBlock(num_heads, 2 * hidden_dim, dtype=policy, name="block")
            self.norm = keras.layers.LayerNormalization(epsilon=1e-6, dtype=policy, name="norm")
        self.memory = KeyValueMemory(dtype=policy, name="memory")
        self.evidence_weights = None  # w
        if num_evidence:
            self.evidence_weights = keras.layers.Dense(
                1, use_bias=False, kernel_initializer="ones", dtype="float32", name="evidence_weights"
            )
        self.stop = None  # the logits of s
        if num_evidence and num_hops > 1:
            self.stop = keras.layers.Dense(num_hops, dtype="float32", name="stop")
        # R_j. With a pointer the last read is not used, so the last hop has none.
        self.hops = [
            keras.layers.Dense(
                hidden_dim, use_bias=False, kernel_initializer="identity", dtype=policy, name=f"hop_{number}"
            )
            for number in range(num_hops - (scoring == "pointer"))
        ]

    def build(self, input_shape=None):
        hidden = (None, None, self.config["hidden_dim"])
        self.embedding.build()
        if self.answer_embedding is not None:
            self.answer_embedding.build()
        if self.config["encoder"] == "transformer":
            for layer in (self.position, self.block, self.norm):
                layer.build(hidden)
        for hop in self.hops:
            hop.build(hidden)
        if self.evidence_weights is not None:
            self.evidence_weights.build((None, None, self.config["num_evidence"]))
        if self.stop is not None:
            self.stop.build((None, self.config["hidden_dim"]))
        self.built = True

    def call(self, inputs, training=None):  # an evaluation on several devices passes it, whether or not it is used
        query = self.encode(inputs["question_ids"])
        keys = self.encode(inputs["key_ids"])
        mask, num_hops = inputs["memory_mask"], self.config["num_hops"]
        if self.evidence_weights is not None:
            return self._point(query, keys, inputs)
        values_are_used = num_hops > 1 or self.config["scoring"] != "pointer"
        values = self.encode(inputs["value_ids"]) if values_are_used else keys
        for number in range(num_hops):
            read, address = self.memory(query, keys, values, mask)
            if number < len(self.hops):
                query = self.hops[number](query + read)
        if self.config["scoring"] == "pointer":
            return {"scores": address, "address": address}
        if self.answer_embedding is not None:
            values = self.encode(inputs["value_ids"], self.answer_embedding)
        _, scores = self.memory(query, values, values, mask)
        return {"scores": scores, "address": address}

    def _point(self, query, keys, inputs):
        """The outputs of a model that reads evidence."""
        mask, evidence = inputs["memory_mask"], self.evidence_weights(inputs["evidence"])[..., 0]
        _, address = self.memory(query, keys, keys, mask, evidence)
        if self.stop is None:
            return {"scores": address, "address": address}
        stop = ops.log_softmax(self.stop(query), axis=-1)  # log s
        subjects, objects = inputs["subject_numbers"], inputs["object_numbers"]
        # (batch, to, from); the way back is no step: nobody asks for Ada with "Who starred in films with Ada?"
        follows = (subjects[:, :, None] == objects[:, None, :]) & (objects[:, :, None] != subjects[:, None, :])
        follows = ops.cast(follows, "float32")
        weights, is_nothing = ops.softmax(address, axis=-1), ops.cast(subjects == 0, "float32")
        arriving_weights = ops.einsum("bji,bi->bj", follows, weights)  # r
        arriving_weights = ops.where(subjects == 0, 1.0, arriving_weights)
        (hop,) = self.hops
        _, second = self.memory(hop(query), keys, keys, mask, ops.log(arriving_weights + 1e-6))
        nothing = ops.sum(weights * is_nothing, axis=-1, keepdims=True)
        second = (1 - nothing) * ops.softmax(second, axis=-1) + nothing * is_nothing
        first = ops.log_softmax(address, axis=-1)
        second = ops.log(second + 1e-12) + masking_bias(mask, "float32")
        first, second = first + stop[:, :1], second + stop[:, 1:]
        scores = ops.logsumexp(ops.stack([first, second]), axis=0)  # ONNX has no operation for logaddexp
        return {"scores": scores, "address": scores, "first": first, "second": second}

    def encode(self, ids, embedding=None):
        """Encode texts as vectors.

        Args:
            ids: int `(..., words)`.
            embedding: the `HashedEmbedding` to use, A by default.

        Returns:
            float `(..., hidden_dim)`.
        """
        if self.config["encoder"] == "transformer":
            ids = ids[..., : self.config["max_length"]]
        learned, hashed = (embedding or self.embedding)(ids, return_parts=True)
        mask = ops.cast(ids > 0, learned.dtype)
        if self.config["encoder"] == "words":
            is_hashed = ops.cast(ids >= self.config["vocabulary_size"], learned.dtype)
            count = ops.maximum(ops.sum(is_hashed, axis=-1, keepdims=True), 1.0)
            return ops.sum(learned, axis=-2) + ops.sum(hashed, axis=-2) / ops.sqrt(count)
        words = learned + hashed
        if self.config["encoder"] == "position":
            return ops.sum(words * self._position_weights(mask), axis=-2)
        shape = ops.shape(ids)
        words = ops.reshape(words, (-1, shape[-1], self.config["hidden_dim"]))
        mask = ops.reshape(mask, (-1, shape[-1]))
        words = self.norm(self.block(self.position(words), padding_mask=mask))
        mean = ops.sum(words * mask[..., None], axis=-2) / ops.maximum(ops.sum(mask, axis=-1, keepdims=True), 1.0)
        return ops.reshape(mean, (*shape[:-1], self.config["hidden_dim"]))

    def _position_weights(self, mask):
        """Return `l_kj` for every word, `(..., words, hidden_dim)`; j counts words from 1, J is the number of real words."""
        place = ops.cumsum(mask, axis=-1) / ops.maximum(ops.sum(mask, axis=-1, keepdims=True), 1.0)  # j / J
        place, dim = place[..., None], self.config["hidden_dim"]
        depth = ops.cast(ops.arange(1, dim + 1), mask.dtype) / dim  # k / d
        return (1 - place) - depth * (1 - 2 * place)

    def get_config(self):
        return {**super().get_config(), **self.config}

"""KVMemNet: answer questions by attending over facts."""

import keras
from keras import ops

from components.hashed_embedding import HashedEmbedding
from components.key_value_memory import KeyValueMemory
from components.positional_encoding import PositionalEncoding
from components.transformer_block import TransformerBlock

ENCODERS = ("words", "position", "transformer")
ANSWERS = ("pointer", "tied", "untied")


@keras.saving.register_keras_serializable(package="qkv_zoo")
class KVMemNet(keras.Model):
    """A key-value memory network (Miller et al. 2016): the facts' keys are addressed by the question, their values are read.

    `p_i = softmax_i(q_j . A key_i)`, `o = sum_i p_i A value_i`, `q_{j+1} = R_j (q_j + o)`, for `num_hops` hops. Texts become
    vectors by `encoder`:

    - `words`: the sum of the words' vectors; those of words outside of the vocabulary divided by the square root of their number,
      so that a name matches itself best and not a longer one;
    - `position`: the words weighted by place and dimension, `l_kj = (1 - j/J) - (k/d)(1 - 2j/J)` (Sukhbaatar et al. 2015,
      section 4.1);
    - `transformer`: one Pre-LN Transformer block over the words, then the mean.

    The answer is chosen among the slots by `answer`:

    - `pointer`: the address of the last hop is the score of a slot's value. It can not memorise values, only find keys;
    - `tied`: `score_i = R_H (q_H + o) . A value_i`;
    - `untied`: the same with an embedding `B` of its own for answers, whose vectors for values that training never had stay
      random.

    Args:
        vocabulary_size: words with a learned vector, padding (0) included; larger ids are hashed (`HashedEmbedding`).
        hidden_dim: size of the vectors.
        num_hops: reads, at least 1.
        answer: `pointer`, `tied` or `untied`.
        encoder: `words`, `position` or `transformer`.
        num_buckets: of the hashed words; 0 where all words are in the vocabulary.
        num_heads, max_length: of the Transformer block, and how many words of a text it reads, the first; the others have no use
            for them.

    Inputs, a dict of integers: `question_ids` `(batch, words)`, `key_ids` and `value_ids` `(batch, num_slots, words)`,
    `memory_mask` `(batch, num_slots)`, 1 for a slot that holds a fact. 0 pads words.

    Output: a dict of float32 logits `(batch, num_slots)`, -1e9 at empty slots: `scores` of the slots' values, and `address`, the
    last hop's attention before its softmax.
    """

    def __init__(
        self,
        vocabulary_size,
        hidden_dim=128,
        num_hops=1,
        answer="pointer",
        encoder="words",
        num_buckets=8192,
        num_heads=4,
        max_length=64,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if answer not in ANSWERS or encoder not in ENCODERS or num_hops < 1:
            raise ValueError(
                f"answer {answer!r} must be one of {ANSWERS}, encoder {encoder!r} of {ENCODERS}, num_hops {num_hops} at least 1"
            )
        self.config = {
            "vocabulary_size": vocabulary_size,
            "hidden_dim": hidden_dim,
            "num_hops": num_hops,
            "answer": answer,
            "encoder": encoder,
            "num_buckets": num_buckets,
            "num_heads": num_heads,
            "max_length": max_length,
        }
        policy = self.dtype_policy

        def embedding(name):
            return HashedEmbedding(vocabulary_size, hidden_dim, num_buckets, dtype=policy, name=name)

        self.embedding = embedding("embedding")
        self.answer_embedding = embedding("answer_embedding") if answer == "untied" else None
        if encoder == "transformer":
            self.position = PositionalEncoding(max_length, dtype=policy, name="position")
            self.block = TransformerBlock(num_heads, 2 * hidden_dim, dtype=policy, name="block")
            self.norm = keras.layers.LayerNormalization(epsilon=1e-6, dtype=policy, name="norm")
        self.memory = KeyValueMemory(dtype=policy, name="memory")
        self.hops = [
            keras.layers.Dense(
                hidden_dim, use_bias=False, kernel_initializer="identity", dtype=policy, name=f"hop_{number}"
            )
            for number in range(num_hops - (answer == "pointer"))
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
        self.built = True

    def call(self, inputs, training=None):
        query = self.encode(inputs["question_ids"], training=training)
        keys = self.encode(inputs["key_ids"], training=training)
        mask, hops = inputs["memory_mask"], self.config["num_hops"]
        needed = hops > 1 or self.config["answer"] != "pointer"
        values = self.encode(inputs["value_ids"], training=training) if needed else keys
        for number in range(hops):
            read, address = self.memory(query, keys, values, mask)
            if number < len(self.hops):
                query = self.hops[number](query + read)
        if self.config["answer"] == "pointer":
            return {"scores": address, "address": address}
        if self.answer_embedding is not None:
            values = self.encode(inputs["value_ids"], self.answer_embedding, training=training)
        _, scores = self.memory(query, values, values, mask)
        return {"scores": scores, "address": address}

    def encode(self, ids, embedding=None, training=None):
        """A vector for every text: `(..., words)` integers to `(..., hidden_dim)`."""
        if self.config["encoder"] == "transformer":
            ids = ids[..., : self.config["max_length"]]
        learned, hashed = (embedding or self.embedding)(ids, parts=True)
        real = ops.cast(ids > 0, learned.dtype)
        if self.config["encoder"] == "words":
            names = ops.cast(ids >= self.config["vocabulary_size"], learned.dtype)
            count = ops.maximum(ops.sum(names, axis=-1, keepdims=True), 1.0)
            return ops.sum(learned, axis=-2) + ops.sum(hashed, axis=-2) / ops.sqrt(count)
        words = learned + hashed
        if self.config["encoder"] == "position":
            return ops.sum(words * self._place_weights(real), axis=-2)
        shape = ops.shape(ids)
        words = ops.reshape(words, (-1, shape[-1], self.config["hidden_dim"]))
        flat = ops.reshape(real, (-1, shape[-1]))
        words = self.norm(self.block(self.position(words), padding_mask=flat, training=training))
        total = ops.sum(words * flat[..., None], axis=-2) / ops.maximum(ops.sum(flat, axis=-1, keepdims=True), 1.0)
        return ops.reshape(total, (*shape[:-1], self.config["hidden_dim"]))

    def _place_weights(self, real):
        """`l_kj` of every word, `(..., words, hidden_dim)`: `j` counts words from 1, `J` is the number of real ones."""
        place = ops.cumsum(real, axis=-1) / ops.maximum(ops.sum(real, axis=-1, keepdims=True), 1.0)
        place, dim = place[..., None], self.config["hidden_dim"]
        depth = ops.cast(ops.arange(1, dim + 1), real.dtype) / dim
        return (1 - place) - depth * (1 - 2 * place)

    def get_config(self):
        return {**super().get_config(), **self.config}

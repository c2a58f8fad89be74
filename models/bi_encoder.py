"""BiEncoder: encodes queries and their candidates as vectors, to train an encoder for search."""

import math

import keras
from keras import ops

from components.lexical_weights import RATE, LexicalWeights
from models.text_encoder import TextEncoder

MAX_SCALE = 100.0
"""Largest norm of a query's vector: temperatures are at least 0.01."""


def clip_log_scale(log_scale):
    """Return the learned logarithm of the scale, at most `log(MAX_SCALE)`."""
    return ops.minimum(log_scale, math.log(MAX_SCALE))


@keras.saving.register_keras_serializable(package="qkv_zoo")
class BiEncoder(keras.Model):
    """Encodes queries and candidates with one shared `TextEncoder` or with two (Karpukhin et al. 2020, section 3.1).

        score(q, c) = E_Q(q) . E_C(c) / t        both vectors have unit norm; t is the temperature

    With `lexical` the score is L(q, c) + w E_Q(q) . E_C(c), with BM25's weights of the words that both share, whose parameters are
    learned (`components.lexical_weights`), and a learned w that starts where `set_vector_weight` sets it, else at 0, so that
    texts first rank as BM25 ranks them.

    Args:
        encoder: dict, the constructor arguments of `components.bert_encoder.BertEncoder`.
        pooling: str, how token vectors become one, such as `mean` or `cls` (see `models.text_encoder.TextEncoder`).
        output_dim: int, size of the vectors after a projection, or None for no projection.
        shared: bool, one encoder for queries and candidates; if False, two encoders with weights of their own.
        temperature: float, at least 0.01, initial value of a learned temperature. With None no temperature is learned, and the
            queries' vectors have unit norm.
        num_chunks: int, number of equal parts of a training batch that are encoded one after another. Only the vectors of a part
            are kept; its activations are computed again for the gradient, with the same dropout (Gao et al. 2021, GradCache). The
            gradient is that of the whole batch, in the memory of a part and with a third more computation. On TensorFlow it needs
            a graph without XLA.
        dense: dicts, layers after the pooling (see `models.text_encoder.TextEncoder`).
        lexical: bool, whether words count beside vectors. Then no temperature is learned, and there are no chunks.
        lexical_rate: float, how many times as fast w and BM25's parameters move as the weights of the encoder.

    Inputs, a dict of int arrays:
        query_ids, query_mask: `(batch, query_length)`.
        candidate_ids, candidate_mask: `(batch, slots, candidate_length)`. An empty slot is all padding.
        Masks are 1 for a real token.
        With `lexical` also the float arrays `query_words`, `word_idf` `(batch, words)`, `candidate_words` `(batch, slots, words)`
        and `candidate_lengths` `(batch, slots)`, the arguments of `LexicalWeights`.

    Returns:
        float32 `(batch, 1 + slots, dim)`: the query's vector, then those of its slots. All have unit norm, except that a learned
        temperature t gives the query's vector the norm 1 / t, at most 100 (Radford et al. 2021, section 2.5). With `lexical`
        `(batch, 1 + slots, dim + words)`: the query's vector is multiplied by w, and a number for each word follows.

    Raises:
        ValueError: `lexical` with a temperature or with several chunks; an unknown pooling.

    Example:

    >>> encoder = {"vocabulary_size": 11, "hidden_dim": 6, "num_layers": 1, "num_heads": 2, "intermediate_dim": 5}
    >>> query, candidates = ops.ones((2, 5), "int32"), ops.ones((2, 3, 7), "int32")
    >>> inputs = {"query_ids": query, "query_mask": query, "candidate_ids": candidates, "candidate_mask": candidates}
    >>> tuple(BiEncoder(encoder, output_dim=4)(inputs).shape)
    (2, 4, 4)
    """

    def __init__(
        self,
        encoder,
        pooling="mean",
        output_dim=128,
        shared=True,
        temperature=None,
        num_chunks=1,
        dense=(),
        lexical=False,
        lexical_rate=RATE,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if lexical and (temperature or num_chunks > 1):
            raise ValueError("with lexical no temperature is learned, and a batch has one chunk")
        # TensorFlow's XLA cannot differentiate a loop whose number of steps it does not know.
        self.supports_jit = num_chunks == 1 or keras.backend.backend() != "tensorflow"
        self.autocast = False  # all computation is in the encoders, which cast the weights themselves
        self.config = {
            "encoder": dict(encoder),
            "pooling": pooling,
            "output_dim": output_dim,
            "shared": shared,
            "temperature": temperature,
            "num_chunks": num_chunks,
            "dense": [dict(config) for config in dense],
            "lexical": lexical,
            "lexical_rate": lexical_rate,
        }
        settings = {"pooling": pooling, "output_dim": output_dim, "dense": dense, "dtype": self.dtype_policy}
        self.candidates = TextEncoder(encoder, **settings, name="candidates")
        self.queries = self.candidates if shared else TextEncoder(encoder, **settings, name="queries")
        self.lexical = LexicalWeights(rate=lexical_rate, name="lexical") if lexical else None

    def build(self, input_shape=None):
        for tower in self.towers():
            tower.build()
        if self.config["temperature"]:
            initial = keras.initializers.Constant(-math.log(self.config["temperature"]))
            self.log_scale = self.add_weight(
                name="log_scale", shape=(), initializer=initial, constraint=clip_log_scale, autocast=False
            )
        if self.lexical is not None:
            self.lexical.build()
            self.vector_weight_ = self.add_weight(name="vector_weight", shape=(), initializer="zeros", autocast=False)
        self.built = True

    def vector_weight(self):
        """Return w, a float32 scalar."""
        return self.config["lexical_rate"] * self.vector_weight_

    def set_vector_weight(self, weight):
        """Let training start with this w, a float, in the place of 0; after `build`."""
        self.vector_weight_.assign(weight / self.config["lexical_rate"])

    def towers(self):
        """Return a list of the encoders: one, or the candidates' and the queries'."""
        return [self.candidates] if self.config["shared"] else [self.candidates, self.queries]

    def call(self, inputs, training=None):
        num_chunks = self.config["num_chunks"]
        if not training or num_chunks == 1:
            return self.encode(inputs, training)
        return self.encode_in_chunks(inputs, num_chunks)

    def encode_in_chunks(self, inputs, num_chunks):
        """Return the output for these inputs in training, computed in a loop over equal parts of them.

        A loop computes one part after the other, also backwards. Separate calls would not: TensorFlow starts to compute the
        activations of several parts again as soon as the gradient of the loss is there.
        """
        weights, seeds = self.trainable_variables, self.non_trainable_variables  # the latter are the states of dropout
        # In the loop the weights are arguments: TensorFlow finds no gradient of a variable in it.
        values = [ops.convert_to_tensor(weight.value) for weight in weights]
        states = [ops.convert_to_tensor(seed.value) for seed in seeds]
        calls = 2 if self.config["shared"] else 1  # of a dropout layer in a chunk: each takes the next counter
        numbers = calls * ops.arange(num_chunks, dtype="int32")
        counters = ops.stack([ops.zeros_like(numbers), numbers], axis=1)  # a state is a seed and a counter
        chunk_states = [state + ops.cast(counters, state.dtype) for state in states]
        for seed, state in zip(seeds, states, strict=True):
            seed.assign(state + ops.cast([0, calls * num_chunks], state.dtype))
        chunks = {name: ops.reshape(array, (num_chunks, -1, *ops.shape(array)[1:])) for name, array in inputs.items()}

        @keras.remat
        def encode(values, states, chunk):
            variables = [*zip(weights, values, strict=True), *zip(seeds, states, strict=True)]
            with keras.StatelessScope(state_mapping=variables):
                return self.encode(chunk, training=True)

        def step(previous, states_and_chunk):
            vectors = encode(values, *states_and_chunk)
            return vectors, vectors

        _, size, slots, _ = ops.shape(chunks["candidate_ids"])
        before_first = ops.zeros((size, 1 + slots, self.candidates.size))
        _, vectors = ops.scan(step, before_first, (chunk_states, chunks))
        return ops.reshape(vectors, (-1, 1 + slots, self.candidates.size))

    def encode(self, inputs, training=None):
        """Return the output for these inputs, computed all at once."""
        queries = self.queries(
            {"token_ids": inputs["query_ids"], "padding_mask": inputs["query_mask"]}, training=training
        )
        if self.config["temperature"]:
            queries = queries * ops.exp(self.log_scale)
        ids, mask = inputs["candidate_ids"], inputs["candidate_mask"]
        batch, slots, length = ops.shape(ids)
        flat = {"token_ids": ops.reshape(ids, (-1, length)), "padding_mask": ops.reshape(mask, (-1, length))}
        candidates = self.candidates(flat, training=training)
        candidates = ops.reshape(candidates, (batch, slots, candidates.shape[-1]))
        if self.lexical is not None:
            names = ("query_words", "word_idf", "candidate_words", "candidate_lengths")
            query_words, candidate_words = self.lexical(*(inputs[name] for name in names))
            queries = ops.concatenate([self.vector_weight() * queries, query_words], axis=-1)
            candidates = ops.concatenate([candidates, candidate_words], axis=-1)
        return ops.concatenate([queries[:, None], candidates], axis=1)

    def get_config(self):
        return {**super().get_config(), **self.config}

"""QATransformer: extractive question answering trained from scratch."""

import keras
from keras import ops

from components.context_query_attention import ContextQueryAttention
from components.convolution_block import ConvolutionBlock
from components.dropout import Dropout
from components.layer_dropout import LayerDropout
from components.lexical_match_bias import LexicalMatchBias
from components.lexical_match_features import LexicalMatchFeatures
from components.lexical_match_maps import match_maps
from components.positional_encoding import PositionalEncoding
from components.relative_position_bias import RelativePositionBias
from components.span_logits import span_logits
from components.transformer_block import TransformerBlock

NUM_SHAPES = 8
"""Kinds of `shape_ids`: the shape of a word, such as capitalised or a number."""


@keras.saving.register_keras_serializable(package="qkv_zoo")
class QATransformer(keras.Model):
    """A joint encoder of "[CLS] question [SEP] context [SEP]" with one `Dense(2)` head for start and end.

        x = sqrt(hidden_dim) token_embedding + segment_embedding + position
        x = blocks(x)                                                       Pre-LN Transformer blocks (Xiong et al. 2020)
        start_logit_i, end_logit_i = W LayerNorm(x_i) + b

    With every option off this is the plain encoder. Each option adds one thing that a model cannot be expected to learn without
    pretraining. What each brought on SQuAD stands in docs/squad.md.

    Args:
        vocabulary_size: int, number of token ids.
        hidden_dim, num_layers, num_heads, intermediate_dim: ints, of the Transformer blocks.
        dropout: float in [0, 1), fraction of embeddings and residual branches that is dropped in training.
        attention_dropout: float in [0, 1), fraction of attention weights that is dropped in training; slow on CPUs.
        activation: str, of the feed-forward networks; `relu` takes half the time of `gelu` on CPUs.
        max_length: int, longest sequence.
        match_features: bool, add `LexicalMatchFeatures` and word-shape embeddings to the input.
        match_bias: bool, add `LexicalMatchBias` to every block's attention. On top of `match_features` it brought nothing (F1 -1.3,
            95 % interval -2.5 to 0.0).
        relative_positions: bool, add a `RelativePositionBias` to every block's attention.
        convolution_width: int, width of the two gated convolutions before each block; 0 for none. Of all options it brought most.
        context_query_attention: bool, add one `ContextQueryAttention`.
        context_query_after: int, the number of blocks before it; None is 2, or 1 where there are at most two blocks. The blocks
            that come after it gain most (docs/squad_levers.md).
        layer_dropout: float in [0, 1), fraction of examples for which the last block is skipped in training, with its convolutions;
            block b of n, counted from 1, is skipped for b / n of it (`LayerDropout`).
        hashed_words: int, rows of an embedding of whole words and their stems, which is added to that of the tokens:
            `embedding[word_ids % rows] + embedding[stem_ids % rows]`; 0 for none. Different words may share a row.

    Inputs, a dict of int arrays `(batch, sequence)`:
        token_ids: ids of the tokens.
        segment_ids: 1 for the context and the separator after it, 0 elsewhere.
        padding_mask: 1 for a real token.
        word_ids, stem_ids: for the match options and `hashed_words`, equal for equal words (`components.lexical_match_maps`);
            0 for no word.
        shape_ids: for `match_features`, the shape of each token's word, 0 to 7.

    Returns:
        A dict of `start` and `end`, float32 logits `(batch, sequence)`. Where no answer can start or end
        they are -1e9, see `components.span_logits`; the first token stands for "no answer in this window".

    Raises:
        ValueError: `context_query_after` is out of range, or a layer refuses its settings (an even `convolution_width`).

    Example:

    >>> model = QATransformer(vocabulary_size=11, hidden_dim=6, num_layers=1, num_heads=2, intermediate_dim=5)
    >>> ids = keras.ops.ones((2, 7), "int32")
    >>> tuple(model({"token_ids": ids, "segment_ids": ids, "padding_mask": ids})["start"].shape)
    (2, 7)
    """

    feature_names = ("token_ids", "segment_ids", "padding_mask", "word_ids", "stem_ids", "shape_ids")
    embedding_scale = 0.1  # standard deviation of the initial embeddings

    def __init__(
        self,
        vocabulary_size,
        hidden_dim=128,
        num_layers=4,
        num_heads=4,
        intermediate_dim=512,
        dropout=0.1,
        attention_dropout=0.0,
        activation="relu",
        max_length=512,
        match_features=False,
        match_bias=False,
        relative_positions=False,
        convolution_width=0,
        context_query_attention=False,
        context_query_after=None,
        layer_dropout=0.0,
        hashed_words=0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if context_query_after is None:
            context_query_after = 2 if num_layers > 2 else 1
        if not 1 <= context_query_after <= max(1, num_layers):
            raise ValueError(f"context_query_after {context_query_after} must be from 1 to num_layers {num_layers}")
        self.config = {
            "vocabulary_size": vocabulary_size,
            "hidden_dim": hidden_dim,
            "num_layers": num_layers,
            "num_heads": num_heads,
            "intermediate_dim": intermediate_dim,
            "dropout": dropout,
            "attention_dropout": attention_dropout,
            "activation": activation,
            "max_length": max_length,
            "match_features": match_features,
            "match_bias": match_bias,
            "relative_positions": relative_positions,
            "convolution_width": convolution_width,
            "context_query_attention": context_query_attention,
            "context_query_after": context_query_after,
            "layer_dropout": layer_dropout,
            "hashed_words": hashed_words,
        }
        policy = self.dtype_policy
        layers = keras.layers

        def embedding(size, name, scale=self.embedding_scale):
            initializer = keras.initializers.RandomNormal(stddev=scale)
            settings = {"dtype": policy.variable_dtype, "name": name}  # gradients of many places add up in few rows
            return layers.Embedding(size, hidden_dim, embeddings_initializer=initializer, **settings)

        self.token_embedding = embedding(vocabulary_size, "token_embedding")
        self.segment_embedding = embedding(2, "segment_embedding")
        self.position = PositionalEncoding(max_length, dtype=policy, name="position")
        self.embedding_dropout = Dropout(dropout, dtype=policy)
        self.shape_embedding = embedding(NUM_SHAPES, "shape_embedding") if match_features else None
        self.match_features = (
            LexicalMatchFeatures(hidden_dim, dtype=policy, name="match_features") if match_features else None
        )
        self.hash_embedding = None
        if hashed_words:  # word and stem together are about as large as the token
            self.hash_embedding = embedding(hashed_words, "hash_embedding", self.embedding_scale / 2)
        self.blocks, self.match_biases, self.relative_biases, self.convolutions = [], [], [], []
        self.layer_dropouts = []
        for number in range(num_layers):
            if convolution_width:
                self.convolutions.append(
                    [
                        ConvolutionBlock(convolution_width, dropout, dtype=policy, name=f"convolution_{number}_{index}")
                        for index in range(2)
                    ]
                )
            if match_bias:
                self.match_biases.append(LexicalMatchBias(num_heads, dtype=policy, name=f"match_bias_{number}"))
            if relative_positions:
                self.relative_biases.append(
                    RelativePositionBias(num_heads, dtype=policy, name=f"relative_bias_{number}")
                )
            self.blocks.append(
                TransformerBlock(
                    num_heads,
                    intermediate_dim,
                    dropout,
                    attention_dropout,
                    activation=activation,
                    dtype=policy,
                    name=f"block_{number}",
                )
            )
            if layer_dropout:
                rate = layer_dropout * (number + 1) / num_layers
                self.layer_dropouts.append(LayerDropout(rate, dtype=policy, name=f"layer_dropout_{number}"))
        self.context_query = (
            ContextQueryAttention(dropout, dtype=policy, name="context_query") if context_query_attention else None
        )
        self.final_norm = layers.LayerNormalization(epsilon=1e-6, dtype=policy, name="final_norm")
        self.span_head = layers.Dense(2, dtype=policy, name="span_head")

    def build(self, input_shape=None):
        ids, sequence = (None, None), (None, None, self.config["hidden_dim"])
        for layer in (self.token_embedding, self.segment_embedding, self.shape_embedding, self.hash_embedding):
            if layer is not None:
                layer.build(ids)
        maps = (None, 4, None, None)
        for layer in (self.match_features, *self.match_biases):
            if layer is not None:
                layer.build(maps)
        layers = [self.position, *self.relative_biases, *self.blocks, self.final_norm, self.span_head]
        layers += [convolution for pair in self.convolutions for convolution in pair]
        for layer in (*layers, self.context_query):
            if layer is not None:
                layer.build(sequence)
        self.built = True

    def encode(self, inputs, training=None):
        """The vectors that the head reads.

        Args:
            inputs: as for the model.

        Returns:
            float `(batch, sequence, hidden_dim)`, normalised.
        """
        token_ids, segment_ids, padding_mask = inputs["token_ids"], inputs["segment_ids"], inputs["padding_mask"]
        # The scale of Vaswani et al. 2017, section 3.4. Without it the positions, of size 0.7, would drown the tokens.
        x = self.token_embedding(token_ids)
        if self.hash_embedding is not None:
            x = x + self._hashed_vectors(inputs["word_ids"], inputs["stem_ids"])
        x = x * self.config["hidden_dim"] ** 0.5 + self.segment_embedding(segment_ids)
        x = ops.cast(x, self.compute_dtype)
        maps = None
        if self.match_features is not None or self.match_biases:
            maps = match_maps(inputs["word_ids"], inputs["stem_ids"], segment_ids, self.compute_dtype)
        if self.match_features is not None:
            x = x + ops.cast(self.shape_embedding(inputs["shape_ids"]), self.compute_dtype)
            x = x + self.match_features(maps, segment_ids=segment_ids)
        x = self.embedding_dropout(self.position(x), training=training)
        for number, block in enumerate(self.blocks):
            before = x
            if self.convolutions:
                for convolution in self.convolutions[number]:
                    x = convolution(x, padding_mask=padding_mask, training=training)
            bias = None
            if self.match_biases:
                bias = self.match_biases[number](maps)
            if self.relative_biases:
                relative = self.relative_biases[number](x)
                bias = relative if bias is None else bias + relative
            x = block(x, padding_mask=padding_mask, attention_bias=bias, training=training)
            if self.layer_dropouts:
                x = self.layer_dropouts[number](before, x, training=training)
            if self.context_query is not None and number + 1 == self.config["context_query_after"]:
                x = self.context_query(x, segment_ids=segment_ids, padding_mask=padding_mask, training=training)
        return self.final_norm(x)

    def _hashed_vectors(self, word_ids, stem_ids):
        """The vectors of words and of their stems together, `(batch, sequence, hidden_dim)`; zeros where there is no word."""
        rows = self.config["hashed_words"]
        vectors = self.hash_embedding(ops.mod(word_ids, rows)) + self.hash_embedding(ops.mod(stem_ids, rows))
        return vectors * ops.cast(ops.not_equal(word_ids, 0), vectors.dtype)[:, :, None]

    def call(self, inputs, training=None):
        logits = self.span_head(self.encode(inputs, training=training))
        return span_logits(logits, inputs["segment_ids"], inputs["padding_mask"])

    def get_config(self):
        return {**super().get_config(), **self.config}

    @classmethod
    def from_config(cls, config):
        # Models saved before the setting existed have it after half of their blocks.
        return cls(**{"context_query_after": (config["num_layers"] + 1) // 2, **config})

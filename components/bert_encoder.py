"""The encoder of BERT, DistilBERT, ELECTRA, RoBERTa, XLM-RoBERTa, CamemBERT and MPNet."""

import keras
from keras import ops

from components.dropout import Dropout
from components.positional_encoding import PositionalEncoding
from components.relative_position_bias import RelativePositionBias
from components.transformer_block import TransformerBlock


@keras.saving.register_keras_serializable(package="qkv_zoo")
class BertEncoder(keras.layers.Layer):
    """Token, position and segment embeddings, normalised, then a stack of Post-LN Transformer blocks (Devlin et al. 2019).

        BERT          the defaults
        RoBERTa       num_segments=1 (Liu et al. 2019); also XLM-RoBERTa (Conneau et al. 2020) and CamemBERT (Martin et al. 2020)
        DistilBERT    num_segments=0 (Sanh et al. 2019)
        MPNet         num_segments=0, max_distance=127 (Song et al. 2020)
        ELECTRA       embedding_dim below hidden_dim, with a projection between them (Clark et al. 2020)

    `utils.text.pretrained.checkpoint.read_checkpoint` reads the arguments and the weights of a published checkpoint.

    Args:
        vocabulary_size: int, number of token ids.
        hidden_dim: int, width of the Transformer blocks.
        num_layers: int, number of Transformer blocks.
        num_heads: int, number of attention heads; must divide `hidden_dim`.
        intermediate_dim: int, width of the feed-forward networks.
        max_length: int, the longest sequence.
        num_segments: int, number of segment ids that have an embedding; 0 for none.
        embedding_dim: int, width of the embeddings; None means `hidden_dim`.
        dropout: float in [0, 1), fraction of the embeddings and of the branches' outputs dropped in training.
        attention_dropout: float in [0, 1), fraction of the attention weights dropped in training; slow on CPUs.
        activation: activation of the feed-forward networks, as for `components.activations.get_activation`.
        norm_epsilon: float, added to the variance in the normalisations.
        max_distance: int, above 0 for a bias by relative position that all blocks share, see
            `components.relative_position_bias.RelativePositionBias`.

    Call arguments:
        token_ids: integer `(batch, sequence)`.
        segment_ids: integer `(batch, sequence)`; None means 0 everywhere. An id of `num_segments` or more counts as the last one.
        padding_mask: `(batch, sequence)`, True or 1 for a real token; None if all are.

    Returns:
        float `(batch, sequence, hidden_dim)`, finite but meaningless at padding.

    Raises:
        ValueError: `num_heads` does not divide `hidden_dim`, or a sequence is longer than `max_length`.

    Example:
        >>> layer = BertEncoder(vocabulary_size=13, hidden_dim=6, num_layers=1, num_heads=3, intermediate_dim=5)
        >>> tuple(layer(ops.array([[1, 2, 3, 4, 5]])).shape)
        (1, 5, 6)
    """

    def __init__(
        self,
        vocabulary_size,
        hidden_dim=768,
        num_layers=12,
        num_heads=12,
        intermediate_dim=3072,
        max_length=512,
        num_segments=2,
        embedding_dim=None,
        dropout=0.1,
        attention_dropout=0.0,
        activation="gelu",
        norm_epsilon=1e-12,
        max_distance=0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.config = {
            "vocabulary_size": vocabulary_size,
            "hidden_dim": hidden_dim,
            "num_layers": num_layers,
            "num_heads": num_heads,
            "intermediate_dim": intermediate_dim,
            "max_length": max_length,
            "num_segments": num_segments,
            "embedding_dim": embedding_dim,
            "dropout": dropout,
            "attention_dropout": attention_dropout,
            "activation": activation,
            "norm_epsilon": norm_epsilon,
            "max_distance": max_distance,
        }
        policy, layers = self.dtype_policy, keras.layers

        def initializer():
            return keras.initializers.TruncatedNormal(stddev=0.02)

        def embedding(num_ids, name):
            settings = {"dtype": policy.variable_dtype, "name": name}  # gradients of many places add up in few rows
            return layers.Embedding(
                num_ids, embedding_dim or hidden_dim, embeddings_initializer=initializer(), **settings
            )

        self.token_embedding = embedding(vocabulary_size, "token_embedding")
        self.segment_embedding = embedding(num_segments, "segment_embedding") if num_segments else None
        self.position = PositionalEncoding(max_length, learned=True, dtype=policy, name="position")
        self.embedding_norm = layers.LayerNormalization(epsilon=norm_epsilon, dtype=policy, name="embedding_norm")
        self.embedding_dropout = Dropout(dropout, dtype=policy)
        self.relative_position = None
        if max_distance:
            self.relative_position = RelativePositionBias(
                num_heads, max_distance, dtype=policy, name="relative_position"
            )
        self.embedding_projection = None
        if embedding_dim and embedding_dim != hidden_dim:
            self.embedding_projection = layers.Dense(
                hidden_dim, kernel_initializer=initializer(), dtype=policy, name="embedding_projection"
            )
        self.blocks = [
            TransformerBlock(
                num_heads,
                intermediate_dim,
                dropout,
                attention_dropout,
                norm_first=False,
                activation=activation,
                norm_epsilon=norm_epsilon,
                kernel_initializer=initializer(),
                dtype=policy,
                name=f"block_{number}",
            )
            for number in range(num_layers)
        ]

    def build(self, input_shape=None):
        ids, hidden = (None, None), (None, None, self.config["hidden_dim"])
        embedded = (None, None, self.config["embedding_dim"] or self.config["hidden_dim"])
        self.token_embedding.build(ids)
        if self.segment_embedding is not None:
            self.segment_embedding.build(ids)
        for layer in (self.position, self.embedding_norm, self.embedding_projection):
            if layer is not None:
                layer.build(embedded)
        if self.relative_position is not None:
            self.relative_position.build(hidden)
        for block in self.blocks:
            block.build(hidden)
        self.built = True

    def call(self, token_ids, segment_ids=None, padding_mask=None, training=None):
        x = self.token_embedding(token_ids)
        if self.segment_embedding is not None:
            segment_ids = ops.zeros_like(token_ids) if segment_ids is None else segment_ids
            x = x + self.segment_embedding(ops.minimum(segment_ids, self.config["num_segments"] - 1))
        x = self.embedding_dropout(self.embedding_norm(self.position(x)), training=training)
        if self.embedding_projection is not None:
            x = self.embedding_projection(x)
        bias = None if self.relative_position is None else self.relative_position(x)
        for block in self.blocks:
            x = block(x, padding_mask=padding_mask, attention_bias=bias, training=training)
        return x

    def compute_output_shape(self, token_ids_shape, *args, **kwargs):
        return (*token_ids_shape, self.config["hidden_dim"])

    def get_config(self):
        return {**super().get_config(), **self.config}

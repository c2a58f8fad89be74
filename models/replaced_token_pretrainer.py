"""ReplacedTokenPretrainer: an encoder that learns from text to detect replaced tokens."""

import keras
from keras import ops

from components.convolution_block import ConvolutionBlock
from components.masked_word_head import MaskedWordHead
from components.positional_encoding import PositionalEncoding
from components.sampled_ids import sampled_ids
from components.transformer_block import TransformerBlock
from models.qa_transformer import QATransformer

GENERATOR_CONVOLUTION_WIDTH = 7


@keras.saving.register_keras_serializable(package="qkv_zoo")
class ReplacedTokenPretrainer(keras.Model):
    """Replaced-token detection (Clark et al. 2020, ELECTRA).

    A small generator predicts the words at masked places. What is drawn from its predictions takes their places, and the encoder
    says of every token whether it is the text's own. The generator has the encoder's token embeddings and learns from its
    predictions alone: no gradient passes through the draw. Unlike the paper's, it has no dropout.

    What the encoder sees of a token follows from its id alone. The ids of words and stems are those of the tokens, because the
    words of the text would tell which token was replaced; the shape is that which the token mostly has in the text.

    Args:
        encoder: dict, the constructor arguments of `QATransformer`, without `hashed_words`. Its span head is not trained.
        mask_id: int, id of the token that the generator sees at masked places.
        generator_dim: int, width of the generator's feed-forward network.
        generator_heads: int, attention heads of the generator.

    Inputs, a dict of arrays:
        token_ids, segment_ids, padding_mask: int `(batch, sequence)`, the text's own tokens, as for `QATransformer`.
        masking: int `(batch, sequence)`, 1 for a token that is masked.
        masked_places: int `(batch, places)`, their positions in ascending order, and zeros after them.
        draws: float `(batch, places)` in [0, 1), uniform random numbers that decide what is drawn.

    Returns:
        A dict of float32 arrays: `words` `(batch, places, vocabulary_size)`, logits of the generator; `replaced`
        `(batch, sequence, 2)`, of each token the encoder's logit that it was replaced, and 1 where it was.

    Raises:
        ValueError: the encoder has `hashed_words`, whose words would be those of the tokens.

    Example:

    >>> encoder = {"vocabulary_size": 11, "hidden_dim": 6, "num_layers": 1, "num_heads": 2, "intermediate_dim": 5}
    >>> model = ReplacedTokenPretrainer(encoder, mask_id=4, generator_dim=5, generator_heads=2)
    >>> ids = keras.ops.ones((2, 7), "int32")
    >>> inputs = {"token_ids": ids, "segment_ids": ids, "padding_mask": ids, "masking": ids, "masked_places": ids}
    >>> tuple(model(inputs | {"draws": keras.ops.zeros((2, 7))})["replaced"].shape)
    (2, 7, 2)
    """

    def __init__(self, encoder, mask_id, generator_dim=256, generator_heads=2, **kwargs):
        super().__init__(**kwargs)
        if encoder.get("hashed_words"):
            raise ValueError("an encoder with hashed_words cannot learn from replaced tokens: their words are unknown")
        self.autocast = False  # in bfloat16 the draws would have few values, and most words could not be drawn
        policy = self.dtype_policy
        self.encoder_config = dict(encoder)
        self.mask_id, self.generator_dim, self.generator_heads = mask_id, generator_dim, generator_heads
        self.encoder = QATransformer(**encoder, dtype=policy, name="encoder")
        self.encoder.span_head.trainable = False  # no output comes from it
        self.generator_position = PositionalEncoding(
            self.encoder.config["max_length"], dtype=policy, name="generator_position"
        )
        self.generator_convolution = ConvolutionBlock(
            GENERATOR_CONVOLUTION_WIDTH, dtype=policy, name="generator_convolution"
        )
        self.generator_block = TransformerBlock(
            generator_heads, generator_dim, activation="relu", dtype=policy, name="generator_block"
        )
        self.generator_norm = keras.layers.LayerNormalization(epsilon=1e-6, dtype=policy, name="generator_norm")
        self.word_head = MaskedWordHead(encoder["vocabulary_size"], dtype=policy, name="word_head")
        self.replaced_transform = keras.layers.Dense(
            self.encoder.config["hidden_dim"], "gelu", dtype=policy, name="replaced_transform"
        )
        self.replaced_head = keras.layers.Dense(1, dtype=policy, name="replaced_head")

    def build(self, input_shape=None):
        self.encoder.build()
        sequence = (None, None, self.encoder.config["hidden_dim"])
        layers = (self.generator_position, self.generator_convolution, self.generator_block, self.generator_norm)
        for layer in (*layers, self.word_head, self.replaced_transform, self.replaced_head):
            layer.build(sequence)
        self.token_shapes = self.add_weight(
            name="token_shapes",
            shape=(self.encoder_config["vocabulary_size"],),
            initializer="zeros",
            trainable=False,
        )
        self.built = True

    def call(self, inputs, training=None):
        token_ids, is_masked = inputs["token_ids"], ops.cast(inputs["masking"], "bool")
        words = self._generate(ops.where(is_masked, self.mask_id, token_ids), inputs, training)
        drawn = sampled_ids(ops.stop_gradient(words), inputs["draws"])
        index_among_masked = ops.cumsum(ops.cast(is_masked, "int32"), axis=1) - 1
        index_among_masked = ops.clip(index_among_masked, 0, ops.shape(drawn)[1] - 1)
        replacements = ops.take_along_axis(drawn, index_among_masked, axis=1)
        seen = ops.where(is_masked, replacements, ops.cast(token_ids, "int32"))
        is_text = ops.cast(inputs["segment_ids"] * inputs["padding_mask"], "int32")
        ids = (seen + 1) * is_text
        shapes = ops.cast(ops.take(self.token_shapes, seen, axis=0), "int32") * is_text
        x = self.encoder.encode(
            {**inputs, "token_ids": seen, "word_ids": ids, "stem_ids": ids, "shape_ids": shapes}, training=training
        )
        logits = ops.cast(self.replaced_head(self.replaced_transform(x)), "float32")
        labels = ops.cast(seen != ops.cast(token_ids, "int32"), "float32")
        return {"words": words, "replaced": ops.concatenate([logits, labels[:, :, None]], axis=-1)}

    def _generate(self, token_ids, inputs, training):
        """The generator's logits at the masked places."""
        embeddings = self.encoder.token_embedding.embeddings
        x = self.encoder.token_embedding(token_ids) * self.encoder.config["hidden_dim"] ** 0.5
        x = self.generator_position(ops.cast(x, self.compute_dtype))
        x = self.generator_convolution(x, padding_mask=inputs["padding_mask"], training=training)
        x = self.generator_block(x, padding_mask=inputs["padding_mask"], training=training)
        return self.word_head(self.generator_norm(x), inputs["masked_places"], embeddings)

    def get_config(self):
        return {
            **super().get_config(),
            "encoder": self.encoder_config,
            "mask_id": self.mask_id,
            "generator_dim": self.generator_dim,
            "generator_heads": self.generator_heads,
        }

"""SpanPretrainer: an encoder that learns from text to find the span that is missing."""

import keras

from components.bert_encoder import BertEncoder
from components.masked_word_head import MaskedWordHead
from components.question_span_selection import QuestionSpanSelection
from models.qa_transformer import QATransformer


@keras.saving.register_keras_serializable(package="qkv_zoo")
class SpanPretrainer(keras.Model):
    """Recurring-span selection (Ram et al. 2021, section 4), with masked words beside it (Devlin et al. 2019).

    Of the occurrences of a recurring span all but one are replaced by a mask token each. From that token the model chooses the
    start and the end of the occurrence that is left, and at masked words it predicts the words.

    Args:
        encoder: dict, the constructor arguments of the encoder.
        architecture: str, its class: `QATransformer`, whose span head is not trained, or `BertEncoder`, for a pretrained one.

    Inputs, a dict of arrays:
        token_ids, segment_ids, padding_mask, word_ids, stem_ids, shape_ids: as for `QATransformer`; the last three, which a
            `BertEncoder` has no use for, are 0 at what is masked.
        question_places: int `(batch, questions)`, positions of the mask tokens that ask for a span.
        masked_places: int `(batch, places)`, positions of the masked words' tokens.

    Returns:
        A dict of float32 logits: `start` and `end` `(batch, questions, sequence)`, -1e9 outside the text and the separator at its
        end; `words` `(batch, places, vocabulary_size)`.

    Raises:
        ValueError: there is no such architecture.

    Example:

    >>> model = SpanPretrainer(
    ...     {"vocabulary_size": 11, "hidden_dim": 6, "num_layers": 1, "num_heads": 2, "intermediate_dim": 5}
    ... )
    >>> ids = keras.ops.ones((2, 7), "int32")
    >>> inputs = {"token_ids": ids, "segment_ids": ids, "padding_mask": ids}
    >>> outputs = model(inputs | {"question_places": ids[:, :3], "masked_places": ids[:, :4]})
    >>> tuple(outputs["start"].shape), tuple(outputs["words"].shape)
    ((2, 3, 7), (2, 4, 11))
    """

    def __init__(self, encoder, architecture="QATransformer", **kwargs):
        super().__init__(**kwargs)
        if architecture not in ("QATransformer", "BertEncoder"):
            raise ValueError(f"architecture must be QATransformer or BertEncoder, got {architecture!r}")
        policy = self.dtype_policy
        self.encoder_config, self.architecture = dict(encoder), architecture
        if architecture == "BertEncoder":
            self.encoder = BertEncoder(**encoder, dtype=policy, name="encoder")
        else:
            self.encoder = QATransformer(**encoder, dtype=policy, name="encoder")
            self.encoder.span_head.trainable = False  # no output comes from it
        self.span_selection = QuestionSpanSelection(dtype=policy, name="span_selection")
        self.word_head = MaskedWordHead(
            encoder["vocabulary_size"], encoder.get("embedding_dim"), dtype=policy, name="word_head"
        )

    def build(self, input_shape=None):
        self.encoder.build()
        sequence = (None, None, self.encoder.config["hidden_dim"])
        self.span_selection.build(sequence)
        self.word_head.build(sequence)
        self.built = True

    def call(self, inputs, training=None):
        if self.architecture == "BertEncoder":
            masks = {name: inputs[name] for name in ("segment_ids", "padding_mask")}
            x = self.encoder(inputs["token_ids"], **masks, training=training)
        else:
            x = self.encoder.encode(inputs, training=training)
        is_text = inputs["segment_ids"] * inputs["padding_mask"]
        spans = self.span_selection(x, inputs["question_places"], is_text)
        embeddings = self.encoder.token_embedding.embeddings
        return {**spans, "words": self.word_head(x, inputs["masked_places"], embeddings)}

    def get_config(self):
        return {**super().get_config(), "encoder": self.encoder_config, "architecture": self.architecture}

"""BertQA: extractive question answering with a pretrained encoder."""

import keras

from components.bert_encoder import BertEncoder
from components.span_logits import span_logits


@keras.saving.register_keras_serializable(package="qkv_zoo")
class BertQA(keras.Model):
    """A `BertEncoder` (BERT, DistilBERT, ELECTRA, RoBERTa or MiniLM) with one `Dense(2)` head for start and end.

        start_logit_i = S . h_i,  end_logit_i = E . h_i        for each token i of the context, and for the first token

    Devlin et al. 2019, section 4.3, whose first token stands for "no answer"; Sanh et al. 2019. The weights start random;
    `utils.text.pretrained.checkpoint.assign` loads those of a published checkpoint into `encoder`.

    Args:
        encoder: dict, the constructor arguments of `components.bert_encoder.BertEncoder`.

    Inputs, a dict of int arrays `(batch, sequence)`:
        token_ids: ids of "[CLS] question [SEP] context [SEP]", or "<s> question </s></s> context </s>" for RoBERTa and its kin.
        segment_ids: 1 for the context and the separator after it, 0 elsewhere.
        padding_mask: 1 for a real token.
        Other entries are ignored.

    Returns:
        A dict of `start` and `end`, float32 logits `(batch, sequence)`; -1e9 where no answer can start or end.

    Example:

    >>> model = BertQA({"vocabulary_size": 11, "hidden_dim": 6, "num_layers": 1, "num_heads": 2, "intermediate_dim": 5})
    >>> ids = keras.ops.ones((2, 7), "int32")
    >>> tuple(model({"token_ids": ids, "segment_ids": ids, "padding_mask": ids})["start"].shape)
    (2, 7)
    """

    feature_names = ("token_ids", "segment_ids", "padding_mask")

    def __init__(self, encoder, **kwargs):
        super().__init__(**kwargs)
        self.encoder_config = dict(encoder)
        self.encoder = BertEncoder(**encoder, dtype=self.dtype_policy, name="encoder")
        self.span_head = keras.layers.Dense(
            2,
            kernel_initializer=keras.initializers.TruncatedNormal(stddev=0.02),
            dtype=self.dtype_policy,
            name="span_head",
        )

    def build(self, input_shape=None):
        self.encoder.build()
        self.span_head.build((None, None, self.encoder.config["hidden_dim"]))
        self.built = True

    def call(self, inputs, training=None):
        segment_ids, padding_mask = inputs["segment_ids"], inputs["padding_mask"]
        x = self.encoder(inputs["token_ids"], segment_ids=segment_ids, padding_mask=padding_mask, training=training)
        return span_logits(self.span_head(x), segment_ids, padding_mask)

    def get_config(self):
        return {**super().get_config(), "encoder": self.encoder_config}

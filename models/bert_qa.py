"""BertQA: extractive question answering with a pretrained encoder."""

import keras

from components.bert_encoder import BertEncoder
from components.span_head import span_logits


@keras.saving.register_keras_serializable(package="qkv_zoo")
class BertQA(keras.Model):
    """BERT, DistilBERT or another `BertEncoder`, with one shared `Dense(2)` head for start and end.

    Devlin et al. 2019, section 4.2; Sanh et al. 2019. Its weights start random; `utils.text.pretrained.assign` gives it those of a
    published checkpoint.

    Args:
        encoder: the constructor arguments of `BertEncoder`, a dict.

    Inputs, a dict of integer `(batch, sequence)`: `token_ids`; `segment_ids` (1 for the context); `padding_mask` (1 for a
    real token). Others are not looked at.

    Output: a dict of `start` and `end`, float32 logits `(batch, sequence)`, -1e9 where no answer can start or end.
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

"""What a re-ranker starts from: a pretrained encoder, a finished run, or an encoder made from the training texts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from utils.common.batching import round_up
from utils.common.errors import UserError
from utils.common.references import run_folder
from utils.ranking.encoder import DEFAULT_LENGTHS, new_start
from utils.ranking.predictor import MAX_TOKENS
from utils.reranker.predictor import load_model_and_tokenizer
from utils.text.pretrained.checkpoint import Checkpoint, assign
from utils.text.pretrained.loading import load_sentence_encoder
from utils.training.finished import checked_number, damaged_run_as_user_error, read_run_file


@dataclass(frozen=True)
class RerankerStart:
    """What a re-ranker starts from.

    Args:
        tokenizer: the `tokenizers.Tokenizer`, which adds the special tokens.
        arguments: constructor arguments of `components.bert_encoder.BertEncoder`.
        pooling: how the vectors of the tokens become one.
        checkpoint: the weights of a pretrained encoder, or None.
        trained: the model of a finished run, all weights of which are taken, or None.
    """

    tokenizer: object
    arguments: dict
    pooling: str
    checkpoint: Checkpoint | None = None
    trained: object | None = None

    def build_model(self):
        """The `models.cross_encoder.CrossEncoder`, with these weights."""
        from models.cross_encoder import CrossEncoder

        model = CrossEncoder(self.arguments, pooling=self.pooling)
        model.build()
        if self.checkpoint is not None:
            assign(model.encoder, self.checkpoint.weights)
        if self.trained is not None:
            model.set_weights(self.trained.get_weights())
        return model


def read_start(config, texts: Iterable[str]) -> RerankerStart:
    """What a run's settings name.

    Args:
        config: the settings, with lengths.
        texts: the training texts, for the tokenizer of an encoder from scratch.

    Raises:
        UserError: the checkpoint or the run cannot be read, it has another pooling, or it has fewer positions than a question and a
            text have tokens.
    """
    length, pooling = config.query_length + config.max_length, config.pooling or "mean"
    if not config.init_from:
        sizes = config.vocabulary_size, config.hidden_dim, config.num_layers, config.num_heads
        start = new_start(texts, *sizes, config.dropout, pooling, config.query_length, config.max_length)
        return RerankerStart(
            start.tokenizer, start.arguments | {"max_length": round_up(length, 32), "num_segments": 2}, pooling
        )
    if folder := run_folder(config.init_from):
        model, tokenizer = load_model_and_tokenizer(folder)
        if config.pooling not in (None, model.pooling):
            raise UserError(f"--pooling {config.pooling}: {config.init_from} has {model.pooling}; leave it out")
        checkpoint, encoder, pooling = None, model.encoder.config, model.pooling
    else:
        pretrained = load_sentence_encoder(config.init_from)
        for note in pretrained.notes:
            print(note)
        model, tokenizer, checkpoint = None, pretrained.tokenizer, pretrained.checkpoint
        encoder = checkpoint.encoder
    if length > encoder["max_length"]:
        raise UserError(
            f"--query-length {config.query_length} and --max-length {config.max_length}: {config.init_from} has positions for "
            f"{encoder['max_length']:,} tokens; give at most that, together"
        )
    arguments = encoder | {"dropout": config.dropout, "attention_dropout": 0.0}
    return RerankerStart(tokenizer, arguments, pooling, checkpoint, model)


def lengths_of(config) -> dict[str, int]:
    """The longest question and text of a run, in tokens. Those that are left out are as in the run that it starts from, or usual.

    Raises:
        UserError: that run is damaged.
    """
    lengths = dict(DEFAULT_LENGTHS)
    if folder := run_folder(config.init_from):
        with damaged_run_as_user_error(folder):
            settings = read_run_file(folder, "config.json")
            lengths = {name: checked_number(settings, name, 3, MAX_TOKENS) for name in lengths}
    return {name: getattr(config, name) or length for name, length in lengths.items()}

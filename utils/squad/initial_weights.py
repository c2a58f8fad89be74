"""The weights that training starts from, where they are not random: a pretrained encoder, or token embeddings."""

from __future__ import annotations

import itertools

from utils.common.errors import UserError
from utils.common.references import run_folder
from utils.squad.initial_run import InitialRun, read_initial_run, take_weights
from utils.squad.windows import LENGTH_MULTIPLE, padded_length
from utils.text.pretrained.checkpoint import assign, check_width, reduced_embeddings
from utils.text.pretrained.loading import load_pretrained
from utils.text.word_vectors import cooccurrence_vectors


def read_initial_checkpoint(init_from: str | None, word_vectors: str | None, max_length: int, hidden_dim: int | None):
    """Read the checkpoint that training starts from, print what should be known about it, and check that it fits the settings.

    Args:
        init_from: a folder, or a name on the Hugging Face hub; or a run of this project; None: there is no checkpoint.
        word_vectors: `pretrained`: the model takes the checkpoint's token embeddings, and of a run all that fits; None: it takes
            the whole encoder; `text`, `random`: a checkpoint gives its tokenizer alone.
        max_length: longest window in tokens.
        hidden_dim: width of a model that takes the token embeddings.

    Returns:
        a `utils.text.pretrained.checkpoint.Checkpoint`, an `InitialRun`, or None.

    Raises:
        UserError: the checkpoint cannot be read, does not fit the tokenizer beside it, or is too small for these settings; or a run
            meets `text` or `random`.
    """
    if not init_from:
        return None
    is_pretrained = word_vectors is None
    if folder := run_folder(init_from):
        if word_vectors in ("text", "random"):
            raise UserError(
                f"--word-vectors {word_vectors}: {init_from} is a run, whose weights are taken; leave it out, or give --tokenizer "
                f"{folder} in the place of --init-from to take its tokenizer alone"
            )
        checkpoint = read_initial_run(folder)
        if is_pretrained != checkpoint.is_bert:
            raise UserError(
                f"--init-from {init_from}: holds a {checkpoint.architecture}; give the --model that it was trained as"
            )
        if not is_pretrained:
            return checkpoint
    else:
        pretrained = load_pretrained(init_from)
        for note in pretrained.notes:
            print(note)
        checkpoint = pretrained.checkpoint
    positions = checkpoint.encoder["max_length"]
    if is_pretrained and padded_length(max_length) > positions:
        raise UserError(
            f"--max-length {max_length}: {init_from} has positions for {positions} tokens; give at most "
            f"{positions // LENGTH_MULTIPLE * LENGTH_MULTIPLE}"
        )
    if word_vectors == "pretrained":
        check_width(checkpoint, hidden_dim)
    return checkpoint


def set_initial_weights(model, word_vectors: str | None, checkpoint, features) -> None:
    """Set the weights of a built model that do not start random.

    Args:
        model: `BertQA` where `word_vectors` is None, else `QATransformer`; or a `SpanPretrainer` of a pretrained encoder.
        word_vectors: `text`: token embeddings from co-occurrences in the training text; `pretrained`: those of the checkpoint,
            reduced to the model's width; `random`: none; None: the whole encoder is that of the checkpoint, and the span head too
            where the checkpoint has one.
        checkpoint: from `read_initial_checkpoint`. Of an `InitialRun`, all weights of equal name and shape are taken.
        features: `utils.squad.features.SquadFeatures` of the training questions; used for `text` only.
    """
    if isinstance(checkpoint, InitialRun):
        take_weights(model, checkpoint)
        return
    is_pretrained = word_vectors is None
    if is_pretrained:
        assign(model.encoder, checkpoint.weights)
        if checkpoint.span_head and hasattr(model, "span_head"):
            assign(model.span_head, checkpoint.span_head)
        return
    size, dim = model.token_embedding.embeddings.shape
    if word_vectors == "pretrained":
        vectors = reduced_embeddings(checkpoint, dim)[:size]
    elif word_vectors == "text" and dim < size:
        vectors = cooccurrence_vectors(_TokenIds(features.contexts, features.questions), size, dim)
    else:
        return
    model.token_embedding.set_weights([model.embedding_scale * vectors])


class _TokenIds:
    """The token ids of each text of some `TokenizedTexts`, one after another, as often as they are asked for."""

    def __init__(self, *groups):
        self._groups = groups

    def __iter__(self):
        for group in self._groups:
            for start, end in itertools.pairwise(group.offsets):
                yield group.token_ids[start:end]

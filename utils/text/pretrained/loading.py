"""A pretrained encoder with its tokenizer, and how it makes vectors of texts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from utils.text.pretrained.checkpoint import Checkpoint, read_checkpoint
from utils.text.pretrained.files import checkpoint_folder, read_optional_settings
from utils.text.pretrained.modules import encoder_folder
from utils.text.pretrained.sentences import SentenceSettings, read_sentence_settings
from utils.text.pretrained.vocabulary import vocabulary_notes
from utils.text.tokenization import add_sentence_markers, load_tokenizer, lower_case_first, special_token_ids
from utils.text.tokenizer_files import is_lower_casing


@dataclass(frozen=True)
class Pretrained:
    """A pretrained encoder.

    Args:
        checkpoint: its weights.
        tokenizer: its `tokenizers.Tokenizer`.
        notes: lines on what should be known about them.
    """

    checkpoint: Checkpoint
    tokenizer: object
    notes: tuple[str, ...]


@dataclass(frozen=True)
class PretrainedSentenceEncoder(Pretrained):
    """A pretrained encoder of texts. Its tokenizer adds the special tokens.

    Args:
        settings: how the vectors of a text's tokens become one.
    """

    settings: SentenceSettings


def load_pretrained(name: str | Path) -> Pretrained:
    """Read a pretrained encoder and its tokenizer, and check that they belong together.

    Args:
        name: a folder, or a name on the Hugging Face hub.

    Raises:
        UserError: one of them cannot be read, or they do not belong together.
    """
    return _load(checkpoint_folder(name))


def load_sentence_encoder(name: str | Path) -> PretrainedSentenceEncoder:
    """As `load_pretrained`, with what the folder says about vectors of texts.

    Raises:
        UserError: a file cannot be read, they do not belong together, or a step that the folder names is not supported.
    """
    folder = checkpoint_folder(name)
    pretrained = _load(folder)
    encoder, tokenizer, notes = pretrained.checkpoint.encoder, pretrained.tokenizer, list(pretrained.notes)
    settings = read_sentence_settings(folder, encoder["hidden_dim"], encoder["max_length"])
    if settings.lowercase and not is_lower_casing(tokenizer):
        tokenizer = lower_case_first(tokenizer)
        notes.append(f"{folder}: texts are lower-cased, as its settings for sentences say")
    if not tokenizer.num_special_tokens_to_add(False):
        tokenizer = add_sentence_markers(tokenizer)
        example = " ".join(tokenizer.encode("").tokens)
        notes.append(f"{folder}: its tokenizer adds no special tokens; each text gets {example} around it")
    return PretrainedSentenceEncoder(pretrained.checkpoint, tokenizer, (*notes, *settings.notes), settings)


def _load(folder: Path) -> Pretrained:
    checkpoint = read_checkpoint(encoder_folder(folder))
    tokenizer = load_tokenizer(checkpoint.folder)
    special_token_ids(tokenizer)  # raises where one is missing
    embeddings = checkpoint.weights["token_embedding/embeddings"]
    notes = vocabulary_notes(checkpoint.folder, tokenizer, embeddings, checkpoint.special_ids)
    return Pretrained(checkpoint, tokenizer, (*notes, *_notes_on_unused_parts(checkpoint.folder)))


def _notes_on_unused_parts(folder: Path) -> list[str]:
    """Parts of a folder with which transformers would compute something else: code, and an adapter beside the model."""
    notes = []
    if read_optional_settings(folder / "config.json").get("auto_map"):
        notes.append(
            f"{folder}: config.json names code of its own (auto_map), which is never run; compare some vectors with those of "
            "the original"
        )
    if (folder / "adapter_config.json").is_file():
        notes.append(
            f"{folder}: the model is read without the adapter beside it (adapter_config.json); merge them with peft, or remove "
            "the adapter's files"
        )
    return notes

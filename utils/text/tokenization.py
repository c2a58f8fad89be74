"""Sub-word tokenizers with character offsets: train one on your own text, or load one from disk.

Everything here is a thin layer over Hugging Face `tokenizers` (Rust, no network).
"""

from __future__ import annotations

import json
from pathlib import Path

from utils.common.errors import UserError

SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def train_tokenizer(texts, vocabulary_size: int = 16_000, lowercase: bool = True, min_frequency: int = 2):
    """Train a BERT-style WordPiece tokenizer on an iterable of strings.

    The same texts give the same tokenizer, bit for bit.

    Args:
        texts: strings to learn the pieces from (training text only, or the test set leaks into the vocabulary).
        vocabulary_size: upper bound on the number of pieces, special tokens included.
        lowercase: fold case and strip accents before splitting; offsets still point into the original text.
        min_frequency: a pair seen less often is never merged.

    Returns:
        A `tokenizers.Tokenizer` whose `[PAD]` is id 0.
    """
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

    texts = list(texts)
    normalizer = normalizers.BertNormalizer(lowercase=lowercase)
    learner = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    learner.normalizer = normalizer
    learner.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    # The trainer numbers the "##x" characters in the order of a hash table, and breaks ties by number: without fixed numbers
    # no two tokenizers of the same text are alike. Tokens that are called special get theirs first.
    alphabet = sorted(set().union(*(normalizer.normalize_str(text) for text in texts)))
    fixed = [*SPECIAL_TOKENS, *(f"##{character}" for character in alphabet if not character.isspace())]
    learner.train_from_iterator(
        texts,
        trainers.WordPieceTrainer(
            vocab_size=vocabulary_size, min_frequency=min_frequency, special_tokens=fixed, show_progress=False
        ),
    )
    tokenizer = Tokenizer(models.WordPiece(learner.get_vocab(), unk_token="[UNK]"))
    tokenizer.add_special_tokens(list(SPECIAL_TOKENS))
    tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = learner.pre_tokenizer
    tokenizer.decoder = decoders.WordPiece()
    return tokenizer


def load_tokenizer(path: str | Path):
    """Load a tokenizer from `tokenizer.json`, a BERT `vocab.txt`, or a folder that holds one of the two.

    A `vocab.txt` is taken as lower-case, unless a `tokenizer_config.json` beside it says `"do_lower_case": false`.

    Raises:
        UserError: nothing usable at `path`, or a file that does not parse.
    """
    from tokenizers import BertWordPieceTokenizer, Tokenizer

    path = Path(path)
    candidates = [path / "tokenizer.json", path / "vocab.txt"] if path.is_dir() else [path]
    for file in candidates:
        if not file.is_file():
            continue
        try:
            if file.suffix == ".txt":
                settings = file.with_name("tokenizer_config.json")
                cased = settings.is_file() and json.loads(settings.read_text()).get("do_lower_case") is False
                return Tokenizer.from_str(BertWordPieceTokenizer(str(file), lowercase=not cased).to_str())
            tokenizer = Tokenizer.from_file(str(file))
            tokenizer.no_padding()
            tokenizer.no_truncation()
            return tokenizer
        except Exception as error:  # the Rust side raises bare Exception
            raise UserError(
                f"{file}: not a tokenizer file ({error}); give a tokenizer.json, a vocab.txt or their folder"
            ) from None
    raise UserError(f"{path}: no tokenizer.json or vocab.txt there; name a file or a folder with one")


def special_token_ids(tokenizer) -> tuple[int, int, int]:
    """The ids of (padding, sequence start, separator), under BERT's or RoBERTa's names.

    Raises:
        UserError: the tokenizer has no such tokens.
    """
    ids = []
    for names in (("[PAD]", "<pad>"), ("[CLS]", "<s>"), ("[SEP]", "</s>")):
        found = [tokenizer.token_to_id(name) for name in names if tokenizer.token_to_id(name) is not None]
        if not found:
            raise UserError(f"the tokenizer has no {' or '.join(names)} token; use one made for BERT or RoBERTa")
        ids.append(found[0])
    return tuple(ids)

"""Sub-word tokenizers with character offsets: train one on your own text, or load one from disk.

They are tokenizers of Hugging Face's `tokenizers`, which needs no network.
"""

from __future__ import annotations

import json
from pathlib import Path

from utils.common.errors import UserError

SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def train_tokenizer(texts, vocabulary_size: int = 16_000, lowercase: bool = True, min_frequency: int = 2):
    """Train a BERT-style WordPiece tokenizer.

    The same texts give exactly the same tokenizer.

    Args:
        texts: iterable of strings. Pass training text only; otherwise the test set leaks into the vocabulary.
        vocabulary_size: the most tokens, special tokens included.
        lowercase: lower-case the text and strip accents before splitting. Offsets still point into the original text.
        min_frequency: pairs that occur less often are not merged.

    Returns:
        a `tokenizers.Tokenizer` whose `[PAD]` has id 0.
    """
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

    texts = list(texts)
    normalizer = normalizers.BertNormalizer(lowercase=lowercase)
    learner = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    learner.normalizer = normalizer
    learner.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    # The trainer numbers the "##x" characters in the order of a hash table, and breaks ties by number. Two trainings on the same
    # text would therefore differ. Declaring these characters special fixes their numbers, because special tokens come first.
    alphabet = sorted(set().union(*(normalizer.normalize_str(text) for text in texts)))
    first_tokens = [*SPECIAL_TOKENS, *(f"##{character}" for character in alphabet if not character.isspace())]
    learner.train_from_iterator(
        texts,
        trainers.WordPieceTrainer(
            vocab_size=vocabulary_size, min_frequency=min_frequency, special_tokens=first_tokens, show_progress=False
        ),
    )
    tokenizer = Tokenizer(models.WordPiece(learner.get_vocab(), unk_token="[UNK]"))
    tokenizer.add_special_tokens(list(SPECIAL_TOKENS))
    tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = learner.pre_tokenizer
    tokenizer.decoder = decoders.WordPiece()
    return tokenizer


def load_tokenizer(path: str | Path):
    """Load a tokenizer, without padding or truncation.

    Args:
        path: a `tokenizer.json`, a BERT `vocab.txt`, or a folder that holds one of the two. With a `vocab.txt`, text is
            lower-cased, unless a `tokenizer_config.json` beside it says `"do_lower_case": false`.

    Raises:
        UserError: there is no such file, or it is not a tokenizer.
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
                f"{file}: not a tokenizer file ({error}); name a tokenizer.json, a vocab.txt or their folder"
            ) from None
    raise UserError(f"{path}: no tokenizer.json or vocab.txt there; name such a file or its folder")


def special_token_ids(tokenizer) -> tuple[int, int, int]:
    """The ids of the padding, start and separator tokens, under BERT's or RoBERTa's names.

    Raises:
        UserError: the tokenizer lacks one of them.
    """
    ids = []
    for names in (("[PAD]", "<pad>"), ("[CLS]", "<s>"), ("[SEP]", "</s>")):
        known_ids = [tokenizer.token_to_id(name) for name in names if tokenizer.token_to_id(name) is not None]
        if not known_ids:
            raise UserError(f"the tokenizer has no {' or '.join(names)} token; use one made for BERT or RoBERTa")
        ids.append(known_ids[0])
    return tuple(ids)

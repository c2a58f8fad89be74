"""Sub-word tokenizers with character offsets: train one on your own text, or load one from disk.

They are tokenizers of Hugging Face's `tokenizers`, which needs no network.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from utils.common.errors import UserError
from utils.text.pretrained.files import check_is_the_file
from utils.text.scripts import SCRIPTS_WITHOUT_SPACES
from utils.text.tokenizer_files import check_effort, find_tokenizer_file, read_byte_level, read_wordpiece

SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
OTHER_SCRIPTS_FRACTION = 0.01
"""Fraction of characters of other scripts than Latin, Greek and Cyrillic up to which they are taken for quotations."""


def train_tokenizer(texts, vocabulary_size: int = 16_000, lowercase: bool = True, min_frequency: int = 2):
    """Train a BERT-style WordPiece tokenizer.

    The same texts give exactly the same tokenizer. Texts in other scripts than Latin, Greek and Cyrillic keep their marks: in Hindi
    and Thai they are vowels, not accents. There, each character of a script without spaces (Chinese, Japanese, Thai, ...) is a word
    of its own, so that an answer can begin and end anywhere.

    Args:
        texts: iterable of strings; one that can be gone through several times need not fit into memory. Pass training text only;
            otherwise the test set leaks into the vocabulary.
        vocabulary_size: the most tokens, special tokens included; more where the characters of the texts alone are more.
        lowercase: lower-case the text, and strip the accents of Latin, Greek and Cyrillic text, before splitting. Offsets still
            point into the original text.
        min_frequency: pairs that occur less often are not merged.

    Returns:
        a `tokenizers.Tokenizer` whose `[PAD]` has id 0.
    """
    from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

    texts = list(texts) if iter(texts) is texts else texts
    normalizer, pre_tokenizer = normalizers.BertNormalizer(lowercase=lowercase), pre_tokenizers.BertPreTokenizer()
    if _has_other_scripts(texts):
        normalizer = normalizers.BertNormalizer(lowercase=lowercase, strip_accents=False)
        scripts = "".join(rf"\p{{{name}}}" for name in SCRIPTS_WITHOUT_SPACES)
        split = pre_tokenizers.Split(Regex(rf"[{scripts}\u30fc][\p{{M}}\u30fc]*"), "isolated")
        pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizer, split])
    learner = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    learner.normalizer = normalizer
    learner.pre_tokenizer = pre_tokenizer
    # The trainer numbers the "##x" characters in the order of a hash table, and breaks ties by number. Two trainings on the same
    # text would therefore differ. Declaring these characters special fixes their numbers, because special tokens come first.
    alphabet = set()
    for text in texts:
        alphabet.update(normalizer.normalize_str(text))
    first_tokens = [*SPECIAL_TOKENS, *(f"##{character}" for character in sorted(alphabet) if not character.isspace())]
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


def _has_other_scripts(texts: Iterable[str]) -> bool:
    """Whether more than `OTHER_SCRIPTS_FRACTION` of the characters belong to other scripts than Latin, Greek and Cyrillic."""
    import regex

    other = regex.compile(r"[^\P{L}\p{Latin}\p{Greek}\p{Cyrillic}]")
    num_other = sum(len(other.findall(text)) for text in texts if not text.isascii())
    return num_other > OTHER_SCRIPTS_FRACTION * sum(map(len, texts))


def load_tokenizer(path: str | Path):
    """Load a tokenizer, without padding or truncation.

    Args:
        path: a `tokenizer.json`, a BERT `vocab.txt`, a RoBERTa `vocab.json` with its `merges.txt`, or a folder that holds one of
            these. A `tokenizer.json` is taken as it is. For the others the settings of a `tokenizer_config.json` beside it hold.

    Raises:
        UserError: there is no such file, or it is not a tokenizer.
    """
    from tokenizers import Tokenizer

    file = find_tokenizer_file(Path(path))
    check_is_the_file(file)
    try:
        if file.suffix == ".txt":
            tokenizer = read_wordpiece(file)
        elif file.name == "vocab.json":
            tokenizer = read_byte_level(file)
        else:
            check_effort(file)
            tokenizer = Tokenizer.from_file(str(file))
        tokenizer.no_padding()
        tokenizer.no_truncation()
        for pair in ((), ("",)):  # a tokenizer that cannot read any text fails here
            tokenizer.encode("The tower, 中 and \U0001f600.", *pair)
    except (UserError, KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # the Rust side raises Exception, and where it fails unexpectedly PanicException
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise UserError(
            f"{file}: not a tokenizer file ({reason[:200]}); name a tokenizer.json, a vocab.txt or their folder"
        ) from None
    return tokenizer


def special_token_ids(tokenizer) -> tuple[int, int, int]:
    """The ids of the padding, start and separator tokens.

    Start and separator are those that the tokenizer puts around a text. The padding token is found by the name that BERT or RoBERTa
    has for it, and so are the others where the tokenizer puts nothing there.

    Raises:
        UserError: the tokenizer lacks one of them.
    """
    ids = []
    for names in (("[PAD]", "<pad>"), ("[CLS]", "<s>"), ("[SEP]", "</s>")):
        known_ids = [tokenizer.token_to_id(name) for name in names if tokenizer.token_to_id(name) is not None]
        if not known_ids:
            raise UserError(f"the tokenizer has no {' or '.join(names)} token; use one made for BERT or RoBERTa")
        ids.append(known_ids[0])
    around = tokenizer.encode("").ids
    return (ids[0], around[0], around[-1]) if len(around) > 1 else tuple(ids)


def separators_between(tokenizer) -> int:
    """The number of separators between the two texts of a pair.

        1    BERT, DistilBERT, ELECTRA          [CLS] question [SEP] context [SEP]
        2    RoBERTa, XLM-RoBERTa, CamemBERT    <s> question </s></s> context </s>

    It is what the tokenizer itself puts there; for one that adds no special tokens, what its separator is used for.

    Raises:
        UserError: the tokenizer has no separator.
    """
    _, _, separator = special_token_ids(tokenizer)
    num_separators = tokenizer.encode("", "").ids.count(separator)
    if num_separators > 1:
        return num_separators - 1
    return 2 if tokenizer.id_to_token(separator) == "</s>" else 1


def add_sentence_markers(tokenizer):
    """Make the tokenizer put its start token before and its separator after each text, unless it adds special tokens already."""
    from tokenizers import processors

    if not tokenizer.num_special_tokens_to_add(False):
        _, *ids = special_token_ids(tokenizer)
        markers = [(tokenizer.id_to_token(number), number) for number in ids]
        (start, _), (end, _) = markers
        tokenizer.post_processor = processors.TemplateProcessing(f"{start} $A {end}", special_tokens=markers)
    return tokenizer


def lower_case_first(tokenizer):
    """Make the tokenizer lower-case each text before anything else."""
    from tokenizers import normalizers

    parts = [normalizers.Lowercase(), *([tokenizer.normalizer] if tokenizer.normalizer else [])]
    tokenizer.normalizer = normalizers.Sequence(parts)
    return tokenizer


def number_of_ids(tokenizer) -> int:
    """How many rows a table of token vectors needs: more than the tokenizer has tokens where its ids have gaps.

    Args:
        tokenizer: `tokenizers.Tokenizer`.
    """
    return 1 + max(tokenizer.get_vocab().values(), default=0)


def check_fits(tokenizer, settings: dict, max_length: int) -> None:
    """Check that a model can read what a tokenizer gives. Backends take wrong ids and places in silence.

    Args:
        tokenizer: `tokenizers.Tokenizer`.
        settings: the model's `vocabulary_size` and `max_length`.
        max_length: tokens of the longest text.

    Raises:
        ValueError: the tokenizer has more ids than the model, or texts are longer than it reads.
    """
    num_ids = number_of_ids(tokenizer)
    if num_ids > settings["vocabulary_size"]:
        raise ValueError(f"the tokenizer has {num_ids:,} ids, the model {settings['vocabulary_size']:,}")
    if max_length > settings["max_length"]:
        raise ValueError(f"texts have up to {max_length:,} tokens, the model reads {settings['max_length']:,}")

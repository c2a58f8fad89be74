"""Tokenizers in the files that checkpoints bring: tokenizer.json, vocab.txt, or vocab.json with merges.txt."""

from __future__ import annotations

import re
from pathlib import Path

from utils.common.errors import UserError, some_of
from utils.common.files import read_lines
from utils.text.pretrained.files import check_is_the_file, read_flag, read_optional_settings, read_settings

NAMES = ("tokenizer.json", "vocab.txt", "vocab.json")
"""Files of a tokenizer, best first."""
_CHARACTER_CLASS = re.compile(r"\\.|\[(?:\\.|[^\]\\])*\]", re.DOTALL)
_REPEATED_GROUP = re.compile(r"\)[*+{]")
MAX_GROWTH = 1_000
"""How many times longer a tokenizer.json may make a text by replacing letters."""
_SAVE_AS_JSON = "AutoTokenizer.from_pretrained(FOLDER).save_pretrained(FOLDER) of transformers writes tokenizer.json"
_WORDPIECE_CLASSES = (
    "BertTokenizer",
    "DistilBertTokenizer",
    "ElectraTokenizer",
    "PreTrainedTokenizer",
    "TokenizersBackend",
)
_BYTE_LEVEL_CLASSES = ("RobertaTokenizer", "BartTokenizer", "GPT2Tokenizer", "PreTrainedTokenizer", "TokenizersBackend")
_ROLES = {
    "unk_token": "[UNK]",
    "sep_token": "[SEP]",
    "cls_token": "[CLS]",
    "pad_token": "[PAD]",
    "mask_token": "[MASK]",
}
_FLAGS = ("do_lower_case", "strip_accents", "tokenize_chinese_chars", "do_basic_tokenize", "add_prefix_space")
_ROBERTA_SPECIAL = ("<s>", "<pad>", "</s>", "<unk>")


def find_tokenizer_file(path: Path) -> Path:
    """The tokenizer's file: the path itself, or the best one in a folder.

    Raises:
        UserError: there is none. For files in another format the message says what to do.
    """
    if path.is_file():
        return path
    for name in NAMES:
        if (path / name).is_file():
            return path / name
    for pattern in ("*.model", "bpe.codes", "*.spm", "spiece.*"):
        for file in sorted(path.glob(pattern)):
            raise UserError(f"{path}: has no tokenizer.json but {file.name}, another format; {_SAVE_AS_JSON}")
    raise UserError(f"{path}: no tokenizer.json or vocab.txt there; name such a file or its folder")


def check_effort(file: Path) -> None:
    """Check that a tokenizer.json makes no text grow without measure, by replacing letters with long texts again and again, and
    has no pattern with repetitions within repetitions, whose time grows without measure.

    Raises:
        UserError: it does or has. A file that is no JSON passes, because `tokenizers` refuses it by itself.
    """
    try:
        settings = read_settings(file)
    except UserError:
        return
    growth, steps = 1, [settings.get("normalizer"), settings.get("pre_tokenizer")]
    while steps:
        step = steps.pop()
        if isinstance(step, list):
            steps += step
        elif isinstance(step, dict):
            growth *= max(1, len(str(step.get("content", ""))), len(str(step.get("prepend", ""))))
            steps += [step.get("normalizers"), step.get("pretokenizers")]
            pattern = step.get("pattern")
            pattern = str(pattern.get("Regex", "")) if isinstance(pattern, dict) else ""
            if _REPEATED_GROUP.search(_CHARACTER_CLASS.sub("", pattern)):
                raise UserError(f"{file}: its pattern {pattern[:80]!r} repeats a group; use another tokenizer")
    if growth > MAX_GROWTH:
        raise UserError(
            f"{file}: its normalizer can make a text more than {MAX_GROWTH:,} times longer; use another tokenizer"
        )


def read_wordpiece(file: Path):
    """A BERT tokenizer from its vocab.txt, with the settings of tokenizer_config.json beside it.

    Where these do not say whether text is lower-cased, the vocabulary does: it is not if a piece has a capital letter.

    Raises:
        UserError: the file is no vocabulary of BERT, or its tokenizer does more than WordPiece.
    """
    from tokenizers import BertWordPieceTokenizer, Tokenizer

    settings = _settings(file)
    _check_class(file, settings, _WORDPIECE_CLASSES)
    pieces = [line for _, line in read_lines(file)]
    tokens = {role: _token(settings.get(role), default) for role, default in _ROLES.items()}
    missing = [token for role, token in tokens.items() if role != "mask_token" and token not in set(pieces)]
    if missing:
        raise UserError(f"{file}: has no line {missing[0][:80]!r}, so it is no vocabulary of BERT; {_SAVE_AS_JSON}")
    lowercase = settings["do_lower_case"]
    tokenizer = BertWordPieceTokenizer(
        {piece: number for number, piece in enumerate(pieces)},
        clean_text=True,
        handle_chinese_chars=settings["tokenize_chinese_chars"] is not False,
        strip_accents=settings["strip_accents"],
        lowercase=not pieces_with_capitals(pieces) if lowercase is None else lowercase,
        **tokens,
    )
    tokenizer = Tokenizer.from_str(tokenizer.to_str())
    _add_tokens(tokenizer, file, settings)
    return tokenizer


def read_byte_level(file: Path):
    """RoBERTa's tokenizer from its vocab.json and merges.txt.

    Raises:
        UserError: one of them is missing or is that of another kind of tokenizer.
    """
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors

    merges = file.with_name("merges.txt")
    if not merges.is_file():
        raise UserError(f"{file}: has no merges.txt beside it; download it too")
    check_is_the_file(merges)
    settings = _settings(file)
    _check_class(file, settings, _BYTE_LEVEL_CLASSES)
    vocabulary = read_settings(file)
    missing = [token for token in (*_ROBERTA_SPECIAL, *pre_tokenizers.ByteLevel.alphabet()) if token not in vocabulary]
    if missing:
        raise UserError(f"{file}: has no token {missing[0]!r}, so it is no vocabulary of RoBERTa; {_SAVE_AS_JSON}")
    prefix_space = settings["add_prefix_space"] is True
    tokenizer = Tokenizer(models.BPE(*models.BPE.read_file(str(file), str(merges)), fuse_unk=False))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=prefix_space)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(token, normalized=True, special=True) for token in _ROBERTA_SPECIAL])
    if "<mask>" in vocabulary:
        tokenizer.add_special_tokens([AddedToken("<mask>", lstrip=True, normalized=True, special=True)])
    ends = [(token, vocabulary[token]) for token in ("</s>", "<s>")]
    tokenizer.post_processor = processors.RobertaProcessing(*ends, trim_offsets=True, add_prefix_space=prefix_space)
    _add_tokens(tokenizer, file, settings)
    return tokenizer


def pieces_with_capitals(pieces) -> list[str]:
    """The pieces with a capital letter; special tokens such as `[CLS]` or `<s>` do not count.

    >>> pieces_with_capitals(["[CLS]", "the", "##s", "The", "Ø"])
    ['The', 'Ø']
    """
    return [piece for piece in pieces if piece != piece.lower() and not re.fullmatch(r"\[.*\]|<.*>", piece)]


def tokenizer_notes(path: Path, tokenizer) -> list[str]:
    """Contradictions between a tokenizer and the files beside it.

    Args:
        path: the file or the folder that it was read from.
        tokenizer: the `tokenizers.Tokenizer`.
    """
    if type(tokenizer.model).__name__ != "WordPiece":
        return []
    file = find_tokenizer_file(path)
    folder = file.parent
    notes, settings = [], _settings(file)
    for name, does_it in _behaviour(tokenizer).items():
        if file.suffix == ".json" and settings[name] not in (None, does_it):
            notes.append(
                f"{folder}: tokenizer_config.json says {name} is {str(settings[name]).lower()}, but {file.name} does "
                f"{'so' if does_it else 'not'}; {file.name} holds"
            )
    whole = {token.content for token in tokenizer.get_added_tokens_decoder().values()}
    never_split = settings.get("never_split") if file.suffix == ".txt" else None
    split = [str(text)[:40] for text in never_split if str(text) not in whole] if isinstance(never_split, list) else []
    if split:
        notes.append(
            f"{folder}: never_split in tokenizer_config.json is not used: {some_of(split)} are split like other texts; make them "
            "added tokens if they must stay whole"
        )
    vocabulary = tokenizer.get_vocab()
    pieces = sorted(vocabulary, key=vocabulary.get)
    capitals = pieces_with_capitals(pieces)
    if capitals and is_lower_casing(tokenizer):
        notes.append(
            f"{folder}: the tokenizer lower-cases text, but {len(capitals):,} pieces have capitals (such as {capitals[0]!r}); "
            "check do_lower_case"
        )
    has_letters = any(piece != piece.upper() for piece in pieces)
    if not capitals and has_letters and not is_lower_casing(tokenizer):
        notes.append(
            f"{folder}: the tokenizer keeps capitals, but no piece has any: words with them are unknown tokens"
        )
    if file.name == "tokenizer.json" and (folder / "vocab.txt").is_file():
        lines = {number - 1: line for number, line in read_lines(folder / "vocab.txt")}
        wrong = next((number for number, line in lines.items() if line and tokenizer.token_to_id(line) != number), None)
        if wrong is not None:
            notes.append(
                f"{folder}: tokenizer.json and vocab.txt are not of one vocabulary (first difference: id {wrong:,}, "
                f"{tokenizer.id_to_token(wrong)!r} and {lines[wrong]!r}); tokenizer.json holds"
            )
    return notes


def is_lower_casing(tokenizer) -> bool:
    """Whether a tokenizer lower-cases texts."""
    return _behaviour(tokenizer)["do_lower_case"]


def _behaviour(tokenizer) -> dict[str, bool]:
    """What a tokenizer does to a text before it splits it, by the names of tokenizer_config.json."""

    def normalized(text):
        return tokenizer.normalizer.normalize_str(text) if tokenizer.normalizer else text

    return {
        "do_lower_case": normalized("A") == "a",
        "strip_accents": normalized("é") == "e",
        "tokenize_chinese_chars": normalized("a中b") != "a中b",
    }


def _settings(file: Path) -> dict:
    """tokenizer_config.json beside a file, with the tokenizer's class from config.json where it lacks that. Each of `_FLAGS` is
    true, false or None."""
    model, place = read_optional_settings(file.with_name("config.json")), file.with_name("tokenizer_config.json")
    settings = {"tokenizer_class": model.get("tokenizer_class")} | read_optional_settings(place)
    return settings | {name: read_flag(place, settings, name) for name in _FLAGS}


def _check_class(file: Path, settings: dict, known: tuple[str, ...]) -> None:
    """Check that the tokenizer that a vocabulary was made for does nothing else than the one of this project."""
    name = str(settings.get("tokenizer_class") or known[0])
    if name.removesuffix("Fast") not in known:
        raise UserError(
            f"{file}: is the vocabulary of a {name[:80]!r}, which is not supported; {_SAVE_AS_JSON} for some"
        )
    for setting in ("word_tokenizer_type", "subword_tokenizer_type"):
        if settings.get(setting) not in (None, "basic", "wordpiece"):
            value = str(settings[setting])[:80]
            raise UserError(f"{file}: tokenizer_config.json asks for {setting} {value!r}, which is not supported")
    if settings["do_basic_tokenize"] is False:
        raise UserError(f"{file}: tokenizer_config.json asks for do_basic_tokenize false, which is not supported")


def _add_tokens(tokenizer, file: Path, settings: dict) -> None:
    """Add the tokens of added_tokens.json and of tokenizer_config.json that the vocabulary lacks."""
    added = {}
    for token, number in read_optional_settings(file.with_name("added_tokens.json")).items():
        added[number] = token
    decoder = settings.get("added_tokens_decoder") or {}
    for number, token in decoder.items() if isinstance(decoder, dict) else ():
        added[int(number) if str(number).isdecimal() else number] = _token(token, "")
    if any(type(number) is not int for number in added):
        raise UserError(f"{file}: an added token beside it has no whole number; download the tokenizer's files again")
    for number, token in sorted(added.items()):
        if token and tokenizer.token_to_id(token) is None:
            tokenizer.add_special_tokens([token])
        if token and tokenizer.token_to_id(token) != number:
            raise UserError(
                f"{file}: the added token {token[:80]!r} has the number {number}, but gets {tokenizer.token_to_id(token)} here; "
                f"{_SAVE_AS_JSON}"
            )


def _token(value, default: str) -> str:
    """A special token of tokenizer_config.json: a text, or an object with its `content`."""
    value = value.get("content") if isinstance(value, dict) else value
    return value if isinstance(value, str) and value else default

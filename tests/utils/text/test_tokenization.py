"""Tokenizers: trained, saved, loaded, and files that are not tokenizers."""

import pytest
import tokenizers

from utils.common.errors import UserError
from utils.text.tokenization import SPECIAL_TOKENS, load_tokenizer, number_of_ids, special_token_ids, train_tokenizer

TEXTS = ["The cat sat on the mat.", "A cat and a bat sat; the rat ran!", "Café prices in 1999 and 2001"] * 3


@pytest.fixture(scope="module")
def tokenizer():
    return train_tokenizer(TEXTS, 90)


def test_rows_are_counted_by_the_largest_id():
    vocabulary = {"[UNK]": 0, "a": 1, "b": 5}
    with_gap = tokenizers.Tokenizer(tokenizers.models.WordLevel(vocabulary, "[UNK]"))
    assert (with_gap.get_vocab_size(), number_of_ids(with_gap)) == (3, 6)


def encode(tokenizer, text):
    encoding = tokenizer.encode(text, add_special_tokens=False)
    return list(zip(encoding.tokens, encoding.ids, encoding.offsets, strict=True))


def test_the_same_texts_give_the_same_tokenizer(tokenizer):
    assert train_tokenizer(iter(TEXTS), 90).to_str() == tokenizer.to_str()


def test_the_vocabulary_is_bounded_and_starts_with_the_special_tokens(tokenizer):
    assert len(SPECIAL_TOKENS) < train_tokenizer(TEXTS, 50).get_vocab_size() <= 50 < tokenizer.get_vocab_size() <= 90
    assert [tokenizer.id_to_token(number) for number in range(5)] == list(SPECIAL_TOKENS)
    assert special_token_ids(tokenizer) == (0, 2, 3)


def test_offsets_point_into_the_text_as_it_is_written(tokenizer):
    text = "THE Café 😀\u00a0cat\tsat."
    pieces = [(token, text[start:end]) for token, _, (start, end) in encode(tokenizer, text)]
    whole = "".join(piece for _, piece in pieces)
    assert whole == "".join(text.split())
    assert pieces[0] == ("the", "THE") and ("[UNK]", "😀") in pieces and pieces[-1] == (".", ".")
    assert {token for token, _, _ in encode(tokenizer, "café")} == {token for token, _, _ in encode(tokenizer, "CAFE")}
    assert encode(train_tokenizer(TEXTS, 90, lowercase=False), "The") != encode(tokenizer, "The")


def test_marks_that_are_no_accents_stay():
    """Hindi vowels and the voicing of kana; Latin, Greek and Cyrillic text loses its accents as before."""
    hindi = train_tokenizer(["मीनू मीना मानू", "गाँव में"] * 3, 99)
    assert len({tuple(hindi.encode(word).ids) for word in ("मीनू", "मीना", "मान", "मन")}) == 4
    assert "".join(token.removeprefix("##") for token, _, _ in encode(hindi, "गाँव")) == "गाँव"
    japanese = train_tokenizer(["がか はば"] * 3, 99)
    assert encode(japanese, "が")[0][0] == "が"
    for text in ("Café Ünder", "Καφές", "Йод ещё", "Café in Tōkyō (東京) " + "and more text " * 20):
        latin = train_tokenizer([text] * 3, 99)
        assert latin.to_str().count('"strip_accents":null') == 1
        assert {token for token, _, _ in encode(latin, text)}.isdisjoint("éüής")


def test_text_without_spaces_is_cut_into_characters():
    """Otherwise an answer could end within a token, and a sentence in Thai would be one unknown word."""
    text = "東京タワーは高いです。ที่นี่ไม่มีใครอยู่" * 20
    tokenizer = train_tokenizer([text] * 3, 300)
    pieces = [text[start:end] for _, _, (start, end) in encode(tokenizer, text)]
    assert "".join(pieces) == text and "[UNK]" not in {token for token, _, _ in encode(tokenizer, text)}
    words = [tokenizer.encode(text, add_special_tokens=False).word_ids[place] for place, _ in enumerate(pieces)]
    assert len(set(words)) == 20 * 20  # 10 of each sentence, with their marks


@pytest.mark.parametrize("name", ["tokenizer.json", "vocab.txt"])
@pytest.mark.parametrize("folder", [False, True])
def test_a_kept_tokenizer_reads_the_same(tokenizer, tmp_path, name, folder):
    file = tmp_path / name
    if name == "vocab.txt":
        pieces = [tokenizer.id_to_token(number) for number in range(tokenizer.get_vocab_size())]
        file.write_text("\n".join(pieces), encoding="utf-8")
    else:
        file.write_text(tokenizer.to_str(pretty=True), encoding="utf-8")
    again = load_tokenizer(tmp_path if folder else str(file))
    text = "The Café's bat, 2001 zebras 😀"
    assert encode(again, text) == encode(tokenizer, text)
    assert special_token_ids(again) == (0, 2, 3)


def test_a_loaded_tokenizer_neither_pads_nor_truncates(tokenizer, tmp_path):
    from tokenizers import Tokenizer

    other = Tokenizer.from_str(tokenizer.to_str())
    other.enable_padding(length=20)
    other.enable_truncation(3)
    other.save(str(tmp_path / "tokenizer.json"))
    assert encode(load_tokenizer(tmp_path), TEXTS[0]) == encode(tokenizer, TEXTS[0])


def test_files_that_are_not_tokenizers(tmp_path):
    with pytest.raises(
        UserError, match=r"nowhere: no tokenizer.json or vocab.txt there; name such a file or its folder"
    ):
        load_tokenizer(tmp_path / "nowhere")
    with pytest.raises(UserError, match=r"no tokenizer.json or vocab.txt there"):
        load_tokenizer(tmp_path)
    for name, content in (("tokenizer.json", b'{"model":'), ("other.json", b"{}")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UserError, match=rf"{name}: not a tokenizer file \(.*\); name a tokenizer.json") as caught:
            load_tokenizer(tmp_path / name)
        assert "\n" not in str(caught.value)


def test_special_tokens_under_either_name():
    from tokenizers import Tokenizer, models

    roberta = Tokenizer(models.WordLevel({"<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3}, unk_token="<unk>"))
    assert special_token_ids(roberta) == (1, 0, 2)
    with pytest.raises(UserError, match=r"the tokenizer has no \[SEP\] or </s> token"):
        special_token_ids(Tokenizer(models.WordLevel({"[PAD]": 0, "[CLS]": 1}, unk_token="[PAD]")))

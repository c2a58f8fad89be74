"""How answers are compared: by word, and by character where there are no spaces."""

import string
import sys
import unicodedata

import pytest

from utils.squad.metrics import f1_score
from utils.squad.normalization import answer_tokens, is_by_character, normalize_answer


@pytest.mark.parametrize(
    "text, tokens",
    [
        ("北京大学", ["北", "京", "大", "学"]),
        ("《北京，大学》。", ["北", "京", "大", "学"]),
        ("1990年至2001年", ["1990", "年", "至", "2001", "年"]),
        ("IBM的 Personal Computer", ["ibm", "的", "personal", "computer"]),
        ("３．５％～５％", ["３５５"]),  # full-width punctuation goes, as it does in ASCII
        ("コーヒーが好き", ["コ", "ー", "ヒ", "ー", "が", "好", "き"]),
        ("か\u3099く", ["か\u3099", "く"]),  # a mark stays on its letter
        ("ที่นี่", ["ที่", "นี่"]),
        ("한국어 말", ["한", "국", "어", "말"]),
        ("the a 王", ["the", "a", "王"]),  # articles are English
        ("", []),
        ("。", []),
    ],
)
def test_tokens_by_character(text, tokens):
    assert answer_tokens(text, by_character=True) == tokens
    assert normalize_answer(text, by_character=True) == " ".join(tokens)


def mlqa_tokens(text):
    """What MLQA's official script does for Chinese, as a plain loop (Han characters of the basic block alone)."""
    punctuation = {chr(n) for n in range(sys.maxunicode) if unicodedata.category(chr(n)).startswith("P")}
    text = "".join(character for character in text.lower() if character not in punctuation | set(string.punctuation))
    tokens, word = [], ""
    for character in text:
        if "\u4e00" <= character <= "\u9fa5":
            tokens += [*word.split(), character]
            word = ""
        else:
            word += character
    return tokens + word.split()


def test_chinese_is_split_as_mlqa_does():
    for text in ("在1990年，王明（IBM Research）和Ada Lovelace去了北京。", "约3,000人；“大学”——好！", "A-B测试 $5"):
        assert answer_tokens(text, by_character=True) == mlqa_tokens(text)


def test_a_near_miss_gets_credit_by_character():
    assert f1_score("北京大学", "在北京大学") == 0
    assert f1_score("北京大学", "在北京大学", by_character=True) == pytest.approx(2 * 4 / 9)


@pytest.mark.parametrize(
    "context, expected",
    [
        ("王明在北京大学任教。", True),
        ("王明在IBM Research的Personal Computer部门工作了10年。", True),
        ("東京タワーは高いです。", True),
        ("ฉันชื่อสมชาย", True),
        ("서울은 한국의 수도이다.", False),
        ("मीनू दिल्ली में रहती है।", False),
        ("Tokyo (東京) is the capital of Japan.", False),
        ("Émilie est née à Zürich.", False),
        ("Plain text.", False),
        ("", False),
        ("12 34", False),
    ],
)
def test_the_language_decides(context, expected):
    assert is_by_character(context) is expected


def test_published_english_and_hindi_paragraphs_are_compared_by_word(qkv_zoo_data):
    from utils.squad.data import read_squad

    for name, expected in (("squad/dev-v1.1", 0), ("xquad/xquad.hi", 0), ("xquad/xquad.zh", 240)):
        contexts = {question.context for question in read_squad(qkv_zoo_data / f"{name}.json.gz")}
        assert sum(map(is_by_character, contexts)) == expected

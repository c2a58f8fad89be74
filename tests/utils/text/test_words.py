"""Words of texts in any script."""

import unicodedata

import pytest

from utils.text.words import MAX_MARKS, split_words


def stands_in(name, text):
    """Whether the words of the name stand together in the words of the text."""
    name, text = split_words(name), split_words(text)
    return name and any(text[start : start + len(name)] == name for start in range(len(text)))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Who wrote 'Emma'?", ["who", "wrote", "emma"]),
        ("it's 3,14 -- ÜBER_all\t\u00a0x", ["it", "s", "3", "14", "über_all", "x"]),
        ("`` Well , '' she said -- no ... ( a.b ) !", ["well", "she", "said", "no", "a", "b"]),
        (
            "1+1=2, a+b, 10+ years, a-b, pre- and post-war, *very*",
            ["1", "1", "2", "a", "b", "10", "years", "a", "b", "pre", "and", "post", "war", "very"],
        ),
        ("What?! Really!!! (sure?)", ["what", "really", "sure"]),
        ("( Japanese : ??? ) is damaged", ["japanese", "is", "damaged"]),
        (" \n", []),
        ("?", []),
    ],
)
def test_words_are_lower_cased_and_without_punctuation(text, words):
    assert split_words(text) == words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("C, C++ and C#; F#?", ["c", "c++", "and", "c#", "f#"]),
        ("C++17 on .NET (not ASP.NET)", ["c++", "17", "on", ".net", "not", "asp", "net"]),
        ("Disney+ or A+, A-, A* and C--", ["disney+", "or", "a+", "a-", "a*", "and", "c--"]),
        ('the band "!!!"', ["the", "band", "!!", "!!!"]),
        ("Ｃ＋＋, C♯ and A−", ["c++", "c#", "and", "a-"]),
        ("Nike™ 2½ 10² H₂O", ["nike", "2", "1", "2", "10", "2", "h2o"]),
        ("I ❤️ 👍🏽 🇩🇪🇫🇷 © 20°", ["i", "❤", "👍", "🇩🇪", "🇫🇷", "20"]),
    ],
)
def test_signs_that_names_live_on_stay(text, words):
    assert split_words(text) == words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("मीना व्यक्ति में", ["मीना", "व्यक्ति", "में"]),
        ("مُحَمَّد محـمد", ["مُحَمَّد", "محمد"]),
        ("서울 사람", ["서", "서울", "울", "사", "사람", "람"]),
        ("王明在", ["王", "王明", "明", "明在", "在"]),
        ("2023年 第1", ["2023", "年", "第", "1"]),
        ("タワー", ["タ", "タワ", "ワ", "ワー", "ー"]),
        ("ที่นี", ["ที่", "ที่นี", "นี"]),
        ("iPhone手机", ["iphone", "手", "手机", "机"]),
    ],
)
def test_every_script_has_words(text, words):
    assert split_words(text) == words


@pytest.mark.parametrize(
    ("name", "question"),
    [
        ("!!!", "Who sings for !!!?"),
        ("???", "Who sings for ????"),
        ("!!!", "谁是!!!的主唱？"),
        ("C++", "C++是谁设计的？"),
        (".NET", "谁设计了.NET？"),
        ("AC/DC", "who plays in ac/dc?"),
        ("P!nk", "When was P!NK born?"),
        ("*NSYNC", "Who is in *NSYNC?"),
        ("李小龙", "李小龙在哪里出生？"),
        ("김철수", "김철수는 어디에서 태어났습니까?"),
        (unicodedata.normalize("NFD", "김철수"), "김철수의 고향은?"),
        ("สมชาย ใจดี", "สมชาย ใจดีเกิดที่ไหน"),
        ("Zoë Müller", unicodedata.normalize("NFD", "Where was Zoë Müller born?")),
        ("東京タワー", "東京ﾀﾜｰはどこ？"),
        ("Straße", "STRASSE?"),
        ("İzmir", "where is izmir?"),
        ("ΟΔΥΣΣΕΥΣ", "ποιος ήταν ο οδυσσευς;"),
    ],
)
def test_a_name_stands_in_a_question_about_it(name, question):
    assert stands_in(name, question)


def test_names_that_differ_in_their_signs_or_marks_are_different_words():
    names = [
        "C",
        "C++",
        "C#",
        "F",
        "F#",
        "net",
        ".NET",
        "A",
        "A+",
        "A-",
        "A*",
        "!!",
        "!!!",
        "???",
        "मीना",
        "मोना",
        "मैना",
    ]
    assert len({tuple(split_words(name)) for name in names}) == len(names)


def test_capital_letters_stay_where_they_are_asked_for():
    text = "Ada meets Éva and C++ on .NET, ＡＢＣ"
    assert split_words(text, fold_case=False) == ["Ada", "meets", "Éva", "and", "C++", "on", ".NET", "ABC"]
    assert [word.casefold() for word in split_words(text, fold_case=False)] == split_words(text)


def test_words_do_not_depend_on_what_else_stands_in_the_text():
    plain = "Ada b-c, the U.S. and x_1; (d) 'e' \"f\" g... h/i, 5.0 j?"
    for other in ("C++", "é", "王", "…"):
        assert split_words(f"{plain} {other}")[: len(split_words(plain))] == split_words(plain)
    assert split_words("« A- » é+") == ["a-", "é+"] and split_words("é-") == ["é-"]


def test_a_long_row_of_marks_stays_small():
    assert len(split_words("!" * 100_000)) == MAX_MARKS - 1

"""Sentences of any script, joined and cut."""

import pytest

from utils.text.sentences import LONG_SENTENCE, chunks, count_words, cut, split_sentences

LONG = "This sentence has quite enough words to stand alone here."


def letters(text):
    """A text without white space."""
    return "".join(text.split())


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("en", "Dr. Ada met Mr. Bell at 5 p.m. in St. Ives. They left. i.e. then.", 3),
        ("de", "Am 3. Mai kam Dr. Müller z. B. aus Nr. 5. Er blieb.", 2),
        ("zh", "河流很长。他说：“你好！”真的吗？也许吧", 4),
        ("ja", "これはペンです。はい！終わり？そう。", 4),
        ("hi", "नदी बहती है। मीना आई। क्या? हाँ॥", 4),
        ("ar", "ذهب الولد. هل أنت بخير؟ نعم!", 3),
        ("ur", "یہ ایک جملہ ہے۔ کیا آپ ٹھیک ہیں؟", 2),
        ("am", "ይህ ዓረፍተ ነገር ነው። ሁለተኛ።", 2),
        ("th", "วันนี้อากาศดี ฉันไปตลาด ซื้อ iPhone 12", 3),
        ("km", "នេះជាប្រយោគ។ មួយទៀត។", 2),
    ],
)
def test_sentences_of_any_script_are_the_whole_text(language, text, expected):
    sentences = split_sentences(text, language)
    assert len(sentences) == expected and "".join(sentences) == text


def test_long_quotations_and_inch_signs_do_not_hide_sentences():
    inner = "The pipe was sold in the year 1990. "
    text = (
        'It has a 6" pipe. '
        + inner * (LONG_SENTENCE // 8 + 2)
        + 'It has a 7" pipe. And “we all left. Then it rained.” He said.'
    )
    sentences = split_sentences(text, "en")
    assert "".join(sentences) == text and sentences.count(inner) == LONG_SENTENCE // 8 + 2
    assert split_sentences("He said “I came. I won.” Then he left.", "en") == [
        "He said “I came. I won.” ",
        "Then he left.",
    ]


def test_references_belong_to_what_they_follow():
    text = "It was built in 1890.[citation needed] It fell.[n 8][9] He left.:282 Then she left. [She] came."
    assert split_sentences(text, "en") == [
        "It was built in 1890.[citation needed] ",
        "It fell.[n 8][9] ",
        "He left.:282 ",
        "Then she left. ",
        "[She] came.",
    ]


def test_short_sentences_join_what_follows_and_at_the_end_of_a_paragraph_what_stands_before():
    assert chunks(f"{LONG} {LONG} Short one. {LONG}") == [LONG, LONG, f"Short one. {LONG}"]
    assert chunks(f"{LONG} Short one.\n\n{LONG}") == [f"{LONG} Short one.", LONG]
    assert chunks(f"{LONG}\n\nHeading\n\n{LONG}\n\nThe end") == [LONG, f"Heading {LONG} The end"]
    assert chunks("Only this.") == ["Only this."] and chunks(" \n\n ") == []


def test_many_short_sentences_give_many_chunks():
    """They are joined up to a bound, and not to one chunk."""
    assert chunks("We went to the park today. " * 40) == ["We went to the park today. We went to the park today."] * 20
    assert len(chunks("我们今天去公园。" * 40)) == 20
    assert 10 <= len(chunks("เราไปตลาดวันนี้ " * 40)) <= 20


def test_nothing_is_lost_between_chunks():
    text = "Title\r\n\r\nOne two.Three “four. five” six!\n seven\n\n\n  河流。很长 Dr. A\tb？ \x00 c"
    assert letters("".join(chunks(text))) == letters(text)


def test_a_language_is_told_by_the_writing_system_or_by_the_user():
    text = "Das galt im Okt. 1990 für sehr viele Menschen hier. Das war es dann auch schon für heute, liebe Leute."
    assert len(chunks(text, "de", min_words=4)) == 2 and len(chunks(text, min_words=4)) == 3
    assert len(chunks("नदी पहाड़ से आती है। डॉ. मीना भी वहाँ आती है।", min_words=3)) == 2


@pytest.mark.parametrize(
    ("text", "expected"),
    [("It's a well-known - fact...", 4), ("", 0), ("मीना दिल्ली में", 3), ("東京はどこ", 3), ("ตลาด", 1)],
)
def test_words_are_counted_or_estimated(text, expected):
    assert count_words(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "one two three four five six",
        "河流很长也很宽也很深",
        "กำกี่กู้กำกี่กู้",
        "नदीकाँचनदीकाँच",
        "👨‍👩‍👧👨‍👩‍👧👨‍👩‍👧",
        "x " + "e\u0301" * 20,
    ],
)
def test_a_cut_is_at_a_word_or_between_two_whole_characters(text):
    regex = pytest.importorskip("regex")
    spans = [(i, i + 1) for i, letter in enumerate(text) if not letter.isspace()]
    pieces = cut(text, spans, max_tokens=7)
    assert letters("".join(pieces)) == letters(text) and len(pieces) > 1
    assert all(len(letters(piece)) <= 7 for piece in pieces)
    whole = regex.findall(r"\X", letters(text))
    assert [part for piece in pieces for part in regex.findall(r"\X", letters(piece))] == whole
    words = text.split()
    assert all(piece in text for piece in pieces)
    assert all(word in words for piece in pieces for word in piece.split()) or len(max(words, key=len)) > 7


def test_a_character_of_more_tokens_than_a_piece_stays_whole():
    assert cut("👨‍👩‍👧", [(0, 5)] * 9, max_tokens=3) == ["👨‍👩‍👧"]
    assert cut("short", [(0, 5)], max_tokens=3) == ["short"]
    assert cut("one two three", [(0, 13)], max_tokens=3, max_characters=8) == ["one two", "three"]


def test_a_long_paragraph_is_split_in_windows(monkeypatch):
    """The splitter's time grows with the square of the length, so it never sees a whole long paragraph."""
    sentences = [f"Sentence number {number} has as many words as this." for number in range(40)]
    expected = split_sentences(" ".join(sentences), "en")
    monkeypatch.setattr("utils.text.sentences.WINDOW", 120)
    assert split_sentences(" ".join(sentences), "en") == expected
    text = "x" * 1_000
    assert "".join(split_sentences(text, "en")) == text

"""Offsets in other units, and answers that are looked for again."""

import json

import pytest

from utils.common.reading import Reading
from utils.squad.data import Answer, read_squad
from utils.squad.offsets import character_offset, find_near, offset_unit

CONTEXTS = ["😀 Ada wrote notes in 1843.", "Émilie met 👩‍🚀 Zoë in 1901.", "Plain: Ada died in 1852."]
TEXTS = ["1843", "Zoë", "Ada"]


def offsets(encoding, width):
    return [
        len(context[: context.index(text)].encode(encoding)) // width
        for context, text in zip(CONTEXTS, TEXTS, strict=True)
    ]


UNITS = {None: offsets("utf-32-le", 4), "UTF-16 units": offsets("utf-16-le", 2), "bytes of UTF-8": offsets("utf-8", 1)}


@pytest.mark.parametrize("unit, starts", UNITS.items(), ids=str)
def test_the_unit_is_told_by_where_the_answers_are(unit, starts):
    assert offset_unit(zip(CONTEXTS, TEXTS, starts, strict=True)) == unit
    for context, text, start in zip(CONTEXTS, TEXTS, starts, strict=True):
        assert context.startswith(text, character_offset(context, start, unit))


def test_no_unit_fits_offsets_that_are_wrong():
    assert offset_unit(zip(CONTEXTS, TEXTS, [1, 2, 3], strict=True)) is None
    assert offset_unit([]) is None


def squad_file(path, starts):
    rows = [
        {
            "id": str(number),
            "context": context,
            "question": f"{number}?",
            "answers": {"text": [text], "answer_start": [start]},
        }
        for number, (context, text, start) in enumerate(zip(CONTEXTS, TEXTS, starts, strict=True))
    ]
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


def test_a_whole_file_is_converted_and_says_so(tmp_path):
    path, reading = squad_file(tmp_path / "squad.jsonl", UNITS["UTF-16 units"]), Reading()
    questions = read_squad(path, reading)
    assert [question.answers for question in questions] == [
        (Answer(text, start),) for text, start in zip(TEXTS, UNITS[None], strict=True)
    ]
    # The third has no emoji, so that its offset is the same in both units.
    assert reading.notes == [
        f"{path}: 2 records used, but answer_start counts UTF-16 units: it is converted "
        "(question '0' of line 1, question '1' of line 2)"
    ]


def test_offsets_that_accidentally_fit_are_converted_with_their_file(tmp_path):
    """Position 3 is an "a" in characters and in UTF-16 units; the file's other offsets say which one is meant."""
    context = "😀 aa b c d"
    rows = [(context, "a", 3), (context, "b", 6), (context, "c", 8), (context, "d", 10)]
    path = tmp_path / "squad.jsonl"
    path.write_text(
        "\n".join(
            json.dumps({"context": c, "question": t, "answers": [{"text": t, "answer_start": s}]}) for c, t, s in rows
        )
    )
    assert [question.answers[0].start for question in read_squad(path)] == [2, 5, 7, 9]


def test_without_offsets_the_first_occurrence_is_taken(tmp_path):
    path, reading = squad_file(tmp_path / "squad.jsonl", [None, -1, ""]), Reading()
    assert [question.answers[0].start for question in read_squad(path, reading)] == UNITS[None]
    assert (
        "3 records used, but there is no answer_start: the first occurrence of the answer is taken" in reading.notes[0]
    )


@pytest.mark.parametrize(
    "context, text, start, expected",
    [
        ("A man, a plan. A man.", "man", 13, (17, "man")),
        ("A man, a plan. A man.", "man", 0, (2, "man")),
        ("A man, a plan. A man.", "man", 9_999, (17, "man")),
        ("The theatre near the sea.", "the", 5, (17, "the")),  # a whole word, although a part of one is nearer
        ("Unbreakable.", "break", 0, (2, "break")),
        ("She read The New\n York  Times.", "new york times", 0, (13, "New\n York  Times")),
        ("In Zoe\u0308's house.", "Zo\u00eb", 0, (3, "Zoe\u0308")),
        ("In Zo\u00eb's house.", "Zoe\u0308", 0, (3, "Zo\u00eb")),
        ("मीनू और मीन आए", "मीन", 0, (8, "मीन")),  # a vowel sign belongs to its word
        ("He paid $5 (five).", "$5 (five)", 0, (8, "$5 (five)")),
        ("The “King’s” men – all.", '"King\'s" men - all', 0, (4, "“King’s” men – all")),
        ("او می\u200cروم.", "می روم", 0, (3, "می\u200cروم")),  # Persian writes a joiner, a space, or nothing
        ("او می روم.", "می\u200cروم", 0, (3, "می روم")),
        ("او میروم.", "می\u200cروم", 0, (3, "میروم")),
        ("Der Haupt\u00adbahn\u00adhof.", "Hauptbahnhof", 0, (4, "Haupt\u00adbahn\u00adhof")),
        ("Der Hauptbahnhof.", "\ufeffHaupt\u200bbahnhof\u200b", 0, (4, "Hauptbahnhof")),
        ("It is 10 km.", "1 0 km", 0, None),
        ("He saw it.", "Times", 0, None),
        ("He saw it.", "  ", 0, None),
    ],
)
def test_find_near(context, text, start, expected):
    assert find_near(context, text, start) == expected


def test_good_answers_stay_beside_one_that_is_not_there(tmp_path):
    answers = [
        {"text": "Ada", "answer_start": 0},
        {"text": "Zoë", "answer_start": 3},
        {"text": "ADA", "answer_start": 1},
    ]
    path = tmp_path / "squad.json"
    path.write_text(json.dumps([{"id": "q", "context": "Ada was here.", "question": "Who?", "answers": answers}]))
    reading = Reading()
    (question,) = read_squad(path, reading)
    assert question.answers == (Answer("Ada", 0),)  # two that become equal are one
    assert sorted(note.split("but ")[1] for note in reading.notes) == [
        "answer_start is wrong: the nearest occurrence of the answer is taken (question 'q' of record 1)",
        "one of the answers is not in the context and left out (question 'q' of record 1)",
    ]
    reading = Reading()
    (question,) = read_squad(path, reading, require_offsets=False)  # scores need the texts alone
    assert [answer.text for answer in question.answers] == ["Ada", "Zoë", "ADA"] and reading.notes == []

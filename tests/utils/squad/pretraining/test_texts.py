"""Paragraphs of text files of each kind, what is excluded, and what is held out."""

import gzip
import json

import pytest

from utils.common.errors import UserError
from utils.common.reading import Reading
from utils.squad.pretraining.held_out import split_paragraphs
from utils.squad.pretraining.texts import Paragraph, read_paragraphs, without_excluded

LONG = "the river rises in the hills above the town and flows past the old mill to the sea"


def texts(*paths):
    return [paragraph.text for paragraph in read_paragraphs(paths)]


def test_blank_lines_part_the_paragraphs_of_plain_text(tmp_path):
    path = tmp_path / "book.txt.gz"
    path.write_bytes(gzip.compress(b"\n\nOne line\n and another.\r\n\n  \n\nSecond.\n\nSecond.\n"))
    paragraphs = read_paragraphs([path])
    assert [paragraph.text for paragraph in paragraphs] == ["One line and another.", "Second."]
    assert [paragraph.place for paragraph in paragraphs] == [f"{path}, line 3", f"{path}, line 8"]


def test_squad_files_and_records(tmp_path):
    squad, lines, table = tmp_path / "a.json", tmp_path / "b.jsonl", tmp_path / "c.csv"
    paragraphs = [{"context": "A b.", "qas": [{"question": "What?"}] * 2}, {"context": "C d."}]
    squad.write_text(json.dumps({"data": [{"title": "T", "paragraphs": paragraphs}]}))
    lines.write_text('{"text": "E f."}\n{"text": "G h."}\n')
    table.write_text("title,text\nU,I j.\nV,K l.\n")
    assert texts(squad, lines, table) == ["A b.", "C d.", "E f.", "G h.", "I j.", "K l."]
    assert [paragraph.article for paragraph in read_paragraphs([squad, table])] == ["T", "T", "U", "V"]


def test_names_of_columns_may_have_capital_letters(tmp_path):
    (tmp_path / "texts.csv").write_text("Title,Text\nBridges,A bridge of stone.\n")
    (paragraph,) = read_paragraphs([tmp_path / "texts.csv"], Reading())
    assert (paragraph.text, paragraph.article) == ("A bridge of stone.", "Bridges")


def test_records_without_text_are_counted(tmp_path):
    path = tmp_path / "b.jsonl"
    path.write_text('{"text": "E f."}\n{"other": "G h."}\n{"text": "\\ud83d"}\n')
    reading = Reading(0.9)
    assert len(read_paragraphs([path], reading)) == 1
    assert reading.description()["b.jsonl"]["bad"] == 2
    with pytest.raises(UserError, match="more than --max-bad-fraction"):
        read_paragraphs([path])
    with pytest.raises(UserError, match="no text files are named"):
        read_paragraphs([])


@pytest.mark.parametrize("other", [LONG, f"We know: {LONG.upper()}!", "Before. " + " ".join(LONG.split()[3:11])])
def test_text_of_a_test_is_an_error_that_names_it(other, tmp_path):
    test = tmp_path / "dev.txt"
    test.write_text(f"Something else.\n\n{other}\n")
    kept, shared = Paragraph("A text of its own.", "x", "x, line 1"), Paragraph(LONG, "x", "x, line 3")
    assert without_excluded([kept], [test]) == [kept]
    with pytest.raises(UserError) as error:
        without_excluded([kept, shared], [test])
    assert str(error.value).startswith("x, line 3: ") and "dev.txt, line 3" in str(error.value)
    assert "in the hills above" in str(error.value) or "rises in the hills" in str(error.value)
    assert without_excluded([kept, shared], [test], leave_out=True) == [kept]
    assert without_excluded([shared], []) == [shared]
    with pytest.raises(UserError, match="all paragraphs overlap"):
        without_excluded([shared], [test], leave_out=True)


def test_records_that_nothing_is_compared_with_are_named(tmp_path, capsys):
    test, kept = tmp_path / "dev.jsonl", [Paragraph("A text of its own.", "x", "x, line 1")]
    test.write_text('{"text": "One."}\n{"body": "Two."}\n')
    assert without_excluded(kept, [test], max_bad_fraction=0.5) == kept
    assert "--exclude-files: " in (output := capsys.readouterr().out) and "(line 2)" in output
    with pytest.raises(UserError, match="more than --max-bad-fraction 0 allows"):
        without_excluded(kept, [test], max_bad_fraction=0)


def test_articles_are_held_out_whole():
    paragraphs = [Paragraph(f"text {number}", f"article {number // 5}", "") for number in range(100)]
    train, validation = split_paragraphs(paragraphs, 0.1, seed=0)
    assert len(validation) == 10 and len(train) == 90
    assert not {p.article for p in train} & {p.article for p in validation}
    assert split_paragraphs(paragraphs, 0.1, seed=1)[1] != validation
    shuffled = split_paragraphs(paragraphs[::-1], 0.1, seed=0)[1]
    assert shuffled == validation[::-1]  # the order of the text does not matter
    one_file = [Paragraph(f"text {number}", "book.txt", "") for number in range(100)]
    assert len(split_paragraphs(one_file, 0.1, seed=0)[1]) == 10
    with pytest.raises(UserError, match="a single paragraph"):
        split_paragraphs(one_file[:1], 0.1, seed=0)

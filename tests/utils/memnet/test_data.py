"""Readers of facts and templates: what they accept, and the message for each bad input."""

import gzip

import pytest

from utils.common.errors import UserError
from utils.memnet.data import Fact, MemoryQuestion, knowledge_base, read_facts, read_templates, write_facts

HEADER = "subject\trelation\tobject\n"


def write(path, text):
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_reads_tsv_csv_and_gz_alike(tmp_path):
    expected = (Fact("Ada Lovelace", "born_in", "London, England"), Fact("Ada Lovelace", "birth_year", "1815"))
    tsv = write(
        tmp_path / "a.tsv", HEADER + "Ada Lovelace\tborn_in\tLondon, England\nAda  Lovelace \tbirth_year\t1815\n\n"
    )
    csv = write(
        tmp_path / "a.csv",
        'note,object,Subject,relation\nx,"London, England",Ada Lovelace,born_in\ny,1815,Ada Lovelace,birth_year\n',
    )
    packed = tmp_path / "a.tsv.gz"
    packed.write_bytes(gzip.compress(tsv.read_bytes()))
    bare = write(tmp_path / "b.tsv", tsv.read_text().removeprefix(HEADER))
    for path in (tsv, csv, packed, bare):
        base, notes = read_facts([path])
        assert base.facts == expected and notes == []


def test_rows_that_are_dropped_or_merged_are_counted_and_named(tmp_path):
    rows = ["a\tr\tx", "a\tr", "b\t\ty", "a\tr\tx", f"c\tr\t{'long ' * 300}", "a\tr\tz", "d\tr\tw\tmore"]
    base, notes = read_facts([write(tmp_path / "f.tsv", HEADER + "\n".join(rows))])
    assert [fact.object for fact in base.facts] == ["x", "z"]
    assert len(notes) == 5
    assert "2 rows dropped, a field is missing (line 3, 4)" in notes[0]
    assert "1 rows dropped, a field is longer than 1,000 characters (line 6)" in notes[1]
    assert "1 rows dropped, it has more fields than columns (quote commas in CSV) (line 8)" in notes[2]
    assert "1 repeated facts" in notes[3]
    assert "1 pairs of subject and relation have several objects (such as 'a', 'r')" in notes[4]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('subject,relation,object\na,r,x\nb,r,"open\nc,r,z\nd,r,w\n', 3),
        ('subject,relation,object\n"a" b,r,x\n', 2),
        ("subject,relation,object\na,r,x\rb,r,y\n", 2),
    ],
)
def test_broken_csv_is_one_clear_line_and_swallows_no_rows(tmp_path, text, line):
    with pytest.raises(UserError, match=f"f.csv, line {line}: is not a row of CSV"):
        read_facts([write(tmp_path / "f.csv", text)])


def test_a_carriage_return_within_a_tab_separated_field_is_white_space(tmp_path):
    base, _ = read_facts([write(tmp_path / "f.tsv", HEADER + 'a\rb\tr\t"x\n')])
    assert base.facts == (Fact("a b", "r", '"x'),)


def test_a_file_whose_rows_are_all_dropped_says_why(tmp_path):
    with pytest.raises(UserError, match=r"no facts there.*2 rows dropped, a field is missing"):
        read_facts([write(tmp_path / "f.tsv", HEADER + "a\tr\nb\tr\n")])


def test_a_line_of_ten_megabytes_is_dropped_and_named(tmp_path):
    for name, row in (("f.tsv", "a\tr\t{}"), ("f.csv", "a,r,{}")):
        header = HEADER if name.endswith("tsv") else HEADER.replace("\t", ",")
        text = header + row.format("x" * 10_000_000) + "\n" + row.format("y") + "\n"
        base, notes = read_facts([write(tmp_path / name, text)])
        assert [fact.object for fact in base.facts] == ["y"] and "longer than 1,000 characters (line 2)" in notes[0]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no facts"),
        (HEADER, "no facts"),
        (HEADER + "a\tr\t\n", "no facts"),
        (b"subject\trelation\tobject\na\tr\tx\nb\tr\t\xff\xfe\n", "line 3: is not UTF-8"),
        ("who,what\na,b\n", "names no columns subject, relation and object"),
    ],
)
def test_files_without_facts_are_one_clear_line(tmp_path, text, words):
    path = write(tmp_path / "f.csv" if "," in str(text) else tmp_path / "f.tsv", text)
    with pytest.raises(UserError, match=words) as caught:
        read_facts([path])
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_missing_and_damaged_files(tmp_path):
    with pytest.raises(UserError, match="cannot be read"):
        read_facts([tmp_path / "none.tsv"])
    whole = gzip.compress((HEADER + "a\tr\tx\n" * 5000).encode())
    with pytest.raises(UserError, match="cannot be read"):
        read_facts([write(tmp_path / "cut.tsv.gz", whole[: len(whole) // 2])])


def test_wikimovies_facts_are_read_in_both_directions(tmp_path):
    lines = ["1 Kismet directed_by William Dieterle", "2 Kismet starred_actors Edward Arnold, Marlene Dietrich"]
    text = "\n".join([*lines, "3 Kismet has_plot A long one", "", "1 bad", ""])
    base, notes = read_facts([write(tmp_path / "kb.txt", text)])
    assert Fact("Kismet", "directed_by", "William Dieterle") in base.facts
    assert Fact("Marlene Dietrich", "!starred_actors", "Kismet") in base.facts
    assert len(base.facts) == 6
    assert any("1 rows dropped" in note and "line 5" in note for note in notes)


TWICE = "born\tWhere was {s} born?\nborn\twhere was {s} born\ttest\n"


def test_templates_by_relation_and_split(tmp_path):
    path = write(
        tmp_path / "t.tsv",
        "born\tWhere was {s} born?\nborn\tBirthplace of {s}?\ttest\nborn\tWhere was {s} born?\nyear\tWhen was {s} born?\ttrain\n",
    )
    expected = {"born": {"train": ["Where was {s} born?"], "test": ["Birthplace of {s}?"]}}
    assert read_templates(path) == expected | {"year": {"train": ["When was {s} born?"]}}
    for text, words in (
        ("", "no templates"),
        ("born\tWhere?\n", "line 1"),
        ("born\t{s}?\tdev\n", "line 1"),
        (TWICE, "under train and"),
    ):
        with pytest.raises(UserError, match=words):
            read_templates(write(tmp_path / "bad.tsv", text))


BASE, _ = knowledge_base(
    [
        Fact("Ada", "born", "London"),
        Fact("Ada", "knew", "Babbage"),
        Fact("Ada", "knew", "Mary"),
        Fact("Bob", "born", "Rome"),
    ],
    "here",
)


def test_gold_facts_have_subject_relation_and_answer():
    question = MemoryQuestion("1", "?", "Ada", ("Babbage", "Mary"), "knew")
    assert BASE.gold(question, range(4)) == [1, 2]
    loose = MemoryQuestion("2", "?", "Ada", ("Rome",))
    assert BASE.gold(loose, range(4)) == [3] and BASE.gold(loose, [0, 1]) == []


def test_written_facts_are_read_back_with_the_same_numbers(tmp_path):
    base, _ = knowledge_base([Fact('a "b"', "r", "x, y"), Fact("c", "r", "z"), Fact("a", "q", "z")], "here")
    write_facts(tmp_path / "facts.tsv", base)
    assert read_facts([tmp_path / "facts.tsv"]) == (base, [])

"""Readers of facts and templates: each format, and what is left out, counted, told or refused."""

import bz2
import gzip
import json

import pytest

from utils.common.errors import UserError
from utils.common.reading import Reading
from utils.memnet.data import read_facts, read_templates, write_facts
from utils.memnet.records import Fact, KnowledgeBase

HEADER = "subject\trelation\tobject\n"
FACTS = (
    Fact("Ada Lovelace", "born_in", "London, England"),
    Fact("Ada Lovelace", "birth_year", "1815"),
    Fact("Bo Quarry", "born_in", "Oslo"),
)


def write(path, text):
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def facts_of(path, max_bad_fraction=0.0):
    return read_facts([path], Reading(max_bad_fraction)).facts


def notes_of(path, max_bad_fraction=1.0):
    reading = Reading(max_bad_fraction)
    read_facts([path], reading)
    return [note.removeprefix(f"{path}: ") for note in reading.notes]


def table(separator, header="", quote=lambda field, needed: field):
    rows = [(fact.subject, fact.relation, fact.object) for fact in FACTS]
    lines = [separator.join(quote(field, separator in field) for field in row) for row in rows]
    return "\n".join(([header] if header else []) + lines) + "\n"


def where_needed(field, needed):
    return f'"{field}"' if needed else field


def always(field, needed):
    return f'"{field}"'


@pytest.mark.parametrize("name", ["f.tsv", "f.csv", "f.txt", "facts"])
@pytest.mark.parametrize(
    "text",
    [
        table("\t"),
        table("|"),
        table(";"),
        table(",", quote=where_needed),
        table(";", "subject;relation;object"),
        table("\t", "subject\trelation\tobject"),
        table(",", '"subject","relation","object"', quote=always),
        table("\t", "Subject\tPredicate\tObject"),
        table(",", "s,p,o", quote=where_needed),
        table("\t", "s\tr\to"),
        table("\t", "h\tr\tt"),
        table("\t", "head\trelation\ttail"),
        table("|", "Subject | Property | Value"),
    ],
)
def test_tables_are_told_by_what_is_in_them(tmp_path, name, text):
    assert facts_of(write(tmp_path / name, text)) == FACTS


def test_columns_are_found_in_any_order_beside_others(tmp_path):
    rows = [f'x,"{fact.object}",{fact.subject},7,{fact.relation}' for fact in FACTS]
    path = write(tmp_path / "f.csv", "\n".join(["note,tail,head,id,relation", *rows]))
    assert facts_of(path) == FACTS
    assert notes_of(path) == ["its columns are read as subject 'head', relation 'relation', object 'tail'"]
    path = write(tmp_path / "f.tsv", "head\ttail\trelation\nAda\tOslo\tborn_in\n")
    assert facts_of(path) == (Fact("Ada", "born_in", "Oslo"),)
    path = write(tmp_path / "f.tsv", "city\tsubject\trelation\nOslo\tAda\tborn_in\n")
    assert facts_of(path) == (Fact("Ada", "born_in", "Oslo"),) and "object 'city'" in notes_of(path)[0]


@pytest.mark.parametrize("header", ["subject | relation | object", "who | does | what"])
@pytest.mark.parametrize(("start", "end"), [("", ""), ("| ", " |")])
@pytest.mark.parametrize("dashes", ["---|---|---", ":-- | :-: | --:"])
def test_tables_of_markdown(tmp_path, header, start, end, dashes):
    lines = [header, dashes, *(f"{fact.subject} | {fact.relation} | {fact.object}" for fact in FACTS)]
    path = write(tmp_path / "f.md", "\n".join(f"{start}{line}{end}" for line in lines))
    facts = facts_of(path)
    assert facts == (FACTS if "subject" in header else (Fact("who", "does", "what"), *FACTS))
    assert any("1 record left out, it is a Markdown table's line of dashes (line 2)" in note for note in notes_of(path))


@pytest.mark.parametrize(
    "header", [":START_ID,:END_ID,:TYPE", ":START_ID(Person),:END_ID(Town),:TYPE", "start,end,type"]
)
def test_neo4j_exports_relations_last(tmp_path, header):
    path = write(tmp_path / "f.csv", f"{header}\nAda,Brom,BORN_IN\n")
    assert facts_of(path) == (Fact("Ada", "BORN_IN", "Brom"),)
    assert "its columns are read as subject" in notes_of(path)[0]


def test_joined_tables_repeat_their_header(tmp_path):
    path = write(tmp_path / "f.tsv", f"{HEADER}Ada\tborn_in\tBrom\n{HEADER}Bo\tborn_in\tOslo\n")
    assert facts_of(path) == (Fact("Ada", "born_in", "Brom"), Fact("Bo", "born_in", "Oslo"))
    assert notes_of(path) == ["1 record left out, it repeats the first line (line 3)"]


def test_objects_that_may_be_missing_values_are_counted(tmp_path):
    path = write(tmp_path / "f.tsv", f"{HEADER}Ada\tborn_in\tNaN\nBo\tborn_in\tNA\nCy\tborn_in\tNatal\n")
    assert len(facts_of(path)) == 3
    assert notes_of(path)[0].startswith("2 records used, but their object is NA, NaN")


def test_compressed_files_and_other_encodings(tmp_path):
    text = table("\t", "subject\trelation\tobject")
    for number, data in enumerate((gzip.compress(text.encode()), bz2.compress(text.encode()), text.encode("utf-16"))):
        assert facts_of(write(tmp_path / f"f{number}", data)) == FACTS
    assert facts_of(write(tmp_path / "bom", "\ufeff" + text.replace("\n", "\r\n"))) == FACTS


def test_json_and_parquet(tmp_path):
    import pyarrow
    from pyarrow import parquet

    rows = [{"head": fact.subject, "relation": fact.relation, "tail": fact.object} for fact in FACTS]
    triples = [[fact.subject, fact.relation, fact.object] for fact in FACTS]
    texts = [
        "\n".join(map(json.dumps, rows)),
        json.dumps(rows),
        json.dumps({"data": rows}),
        json.dumps(triples),
        "\n".join(map(json.dumps, triples)),
        json.dumps([rows[0], rows[1] | {"tail": 1815}, rows[2]]),
        json.dumps([rows[0], rows[1] | {"tail": 1815.0}, rows[2] | {"tail": ["Oslo"]}]),
    ]
    for text in texts:
        assert facts_of(write(tmp_path / "f", text)) == FACTS
    parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "f.parquet")
    assert facts_of(tmp_path / "f.parquet") == FACTS
    several = {"subject": "Ada", "predicate": "knew", "object": ["Babbage", "Mary"]}
    path = write(tmp_path / "f", json.dumps(several) + "\n" + '{"subject": "Ada", "verb": "x"}\n')
    assert facts_of(path, 0.5) == (Fact("Ada", "knew", "Babbage"), Fact("Ada", "knew", "Mary"))
    assert notes_of(path) == ["1 of 3 records left out, it has no subject, relation and object (line 2)"]


def test_quotes_are_undone_as_pandas_writes_them_and_kept_where_they_belong_to_a_name(tmp_path):
    rows = ['"Dwayne ""The Rock"" Johnson"\tborn\tHayward', '"Weird Al" Yankovic\tborn\tDowney', 'Ada\tsaid\t"yes']
    assert [fact.subject for fact in facts_of(write(tmp_path / "f.tsv", HEADER + "\n".join(rows)))] == [
        'Dwayne "The Rock" Johnson',
        '"Weird Al" Yankovic',
        "Ada",
    ]


def test_rows_that_are_left_out_or_merged_are_counted_and_named(tmp_path):
    rows = ["a\tr\tx", "a\tr", "b\tr\t", "a\tr\tx", f"c\tr\t{'long ' * 300}", "a\tr\tz", "d\tr\tw\tmore", "\tr\ty"]
    path = write(tmp_path / "f.tsv", HEADER + "\n".join(rows))
    base = read_facts([path], Reading(0.6))
    assert [fact.object for fact in base.facts] == ["x", "z"]
    assert sorted(notes_of(path)) == [
        "1 of 7 records left out, a field is longer than 1,000 characters (line 6)",
        "1 of 7 records left out, it has more fields than columns (line 8)",
        "1 record left out, its object is empty (line 4)",
        "1 record used, but they repeat a fact, which is kept once (line 5)",
        "2 of 7 records left out, a field is missing (line 3, line 9)",
    ]
    with pytest.raises(UserError, match=r"4 of 7 records cannot be used, more than --max-bad-fraction 0.1 allows"):
        read_facts([path], Reading(0.1))


def test_counts_of_each_file_are_described(tmp_path):
    reading = Reading(0.5)
    read_facts([write(tmp_path / "a", table("\t")), write(tmp_path / "b", table("|") + "x|r\n\n|r|x\n")], reading)
    assert reading.description()["a"] == {"used": 3, "bad": 0, "left_out": {}, "noticed": {}}
    assert reading.description()["b"]["bad"] == 2


@pytest.mark.parametrize("first_line", ["", "s\tp\to\n"])
def test_a_header_among_the_facts_is_no_fact(tmp_path, first_line):
    """Else it would be lost where the facts are written with a header and read again."""
    path = write(tmp_path / "facts.tsv", f"{first_line}a\tb\tc\nsubject\trelation\tobject\nd\tb\te\n")
    assert [fact.subject for fact in read_facts([path], Reading()).facts] == ["a", "d"]
    assert notes_of(path)[-1].endswith(
        "it names the columns (line 2)" if not first_line else "it names the columns (line 3)"
    )


def test_a_first_line_that_may_be_a_header_is_told(tmp_path):
    rows = [f"p{number}\t{('born', 'died')[number % 2]}\tt{number % 3}" for number in range(12)]
    path = write(tmp_path / "f.tsv", "\n".join(["person\tevent\tplace", *rows]))
    assert len(facts_of(path)) == 13
    assert (
        "its first line ('person, event, place') is read as a fact, but no other row has its relation"
        in notes_of(path)[0]
    )
    assert notes_of(write(tmp_path / "f.tsv", "\n".join(rows))) == []
    swapped = [f"p{number}\tt{number}\tborn" for number in range(12)]
    note = notes_of(write(tmp_path / "f.tsv", "\n".join(swapped)))[0]
    assert "its second column is read as the relation, but has 12 different values in 12 rows" in note
    swapped = [f"p{number}\tt{number % 30}\t{('born', 'died')[number % 2]}" for number in range(90)]
    assert "has 30 different values in 90 rows" in notes_of(write(tmp_path / "f.tsv", "\n".join(swapped)))[0]
    many = [f"p{number}\tr{number % 60}\tt{number % 80}" for number in range(300)]
    assert notes_of(write(tmp_path / "f.tsv", "\n".join(many))) == []
    yes_or_no = [f"p{number}\thas_{number % 15}\t{('yes', 'no')[number % 2]}" for number in range(90)]
    assert notes_of(write(tmp_path / "f.tsv", "\n".join(yes_or_no))) == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no record in it can be used"),
        (HEADER, "no record in it can be used"),
        (HEADER + "a\tr\t\n", "its object is empty"),
        (b"subject\trelation\tobject\na\tr\tx\nb\tr\t\xff\xfe\n", "line 3: is not UTF-8"),
        ("who,what\na,b\n", "names no columns subject, relation and object"),
        ("a\tr\tx\tsource\nb\tr\ty\tsource\n", "names no columns subject, relation and object"),
        ("subject\trelation\tobject\tsubject\na\tr\tx\tb\n", "has the column 'subject' twice"),
        ("{'a': 1}\n{'b': 2}\n", "broken JSON"),
        ("@prefix e: <http://e.org/> .\ne:a e:b e:c .\n", "is Turtle; convert it to N-Triples"),
        ("<?xml version='1.0'?><a><b/></a>", "is XML"),
        (b"PK\x03\x04rest", "is a zip archive or an Excel file"),
        ("just\nsome\nlines\n", "names no columns"),
    ],
)
def test_files_without_facts_are_one_clear_line(tmp_path, text, words):
    path = write(tmp_path / "f.tsv", text)
    with pytest.raises(UserError, match=words) as caught:
        facts_of(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_a_line_of_ten_megabytes_is_left_out_and_named(tmp_path):
    path = write(tmp_path / "f", HEADER + f"a\tr\t{'x' * 10_000_000}\na\tr\ty\n")
    assert "longer than 1,000 characters (line 2)" in notes_of(path)[0]


def test_missing_and_damaged_files(tmp_path):
    with pytest.raises(UserError, match="no such file"):
        facts_of(tmp_path / "none.tsv")
    whole = gzip.compress((HEADER + "".join(f"a{n}\tr{n * 7919 % 97}\tx{n * n}\n" for n in range(5000))).encode())
    with pytest.raises(UserError, match="cut short"):
        facts_of(write(tmp_path / "cut.tsv.gz", whole[: len(whole) // 2]))


def test_wikimovies_facts_are_read_in_both_directions(tmp_path):
    lines = ["1 Kismet directed_by William Dieterle", "2 Kismet starred_actors Edward Arnold, Marlene Dietrich"]
    path = write(tmp_path / "kb", "\n".join([*lines, "3 Kismet has_plot A long one", "", "1 bad", ""]))
    facts = facts_of(path, 0.5)
    assert Fact("Kismet", "directed_by", "William Dieterle") in facts
    assert Fact("Marlene Dietrich", "!starred_actors", "Kismet") in facts and len(facts) == 6
    notes = " ".join(notes_of(path))
    assert "(line 5)" in notes and "a plot is a text, not a fact (line 3)" in notes
    assert "the objects of 1 lines are split at their commas" in notes


def test_written_facts_are_read_back_with_the_same_numbers(tmp_path):
    names = ['a "b"', '"c"', '"', 'd"e', "x, y", "[REC]", "#1", "1 a b_c d", "<a> <b> <c> .", "C++", "王明", "'f'"]
    base = KnowledgeBase.of([Fact(name, "r", other) for name in names for other in names] + [Fact('"s"', '"r"', '"o"')])
    write_facts(tmp_path / "facts.tsv", base)
    assert read_facts([tmp_path / "facts.tsv"], Reading(0)).facts == base.facts


def test_terms_of_rdf_become_names_in_every_format_so_that_written_facts_are_read_back(tmp_path):
    import pyarrow
    from pyarrow import parquet

    rows = [
        {
            "subject": "<http://e.org/Ada_Moor>",
            "relation": "<http://e.org/born_in>",
            "object": "<http://e.org/New_Brom>",
        },
        {"subject": " <http://e.org/Bo>", "relation": "<http://e.org/motto>", "object": '"say no"@en'},
    ]
    expected = (Fact("Ada Moor", "born_in", "New Brom"), Fact("Bo", "motto", "say no"))
    triples = [list(row.values()) for row in rows]
    lists = [rows[0] | {"object": [rows[0]["object"]]}, rows[1]]
    parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "f.parquet")
    texts = [json.dumps(rows), json.dumps(triples), json.dumps(lists), "\n".join("\t".join(row) for row in triples)]
    for path in [tmp_path / "f.parquet", *(write(tmp_path / f"f{n}", text) for n, text in enumerate(texts))]:
        base = read_facts([path], Reading(0))
        assert base.facts == expected
        write_facts(tmp_path / "facts.tsv", base)
        assert facts_of(tmp_path / "facts.tsv") == expected
    numbers = [["<http://e.org/Bo>", "<http://e.org/height>", 1.8], ["<b>", 7, "<c>"]]
    assert facts_of(write(tmp_path / "f", json.dumps(numbers))) == (
        Fact("Bo", "height", "1.8"),
        Fact("<b>", "7", "<c>"),
    )


TWICE = "born\tWhere was {s} born?\nborn\twhere was {s} born\ttest\n"


def templates_of(path, max_bad_fraction=0.0):
    return read_templates(path, Reading(max_bad_fraction))


def test_templates_by_relation_and_split(tmp_path):
    rows = [
        "born\tWhere was {s} born?",
        "born\tBirthplace of {s}, please?\ttest",
        "born\tWhere was {s} born?",
        "year\tWhen was {s} born?\ttrain",
    ]
    expected = {
        "born": {"train": ["Where was {s} born?"], "test": ["Birthplace of {s}, please?"]},
        "year": {"train": ["When was {s} born?"]},
    }
    assert templates_of(write(tmp_path / "t", "\n".join(rows))) == expected
    assert templates_of(write(tmp_path / "t", "\n".join(["relation\ttemplate\tsplit", *rows]))) == expected
    comma = ["relation,template", 'born,"Birthplace of {s}, please?"']
    assert templates_of(write(tmp_path / "t", "\n".join(comma))) == {"born": {"train": ["Birthplace of {s}, please?"]}}
    swapped = "template\trelation\nWhere was {s} born?\tborn\n"
    assert templates_of(write(tmp_path / "t", swapped)) == {"born": {"train": ["Where was {s} born?"]}}
    path = write(tmp_path / "t", "\n".join([*rows, "year\tWhen was it?"]))
    assert templates_of(path, 0.2) == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no record in it can be used"),
        ("born\tWhere?\n", r"\{s\} for the subject \(line 1\)"),
        ("born\t{subject}?\n", r"\{s\} for the subject \(line 1\)"),
        ("born\t{s} and {t}?\n", "its relation is not two with ' & ' between them"),
        ("a & b -> c\t{s} and {t}?\n", "its relation is not two with ' & ' between them"),
        ("born\t{s}?\tdev\n", "its split is not train or test"),
        (f"born\t{{s}} {'long ' * 300}\n", "longer than 1,000 characters"),
        (TWICE, "line 2: .* stands under train and under test"),
    ],
)
def test_bad_templates_are_one_clear_line(tmp_path, text, words):
    with pytest.raises(UserError, match=words) as caught:
        templates_of(write(tmp_path / "bad.tsv", text))
    assert "bad.tsv" in str(caught.value) and "\n" not in str(caught.value)

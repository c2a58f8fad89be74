"""Facts in N-Triples."""

import pytest

from utils.common.reading import Reading
from utils.memnet.data import read_facts

STATEMENTS = r"""# people
<http://e.org/Ada_Moor> <http://e.org/born_in> <http://e.org/Val%20d%27Or> .
<http://e.org/#Ada_Moor> <http://e.org/terms#job> "baker"@en .
<http://e.org/Ada_Moor>	<http://e.org/year>	"1832"^^<http://www.w3.org/2001/XMLSchema#integer> .

<urn:people:Bo> <http://e.org/motto> "say \"no\"\tto \u00fc \\ \U0001F600" . # the motto
_:b1 <http://e.org/knows> _:b2 .
<http://e.org/M\u00fcller> <http://e.org/born_in> "K\u00F6ln" <http://e.org/graph> .
"""


def read(path, text, max_bad_fraction=0.0):
    path.write_text(text, encoding="utf-8")
    reading = Reading(max_bad_fraction)
    return [str(fact) for fact in read_facts([path], reading).facts], reading.notes


@pytest.mark.parametrize("name", ["f.nt", "f.tsv", "f"])
def test_terms_become_names(tmp_path, name):
    facts, notes = read(tmp_path / name, STATEMENTS)
    assert facts == [
        "Ada Moor / born_in / Val d'Or",
        "Ada Moor / job / baker",
        "Ada Moor / year / 1832",
        'Bo / motto / say "no" to ü \\ 😀',
        "_:b1 / knows / _:b2",
        "Müller / born_in / Köln",
    ]
    assert len(notes) == 1 and "1 names stand for several IRIs (such as <http://e.org/#Ada_Moor>" in notes[0]


def test_names_that_have_colons_and_slashes(tmp_path):
    text = """<http://dbpedia.org/resource/AC/DC> <http://e.org/genre> <http://e.org/Rock> .
<http://dbpedia.org/resource/Star_Wars:_Andor> <http://e.org/by> <https://en.wikipedia.org/wiki/R%C3%A9my_G.> .
"""
    assert read(tmp_path / "f", text)[0] == ["AC/DC / genre / Rock", "Star Wars: Andor / by / Rémy G."]


def test_a_first_statement_that_looks_like_xml(tmp_path):
    assert read(tmp_path / "f", "<urn:a> <urn:b> <urn:c> .\n")[0] == ["a / b / c"]


def test_lines_that_are_no_statement_are_left_out(tmp_path):
    bad = ['<http://e.org/a> <http://e.org/b> "open .', '<http://e.org/a> "b" <http://e.org/c> .', "<a> <b> <c>"]
    facts, notes = read(tmp_path / "f", STATEMENTS + "\n".join(bad), 0.5)
    assert len(facts) == 6 and "3 of 9 records left out, it is not a statement of N-Triples" in notes[1]


def test_terms_in_tables(tmp_path):
    yago = '<Ada_Moor>\t<wasBornIn>\t<Val_d%27Or>\n<Bo>\t<hasMotto>\t"say no"@en\n<Cy>\t<isNamed>\tCy <3\n'
    expected = ["Ada Moor / wasBornIn / Val d'Or", "Bo / hasMotto / say no", "Cy / isNamed / Cy <3"]
    assert read(tmp_path / "yago.tsv", yago)[0] == expected
    assert read(tmp_path / "sparql.tsv", "?s\t?p\t?o\n" + yago)[0] == expected
    assert read(tmp_path / "f.tsv", "<3\tby\tBo\nCy\tby\t<b>\n")[0] == ["<3 / by / Bo", "Cy / by / <b>"]

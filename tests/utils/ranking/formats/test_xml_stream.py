"""XML as a stream: forbidden characters are left out, entities that can do harm are refused, damage is one line."""

import gzip

import pytest

from utils.common.errors import UserError
from utils.common.reading import FileReport
from utils.ranking.formats import xml_stream
from utils.ranking.formats.xml_stream import read_elements


def events(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    report = FileReport(path)
    return list(read_elements(path, report)), report


def test_starts_and_ends_have_lines_attributes_and_texts(tmp_path):
    elements, _ = events(tmp_path / "a.xml", "<a>\n<b c='1 &amp; 2'>x &lt; y<!-- z --></b>\n</a>")
    assert elements == [
        (1, "start", "a", {}),
        (2, "start", "b", {"c": "1 & 2"}),
        (2, "end", "b", "x < y"),
        (3, "end", "a", "\n"),
    ]


@pytest.mark.parametrize("block", [2**20, 1, 2, 3, 7])
def test_forbidden_characters_are_left_out_and_counted_wherever_a_block_ends(tmp_path, monkeypatch, block):
    monkeypatch.setattr(xml_stream, "BLOCK_CHARACTERS", block)
    text = "<a>\n<b c='&#x1F;p&#11;q&#xA;&#233;&#xD800;r\x02&#0;&#xFFFFFFFFFF;'>s&#8;t</b>\x00</a>\x00"
    elements, report = events(tmp_path / "a.xml", text)
    assert elements[1][3] == {"c": "pq\n\xe9r"} and elements[2][3] == "st"
    (note,) = report.notes
    assert note.endswith(
        "9 records used, but characters that XML forbids were left out (line 2, line 2, line 2, line 2, line 2, ...)"
    )


def test_the_encoding_is_the_declared_one(tmp_path):
    for name in ("iso-8859-1", "windows-1252"):
        text = f"<?xml version='1.0' encoding='{name}'?><a b='\xe9'/>"
        assert events(tmp_path / "a.xml", text.encode(name))[0][0][3] == {"b": "\xe9"}
    for encoding in ("utf-16", "utf-16-le", "utf-16-be", "utf-8"):  # a wrong declaration does no harm
        text = "<?xml version='1.0' encoding='utf-16'?><a b='\xe9'/>"
        assert events(tmp_path / "a.xml", text.encode(encoding))[0][0][3] == {"b": "\xe9"}


def test_short_entities_without_others_in_them_are_read(tmp_path):
    text = '<!DOCTYPE a [<!ENTITY nbsp "&#160;"><!ENTITY amp "&#38;#38;">]><a b="x&nbsp;y">&nbsp;</a>'
    elements, _ = events(tmp_path / "a.xml", text)
    assert elements[0][3] == {"b": "x\xa0y"} and elements[1][3] == "\xa0"


LAUGHS = "".join(f'<!ENTITY b{n} "{f"&b{n - 1};" * 10}">' for n in range(1, 10))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (
            f'<!DOCTYPE a [<!ENTITY b0 "ha">{LAUGHS}]><a>&b9;</a>',
            "line 1: declares the entity 'b1', which stands for another",
        ),
        (f'<!DOCTYPE a [<!ENTITY b "{"ha" * 99}">]><a>&b;</a>', "line 1: declares the entity 'b'"),
        ('<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>', "line 1: declares the entity 'b'"),
        ('<!DOCTYPE a [<!ENTITY % b "x">]><a/>', "line 1: declares the entity 'b'"),
        (
            '<!DOCTYPE a SYSTEM "a.dtd">\n<a b="x &c; y"/>',
            "after line 1: &c; is declared in another file, which is not read",
        ),
        ("<a>&c;</a>", r"line 1: is not valid XML \(undefined entity\)"),
        ("<a>\n<b></a>", r"line 2: is not valid XML \(mismatched tag\)"),
        (
            "<a>\n",
            r"line 2: is not valid XML \(no element found\); correct it, or copy the file again if it was cut off",
        ),
        ("<a>" * 101, "line 1: more than 100 elements are within each other"),
        (b"<a>\n\xff</a>", "is not UTF-8 text"),
        (b"<?xml version='1.0' encoding='klingon'?><a/>", "line 1: has the unknown encoding 'klingon'"),
        ('<!DOCTYPE a SYSTEM "a.dtd"><a b="1 &amp; 2"/>', ""),
    ],
)
def test_harm_and_damage_are_one_line(tmp_path, content, words):
    if not words:
        assert events(tmp_path / "a.xml", content)[0][0][3] == {"b": "1 & 2"}
        return
    with pytest.raises(UserError, match=words) as error:
        events(tmp_path / "a.xml", content)
    assert "\n" not in str(error.value) and str(tmp_path / "a.xml") in str(error.value)


def test_an_endless_element_and_a_bomb_stop_early(tmp_path, monkeypatch):
    monkeypatch.setattr(xml_stream, "MAX_ELEMENT_CHARACTERS", 2**21)
    for content in (b"<a b='" + b"x" * 2**23, b"<a>" + b"x" * 2**23, b"<a>" + b"\0" * 2**23):
        with pytest.raises(UserError, match="an element is longer than 2 million characters"):
            events(tmp_path / "a.xml", gzip.compress(content))


def test_a_file_that_is_cut_off_is_one_line(tmp_path):
    whole = gzip.compress(b"<a>" + b"<b/>" * 10_000 + b"</a>")
    with pytest.raises(UserError, match=r"a\.xml: cannot be read"):
        events(tmp_path / "a.xml", whole[:-20])

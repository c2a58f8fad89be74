import xml.etree.ElementTree as ElementTree

from utils.app.charts import Chart, ticks
from utils.app.markup import bar, breakable, escaped, marked_text, message, table

HOSTILE = "<img src=x onerror=alert(1)>\"'&\x00\x1b\u202e${x}{{y}}"


def texts(html):
    """The text of HTML that is well formed."""
    return "".join(ElementTree.fromstring(html).itertext())


def test_hostile_text_is_shown_as_text():
    shown = "<img src=x onerror=alert(1)>\"'&\ufffd\ufffd\ufffd${x}{{y}}"
    assert texts(f"<p>{escaped(HOSTILE)}</p>") == shown
    assert texts(message(HOSTILE, "error")) == shown
    assert texts(marked_text(HOSTILE, [(0, 4)])) == "<img1" + shown[4:]
    assert texts(table([HOSTILE], [[bar(0.5, HOSTILE)]], "answers")) == 2 * shown
    chart = Chart((0, 1), (0, 1), HOSTILE, HOSTILE, HOSTILE)
    chart.dots([0.5], [0.5], [HOSTILE])
    chart.vertical(0.5, HOSTILE)
    assert texts(chart.svg()).count(shown) == 4


def test_parts_of_a_text_are_highlighted_by_rank():
    html = marked_text("one two three", [(4, 7), (3, 9), (8, 13), (0, 0)])
    marks = ElementTree.fromstring(html).findall("mark")
    assert [(mark.get("class"), mark.text, mark.find("sup").text) for mark in marks] == [
        ("qkv-best", "two", "1"),
        ("qkv-other", "three", "3"),
    ]
    assert texts(html) == "one two1 three3"


def test_lines_may_end_within_long_words():
    assert breakable("a" * 30 + " birth_year") == "a" * 14 + "<wbr/>" + "a" * 14 + "<wbr/>aa birth_<wbr/>year"
    assert breakable("Konstantinopel über ทดสอบทดสอบทดสอบทดสอบ _") == "Konstantinopel über ทดสอบทดสอบทดสอบทดสอบ _"
    assert texts(f"<p>{breakable(HOSTILE + '<' * 40)}</p>") == texts(f"<p>{escaped(HOSTILE + '<' * 40)}</p>")


def test_bars_stay_within_their_bounds():
    assert "width:0.0%" in bar(-0.3) and "width:100.0%" in bar(1.7) and "width:25.0%" in bar(0.25)
    assert "0.250" in bar(0.25) and "2.00 (1)" in bar(0.25, "2.00 (1)")


def test_a_chart_draws_within_its_frame():
    chart = Chart((0, 4), (-1.0, 1.0), "responses", "ability", "a curve", whole_numbers=True)
    chart.band([0, 2, 4], [-1, -0.5, -9], [1, 0.5, 9])
    chart.line([0, 2, 4], [0, 0.5, 1], colour=7)
    root = ElementTree.fromstring(chart.svg())
    polygon, line = root.find("polygon"), root.find("polyline")
    points = [tuple(map(float, point.split(","))) for point in polygon.get("points").split()]
    assert points[0] == (54.0, 208.0) and points[2] == (428.0, 208.0) and points[3] == (428.0, 12.0)
    assert line.get("points") == "54.0,110.0 241.0,61.0 428.0,12.0" and line.get("class") == "qkv-line-1"
    assert [text.text for text in root.findall("text")[-7:-2]] == ["0", "1", "2", "3", "4"]


def test_ticks_are_round_numbers():
    assert ticks(0.0, 1.0) == [0.0, 0.2, 0.4, 0.6000000000000001, 0.8, 1.0]
    assert ticks(0, 1, whole_numbers=True) == [0, 1] and ticks(0, 200, whole_numbers=True) == [0, 50, 100, 150, 200]
    assert ticks(2.0, 2.0) == [2.0]

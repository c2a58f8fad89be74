"""The text of HTML, and grades from votes."""

import time

import pytest

from utils.ranking.records import grades_from_votes, strip_html


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>One &amp; two.</p>\n\n<p>Three\n four.</p>\n", "One & two.\nThree four."),
        ("a<br>b<br/><br />c", "a\nb\nc"),
        ('see <a href="http://x.y">the  page</a>.', "see the page."),
        ('<p>x <img src="a.png" alt="no"> y</p>', "x y"),
        (
            "<p>so:</p><pre><code>  if a &lt; b:\n\n    go()\n</code></pre><p>end</p>",
            "so:\n  if a < b:\n\n    go()\nend",
        ),
        ("run <code>ls  -l</code>  now", "run ls  -l now"),
        ("<ul>\n<li>one</li>\n<li>two <b>bold</b></li>\n</ul>", "one\ntwo bold"),
        ("<table><tr><td>1</td><td>2</td></tr></table>", "1\n2"),
        ("a &#8217; &eacute; 3 < 4 & 5", "a \u2019 \u00e9 3 < 4 & 5"),
        ("<script>var a = 1;</script>b<!-- c -->", "b"),
        ("plain", "plain"),
        ("</pre></p>odd <p>unclosed", "odd\nunclosed"),
        ("<p> </p>", ""),
        ("", ""),
    ],
)
def test_html_becomes_text(html, text):
    assert strip_html(html) == text


@pytest.mark.parametrize(
    ("rule", "votes", "expected"),
    [
        ("best_share", [8, 4, 3, 1, 0, -5], [4, 2, 2, 1, 0, 0]),  # 3/8 is one and a half quarters, rounded up
        ("best_share", [100, 12, 13, 88], [4, 0, 1, 4]),
        ("best_share", [1], [4]),
        ("best_share", [0, -1], [0, 0]),
        ("best_share", [], []),
        ("rank", [5, -3, 0, 5, 9], [2, 0, 0, 2, 4]),
        ("rank", [7, 7], [4, 4]),
        ("rank", [0, -1], [0, 0]),
    ],
)
def test_votes_become_grades(rule, votes, expected):
    assert grades_from_votes(votes, rule) == expected


@pytest.mark.parametrize("part", ["<a ", "<a", "<!--", "<!--x>", "<![CDATA[", "<![if x>", "</", "<?"])
def test_html_that_is_never_closed_is_read_in_linear_time(part):
    """Without care this would take minutes."""
    start = time.process_time()
    assert strip_html(f"<p>old</p>{part * 10_000}").startswith("old")
    assert time.process_time() - start < 3


def test_a_few_open_tags_change_nothing():
    assert strip_html("<p>a < b <!-- no end") == "a < b <!-- no end"
    assert strip_html('<a title="x < y">a</a> <!-- c --> b<br>c') == "a b\nc"

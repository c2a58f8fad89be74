"""Figures: names in titles, texts that fonts lack, and files that are the same for the same figure."""

import warnings

import matplotlib
import pytest

from utils.common import fonts
from utils.common.figures import figure_and_axes, model_and_data, save_figure
from utils.common.fonts import drawable, script_name


@pytest.mark.parametrize(
    "files, expected",
    [
        ([], "amn, demo"),
        (["data/a.npz"], "amn, a.npz"),
        (["a.npz", "b.npz"], "amn, a.npz and b.npz"),
        (["a.npz", "b.npz", "c.npz"], "amn, a.npz and 2 other files"),
    ],
)
def test_titles_name_model_and_data(files, expected):
    assert model_and_data("amn", files, "demo") == expected


def test_texts_of_any_letters_are_drawn_without_a_warning(tmp_path):
    """Whatever fonts this machine has."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure, (ax,) = figure_and_axes(3, 2, 1, title="पेरिस 王明\nسلام $5 & $6\x00")
        ax.set_title(drawable("mixed 王 with 3 Latin words \U0010ffff\ud800"))
        save_figure(figure, tmp_path / "plot.png")
    assert (tmp_path / "plot.png").exists()


@pytest.fixture
def latin_fonts(monkeypatch):
    """A machine whose only font is matplotlib's own."""
    monkeypatch.setattr(fonts, "installed_fonts", list)
    monkeypatch.setitem(matplotlib.rcParams, "font.family", ["DejaVu Sans"])
    fonts.has_font.cache_clear()
    fonts._print_once.cache_clear()
    yield
    fonts.has_font.cache_clear()


def test_letters_without_a_font_are_named_in_their_place_and_once_in_print(latin_fonts, capsys):
    assert drawable("王明，北京") == "(5 characters in CJK letters, no font)"
    assert drawable("Wang 王") == "Wang □"
    assert drawable("Ada\n  Lovelace") == "Ada Lovelace"
    output = capsys.readouterr().out
    assert (
        output == "no installed font has CJK letters: pictures name them instead; install one, such as Noto Sans CJK\n"
    )


def test_an_installed_font_is_used_where_it_alone_has_the_letter(tmp_path, monkeypatch):
    monkeypatch.setitem(matplotlib.rcParams, "font.family", ["STIXSizeOneSym"])  # it has brackets and no letters
    fonts.has_font.cache_clear()
    figure, (ax,) = figure_and_axes(3, 2, 1)
    ax.set_title(drawable("Ada"))  # its text was made with the axes
    ax.set_xticks([0], [drawable("Bob")])
    ax.set_yticks([])
    assert matplotlib.rcParams["font.family"][0] == "STIXSizeOneSym" and len(matplotlib.rcParams["font.family"]) == 2
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        save_figure(figure, tmp_path / "plot.png")
    fonts.has_font.cache_clear()


def test_scripts_have_their_names_in_unicode():
    assert [script_name(letter) for letter in "王คअ한"] == ["CJK", "Thai", "Devanagari", "Hangul"]
    assert script_name("\ue000") == "unknown"


def test_the_same_figure_gives_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        figure, (ax,) = figure_and_axes(3, 2, 1, title="Same")
        ax.plot([1, 2, 3], [1, 4, 2])
        save_figure(figure, tmp_path / f"{name}.png")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()

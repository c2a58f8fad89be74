"""Which letters pictures can show: the fonts of this machine, and a note in the place of text that none of them has."""

from __future__ import annotations

import functools
import unicodedata

MAX_MISSING_FRACTION = 0.5
"""A text of which no font has more than this fraction of the letters is replaced by a note; of fewer, each becomes a box."""
BOX = "\u25a1"
"""Stands for a letter without a font. DejaVu Sans, which matplotlib brings, has it."""
WITHOUT_LETTERS = "Last Resort"
"""A font of this name, which matplotlib brings too, has a placeholder for every character and a letter for none."""


def drawable(text: str) -> str:
    """A text as this machine can draw it, on one line.

    Letters that matplotlib's own font lacks are drawn with an installed font that has them. Where no font has them, a note names
    their script, in the picture and once on the terminal.

    >>> drawable("Ada\\n Lovelace")
    'Ada Lovelace'

    Args:
        text: any text; line breaks become spaces, and control characters disappear.
    """
    text = "".join(letter for letter in " ".join(text.split()) if unicodedata.category(letter) not in ("Cc", "Cs"))
    letters = [letter for letter in text if not letter.isspace()]
    missing = [letter for letter in letters if not has_font(letter)]
    if not missing:
        return text
    scripts = list(dict.fromkeys(script_name(letter) for letter in missing if letter.isalpha())) or ["unknown"]
    for script in scripts:
        noto = {"CJK": " CJK", "unknown": ""}.get(script, f" {script}")
        _print_once(
            f"no installed font has {script} letters: pictures name them instead; install one, such as Noto Sans{noto}"
        )
    if len(missing) > MAX_MISSING_FRACTION * len(letters):
        return f"({len(letters)} characters in {' and '.join(scripts)} letters, no font)"
    return "".join(BOX if letter in missing else letter for letter in text)


@functools.cache
def has_font(letter: str) -> bool:
    """Whether a font has this letter. An installed one that is needed for it joins the fonts that matplotlib draws with."""
    import matplotlib
    from matplotlib.font_manager import FontProperties, findfont, get_font

    families = [family for family in matplotlib.rcParams["font.family"] if family != "sans-serif"] or ["DejaVu Sans"]
    if any(get_font(findfont(FontProperties(family))).get_char_index(ord(letter)) for family in families):
        return True
    for font in installed_fonts():
        if get_font(font.fname).get_char_index(ord(letter)):
            matplotlib.rcParams["font.family"] = [*families, font.name]
            return True
    return False


def installed_fonts() -> list:
    """matplotlib's entries of the upright fonts of normal weight on this machine."""
    from matplotlib.font_manager import fontManager

    return [
        font
        for font in fontManager.ttflist
        if font.style == "normal" and font.weight in (400, "normal", "regular") and WITHOUT_LETTERS not in font.name
    ]


def script_name(letter: str) -> str:
    """The first word of a letter's name in Unicode, which is that of its script: "CJK", "Devanagari", "Thai"."""
    script = unicodedata.name(letter, "unknown").split()[0].split("-")[0]
    return script if script in ("CJK", "unknown") else script.capitalize()


@functools.cache
def _print_once(line: str) -> None:
    print(line)

"""Responses as files have them: whole numbers, true and false, or fractions of credit; and the category that each becomes."""

from __future__ import annotations

import math
import re
from collections.abc import Collection

import numpy as np

MISSING = frozenset(("", "na", "n/a", "nan", "null", "none", "<na>", "\\n"))
"""Texts of a cell, in lower case, that hold no value."""
WORDS = {"true": 1.0, "false": 0.0, "correct": 1.0, "incorrect": 0.0, "right": 1.0, "wrong": 0.0, "yes": 1.0, "no": 0.0}

LARGEST = 1e15

DEFAULT_LEVELS = 5
"""Levels of credit where the fractions lie on no equal steps."""
MAX_EXACT_LEVELS = 11
"""The most levels that are taken because every fraction lies on one of them."""
ROUNDING = 0.005
"""Fractions are often written with two decimals: 0.33 lies on a third."""


def response_value(text: str) -> float | None:
    """The number that a response in a file stands for.

    >>> response_value("1.0"), response_value("True"), response_value("3/4"), response_value("50%"), response_value("0,5")
    (1.0, 1.0, 0.75, 0.5, 0.5)
    >>> response_value("NA"), response_value("B")
    (None, nan)

    Returns:
        the number, None where there is no response, and NaN where the text is no number, or one that is too large.
    """
    text = text.strip().casefold()
    if text in MISSING:
        return None
    if text in WORDS:
        return WORDS[text]
    divisor = 1.0
    if ratio := re.fullmatch(r"(\d+(?:\.\d+)?)\s*/\s*(\d+)", text, re.ASCII):
        text, divisor = ratio[1], float(ratio[2])
    elif percentage := re.fullmatch(r"(\d+(?:\.\d+)?)\s*%", text, re.ASCII):
        text, divisor = percentage[1], 100.0
    elif re.fullmatch(r"0,\d+|\d+,\d{1,2}", text, re.ASCII):  # a decimal comma; 1,000 may be a thousand
        text = text.replace(",", ".")
    if not re.fullmatch(r"[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d{1,2})?", text, re.ASCII) or not divisor:
        return math.nan
    value = float(text) / divisor
    return value if value <= LARGEST else math.nan


def is_response(text: str) -> bool:
    """Whether a text of a file is a response, or says that there is none.

    >>> is_response("3/4"), is_response("NA"), is_response("B")
    (True, True, False)
    """
    value = response_value(text)
    return value is None or not math.isnan(value)


def has_fractions(values: np.ndarray) -> bool:
    """Whether some values are not whole numbers."""
    return bool((values != np.floor(values)).any())


def choose_levels(fractions: Collection[float]) -> int:
    """How many levels of credit some fractions have.

    The fewest levels from 3 to 11, such as 0, 1/2, 1 or 0, 1/3, 2/3, 1, on which every fraction lies (within 0.005, as files round
    them); 5 where no number of levels fits.

    >>> choose_levels([0, 0.5, 1]), choose_levels([0, 0.33, 1]), choose_levels([0.25, 0.5, 1]), choose_levels([0.41, 0.87])
    (3, 4, 5, 5)
    """
    values = np.array(list(fractions), float)
    for levels in range(3, MAX_EXACT_LEVELS + 1):
        nearest = np.rint(values * (levels - 1)) / (levels - 1)
        if (np.abs(values - nearest) <= ROUNDING).all():
            return levels
    return DEFAULT_LEVELS


def credit_category(fractions: np.ndarray, levels: int) -> np.ndarray:
    """The category of each fraction of credit: the nearest of `levels` equal steps from 0 to 1, and the higher one halfway.

    >>> credit_category(np.array([0, 0.25, 0.5, 0.9, 1]), 3)
    array([0, 1, 1, 2, 2])
    """
    return np.floor(fractions * (levels - 1) + 0.5 + 1e-9).astype(np.int64)


def levels_in_words(levels: int) -> str:
    """The levels of credit, for a message.

    >>> levels_in_words(4)
    '0, 0.33, 0.67, 1'
    """
    return ", ".join(f"{step / (levels - 1):.2f}".rstrip("0").rstrip(".") or "0" for step in range(levels))

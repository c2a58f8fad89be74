"""Responses as texts, and fractions of credit as categories."""

import doctest
import math

import numpy as np
import pytest

from utils.tracing import blocks, credit, response_log, tables
from utils.tracing.credit import choose_levels, credit_category, response_value


@pytest.mark.parametrize("module", [blocks, credit, response_log, tables], ids=lambda module: module.__name__)
def test_examples_run(module):
    assert doctest.testmod(module).failed == 0


@pytest.mark.parametrize(
    "text", ["1.0", "1", " 1 ", "TRUE", "correct", "1e0", "+1", "1.", "2/2", "100%", "1,0", "right"]
)
def test_texts_that_mean_one(text):
    assert response_value(text) == 1


@pytest.mark.parametrize("text", ["1,000", "1_0", "x", "1 0", "²", "١", "inf", "3/0", "--1", "1e99", "hint"])
def test_texts_that_are_no_response(text):
    assert math.isnan(response_value(text))


@pytest.mark.parametrize("text", ["", " ", "NA", "nan", "NULL", "None", "<NA>", "N/A", "\\N"])
def test_texts_that_say_nothing(text):
    assert response_value(text) is None


def test_levels_are_as_many_as_the_fractions_need():
    assert [choose_levels([0, step / (levels - 1), 1]) for levels in range(3, 12) for step in (1,)] == list(
        range(3, 12)
    )
    assert choose_levels([round(k / 3, 2) for k in range(4)]) == 4
    assert choose_levels(np.linspace(0, 1, 98)) == 5


def test_every_fraction_goes_to_the_nearest_level():
    fractions = np.linspace(0, 1, 1001)
    for levels in (2, 3, 5, 11):
        distance = np.abs(fractions - credit_category(fractions, levels) / (levels - 1))
        assert distance.max() <= 0.5 / (levels - 1) + 1e-9
    assert credit_category(np.array([0.5, 0.49]), 2).tolist() == [1, 0]

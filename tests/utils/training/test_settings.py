"""Checks of settings: each range at its border, and None."""

from types import SimpleNamespace

import pytest

from utils.common.errors import UserError
from utils.training.settings import check_ranges


@pytest.mark.parametrize(
    ("kind", "good", "bad", "words"),
    [
        ("less_than_1", (0, 0.5, 0.999), (-0.1, 1, float("nan")), "at least 0 and less than 1"),
        ("more_than_0", (1, 1e-9), (0, -1, float("inf"), float("nan")), "finite and more than 0"),
        ("at_least_0", (0, 7), (-1, float("inf"), float("nan")), "finite and 0 or more"),
    ],
)
def test_ranges(kind, good, bad, words):
    for value in (*good, None):
        check_ranges(SimpleNamespace(a=1 if kind == "more_than_0" else 0, batch_size=value), **{kind: "a batch_size"})
    for value in bad:
        with pytest.raises(UserError, match=f"--batch-size {value}: must be {words}$"):
            check_ranges(SimpleNamespace(batch_size=value), **{kind: "batch_size"})

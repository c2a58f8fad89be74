"""Checks of settings: each range at its border, and None."""

from types import SimpleNamespace

import pytest

from utils.errors import UserError
from utils.settings import check_ranges


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        ("less_than_1", (0, 0.5, 0.999), (-0.1, 1, float("nan"))),
        ("more_than_0", (1, 1e-9), (0, -1, float("inf"), float("nan"))),
        ("at_least_0", (0, 7), (-1, float("inf"), float("nan"))),
    ],
)
def test_ranges(kind, good, bad):
    for value in (*good, None):
        check_ranges(SimpleNamespace(a=1 if kind == "more_than_0" else 0, batch_size=value), **{kind: "a batch_size"})
    for value in bad:
        with pytest.raises(UserError, match=f"--batch-size {value}: must be"):
            check_ranges(SimpleNamespace(batch_size=value), **{kind: "batch_size"})

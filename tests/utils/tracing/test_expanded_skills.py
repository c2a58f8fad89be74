"""Data sets of skills in which answers look repeated, on coins that are repeated for some pairs of skills."""

import numpy as np
import pytest

from tests.helpers.tracing_sequences import repeated_coins
from utils.common.reading import Reading
from utils.tracing.data import read_responses
from utils.tracing.expanded_skills import find_transitions, notes_on_expanded_skills


def test_repeated_rows_are_found_and_no_others():
    sequences, repeated = repeated_coins({"1": "8", "4": "7"})
    np.testing.assert_array_equal(find_transitions(sequences).repeated(), repeated)
    assert not find_transitions(repeated_coins({})[0]).repeated().any()


def test_agreement_by_chance_is_that_of_student_and_skill():
    transitions = find_transitions(repeated_coins({})[0])
    agrees = transitions.agrees[transitions.follows].mean()
    assert transitions.expected[transitions.follows].mean() == pytest.approx(agrees, abs=0.03)


def test_a_note_says_how_many():
    sequences, repeated = repeated_coins({"1": "8", "4": "7"})
    (note,) = notes_on_expanded_skills(sequences, 2)
    assert note.startswith(f"{repeated.mean():.0%} of the responses look as if they repeated")
    assert notes_on_expanded_skills(repeated_coins({})[0], 2) == notes_on_expanded_skills(sequences, 3) == []


def test_published_data_sets(qkv_zoo_data):
    """One of them has repeated rows."""
    for name, fraction in (("assist2009_updated", 0.14), ("STATICS", 0.0)):
        folder = qkv_zoo_data / "kt_binary" / name
        (sequences,), _ = read_responses([folder / f"{name}_train.csv.gz"], Reading())
        assert find_transitions(sequences).repeated().mean() == pytest.approx(fraction, abs=0.01)

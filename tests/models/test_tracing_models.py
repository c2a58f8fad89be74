"""What every model of knowledge tracing in the table must keep: it predicts a response from those before it."""

import pytest

from tests.helpers.model_cases import CASES
from tests.helpers.tracing_inputs import check_causality_and_padding

TRACING = [case for case in CASES if "item_ids" in case.inputs(2, 3)]


@pytest.mark.parametrize("case", TRACING, ids=lambda case: case.name)
def test_the_prediction_of_a_step_does_not_see_its_response(case):
    check_causality_and_padding(case.make())

"""benchmarks/tracing_expanded_rows.py on coins that are repeated for some pairs of skills."""

import numpy as np

from benchmarks.tracing_expanded_rows import find_transitions, write_joined
from utils.tracing.sequences import ResponseSequence


def coins(pairs, students=60, answers=40):
    """Students' sequences; an answer to the first skill of a pair is written again for the second one."""
    rng, sequences, repeated = np.random.default_rng(0), [], []
    for student in range(students):
        skills, responses = [], []
        for _ in range(answers):
            skill, response = str(rng.integers(6)), int(rng.random() < 0.5)
            written = [skill, pairs[skill]] if skill in pairs else [skill]
            skills += written
            responses += [response] * len(written)
            repeated += [False, True][: len(written)]
        sequences.append(ResponseSequence(str(student), tuple(skills), np.array(responses)))
    return sequences, np.array(repeated)


def test_repeated_rows_are_found_and_no_others(tmp_path):
    sequences, repeated = coins({"1": "8", "4": "7"})
    transitions = find_transitions(sequences)
    np.testing.assert_array_equal(transitions.repeated(), repeated)
    assert not find_transitions(coins({})[0]).repeated().any()
    write_joined([sequences], [tmp_path / "joined.txt"], repeated)
    count, skills, responses = (tmp_path / "joined.txt").read_text().splitlines()[:3]
    assert int(count) == len(skills.split(",")) == len(responses.split(",")) == 40
    assert {"1+8", "4+7"} < set(skills.split(",")) and "8" not in skills.split(",")


def test_agreement_by_chance_is_that_of_student_and_skill():
    transitions = find_transitions(coins({})[0])
    agrees = transitions.agrees[transitions.follows].mean()
    assert abs(transitions.expected[transitions.follows].mean() - agrees) < 0.03

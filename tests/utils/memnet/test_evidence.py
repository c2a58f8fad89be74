"""How questions name the subjects of facts, against loops over their words."""

import numpy as np

from utils.memnet.evidence import FEATURES, named_subjects, subject_evidence, word_weights


def test_rare_words_weigh_more_and_the_rarest_weigh_one():
    words = np.array([[5, 6, 0], [5, 7, 5], [5, 0, 0], [8, 6, 0]])
    weights = word_weights(words)
    assert weights.dtype == np.float32 and not weights[words == 0].any()
    np.testing.assert_allclose(weights[1], np.log1p([4 / 3, 4, 4 / 3]) / np.log1p(4), rtol=1e-6)
    np.testing.assert_allclose(weights[0, 1], np.log1p(2) / np.log1p(4), rtol=1e-6)
    assert word_weights(np.array([[3]])) == [[1]]


def expected_evidence(question, subject, weights, num_learned):
    """The evidence and where the subject stands, by loops."""
    words = [word for word in subject if word]
    starts = [i for i in range(len(question)) if words and question[i : i + len(words)] == words]
    named = float(bool(starts))
    total = sum(weights)
    named_fraction = sum(weight for word, weight in zip(subject, weights, strict=True) if word in question) / max(
        total, 1e-9
    )
    of_names = [word for word in question if word >= num_learned]
    covered = sum(word in words for word in of_names) / max(len(of_names), 1)
    return [named, named * total, named_fraction, covered, named * covered], range(
        starts[0], starts[0] + len(words)
    ) if starts else []


def test_evidence_equals_loops_over_the_words():
    rng = np.random.default_rng(0)
    num_learned, checked = 4, 0
    for _ in range(30):
        lengths = rng.integers(1, 7, 3)
        questions = rng.integers(1, 9, (3, 6)) * (np.arange(6) < lengths[:, None])
        subjects = rng.integers(1, 9, (3, 5, 8)) * (np.arange(8) < rng.integers(0, 4, (3, 5, 1)))
        weights = rng.random(subjects.shape) * (subjects > 0)
        evidence, is_name, _ = subject_evidence(questions, subjects, weights, num_learned)
        assert evidence.shape == (3, 5, len(FEATURES)) and evidence.dtype == np.float32
        for row in range(3):
            question = questions[row, : lengths[row]].tolist()
            pairs = [
                expected_evidence(question, s.tolist(), w.tolist(), num_learned)
                for s, w in zip(subjects[row], weights[row], strict=True)
            ]
            np.testing.assert_allclose(evidence[row], [values for values, _ in pairs], rtol=1e-5)
            best = max(pairs, key=lambda pair: pair[0][1])
            assert np.flatnonzero(is_name[row]).tolist() == list(best[1])
            checked += bool(best[1])
    assert checked > 30


def test_of_two_names_of_which_one_holds_the_other_the_longer_one_counts_more():
    question = np.array([[2, 10, 11, 0]])  # who / daylight / robbery
    subjects = np.array([[[10, 0], [10, 11]]])
    evidence, is_name, _ = subject_evidence(question, subjects, word_weights(subjects[0])[None], 5)
    part, whole = evidence[0]
    assert part[0] == whole[0] == 1 and (whole[[1, 3, 4]] > part[[1, 3, 4]]).all()
    assert is_name.tolist() == [[False, True, True, False]]


def test_without_facts_no_word_is_a_name():
    evidence, is_name, _ = subject_evidence(np.array([[3, 4]]), np.zeros((1, 2, 3), int), np.zeros((1, 2, 3)), 1)
    assert not evidence.any() and not is_name.any()


def test_named_subjects_are_told_apart_and_parts_of_longer_names_do_not_count():
    subjects = np.array([[[5, 6, 0], [7, 0, 0], [5, 6, 0], [6, 0, 0], [9, 0, 0]]])
    is_named = np.array([[True, True, True, True, False]])
    numbers = named_subjects(is_named, subjects)[0]
    assert numbers[0] == numbers[2] >= 0 and numbers[1] >= 0 and numbers[1] != numbers[0]
    assert numbers[3] == numbers[4] == -1  # 6 stands in 5 6; 9 is not named
    assert (named_subjects(is_named & (subjects[..., 0] == 5), subjects) == -1).all()  # one subject alone
    assert (named_subjects(np.zeros_like(is_named), subjects) == -1).all()

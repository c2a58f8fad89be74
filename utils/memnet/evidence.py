"""How a question names the subjects of facts: exactly, in part, and by how rare the words are that they share."""

from __future__ import annotations

import numpy as np

from utils.memnet.questions import place_of_words

FEATURES = ("named", "rarity if named", "share", "covered", "covered if named")
"""The columns of `subject_evidence`."""


def word_weights(words: np.ndarray) -> np.ndarray:
    """How rare each word of the facts' subjects is among all facts.

    A word that is in the subjects of n of N facts has the weight `log(1 + N / n) / log(1 + N)`, which is 1 where n is 1. So the
    weights mean the same for a few facts and for a million.

    Args:
        words: word ids of each fact's subject, int `(facts, words)`, 0 for padding.

    Returns:
        float32 `(facts, words)`, 0 at padding.
    """
    num_facts = len(words)
    ids, place = np.unique(words, return_inverse=True)
    place = place.reshape(words.shape)
    in_order = np.sort(place, axis=1)  # a word that a subject has twice counts once
    is_first = np.ones(place.shape, bool)
    is_first[:, 1:] = in_order[:, 1:] != in_order[:, :-1]
    counts = np.bincount(in_order[is_first], minlength=len(ids))
    weights = np.log1p(num_facts / counts) / np.log1p(num_facts)
    return np.where(words > 0, weights[place], 0).astype(np.float32)


def subject_evidence(
    question_ids: np.ndarray, subject_ids: np.ndarray, weights: np.ndarray, num_learned: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """How each question names the subjects of the facts in its memory.

    Args:
        question_ids: word ids, int `(questions, question words)`, 0 for padding.
        subject_ids: word ids of each subject, int `(questions, slots, words)`.
        weights: of these words (`word_weights`), float `(questions, slots, words)`; 0 for ids that are not of a subject.
        num_learned: ids below it are of words that ask; the other words of a question are those of names.

    Returns:
        evidence, float32 `(questions, slots, 5)`:
            named: 1 where all words of the subject stand together in the question;
            rarity if named: the sum of their weights then, so that of two names of which one holds the other the longer one counts
                more;
            share: the weighted fraction of the subject's words that the question has;
            covered: the fraction of the question's words of names that the subject has: less than 1 where it is a part of the
                name that is meant, as "Daylight" is of "Daylight Robbery";
            covered if named: the same where all words of the subject stand together in the question, else 0;
        which words of the question name its subject, bool `(questions, question words)`: those of the named subject with the
            highest rarity;
        and which are in the name of some subject, bool `(questions, question words)`.
    """
    is_word = weights > 0
    is_equal = (subject_ids[..., None] == question_ids[:, None, None]) & is_word[..., None]
    # Whether the subject's words stand in the question from a place on.
    stands_at = np.broadcast_to(is_word.any(-1)[..., None], (*is_word.shape[:2], question_ids.shape[1])).copy()
    for number in range(is_word.shape[2]):
        follows = np.zeros(stands_at.shape, bool)
        follows[..., : max(0, follows.shape[-1] - number)] = is_equal[:, :, number, number:]
        stands_at &= follows | ~is_word[:, :, number, None]
    is_named = stands_at.any(-1)
    total = weights.sum(-1)
    named_fraction = (weights * is_equal.any(-1)).sum(-1) / np.maximum(total, 1e-9)
    of_names = (question_ids >= num_learned)[:, None]
    covered = (is_equal.any(-2) & of_names).sum(-1) / np.maximum(of_names.sum(-1), 1)
    columns = is_named, is_named * total, named_fraction, covered, is_named * covered
    evidence = np.stack(columns, axis=-1).astype(np.float32)
    rows, slot = np.arange(len(evidence)), evidence[..., 1].argmax(axis=1)
    start, place = stands_at[rows, slot].argmax(axis=1)[:, None], np.arange(question_ids.shape[1])
    length = (is_word[rows, slot].sum(-1) * is_named[rows, slot])[:, None]
    return evidence, (place >= start) & (place < start + length), is_equal.any((1, 2))


def named_subjects(is_named: np.ndarray, subject_ids: np.ndarray) -> np.ndarray:
    """Which of several subjects that a question names each slot is about.

    A subject whose words stand in another one that is named ("Emma" in "Emma Stone") does not count.

    Args:
        is_named: whether all words of the slot's subject stand together in the question, bool `(questions, slots)`.
        subject_ids: word ids of each subject, int `(questions, slots, words)`.

    Returns:
        int32 `(questions, slots)`: a number for each named subject of a question; -1 for other slots, and for all slots of a
        question that does not name several.
    """
    numbers = np.full(is_named.shape, -1, np.int32)
    first = subject_ids[np.arange(len(is_named)), is_named.argmax(axis=1)]
    differs = (subject_ids != first[:, None]).any(axis=-1)
    for row in np.flatnonzero((is_named & differs).any(axis=1)):
        slots = np.flatnonzero(is_named[row])
        names, place = np.unique(subject_ids[row, slots], axis=0, return_inverse=True)
        names = [name[name > 0].tolist() for name in names]
        is_part = [
            any(len(name) < len(other) and place_of_words(name, other) is not None for other in names) for name in names
        ]
        numbers[row, slots] = np.where(np.array(is_part)[place.ravel()], -1, place.ravel())
    return numbers

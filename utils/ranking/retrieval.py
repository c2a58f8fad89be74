"""Search among all candidates with scores that come block by block: exact ranks of the own ones, and the best of all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from utils.ranking.scores import Scores
from utils.ranking.search_metrics import RelevantGroups

FEW_LEVELS = 4
"""With more different scores than this, the candidates above the lowest are sorted in among them, not compared with each."""


class SearchedCandidates:
    """Which candidates are searched for each question: each text once, and as an own candidate where it is one.

    Args:
        starts: integer `(questions + 1,)`, see `utils.ranking.features.first_candidates`.
        texts: integer `(candidates,)`, equal for equal texts.
    """

    def __init__(self, starts: np.ndarray, texts: np.ndarray):
        self.starts, self.texts = starts, texts
        self._values, self._first = np.unique(texts, return_index=True)
        is_repeated = np.ones(len(texts), bool)
        is_repeated[self._first] = False
        self.repeated = np.flatnonzero(is_repeated)
        """Places of candidates whose text stands before them, ascending."""

    def own(self, number: int) -> slice:
        """The places of a question's own candidates."""
        return slice(int(self.starts[number]), int(self.starts[number + 1]))

    def replaced(self, number: int) -> np.ndarray:
        """The first places of the texts of a question's own candidates, for which its own ones are searched; ascending."""
        return np.sort(self._first[np.searchsorted(self._values, self.texts[self.own(number)])])

    def number_of_all(self) -> int:
        """How many different texts there are."""
        return len(self._values)


@dataclass
class QuestionRanking:
    """What a search found for one question.

    Args:
        own_scores: the scores of its own candidates.
        levels: the different scores of its relevant candidates, ascending.
        higher: how many other candidates that are searched have a higher score than each level.
        equal: how many of them have this score.
        equal_before: how many of these stand before the question's own candidates.
        best: the places of the best candidates, its own ones included, best first; of equal ones the first.
        best_scores: their scores.
    """

    own_scores: np.ndarray
    levels: np.ndarray
    higher: np.ndarray = field(init=False)
    equal: np.ndarray = field(init=False)
    equal_before: np.ndarray = field(init=False)
    best: np.ndarray = field(init=False)
    best_scores: np.ndarray = field(init=False)

    def __post_init__(self):
        self.higher, self.equal, self.equal_before = (np.zeros(len(self.levels), np.int64) for _ in range(3))
        self.best, self.best_scores = np.empty(0, np.int64), self.own_scores[:0]

    def count(self, scores: np.ndarray, num_before: int) -> None:
        """Count the candidates of a block, of which the first `num_before` stand before the own ones. -inf counts nowhere."""
        if len(self.levels) <= FEW_LEVELS:
            for place, level in enumerate(self.levels):
                self.higher[place] += np.count_nonzero(scores > level)
                self.equal[place] += np.count_nonzero(scores == level)
        else:
            high = scores[scores >= self.levels[0]]
            places = np.searchsorted(self.levels, high)
            is_equal = self.levels[np.minimum(places, len(self.levels) - 1)] == high
            in_levels = np.bincount(places, minlength=len(self.levels) + 1)
            self.higher += np.cumsum(in_levels[::-1])[::-1][1:]
            self.equal += np.bincount(places[is_equal], minlength=len(self.levels))
        for place in np.flatnonzero(self.equal) if num_before else ():
            self.equal_before[place] += np.count_nonzero(scores[:num_before] == self.levels[place])

    def collect(self, scores: np.ndarray, first_place: int, depth: int) -> None:
        """Keep the best `depth` of those that are kept and those of a block, whose first has the place `first_place`."""
        places = np.flatnonzero(scores > (self.best_scores[-1] if len(self.best) == depth else -np.inf))
        if not len(places):
            return
        values = scores[places]
        if len(values) > depth:
            is_high = values >= np.partition(values, -depth)[-depth]
            places, values = places[is_high], values[is_high]
        places, values = np.append(self.best, places + first_place), np.append(self.best_scores, values)
        order = np.argsort(-values, kind="stable")[:depth]
        self.best, self.best_scores = places[order], values[order]

    def rank_of_own(self, own: int) -> int:
        """The rank, from 1, of a relevant own candidate; of equal ones the first comes first.

        Args:
            own: its place among the own candidates.
        """
        score, place = self.own_scores[own], np.searchsorted(self.levels, self.own_scores[own])
        among_own = np.count_nonzero(self.own_scores > score) + np.count_nonzero(self.own_scores[:own] == score)
        return int(1 + self.higher[place] + self.equal_before[place] + among_own)


def search_all(
    scores: Scores, searched: SearchedCandidates, is_relevant: np.ndarray, depth: int
) -> list[QuestionRanking]:
    """Search all candidates for every question.

    Args:
        scores: of all questions and candidates; finite.
        searched: which candidates count.
        is_relevant: bool `(own candidates,)`, of which own candidates the ranks are needed.
        depth: how many of the best candidates are kept; 0 for none.
    """
    results = []
    for block in scores.question_blocks(range(scores.shape[0])):
        own_scores = scores.own_of_block(searched.starts, block)
        results += [
            QuestionRanking(own, np.unique(own[is_relevant[searched.own(number)]]))
            for number, own in zip(block, own_scores, strict=True)
        ]
        replaced = [searched.replaced(number) for number in block]
        for columns in scores.columns(len(block)):
            values = scores.block(block, columns)
            repeated = _within(searched.repeated, columns)
            for row, number in enumerate(block):
                line = np.array(values[row])
                if not np.isfinite(line).all():
                    raise ValueError(f"Question {number} has a score that is not finite.")
                own = searched.own(number)
                inside = slice(*(min(max(end - columns.start, 0), len(line)) for end in (own.start, own.stop)))
                own_values = line[inside].copy()
                line[repeated] = line[_within(replaced[row], columns)] = line[inside] = -np.inf
                results[number].count(line, inside.start)
                line[inside] = own_values
                if depth:
                    results[number].collect(line, columns.start, depth)
    return results


def best_of_all(scores: Scores, depth: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """The places and the scores of the best `depth` candidates for each question, best first; of equal ones the first."""
    results = []
    for block in scores.question_blocks(range(scores.shape[0])):
        kept = [QuestionRanking(np.empty(0, np.float32), np.empty(0, np.float32)) for _ in block]
        for columns in scores.columns(len(block)):
            for ranking, line in zip(kept, scores.block(block, columns), strict=True):
                ranking.collect(line, columns.start, depth)
        results += [(ranking.best, ranking.best_scores) for ranking in kept]
    return results


def relevant_groups(results: list[QuestionRanking], grades: Iterator[np.ndarray]) -> RelevantGroups:
    """The groups of equal scores with relevant candidates, for the metrics.

    Args:
        results: what was found for each of some questions.
        grades: the grades of each one's own candidates.
    """
    groups = []
    for number, (ranking, own_grades) in enumerate(zip(results, grades, strict=True)):
        for place in reversed(range(len(ranking.levels))):
            level, is_equal = ranking.levels[place], ranking.own_scores == ranking.levels[place]
            before = ranking.higher[place] + np.count_nonzero(ranking.own_scores > level)
            relevant = own_grades[is_equal & (own_grades > 0)]
            groups.append((number, before, ranking.equal[place] + np.count_nonzero(is_equal), relevant))
    query, before, size, relevant = zip(*groups, strict=True) if groups else ((), (), (), ())
    return RelevantGroups(*(np.array(values, np.int64) for values in (query, before, size)), list(relevant))


def _within(places: np.ndarray, columns: slice) -> np.ndarray:
    """Those of these ascending places that are in a block, counted from its start."""
    low, high = np.searchsorted(places, (columns.start, columns.stop))
    return places[low:high] - columns.start

"""Choose the memory of each question: the facts that the model may answer it from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from utils.memnet.index import WordIndex
from utils.memnet.records import PATH, KnowledgeBase, MemoryQuestion
from utils.text.words import split_words


class MemoryDrawer:
    """Draws memories: the facts that answer a question, and distractors that do not.

    A third of the distractors are about the question's subject. A third are about namesakes, subjects that share a word of their
    name with it. The rest are about any subject, every second one with the question's relation. Where there are too few facts of
    one kind, other facts take their place.

    A question that takes several steps has the facts of all of them in its memory, and facts about what other facts about its
    subject lead to in the place of namesakes. One about two subjects has all facts with one of its subjects and the relation
    asked of it; those whose object both subjects have answer.

    Args:
        base: all facts, for their numbers.
        allowed: the numbers of the facts that may be drawn; left out, all.
    """

    def __init__(self, base: KnowledgeBase, allowed: Iterable[int] | None = None):
        self.base = base
        self.allowed = np.array(sorted(range(len(base.facts)) if allowed is None else allowed), np.int64)
        self.by_subject, self.by_relation, self.namesakes = {}, {}, {}
        for number in self.allowed.tolist():
            fact = base.facts[number]
            self.by_subject.setdefault(fact.subject, []).append(number)
            self.by_relation.setdefault(fact.relation, []).append(number)
        for subject in self.by_subject:
            for word in split_words(subject):
                self.namesakes.setdefault(word, []).append(subject)

    def draw(self, rng: np.random.Generator, question: MemoryQuestion, count: int) -> list[int]:
        """The numbers of the facts that answer, and of `count` distractors (fewer if there are no more), in random order."""
        own = [number for subject in question.subjects for number in self.by_subject.get(subject, ())]
        if PATH in question.relation:
            *steps, last_step = self.base.follow(question.subject, question.relation, self.by_subject)
            needed = [number for step in steps for number in step]
            gold = self.base.gold(question, last_step)
            answering = {*needed, *last_step}
        else:
            gold = self.base.gold(question, own)
            # A fact that would answer the question just as well is no distractor.
            facts, keys = self.base.facts, question.keys
            asked_for = [number for number in own if (facts[number].subject, facts[number].relation) in keys]
            needed, answering = asked_for if question.second_subject else [], {*gold, *asked_for}
        chosen: dict[int, None] = {}

        def choose(numbers: Iterable[int], limit: int) -> None:
            """Add at most `limit` of these facts to the distractors, as long as there is room."""
            for number in numbers:
                if limit <= 0 or len(chosen) >= count:
                    return
                if number not in chosen and number not in answering:
                    chosen[number] = None
                    limit -= 1

        choose(rng.permutation(own).tolist() if own else [], count // 3)
        neighbours = (
            self._facts_beyond(rng, own)
            if PATH in question.relation and needed
            else self._facts_about_namesakes(rng, question.subject, count)
        )
        choose(neighbours, count // 3)
        same_relation = self.by_relation.get(question.keys[0][1], [])
        if same_relation:
            places = rng.integers(0, len(same_relation), count)
            choose((same_relation[place] for place in places), (count - len(chosen)) // 2)
        for _ in range(3):  # a draw may repeat numbers, so that one draw may give too few
            choose(self.allowed[rng.integers(0, len(self.allowed), count)].tolist(), count)
        if len(chosen) < count:
            choose(rng.permutation(self.allowed).tolist(), count)
        memory = list(dict.fromkeys([*needed, *gold, *chosen]))
        return [memory[place] for place in rng.permutation(len(memory))]

    def _facts_beyond(self, rng: np.random.Generator, numbers: Iterable[int]) -> list[int]:
        """The facts about the objects of some facts, in random order."""
        names = dict.fromkeys(self.base.facts[number].object for number in numbers)
        beyond = [number for name in names for number in self.by_subject.get(name, ())]
        return [beyond[place] for place in rng.permutation(len(beyond))]

    def _facts_about_namesakes(self, rng: np.random.Generator, subject: str, count: int) -> list[int]:
        """Up to `count` facts for each word of the subject's name, in random order."""
        numbers = []
        for word in split_words(subject):
            namesakes = self.namesakes.get(word, [])
            for place in rng.integers(0, len(namesakes), count) if len(namesakes) > 1 else ():
                if namesakes[place] != subject:
                    facts = self.by_subject[namesakes[place]]
                    numbers.append(facts[rng.integers(len(facts))])
        return [numbers[place] for place in rng.permutation(len(numbers))]


def draw_memories(drawer: MemoryDrawer, questions: Sequence[MemoryQuestion], count: int, seed) -> list[Sequence[int]]:
    """The memory of each question: what the data gives it, or else the facts that answer and `count` distractors.

    Args:
        drawer: draws the memory of one question.
        questions: the questions, which are drawn for in this order.
        count: distractors per question.
        seed: seed of the draw, a number or a tuple of numbers; or a generator, which goes on.
    """
    rng = np.random.default_rng(seed)
    return [drawer.draw(rng, question, count) if question.memory is None else question.memory for question in questions]


class OpenMemories:
    """Makes memories like those that retrieval from all facts brings, and memories without an answer.

    To the facts of a memory come others that the index finds for the question: facts about namesakes and near names, and about
    whatever else has a word of the question in its name. Their number is drawn anew each time, from none to the highest number.
    Facts that might answer the question are not among them.

    Args:
        base: all facts.
        questions: the questions.
        question_ids: their word ids, `(questions, words)`.
        subjects: word ids of the subjects of all facts, `(facts, words)`.
        numbers: the numbers of the facts that may be added, in ascending order.
        most: facts that are added to a memory, at most.
        unanswerable: fraction of the memories that lose the facts that answer, 0-1.
    """

    def __init__(
        self,
        base: KnowledgeBase,
        questions: Sequence[MemoryQuestion],
        question_ids: np.ndarray,
        subjects: np.ndarray,
        numbers: np.ndarray,
        most: int,
        unanswerable: float,
    ):
        self.base, self.questions, self.unanswerable = base, questions, unanswerable
        self.candidates = [np.zeros(0, np.int32)] * len(questions)
        if most:
            index = WordIndex(subjects[numbers])
            for row, (question, words) in enumerate(zip(questions, question_ids, strict=True)):
                candidates = numbers[index.candidates(words[words > 0].tolist(), most)]
                self.candidates[row] = np.array(base.without_answer(question, candidates.tolist()), np.int32)

    def opened(self, memories: Sequence[Sequence[int]], rng: np.random.Generator) -> list[list[int]]:
        """The memories of all questions, in their order, with other facts beside theirs, or without those that answer."""
        opened = []
        for question, memory, candidates in zip(self.questions, memories, self.candidates, strict=True):
            if rng.random() < self.unanswerable:
                memory = self.base.without_answer(question, memory)
            others = candidates[~np.isin(candidates, np.asarray(memory, np.int32))]
            drawn = rng.permutation(len(others))[: rng.integers(len(others) + 1)]
            memory = np.concatenate([np.asarray(memory, np.int32), others[drawn]])
            opened.append(rng.permutation(memory).tolist())
        return opened

"""Answer questions from facts with a model, one that Keras trained or one that was exported."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from copy import copy
from functools import cached_property

import numpy as np

from utils.common.batching import pad_rows
from utils.common.errors import UserError
from utils.common.inputs import as_texts
from utils.memnet.evaluation import score_slots
from utils.memnet.features import MemoryFeatures, Vocabulary, encode_facts, encode_texts
from utils.memnet.index import WordIndex
from utils.memnet.metrics import NO_FACT, SlotScores, abstention_reasons, ranked_values
from utils.memnet.records import Fact, fact_from
from utils.text.words import is_whole_word, split_words

FIRST_STEP_WEIGHT = 0.99
"""The second step starts from the objects that have so much of the first one's weight together."""


class MemnetAnswerer:
    """Answers questions from facts: retrieves candidates, lets the model attend over them, and ranks their values.

    Args:
        model: gives the scores of a memory's slots; its `predict_on_batch` is that of a `KVMemNet`.
        vocabulary: the vocabulary that the model was trained with.
        known_facts: the facts to answer from, at least one.
        num_candidates: facts that a question is given, at most.
        is_pointer: whether the model's address is its answer, so that the probabilities of slots with one value add up.
        has_evidence: whether the model reads how a question names the subjects of facts.
        num_hops: steps that a model with evidence takes from fact to fact.
    """

    def __init__(
        self,
        model,
        vocabulary: Vocabulary,
        known_facts: Sequence[Fact],
        num_candidates: int,
        is_pointer: bool,
        has_evidence: bool = False,
        num_hops: int = 1,
    ):
        self.model = model
        self.vocabulary = vocabulary
        self.known_facts = known_facts
        self.has_evidence = has_evidence
        self.num_hops = num_hops
        self.facts = encode_facts(known_facts, vocabulary, has_evidence, num_hops)
        self.num_candidates = num_candidates
        self.is_pointer = is_pointer

    def __call__(
        self, questions: Sequence[str], facts: Iterable[Sequence[str]] | None = None, n_best: int = 3
    ) -> list[dict]:
        """Answer questions.

        Args:
            questions: texts.
            facts: the facts to answer from, `(subject, relation, object)` each; left out, the known ones.
            n_best: answers, and attended facts, that are returned for each question, at most.

        Returns:
            a dict for each question, see `answer`.

        Raises:
            TypeError, ValueError: a question is not a text or empty, or something among the facts is not a fact.
        """
        answerer = self if facts is None else self.with_facts(facts)
        return answerer.answer(as_texts(questions, "questions"), n_best=n_best)

    def with_facts(self, facts: Iterable[Sequence[str]]) -> MemnetAnswerer:
        """The same model, with other facts to answer from.

        Args:
            facts: `(subject, relation, object)` of each, or `Fact`s; at least one.

        Raises:
            ValueError: something among them is not a fact, or there is none.
        """
        known_facts = tuple(dict.fromkeys(fact if isinstance(fact, Fact) else fact_from(fact) for fact in facts))
        if not known_facts:
            raise ValueError("no facts to answer from; give at least one")
        answerer = copy(self)
        answerer.known_facts = known_facts
        answerer.facts = encode_facts(known_facts, self.vocabulary, self.has_evidence, self.num_hops)
        for name in ("index", "facts_of_subject"):  # they are of the other facts
            answerer.__dict__.pop(name, None)
        return answerer

    def answer(
        self, questions: Sequence[str], facts: Sequence[Sequence[Fact]] | None = None, n_best: int = 3
    ) -> list[dict]:
        """Answer questions.

        Args:
            questions: texts.
            facts: the facts that each question is answered from, whatever the others have; left out, candidates among the known
                ones.
            n_best: answers, and attended facts, that are returned for each question, at most.

        Returns:
            for each question a dict of:
                `question`;
                `answers`: best first, each a dict of `answer` and `probability`; none for a question without candidates, or where
                    the model abstains;
                `supporting_fact`: the most attended fact whose object is the best answer, as in `facts`; None without an answer;
                `facts`: most attended first, each a dict of `subject`, `relation`, `object` and `weight`; for a model that takes
                    two steps also `through`, the fact that led to it, None for a fact of the first step; none for a question
                    without candidates;
                `no_answer_probability`: that no fact answers; None where the model was not trained to say so;
                `no_answer_reason`: why the model abstains, `"no fact answers"` where that has more weight than any key, else
                    `"the subjects have nothing in common"` where the named subjects share no object; None where it does not;
                `num_candidates`: the number of facts that the question was answered from;
                `unknown_words`: the words that neither the vocabulary nor the subject of a fact has, of the known ones or of the
                    question's own.
        """
        if not questions:
            return []
        question_ids = encode_texts(questions, self.vocabulary)
        if facts is None:
            answerer, memories = self, self.candidates(question_ids)
            known_words = [np.unique(self.facts.subjects)] * len(questions)
        else:
            if not any(facts):
                raise UserError("no facts to answer from; give each question some, or leave them all out")
            answerer, memories = self._with_memories(facts)
            known_words = [np.unique(answerer.facts.subjects[numbers]) for numbers in memories]
        memory, _ = pad_rows(memories, padding=-1)
        features = MemoryFeatures(question_ids, memory, np.zeros(memory.shape, bool))
        answers = answerer.read_answers(features, answerer.score(features), n_best)
        return [
            {
                "question": question,
                **answer,
                "num_candidates": len(candidates),
                "unknown_words": self._unknown_words(question, words),
            }
            for question, candidates, words, answer in zip(questions, memories, known_words, answers, strict=True)
        ]

    def _with_memories(self, facts: Sequence[Sequence[Fact]]) -> tuple[MemnetAnswerer, list[np.ndarray]]:
        """The same model with the facts of some questions, and the numbers of each question's own.

        A fact that is in several memories has a number in each, so that no answer depends on the facts of other questions.
        """
        answerer = self.with_facts(fact for memory in facts for fact in memory)
        numbers = {fact: number for number, fact in enumerate(answerer.known_facts)}
        memories = [tuple(dict.fromkeys(numbers[fact] for fact in memory)) for memory in facts]
        distinct = list(dict.fromkeys(memories))
        answerer.known_facts = [answerer.known_facts[number] for memory in distinct for number in memory]
        answerer.facts = answerer.facts.of_memories(distinct)
        ends = np.cumsum([len(memory) for memory in distinct]).tolist()
        places = {memory: np.arange(end - len(memory), end) for memory, end in zip(distinct, ends, strict=True)}
        return answerer, [places[memory] for memory in memories]

    def candidates(self, question_ids: np.ndarray) -> list[np.ndarray]:
        """The numbers of each question's candidate facts: by the words of the question, best first, and for a model that takes two
        steps then those about the objects that its first step leads to.

        Args:
            question_ids: word ids from `encode_texts`, `(questions, words)`.
        """
        memories = [self.index.candidates(words[words > 0].tolist(), self.num_candidates) for words in question_ids]
        if self.facts.subject_numbers is None or not len(memories):
            return memories
        memory, _ = pad_rows(memories, padding=-1)
        slots = self.score(MemoryFeatures(question_ids, memory, np.zeros(memory.shape, bool)))
        return [
            np.concatenate([numbers, self._facts_beyond(numbers, weights)])
            for numbers, weights in zip(memories, slots.steps[0], strict=True)
        ]

    def _facts_beyond(self, numbers: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """At most `num_candidates` facts about the objects of some facts, the object with the largest weight first.

        Objects beyond the first `FIRST_STEP_WEIGHT` of all weight bring none.
        """
        weights = weights[: len(numbers)]
        order = np.argsort(-weights, kind="stable")
        before = np.cumsum(weights[order]) - weights[order]
        leading = order[before < FIRST_STEP_WEIGHT * weights.sum()]
        of_subject, starts = self.facts_of_subject
        objects = dict.fromkeys(self.facts.objects[numbers[leading]].tolist())
        beyond = [of_subject[starts[number] : starts[number + 1]] for number in objects]
        beyond = np.concatenate([numbers[:0], *beyond])[: self.num_candidates]
        return beyond[~np.isin(beyond, numbers)]

    @cached_property
    def facts_of_subject(self) -> tuple[np.ndarray, np.ndarray]:
        """The numbers of the facts, sorted by subject, and where those of each subject begin."""
        subjects = self.facts.subject_numbers
        highest = max(int(subjects.max()), int(self.facts.objects.max()))
        order = np.argsort(subjects, kind="stable")
        return order, np.searchsorted(subjects[order], np.arange(highest + 2))

    @cached_property
    def index(self) -> WordIndex:
        """The index that candidates are retrieved from; it is built when it is first used."""
        return WordIndex(self.facts.subjects)

    def score(self, features: MemoryFeatures) -> SlotScores:
        """The scores of all slots of these questions, whose memories number the known facts."""
        return score_slots(self.run, features, self.facts)

    def run(self, inputs: dict[str, np.ndarray]) -> dict:
        """The model's outputs for a batch, name to array."""
        return self.model.predict_on_batch(inputs)

    def read_answers(self, features: MemoryFeatures, slots: SlotScores, n_best: int) -> list[dict]:
        """What `answer` returns of each question, as far as it follows from the scores.

        Args:
            features: the questions with their memories.
            slots: what `score` gave for them.
            n_best: answers and facts per question, at most.
        """
        texts = dict(zip(self.facts.objects.tolist(), (fact.object for fact in self.known_facts), strict=True))
        reasons = abstention_reasons(slots, features.memory, self.facts)
        answers = []
        for row, (memory, scores, address) in enumerate(zip(features.memory, slots.scores, slots.address, strict=True)):
            mask = memory >= 0
            named = None if slots.named is None else slots.named[row][mask]
            values, probabilities = ranked_values(
                scores[mask], self.facts.objects[memory[mask]], self.is_pointer, named
            )
            nothing = None if slots.nothing is None else float(slots.nothing[row])
            if nothing is not None:
                probabilities = probabilities * (1 - nothing)
                values = values[: 0 if reasons[row] else None]
            steps = None if slots.steps is None else slots.steps[:, row]
            attended = [slot for slot in address.argsort()[::-1] if mask[slot]]
            supporting = None  # the most attended fact may have another object, where several with the answer add up
            if len(values):
                slot = next(slot for slot in attended if self.facts.objects[memory[slot]] == values[0])
                supporting = self._attended_fact(memory, address, steps, slot)
            answers.append(
                {
                    "answers": [
                        {"answer": texts[value], "probability": float(probability)}
                        for value, probability in zip(values[:n_best].tolist(), probabilities, strict=False)
                    ],
                    "supporting_fact": supporting,
                    "facts": [self._attended_fact(memory, address, steps, slot) for slot in attended[:n_best]],
                    "no_answer_probability": nothing,
                    "no_answer_reason": reasons[row],
                }
            )
        return answers

    def _attended_fact(self, memory: np.ndarray, address: np.ndarray, steps: np.ndarray | None, slot: int) -> dict:
        """The fact of a slot with its weight, and where the model takes two steps with the fact that led to it."""
        fact = {**_as_dict(self.known_facts[memory[slot]]), "weight": float(address[slot])}
        if steps is not None:
            number = self._fact_before(memory, steps, slot)
            fact["through"] = None if number is None else _as_dict(self.known_facts[number])
        return fact

    def _fact_before(self, memory: np.ndarray, steps: np.ndarray, slot: int) -> int | None:
        """The number of the fact from which the second step came to a slot; None where the first step did."""
        first, second = steps
        leads_here = (memory >= 0) & (self.facts.objects[memory] == self.facts.subject_numbers[memory[slot]])
        if first[slot] >= second[slot] or not leads_here.any():
            return None
        return int(memory[np.where(leads_here, first, -1).argmax()])

    def _unknown_words(self, question: str, known_words: np.ndarray) -> list[str]:
        return [
            word
            for word in dict.fromkeys(split_words(question))
            if is_whole_word(word)
            and word not in self.vocabulary
            and not np.isin(self.vocabulary.ids([word]), known_words).any()
        ]


def _as_dict(fact: Fact) -> dict:
    return {"subject": fact.subject, "relation": fact.relation, "object": fact.object}


def path_text(fact: dict) -> str:
    """An attended fact as a line, after the one that led to it.

    >>> path_text({"subject": "Bizet", "relation": "born_in", "object": "Paris", "through": None})
    'Bizet / born_in / Paris'
    """
    through = fact.get("through")
    before = f"{through['subject']} / {through['relation']} / {through['object']}, " if through else ""
    return f"{before}{fact['subject']} / {fact['relation']} / {fact['object']}"


def answer_lines(answer: dict) -> Iterator[str]:
    """What is printed of an answer."""
    if answer["unknown_words"]:
        yield f"(no fact is about: {', '.join(answer['unknown_words'])})"
    if not answer["facts"]:
        yield "(no memory: no fact shares a word with the question)"
        return
    if reason := answer["no_answer_reason"]:
        # The probability is that of the other reason.
        yield f"{answer['no_answer_probability']:.3f}  ({reason})" if reason == NO_FACT else f"({reason})"
    for entry in answer["answers"]:
        yield f"{entry['probability']:.3f}  {entry['answer']}"
    yield "attended to:"
    for fact in answer["facts"]:
        yield f"{fact['weight']:.3f}  {path_text(fact)}"

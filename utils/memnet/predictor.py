"""A trained model that answers questions about facts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np

from models import load_model
from utils.common.batching import pad_rows
from utils.common.errors import UserError
from utils.common.inputs import as_texts
from utils.common.reading import Reading
from utils.common.references import model_folder
from utils.memnet.data import read_facts
from utils.memnet.evaluation import is_pointer, score_slots
from utils.memnet.features import NUM_HASHES, EncodedFacts, MemoryFeatures, Vocabulary, encode_facts, encode_texts
from utils.memnet.index import VectorIndex, WordIndex
from utils.memnet.metrics import SlotScores, evaluate_slots, ranked_values
from utils.memnet.records import Fact, KnowledgeBase, MemoryQuestion, fact_from
from utils.text.words import is_whole_word, split_words
from utils.training.finished import checked_number, damaged_run_as_user_error, read_run, read_run_file

ENCODED_AT_ONCE = 8_192
"""Texts whose vectors are computed at once."""
MAX_CANDIDATES = 100_000_000
"""Candidates of a question that a run may ask for."""


class MemnetPredictor:
    """Answers questions from facts: retrieves candidates, lets the model attend over them, and ranks their values.

    Args:
        model: a `KVMemNet`.
        vocabulary: the vocabulary that the model was trained with.
        base: the facts to answer from.
        num_candidates: facts that a question is given, at most.
        retrieval: how candidates are found, `words` (an inverted index) or `vectors` (nearest neighbours of the question's vector).

    Attributes:
        notes: what reading the facts left out, and what to know about them, one line each.

    Example:

        predictor = MemnetPredictor.load("memnet-people")
        predictor(["When was Ada Lovelace born?"])[0]["answers"][0]["answer"]
    """

    def __init__(
        self, model, vocabulary: Vocabulary, base: KnowledgeBase, num_candidates: int = 100, retrieval: str = "words"
    ):
        self.model = model
        self.vocabulary = vocabulary
        self.base = base
        self.facts = encode_facts(base, vocabulary)
        self.num_candidates = num_candidates
        self.retrieval = retrieval
        self.notes: list[str] = []

    @classmethod
    def load(cls, run_dir: str | Path, fact_files: Sequence[str | Path] = ()) -> MemnetPredictor:
        """Load the best model of a finished run of `train_memnet.py`.

        Args:
            run_dir: the run directory, the name of a published model, or `hf://owner/name`.
            fact_files: files of facts to answer from, as `read_facts` reads them; left out, the facts of the run.

        Raises:
            UserError: there is no finished run of this task, or one of its files is damaged; or a file of facts cannot be read.
        """
        read_run(run_dir, "memnet")  # checks that the run is finished
        return cls.load_best_epoch(run_dir, fact_files)

    @classmethod
    def load_best_epoch(cls, run_dir: str | Path, fact_files: Sequence[str | Path] = ()) -> MemnetPredictor:
        """Load the best model so far of a run that need not be finished. See `load`."""
        run_dir = model_folder(run_dir)
        with damaged_run_as_user_error(run_dir):
            settings = read_run_file(run_dir, "config.json")
            num_candidates, retrieval = checked_number(settings, "candidates", 1, MAX_CANDIDATES), settings["retrieval"]
            if retrieval not in ("words", "vectors"):
                raise ValueError("retrieval is neither words nor vectors")
            vocabulary = Vocabulary.read(run_dir / "vocabulary.json")
            model = load_model(run_dir)
            sizes = model.get_config()
            num_hashes = NUM_HASHES if vocabulary.hashed else 0
            if len(vocabulary) != sizes["vocabulary_size"] or sizes["num_buckets"] ** 2 < num_hashes:
                raise ValueError("vocabulary.json is that of another model")
        reading = Reading()
        base = read_facts(fact_files or [run_dir / "facts.tsv"], reading)
        predictor = cls(model, vocabulary, base, num_candidates, retrieval)
        predictor.notes = [*reading.notes, *base.notes] if fact_files else []
        return predictor

    def __call__(
        self, questions: Sequence[str], facts: Iterable[Sequence[str]] | None = None, n_best: int = 3
    ) -> list[dict]:
        """Answer questions.

        Args:
            questions: texts.
            facts: the facts to answer from, `(subject, relation, object)` each; left out, the predictor's own.
            n_best: answers, and attended facts, that are returned for each question, at most.

        Returns:
            a dict for each question, see `answer`.

        Raises:
            TypeError, ValueError: a question is not a text or empty, or something among the facts is not a fact.
        """
        predictor = self if facts is None else self.with_facts(facts)
        return predictor.answer(as_texts(questions, "questions"), n_best=n_best)

    def with_facts(self, facts: Iterable[Sequence[str]]) -> MemnetPredictor:
        """The same model, with other facts to answer from.

        Args:
            facts: `(subject, relation, object)` of each, or `Fact`s; at least one.

        Raises:
            ValueError: something among them is not a fact, or there is none.
        """
        known = dict.fromkeys(fact if isinstance(fact, Fact) else fact_from(fact) for fact in facts)
        if not known:
            raise ValueError("no facts to answer from; give at least one")
        base = KnowledgeBase(tuple(known))
        return MemnetPredictor(self.model, self.vocabulary, base, self.num_candidates, self.retrieval)

    def answer(
        self, questions: Sequence[str], facts: Sequence[Sequence[Fact]] | None = None, n_best: int = 3
    ) -> list[dict]:
        """Answer questions.

        Args:
            questions: texts.
            facts: the facts that each question is answered from; left out, candidates among the predictor's facts.
            n_best: answers, and attended facts, that are returned for each question, at most.

        Returns:
            for each question a dict of `question`; `answers`, best first, each a dict of `answer` and `probability`; `facts`, most
            attended first, each a dict of `subject`, `relation`, `object` and `weight`; `num_candidates`, the number of facts that
            the question was answered from; and `unknown_words`, the words that neither the vocabulary nor a fact has. `answers` and
            `facts` are empty for a question without candidates.
        """
        if not questions:
            return []
        question_ids = encode_texts(questions, self.vocabulary)
        if facts is None:
            base, encoded, memories = self.base, self.facts, self.candidates(question_ids)
        else:
            base = KnowledgeBase(tuple(dict.fromkeys(fact for memory in facts for fact in memory)))
            if not base.facts:
                raise UserError("no facts to answer from; give each question some, or leave them all out")
            numbers = {fact: number for number, fact in enumerate(base.facts)}
            encoded = encode_facts(base, self.vocabulary)
            memories = [[numbers[fact] for fact in dict.fromkeys(memory)] for memory in facts]
        memory, _ = pad_rows(memories, padding=-1)
        features = MemoryFeatures(question_ids, memory, np.zeros(memory.shape, bool))
        slots = score_slots(self.model, features, encoded)
        known_words = np.unique(encoded.keys)
        return [
            {
                "question": question,
                **answer,
                "num_candidates": len(candidates),
                "unknown_words": self._unknown_words(question, known_words),
            }
            for question, candidates, answer in zip(
                questions, memories, self.read_answers(features, slots, n_best, base, encoded), strict=True
            )
        ]

    def candidates(self, question_ids: np.ndarray) -> list[np.ndarray]:
        """The numbers of each question's candidate facts, best first.

        Args:
            question_ids: word ids from `encode_texts`, `(questions, words)`.
        """
        if self.retrieval == "vectors":
            return self.index.candidates(self.text_vectors(question_ids), self.num_candidates)
        return [self.index.candidates(words[words > 0].tolist(), self.num_candidates) for words in question_ids]

    @cached_property
    def index(self) -> WordIndex | VectorIndex:
        """The index that candidates are retrieved from; it is built when it is first used."""
        if self.retrieval == "vectors":
            return VectorIndex(self.text_vectors(self.facts.keys))
        return WordIndex(self.facts.keys)

    def text_vectors(self, ids: np.ndarray) -> np.ndarray:
        """The model's vectors of texts, float32 `(texts, hidden_dim)`, from their word ids."""
        from keras import ops

        parts = np.array_split(ids, -(-len(ids) // ENCODED_AT_ONCE))
        return np.concatenate([ops.convert_to_numpy(ops.cast(self.model.encode(part), "float32")) for part in parts])

    def score(self, features: MemoryFeatures) -> SlotScores:
        """The scores of all slots of these questions, whose memories number the predictor's facts."""
        return score_slots(self.model, features, self.facts)

    def evaluate(self, features: MemoryFeatures, slots: SlotScores, questions: Sequence[MemoryQuestion]):
        """The `Evaluation` of these questions, from what `score` gave for them."""
        return evaluate_slots(slots, features, self.facts, self.base, questions, is_pointer(self.model))

    def read_answers(
        self,
        features: MemoryFeatures,
        slots: SlotScores,
        n_best: int,
        base: KnowledgeBase | None = None,
        facts: EncodedFacts | None = None,
    ) -> list[dict]:
        """The `answers` and `facts` of each question, as `answer` returns them.

        Args:
            features: the questions with their memories.
            slots: what `score` gave for them.
            n_best: answers and facts per question, at most.
            base: the facts that memories number; left out, the predictor's.
            facts: their arrays; left out, the predictor's.
        """
        base, facts = base or self.base, facts or self.facts
        texts = dict(zip(facts.objects.tolist(), (fact.object for fact in base.facts), strict=True))
        answers = []
        for memory, scores, address in zip(features.memory, slots.scores, slots.address, strict=True):
            mask = memory >= 0
            values, probabilities = ranked_values(scores[mask], facts.objects[memory[mask]], is_pointer(self.model))
            attended = [slot for slot in address.argsort()[::-1] if mask[slot]][:n_best]
            answers.append(
                {
                    "answers": [
                        {"answer": texts[value], "probability": float(probability)}
                        for value, probability in zip(values[:n_best].tolist(), probabilities, strict=False)
                    ],
                    "facts": [_attended_fact(base.facts[memory[slot]], address[slot]) for slot in attended],
                }
            )
        return answers

    def _unknown_words(self, question: str, known_words: np.ndarray) -> list[str]:
        return [
            word
            for word in dict.fromkeys(split_words(question))
            if is_whole_word(word)
            and word not in self.vocabulary
            and not np.isin(self.vocabulary.ids([word]), known_words).any()
        ]


def _attended_fact(fact: Fact, weight: float) -> dict:
    return {"subject": fact.subject, "relation": fact.relation, "object": fact.object, "weight": float(weight)}

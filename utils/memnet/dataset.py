"""Questions by split with the facts that answer them, and the memories that they are asked with."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from utils.memnet.features import EncodedFacts, MemoryFeatures, Vocabulary, build_features, encode_texts
from utils.memnet.memories import MemoryDrawer, OpenMemories, draw_memories
from utils.memnet.partial_names import NamesInQuestions
from utils.memnet.records import KnowledgeBase, MemoryQuestion
from utils.memnet.unknown_words import AskingWords


@dataclass
class MemoryData:
    """Questions by split, and the facts that answer them.

    Args:
        base: all facts.
        questions: split to questions. `train` and `validation` are never empty; other splits are left out where they are.
        training_facts: numbers of the facts that training may see.
        notes: what to know about the facts, and what the splits leave out, one line each.
    """

    base: KnowledgeBase
    questions: dict[str, list[MemoryQuestion]]
    training_facts: frozenset[int]
    notes: list[str]

    @property
    def has_memories(self) -> bool:
        """Whether the memory of every question is part of the data, so that nothing is drawn."""
        return all(question.memory is not None for part in self.questions.values() for question in part)

    @cached_property
    def checksum(self) -> str:
        """Changes with any fact, question or split."""
        digest = hashlib.sha256(
            json.dumps([[fact.subject, fact.relation, fact.object] for fact in self.base.facts]).encode()
        )
        for split, questions in self.questions.items():
            rows = [(question.id, question.text, question.answers, question.memory) for question in questions]
            digest.update(json.dumps([split, rows]).encode())
        return f"sha256:{digest.hexdigest()}"

    def description(self, files: Iterable[Path | None]) -> dict:
        """What `results.json` says about data from these files, or from none; None is skipped."""
        return {
            "files": [Path(file).name for file in files if file] or ["built-in demo data"],
            "counts": {split: len(questions) for split, questions in self.questions.items()},
            "checksum": self.checksum,
            "facts": len(self.base.facts),
            "training_facts": len(self.training_facts),
            "subjects": {
                split: len({question.subject for question in questions}) for split, questions in self.questions.items()
            },
            "notes": self.notes,
        }

    @cached_property
    def memory_drawer(self) -> MemoryDrawer:
        """Draws memories of all facts."""
        return MemoryDrawer(self.base)

    @cached_property
    def training_memory_drawer(self) -> MemoryDrawer:
        """Draws memories of the facts that training may see."""
        return MemoryDrawer(self.base, self.training_facts)

    def encode_questions(self, vocabulary: Vocabulary) -> dict[str, np.ndarray]:
        """Split to word ids of its questions, int32 `(questions, words)`."""
        return {
            split: encode_texts((question.text for question in questions), vocabulary)
            for split, questions in self.questions.items()
        }

    def scoring_features(
        self, question_ids: dict[str, np.ndarray], num_distractors: int, split_seed: int
    ) -> dict[str, MemoryFeatures]:
        """The features that each split but `train` is scored with, the same for every training seed.

        Args:
            question_ids: what `encode_questions` returned.
            num_distractors: distractors per question, drawn from all facts.
            split_seed: seed of the draw.
        """
        features = {}
        for split, questions in self.questions.items():
            if split != "train":
                seed = (split_seed, 0, *split.encode())
                memories = draw_memories(self.memory_drawer, questions, num_distractors, seed)
                features[split] = build_features(self.base, questions, question_ids[split], memories)
        return features

    def training_features(
        self,
        question_ids: np.ndarray,
        facts: EncodedFacts,
        num_distractors: int,
        seed: int,
        redraw: bool,
        extra_distractors: int = 0,
        unanswerable: float = 0.0,
        partial_names: float = 0.0,
        unknown_words: float = 0.0,
        vocabulary: Vocabulary | None = None,
    ) -> Callable[[int], MemoryFeatures]:
        """Make a function of an epoch that gives the features of the training questions in this epoch.

        Args:
            question_ids: word ids of the training questions.
            facts: the arrays of all facts.
            num_distractors: distractors per question, of the facts that training may see.
            seed: seed of the draw.
            redraw: draw new distractors for each epoch.
            extra_distractors: facts beside these that retrieval finds for the question, see `OpenMemories`.
            unanswerable: fraction of the questions whose memory loses the facts that answer.
            partial_names: fraction of the questions that keep one word of their subject's name.
            unknown_words: fraction of the questions in which a word that asks is unknown, see `AskingWords`.
            vocabulary: of the question ids, for `unknown_words`.
        """
        latest = {}  # epoch to features
        questions = self.questions["train"]
        open_memories = None
        if extra_distractors or unanswerable:
            numbers = np.array(sorted(self.training_facts))
            open_memories = OpenMemories(
                self.base, questions, question_ids, facts.subjects, numbers, extra_distractors, unanswerable
            )
        is_redrawn = redraw and (
            open_memories is not None or not self.has_memories or partial_names > 0 or unknown_words > 0
        )
        names = NamesInQuestions(questions, question_ids) if partial_names else None
        asking = AskingWords(questions, question_ids, vocabulary) if unknown_words else None

        def features_of_epoch(epoch: int) -> MemoryFeatures:
            epoch = epoch if is_redrawn else 0
            if epoch not in latest:
                latest.clear()
                memories = draw_memories(self.training_memory_drawer, questions, num_distractors, (seed, 1, epoch))
                if open_memories is not None:
                    memories = open_memories.opened(memories, np.random.default_rng((seed, 4, epoch)))
                ids = question_ids
                if names is not None:
                    ids = names.shortened(partial_names, np.random.default_rng((seed, 5, epoch)))
                is_open = None
                if asking is not None:
                    ids, is_open = asking.with_unknown(ids, unknown_words, np.random.default_rng((seed, 6, epoch)))
                latest[epoch] = build_features(self.base, questions, ids, memories, True, is_open)
            return latest[epoch]

        return features_of_epoch

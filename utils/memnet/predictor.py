"""A trained model that answers questions about facts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np

from models import load_model
from utils.common.onnx_model import OnnxModel
from utils.common.reading import MAX_BAD_FRACTION, Reading
from utils.common.references import model_folder
from utils.memnet.answering import MemnetAnswerer
from utils.memnet.data import read_facts
from utils.memnet.evaluation import STEPS, is_pointer
from utils.memnet.features import NUM_HASHES, MemoryFeatures, Vocabulary, read_vocabulary
from utils.memnet.index import VectorIndex, WordIndex
from utils.memnet.metrics import SlotScores, evaluate_slots
from utils.memnet.records import KnowledgeBase, MemoryQuestion
from utils.training.finished import checked_number, damaged_run_as_user_error, read_run, read_run_file

ENCODED_AT_ONCE = 8_192
"""Texts whose vectors are computed at once."""
MAX_CANDIDATES = 100_000_000
"""Candidates of a question that a run may ask for."""


class MemnetPredictor(MemnetAnswerer):
    """Answers questions from facts with a `KVMemNet`, see `MemnetAnswerer`.

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
        has_evidence, num_hops = bool(model.config["num_evidence"]), model.config["num_hops"]
        super().__init__(model, vocabulary, base.facts, num_candidates, is_pointer(model), has_evidence, num_hops)
        self.base = base
        self.retrieval = retrieval
        self.notes: list[str] = []

    @classmethod
    def load(
        cls,
        run_dir: str | Path,
        fact_files: Sequence[str | Path] = (),
        max_bad_fraction: float = MAX_BAD_FRACTION,
    ) -> MemnetPredictor:
        """Load the best model of a finished run of `train_memnet.py`.

        Args:
            run_dir: the run directory, the name of a published model, or `hf://owner/name`.
            fact_files: files of facts to answer from, as `read_facts` reads them; left out, the facts of the run.
            max_bad_fraction: fraction of a file's records that may be unusable.

        Raises:
            UserError: there is no finished run of this task, or one of its files is damaged; or a file of facts cannot be read.
        """
        read_run(run_dir, "memnet")  # checks that the run is finished
        return cls.load_best_epoch(run_dir, fact_files, max_bad_fraction)

    @classmethod
    def load_best_epoch(
        cls,
        run_dir: str | Path,
        fact_files: Sequence[str | Path] = (),
        max_bad_fraction: float = MAX_BAD_FRACTION,
    ) -> MemnetPredictor:
        """Load the best model so far of a run that need not be finished. See `load`."""
        run_dir = model_folder(run_dir)
        with damaged_run_as_user_error(run_dir):
            settings = read_run_file(run_dir, "config.json")
            num_candidates, retrieval = checked_number(settings, "candidates", 1, MAX_CANDIDATES), settings["retrieval"]
            if retrieval not in ("words", "vectors"):
                raise ValueError("retrieval is neither words nor vectors")
            vocabulary = read_vocabulary(run_dir / "vocabulary.json")
            model = load_model(run_dir)
            sizes = model.get_config()
            num_hashes = NUM_HASHES if vocabulary.hashed and not sizes["num_evidence"] else 0
            if len(vocabulary) != sizes["vocabulary_size"] or sizes["num_buckets"] ** 2 < num_hashes:
                raise ValueError("vocabulary.json is that of another model")
        reading = Reading(max_bad_fraction)
        base = read_facts(fact_files or [run_dir / "facts.tsv"], reading)
        predictor = cls(model, vocabulary, base, num_candidates, retrieval)
        predictor.notes = [*reading.notes, *base.notes] if fact_files else []
        return predictor

    def with_facts(self, facts: Iterable[Sequence[str]]) -> MemnetPredictor:
        """The same model, with other facts to answer from. See `MemnetAnswerer.with_facts`."""
        predictor = super().with_facts(facts)
        predictor.base = KnowledgeBase(predictor.known_facts)
        predictor.notes = []
        return predictor

    def candidates(self, question_ids: np.ndarray) -> list[np.ndarray]:
        """The numbers of each question's candidate facts, best first. See `MemnetAnswerer.candidates`."""
        if self.retrieval == "words":
            return super().candidates(question_ids)
        return self.index.candidates(self.text_vectors(question_ids), self.num_candidates)

    @cached_property
    def index(self) -> WordIndex | VectorIndex:
        """The index that candidates are retrieved from; it is built when it is first used."""
        return (
            WordIndex(self.facts.subjects)
            if self.retrieval == "words"
            else VectorIndex(self.text_vectors(self.facts.keys))
        )

    def text_vectors(self, ids: np.ndarray) -> np.ndarray:
        """The model's vectors of texts, float32 `(texts, hidden_dim)`, from their word ids."""
        from keras import ops

        parts = np.array_split(ids, -(-len(ids) // ENCODED_AT_ONCE))
        return np.concatenate([ops.convert_to_numpy(ops.cast(self.model.encode(part), "float32")) for part in parts])

    def evaluate(self, features: MemoryFeatures, slots: SlotScores, questions: Sequence[MemoryQuestion]):
        """The `Evaluation` of these questions, from what `score` gave for them."""
        return evaluate_slots(slots, features, self.facts, self.base, questions, self.is_pointer)

    def use_onnx(self, path: str | Path) -> None:
        """Let an exported model answer from now on, such as `export/model_int8.onnx`."""
        steps = STEPS if self.facts.subject_numbers is not None else ()
        self.run = OnnxModel(path, ("scores", "address", *steps)).outputs

    def export(self, folder: Path) -> dict:
        """Write the model and the facts to a folder that needs nothing else, see `utils.memnet.export`."""
        from utils.memnet.export import export_memnet

        return export_memnet(self, folder)

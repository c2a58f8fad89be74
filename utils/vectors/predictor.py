"""A trained model that predicts the next vector and finds the rows that are nearest to it."""

from __future__ import annotations

from pathlib import Path

from utils.common.errors import UserError
from utils.common.onnx_model import OnnxModel
from utils.common.reading import MAX_BAD_FRACTION, Reading
from utils.training.finished import MAX_SEED, checked_number, damaged_run_as_user_error, read_run
from utils.vectors.answering import VectorsAnswerer
from utils.vectors.data import VectorDocuments, read_file
from utils.vectors.demo import demo_vectors
from utils.vectors.text_vectors import text_embedder


class VectorsPredictor(VectorsAnswerer):
    """Answers which rows of a file are likely to follow others, see `VectorsAnswerer`.

        predictor = VectorsPredictor.load("vectors-wiki")
        predictor([article, other_article], rows=[7])[0]["nearest"]

    Args:
        model: a model of next vectors, such as `models.amn.AMN`.
        encoder: folder or hub name of the sentence encoder that made the training vectors, or empty.
        demo_seed: seed of the demo world that the model was trained on, or None.
        encoder_key: the `key` of the sentence encoder when the model was trained; empty where it is not known.
        language: ISO 639 code of the training texts; empty: by their writing system.
    """

    def __init__(
        self, model, encoder: str = "", demo_seed: int | None = None, encoder_key: str = "", language: str = ""
    ):
        super().__init__(model, model.config["context_length"], model.config["dim"])
        self.encoder = encoder
        self.demo_seed = demo_seed
        self.encoder_key = encoder_key
        self.language = language

    @classmethod
    def load(cls, run_dir: str | Path) -> VectorsPredictor:
        """Load the best model of a finished run of `train_vectors.py`.

        Args:
            run_dir: the run directory, the name of a published model, or `hf://owner/name`.

        Raises:
            UserError: there is no finished run of this task, or one of its files is damaged.
        """
        from models import load_model

        settings, results = read_run(run_dir, "vectors")
        with damaged_run_as_user_error(run_dir):
            demo_seed = None if settings["train_files"] else checked_number(settings, "split_seed", 0, MAX_SEED)
            encoder, language = settings["embed_with"], settings.get("language", "")
            if not all(isinstance(name, str) and name.isprintable() for name in (encoder, language)):
                raise ValueError("embed_with or language is no name")
            encoder_key = results.get("details", {}).get("encoder", {}).get("key", "")
            return cls(load_model(run_dir), encoder, demo_seed, encoder_key, language)

    def read_documents(
        self, path: Path | None = None, cache_dir: Path = Path(".cache"), max_bad_fraction: float = MAX_BAD_FRACTION
    ) -> tuple[VectorDocuments, list[str]]:
        """The documents of a file of vectors, or of text, which the run's encoder embeds.

        Args:
            path: the file; None is the demo world, for a run that was trained on it.
            cache_dir: where the vectors of texts are kept.
            max_bad_fraction: fraction of its records that may be unusable.

        Returns:
            the documents, and notes on what was left out.

        Raises:
            UserError: the file cannot be used, or it is needed and missing.
        """
        if path is None and self.demo_seed is None:
            raise UserError("this model predicts rows of a file; name a file of vectors or text with --file")
        if path is None:
            return demo_vectors(self.demo_seed), []
        reading = Reading(max_bad_fraction)
        embed = text_embedder(self.encoder, cache_dir, self.encoder_key, self.language)
        advice = "the run was trained on vectors: give a file of vectors"
        return read_file(path, reading, embed, advice), reading.notes

    def use_onnx(self, path: str | Path) -> None:
        """Let an exported model answer from now on, such as `export/model_int8.onnx`."""
        self.run = OnnxModel(path, ("predicted",)).outputs

    def export(self, folder: Path) -> dict:
        """Write the model to a folder that needs nothing else, see `utils.vectors.export`."""
        from utils.vectors.export import export_vectors

        return export_vectors(self, folder)

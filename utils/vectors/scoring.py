"""Score a trained model of vectors: at the end of its training, and later on other documents."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from utils.common.errors import UserError
from utils.common.evaluation import Evaluation
from utils.common.figures import model_and_data
from utils.common.files import write_csv
from utils.training.finished import checked_number, damaged_run_as_user_error
from utils.training.publish import Headline
from utils.training.run_files import DataSource
from utils.training.scored import FinishedRun, Scored, ScoringOptions
from utils.vectors.baselines import FittedBaselines, cached_baselines, score_baselines
from utils.vectors.data import join, read_file
from utils.vectors.evaluation import evaluate, steps_ahead
from utils.vectors.metrics import gain_over_best, skill
from utils.vectors.plots import plot_test
from utils.vectors.predictor import VectorsPredictor
from utils.vectors.report import TITLES, write_predictions
from utils.vectors.splits import VectorSplit, VectorSplits, read_splits, target_rows
from utils.vectors.text_vectors import text_embedder

COMPARED = ("cosine", "hit@5", "mrr")
CHOSEN = {"exponential": (), "last_less_mean": (2,), "ridge": ()}
"""Baselines with chosen settings, and their shapes."""
KEY_BITS = 64
MAX_CONTEXT = 100_000


def headline(baselines: Sequence[str]) -> Headline:
    """The metric of the verdict; all baselines are plain ones."""
    return Headline("mrr", "MRR", "val_score", plain=tuple(baselines), digits=4)


def describe_test(
    predictor: VectorsPredictor,
    split: VectorSplit,
    evaluation: Evaluation,
    baselines: dict[str, Evaluation],
    fitted: FittedBaselines,
) -> dict:
    """The entries of `details` in `results.json` that say more about the scores of a split.

    Args:
        predictor: the model.
        split: the split.
        evaluation: the model's on the split.
        baselines: name to evaluation on the split.
        fitted: what the baselines learned.
    """
    shuffled = evaluate(split, predictor.predict_rows(split.data, split.rows, shuffle=True), fitted.global_mean).metrics
    compared = [name for name in ("cosine", "centred_cosine") if name in evaluation.metrics]
    return {
        "skill_over_mean": skill(evaluation, baselines["mean"], compared),
        "over_best_baseline": gain_over_best(evaluation, baselines, COMPARED),
        "shuffled_context": {name: shuffled[name] for name in COMPARED},
        "steps_ahead": steps_ahead(predictor, split),
        "baseline_settings": fitted.chosen,
        "baseline_intervals": {name: baseline.intervals() for name, baseline in baselines.items()},
    }


def document_keys(*parts: VectorSplit) -> np.ndarray:
    """A key of each document, uint64, for `training_summary.npz`.

    It is the signs of 64 random projections of the mean of the document's vectors (Charikar 2002). It stays the same where the
    vectors were saved in another format, and differs between documents, as long as their means are not nearly parallel.
    """
    keys = []
    for part in parts:
        directions = np.random.default_rng(0).normal(size=(part.data.dim, KEY_BITS))
        starts = part.data.starts
        for number in part.documents:
            mean = part.data.take(np.arange(starts[number], starts[number + 1])).mean(axis=0)
            keys.append(np.packbits(mean @ directions > 0).view(np.uint64)[0])
    return np.array(keys, np.uint64)


def score_run(run: FinishedRun, source: DataSource, options: ScoringOptions) -> Scored:
    """Score a finished run.

    Args:
        run: the run.
        source: where its own data or other files are.
        options: how they are scored.

    Raises:
        UserError: a file cannot be used, or the run's own data is not there.
    """
    predictor = VectorsPredictor.load(run.folder)
    if options.onnx:
        predictor.use_onnx(options.onnx)
    if source.is_own and (options.split != "test" or not run.settings.get("test_files")):
        splits, baselines, fitted = _own_data(run, source, options, predictor)
        split, notes = splits.parts[options.split], []
        baselines = {name: parts[options.split] for name, parts in baselines.items()}
    else:
        split, baselines = _read_documents(run, source, options, predictor), {}
        splits, fitted = VectorSplits({"test": split}, []), _stored_baselines(run)
        notes = _missing_baselines(fitted)
        notes += [] if source.is_own else run.leak_note(document_keys(split), "documents")
    checksum = splits.checksum()
    if options.limit:
        documents = split.documents[options.drawn(len(split.documents))]
        rows = split.rows[np.isin(split.groups, documents)]
        if not len(rows):
            raise UserError(
                f"--limit {options.limit}: the documents drawn are too short to predict a vector; draw more"
            )
        split, baselines = VectorSplit(split.data, documents, rows), {}
    baselines = baselines or score_baselines(split, fitted, predictor.context_length)
    predictions = predictor.predict_rows(split.data, split.rows)
    evaluation = evaluate(split, predictions, fitted.global_mean)
    details = describe_test(predictor, split, evaluation, baselines, fitted)

    def write(folder: Path) -> None:
        write_predictions(folder, split, predictions, options.split)
        if details["steps_ahead"]:
            write_csv(folder / "steps_ahead.csv", details["steps_ahead"])
        title = model_and_data(run.name, source.files_of(options.split), run.settings.get("data", ""))
        plot_test(folder, predictor, split, predictions, evaluation, title, options.split)

    return Scored(
        predictor.model,
        {options.split: evaluation},
        {name: {options.split: scores} for name, scores in baselines.items()},
        headlines=(headline(baselines),),
        columns=TITLES,
        compared=COMPARED,
        data={
            "files": [split.data.file],
            "counts": {options.split: len(split.rows)},
            "checksum": checksum,
            "documents": {options.split: len(split.documents)},
            "dim": split.data.dim,
            "reading": options.reading.description(),
        },
        write=write,
        details=details,
        notes=notes,
    )


def _own_data(run: FinishedRun, source: DataSource, options: ScoringOptions, predictor: VectorsPredictor):
    """The run's own documents as it split them, the evaluations of the baselines, and what they learned."""
    with run.own_settings(source) as config:
        names = ("validation_fraction", "test_fraction", "split_seed", "limit", "min_context")
        splits = read_splits(
            config.train_files,
            config.validation_files,
            config.test_files,
            reading=options.reading,
            embed=text_embedder(predictor.encoder, options.cache_dir, predictor.encoder_key, predictor.language),
            **{name: getattr(config, name) for name in names},
        )
    _check_dim(splits.parts["test"].data, predictor)
    baselines, fitted = cached_baselines(splits, splits.checksum(), predictor.context_length, options.cache_dir)
    return splits, baselines, fitted


def _read_documents(
    run: FinishedRun, source: DataSource, options: ScoringOptions, predictor: VectorsPredictor
) -> VectorSplit:
    """All documents of files, with their targets."""
    source.check_complete("test_files")
    with damaged_run_as_user_error(run.folder):
        min_context = checked_number(run.settings, "min_context", 1, MAX_CONTEXT)
    embed = text_embedder(predictor.encoder, options.cache_dir, predictor.encoder_key, predictor.language)
    advice = "the run was trained on vectors: give a file of vectors"
    data = join([read_file(path, options.reading, embed, advice) for path in source.files["test_files"]])
    _check_dim(data, predictor)
    documents = np.arange(len(data.names))
    rows = target_rows(data, documents, min_context)
    if not len(rows):
        raise UserError(
            f"{data.file}: no document has more than {min_context} vectors, so none can be predicted; give longer documents"
        )
    return VectorSplit(data, documents, rows)


def _check_dim(data, predictor: VectorsPredictor) -> None:
    if data.dim != predictor.dim:
        raise UserError(
            f"{data.file}: vectors have {data.dim} elements, the model's {predictor.dim}; give vectors of the encoder that it was "
            "trained with"
        )


def _stored_baselines(run: FinishedRun) -> FittedBaselines:
    """What the run keeps of its baselines; of a run of an earlier version, the chosen settings."""
    fitted = FittedBaselines.from_arrays(run.summary)
    chosen = fitted.chosen or run.results.get("details", {}).get("baseline_settings", {})
    with damaged_run_as_user_error(run.folder):
        for name, settings in chosen.items():
            if np.shape(settings) != CHOSEN[name] or not np.isfinite(settings).all():
                raise ValueError("the settings of its baselines are damaged")
        dim, weights = run.summary.get("global_mean", np.zeros(1)).size, fitted.ridge_weights
        if weights is not None and (weights.ndim != 2 or weights.shape[1] != dim or weights.shape[0] % dim):
            raise ValueError("training_summary.npz is that of another run")
    return FittedBaselines(fitted.global_mean, chosen, fitted.ridge_weights)


def _missing_baselines(fitted: FittedBaselines) -> list[str]:
    """A line on baselines that cannot be computed."""
    names = {"global mean, and centred cosine": fitted.global_mean, "ridge": fitted.ridge_weights}
    missing = [name for name, array in names.items() if array is None]
    if not missing:
        return []
    return [f"baselines missing: {'; '.join(missing)}: the run has not kept what they learned from its training data"]

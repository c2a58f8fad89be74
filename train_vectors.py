"""Train a model that predicts the vector of a document's next sentence from the vectors before it.

Models: AMN, a weighted mean of the context with attention and a correction (models/amn.py, `--model amn`); LSTM and GRU
(models/recurrent_vectors.py, `--model lstm`, `--model gru`); a causal Transformer (models/vector_transformer.py,
`--model transformer`). `--model all` trains the four one after another and compares them.

Every model has two outputs. `predicted` is the unit vector nearest to what may follow. `query` searches for the next vector. One
vector cannot be good at both: what is near to everything that may follow is near to what was said, too. Barrault et al. (2024,
Large Concept Models, section 4) see the same in models trained by squared error.

    python train_vectors.py --train-files wiki_chunks_minilm.npz --run-dir runs/vectors

This takes five to seven minutes of training on one core beside other work. With seed 0 it reaches cosine 0.5554, hit@5 0.4259 and
MRR 0.2971 on the test articles; docs/vectors.md has all conditions. Other examples:

    python train_vectors.py --run-dir runs/demo-vectors

    python train_vectors.py --train-files articles.jsonl --embed-with sentence-transformers/all-MiniLM-L6-v2 --run-dir runs/mine
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from utils.common.reading import Reading
from utils.training.run import check_run_dir, run_script, set_up_keras, set_up_run
from utils.training.settings import CachedRunConfig, weighted_parts

MODELS = ("amn", "lstm", "gru", "transformer")
STEPS_PER_EXECUTION = 10


@dataclass
class Config(CachedRunConfig):
    """Settings of one run."""

    data: Literal["demo"] = "demo"
    """Built-in data, where no files are given: invented towns and their people; a sentence's vector is its hashed bag of words."""
    train_files: list[Path] = field(default_factory=list)
    """Vectors with their documents: .npz of `vectors` and `document`, .npy with the documents beside it (NAME.document.npy), or
    records (JSON lines, Parquet) of `document` and `vector`. Or text, for --embed-with: plain text (one document), or records of
    documents (`text`), of split documents (`sentences`) or of chunks (`document`, `chunk`)."""
    validation_files: list[Path] = field(default_factory=list)
    """Files to choose the best epoch on. Left out: documents are held out."""
    test_files: list[Path] = field(default_factory=list)
    """Files that are scored once, at the end. Left out: documents are held out."""
    validation_fraction: float = 0.15
    """Fraction of the documents that is held out for validation."""
    test_fraction: float = 0.2
    """Fraction of the documents that is held out for the test."""
    split_seed: int = 0
    """Seed of what is held out."""
    limit: int = 0
    """Train on this many documents, the first of the training split; 0 is all."""
    embed_with: str = ""
    """Folder or hub name of a sentence encoder (BERT, MiniLM, ...) that turns text into vectors."""
    language: str = ""
    """Of text: ISO 639 code such as `de`, for the abbreviations that do not end a sentence. Left out: by its writing system."""
    # --- model
    model: Literal["amn", "lstm", "gru", "transformer", "all"] = "amn"
    """The model to train; `all` trains the four and compares them."""
    context_length: int = 0
    """Vectors that a model sees, at most; less where no training document is as long. 0 is the model's own: 160 of `amn`, 80 of
    the others and of all in a comparison."""
    min_context: int = 5
    """Vectors that must stand before a target."""
    query_head: bool = True
    """Add a second output for retrieval; without it, retrieval uses the prediction."""
    query_correction: bool = True
    """Of `amn`: correct the query by a network; without it, the query is a weighted sum of the context."""
    recency: bool = True
    """Start from a learned mean of the context. Without it, `amn` starts from the plain mean, the others from nothing."""
    similarity_dim: int = 64
    """Size of the networks that weight the mean by how similar the vectors of the context are; 0 leaves them out."""
    encoder_dim: int = 128
    """Of `amn`: size of keys and queries."""
    hidden_dims: tuple[int, int] = (256, 128)
    """Of `amn`: hidden sizes of the correction."""
    hidden_dim: int = 0
    """Size of the state; 0 means 256 of `lstm` and 128 of `transformer`. The GRU's is that of the vectors."""
    num_layers: int = 0
    """Number of layers; 0 means 1 of `lstm` and `gru`, and 2 of `transformer`."""
    num_heads: int = 4
    """Of `transformer`: attention heads; must divide --hidden-dim."""
    dropout: float = 0.5
    """Fraction of each layer's inputs that is dropped in training; of `transformer`, of each branch's outputs."""
    loss: list[str] = field(default_factory=lambda: ["mse=1"])
    """Loss of the prediction: parts and their weights, of mse, cosine and info_nce."""
    query_loss: list[str] = field(default_factory=lambda: ["info_nce=1"])
    """Loss of the query, in the same form."""
    negatives: Literal["all", "same_document", "other_documents"] = "same_document"
    """Which of the batch's other targets are negatives in `info_nce`."""
    temperature: float = 0.1
    """Of `info_nce`: cosines are divided by it."""
    # --- training
    epochs: int = 10
    """Passes over the training targets, at most."""
    batch_size: int = 128
    """Targets per step."""
    learning_rate: float = 2e-3
    """Peak learning rate of AdamW."""
    warmup_steps: int = 50
    """Steps of linear warm-up (at most a fifth of all)."""
    weight_decay: float = 0.2
    """AdamW's decoupled weight decay; biases, scales and numbers such as weights by distance have none."""
    # --- output
    export: bool = True
    """Write export/ (ONNX, SavedModel, a script that answers) and a LiteRT file at the end, and measure the latter's latency."""


def main(config: Config) -> int:
    from utils.vectors.settings import COMMON_CONTEXT, check_settings, fill_in_own_settings

    check_settings(config)
    check_run_dir(config)
    if config.model == "all":
        from utils.vectors.leaderboard import compare

        same_context = () if config.context_length else ("--context-length", str(COMMON_CONTEXT))
        unknown_flags = {"amn": ("--num-layers", "--hidden-dim"), "gru": ("--hidden-dim",)}
        return compare(config, MODELS, unknown_flags=unknown_flags, added_flags=same_context)
    fill_in_own_settings(config)
    from models import load_model
    from utils.common.figures import model_and_data
    from utils.training.fit import fit
    from utils.training.publish import publish
    from utils.training.tracking import start_tracking
    from utils.training.training_summary import write_training_summary
    from utils.vectors.baselines import cached_baselines, global_mean
    from utils.vectors.evaluation import evaluate
    from utils.vectors.examples import example_table
    from utils.vectors.features import training_batches
    from utils.vectors.plots import plot_test, plot_training
    from utils.vectors.predictor import VectorsPredictor
    from utils.vectors.report import (
        example_question,
        export,
        format_gain,
        format_scores,
        scores_table,
        write_files,
        write_predictions,
    )
    from utils.vectors.scoring import describe_test, document_keys, headline
    from utils.vectors.splits import read_splits
    from utils.vectors.text_vectors import text_embedder

    # --- data
    reading = Reading(config.max_bad_fraction)
    embed = text_embedder(config.embed_with, config.cache_dir, language=config.language)
    try:
        splits = read_splits(  # bad data ends the script before anything is written
            config.train_files,
            config.validation_files,
            config.test_files,
            reading=reading,
            embed=embed,
            validation_fraction=config.validation_fraction,
            test_fraction=config.test_fraction,
            split_seed=config.split_seed,
            limit=config.limit,
            min_context=config.min_context,
        )
    finally:  # also where the documents that are left are too few
        for line in reading.notes:
            print(line)
    for line in splits.summary():
        print(line)
    train, validation, test = (splits.parts[name] for name in ("train", "validation", "test"))
    checksum = splits.checksum()
    set_up_run(config, {"vectors": checksum})
    mean = global_mean(train.data, train.documents)

    # --- model
    set_up_keras(config)
    context_length = min(config.context_length, train.longest_context)
    if context_length < config.context_length:
        print(f"contexts hold {context_length} vectors at most: no training document is longer")
    model = build_model(replace(config, context_length=context_length), splits.dim)
    steps_per_epoch = math.ceil(len(train.rows) / config.batch_size)
    compile_model(model, config, steps_per_epoch * config.epochs)
    print(f"{config.model}: {model.count_params():,} parameters, {steps_per_epoch} steps per epoch")

    # --- training
    def batches(*step_and_part):
        options = context_length, config.batch_size, config.seed, *step_and_part
        for inputs, targets in training_batches(train.data, train.rows, *options):
            yield inputs, dict.fromkeys(trained_outputs(config), targets)

    def validate(model) -> dict[str, float]:
        predictions = VectorsPredictor(model).predict_rows(validation.data, validation.rows)
        metrics = evaluate(validation, predictions, mean).metrics
        score = metrics["cosine"] + (metrics["mrr"] if config.query_head else 0)
        return {**{f"val_{name}": metrics[name] for name in ("cosine", "hit@5", "mrr")}, "val_score": score}

    with start_tracking(config, "vectors") as tracker:
        rows = fit(
            model,
            batches,
            steps_per_epoch=steps_per_epoch,
            epochs=config.epochs,
            evaluate=validate,
            monitor="val_score",
            run_dir=config.run_dir,
            patience=config.patience,
            tracker=tracker,
            resume=config.resume,
            log_every=config.log_every,
            steps_per_execution=STEPS_PER_EXECUTION,
        )

        # --- evaluation
        predictor = VectorsPredictor(load_model(config.run_dir))  # the best epoch's
        predictions = {
            name: predictor.predict_rows(part.data, part.rows)
            for name, part in (("validation", validation), ("test", test))
        }
        evaluations = {name: evaluate(splits.parts[name], outputs, mean) for name, outputs in predictions.items()}
        baselines, fitted = cached_baselines(splits, checksum, context_length, config.cache_dir)
        test_baselines = {name: parts["test"] for name, parts in baselines.items()}
        details = describe_test(predictor, test, evaluations["test"], test_baselines, fitted)

        # --- report
        details |= export(predictor, config.run_dir) if config.export else {"export": {}, "latency": {}}
        write_predictions(config.run_dir, test, predictions["test"])
        write_files(config.run_dir, splits, test_baselines, fitted.chosen, details["steps_ahead"])
        write_training_summary(config.run_dir, document_keys(train, validation), **fitted.arrays())
        title = model_and_data(config.model, config.test_files or config.train_files, config.data)
        plot_training(config.run_dir, rows, baselines, title)
        plot_test(config.run_dir, predictor, test, predictions["test"], evaluations["test"], title, "test")
        for name, evaluation in evaluations.items():
            print(format_scores(name, evaluation.metrics))
        for metric, gain in details["over_best_baseline"].items():
            print(format_gain(metric, gain))
        publish(
            config,
            "vectors",
            predictor.model,
            rows,
            data=splits.description(checksum),
            evaluations=evaluations,
            baselines=baselines,
            headline=headline(baselines),
            tracker=tracker,
            details={"encoder": embed.encoder.description() if embed else {}, **details},
            tables={
                "examples": example_table(predictor, test, evaluations["test"]),
                "scores": scores_table({**test_baselines, **evaluations}),
            },
            example_question=example_question(config.test_files or config.train_files, test),
        )
    return 0


def build_model(config: Config, dim: int):
    """The model that the settings name, built, with fresh weights."""
    from models.amn import AMN
    from models.recurrent_vectors import RecurrentVectors
    from models.vector_transformer import VectorTransformer

    common = {name: getattr(config, name) for name in ("recency", "similarity_dim", "query_head", "dropout")}
    common["context_length"] = config.context_length
    if config.model == "amn":
        common["query_correction"] = config.query_correction
        model = AMN(dim, encoder_dim=config.encoder_dim, hidden_dims=config.hidden_dims, **common)
    elif config.model == "transformer":
        sizes = {"hidden_dim": config.hidden_dim, "num_layers": config.num_layers, "num_heads": config.num_heads}
        model = VectorTransformer(dim, **sizes, intermediate_dim=4 * config.hidden_dim, **common)
    else:
        model = RecurrentVectors(dim, config.model, config.hidden_dim, config.num_layers, **common)
    model.build()
    return model


def compile_model(model, config: Config, total_steps: int) -> None:
    """Give the model AdamW with warm-up and decay, and the losses that the settings name."""
    from components.losses.vector_loss import VectorLoss
    from utils.training.optimizers import make_optimizer
    from utils.vectors.metrics import EXCLUSION

    optimizer = make_optimizer(
        config.learning_rate,
        total_steps,
        warmup_steps=config.warmup_steps,
        weight_decay=config.weight_decay,
        clip_norm=1.0,
    )
    parts = {"predicted": ("--loss", config.loss), "query": ("--query-loss", config.query_loss)}
    losses = {
        name: VectorLoss(
            weighted_parts(*parts[name], tuple(VectorLoss.PARTS)), config.negatives, config.temperature, EXCLUSION
        )
        for name in trained_outputs(config)
    }
    model.compile(optimizer, loss=losses, jit_compile=config.jit_compile)


def trained_outputs(config: Config) -> list[str]:
    """The outputs of the model that have a loss."""
    return ["predicted", "query"] if config.query_head else ["predicted"]


if __name__ == "__main__":
    run_script(main, Config)

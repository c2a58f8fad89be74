"""Latent vector models: predict the vector of a document's next chunk from those before it, and say whether it can be found.

Models: AMN, a weighted mean of the context with attention and a correction (models/amn.py, `--model amn`); LSTM and GRU
(models/recurrent_vectors.py, `--model lstm`, `--model gru`); a causal Transformer (models/vector_transformer.py,
`--model transformer`); `--model all` trains the four one after another and compares them.

Every model has two outputs: `predicted`, the unit vector nearest to what may follow, and `query`, with which the next vector is
looked for. What is near to all that may follow is near to what was said as well: one vector can not be good at both (Barrault et
al. 2024, Large Concept Models, section 4, see the same of models trained by squared error).

Examples:

    python train_vectors.py --run-dir runs/vectors

    python train_vectors.py --train-files vectors.npz --model all --run-dir runs/mine

Scores and running times with their conditions stand in docs/results.md.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Literal

from utils.common.errors import UserError
from utils.training.run import check_run_dir, run_script, set_up_run
from utils.training.settings import check_held_out, check_ranges, weighted_parts

MODELS = ("amn", "lstm", "gru", "transformer")
LOSSES = ("mse", "cosine", "info_nce")
STEPS_PER_EXECUTION = 10
MOST_TOKENS = 256
"""Of a chunk: as many as MiniLM's sentence encoder was trained with."""


@dataclass
class Config:
    """Settings of one run."""

    run_dir: Path
    """Folder for everything the run writes; must not exist, unless with --resume."""
    data: Literal["demo"] = "demo"
    """Invented passages, a hashed bag of words for each sentence, in the place of files."""
    train_files: list[Path] = field(default_factory=list)
    """Vectors with their documents: .npz of `vectors` and `document`, or .npy with the documents beside it (NAME.document.npy).
    Or text, for --embed-with: .txt (one document) or .jsonl (one a line: {"text": "..."})."""
    validation_files: list[Path] = field(default_factory=list)
    """Files to choose the best epoch on. Left out: documents are held out."""
    test_files: list[Path] = field(default_factory=list)
    """Files that are scored once, at the end. Left out: documents are held out."""
    validation_fraction: float = 0.15
    """Share of the documents held out when no validation files are given."""
    test_fraction: float = 0.2
    """Share of the documents held out when no test files are given."""
    limit: int = 0
    """Train on this many documents; 0 is all."""
    embed_with: str = ""
    """Folder or hub name of a sentence encoder (BERT, MiniLM, ...; mean of its tokens), which makes vectors of text."""
    cache_dir: Path = Path(".cache")
    """Where the vectors of texts are kept."""

    model: Literal["amn", "lstm", "gru", "transformer", "all"] = "amn"
    """What to train."""
    context_length: int = 20
    """Vectors that a model sees at most."""
    min_context: int = 5
    """Vectors that must stand before one that is to be predicted."""
    query_head: bool = True
    """A second output for retrieval; else retrieval uses the prediction."""
    query_correction: bool = True
    """Of `amn`: a network that corrects its query too; else that is a weighted sum of the context."""
    recency: bool = True
    """A learned mean of the context, to which the model adds; else of `amn` the plain mean, of the others none."""
    similarity_dim: int = 64
    """Size of the networks that weigh the context for that mean by how similar its vectors are; 0 leaves them out."""
    encoder_dim: int = 128
    """Of `amn`: size of keys and queries."""
    hidden_dims: tuple[int, int] = (256, 128)
    """Of `amn`: hidden sizes of its correction."""
    hidden_dim: int = 512
    """Of `lstm` and `transformer`: size of the state. The GRU's is that of the vectors."""
    num_layers: int = 0
    """Of `lstm`, `gru` and `transformer`: layers; 0 is 2, 2 and 4."""
    num_heads: int = 8
    """Of `transformer`: attention heads; must divide --hidden-dim."""
    dropout: float = 0.5
    """Share of each layer's inputs (of `transformer`: of its branches' outputs) that is dropped in training."""
    loss: list[str] = field(default_factory=lambda: ["mse=1"])
    """Of the prediction, parts and their weights: mse, cosine, info_nce."""
    query_loss: list[str] = field(default_factory=lambda: ["info_nce=1"])
    """Of the query, alike."""
    negatives: Literal["all", "same_document", "other_documents"] = "same_document"
    """What `info_nce` tells the target from: the batch's other targets, or some of them."""
    temperature: float = 0.1
    """Of `info_nce`: what cosines are divided by."""

    epochs: int = 6
    """Passes over the training targets at most."""
    batch_size: int = 128
    """Targets a step."""
    learning_rate: float = 2e-3
    """Peak learning rate of AdamW."""
    warmup_steps: int = 50
    """Steps of linear warm-up (at most a fifth of all)."""
    weight_decay: float = 0.2
    """AdamW's decoupled weight decay."""
    patience: int = 0
    """Stop after this many epochs without a better validation score; 0 never."""
    seed: int = 0
    """Seed of weights and order."""
    split_seed: int = 0
    """Seed of what is held out."""
    precision: Literal["float32", "bfloat16", "float16"] = "float32"
    """Number format of the computations."""
    jit_compile: bool = True
    """Compile the step with XLA."""

    resume: bool = False
    """Go on with the run in --run-dir."""
    tracking: Literal["auto", "online", "offline", "off"] = "auto"
    """Weights & Biases; auto is online when this machine is logged in, else off."""
    export: bool = True
    """Write a SavedModel and a LiteRT file at the end, and measure how long the latter takes."""


def main(config: Config) -> int:
    check(config)
    check_run_dir(config)
    from utils.vectors.splits import read_splits

    data = read_splits(
        config, text_embedder(config.embed_with, config.cache_dir)
    )  # bad data is told before anything is written
    for note in data.notes:
        print(note)
    checksum = data.checksum()
    set_up_run(config, {"vectors": checksum})
    counts = ", ".join(f"{name} {len(part.rows):,} of {len(part.documents):,}" for name, part in data.parts.items())
    print(f"vectors of {data.dim} elements; targets and documents: {counts}")
    from utils.common.files import write_arrays, write_json
    from utils.vectors.baselines import baselines

    kept = config.run_dir / "baselines.json"
    if not (kept.exists() and kept.with_suffix(".npz").exists()):
        compared, arrays = baselines(data.parts, config.context_length)
        write_arrays(kept.with_suffix(".npz"), arrays)
        write_json(kept, compared)
    if config.model != "all":
        train(config, data, checksum)
        return 0
    results = {}
    for name in MODELS:
        folder = config.run_dir / name
        run = replace(config, model=name, run_dir=folder, resume=(folder / "config.json").is_file())
        set_up_run(run, {"vectors": checksum})
        print(f"\n{name}")
        results[name] = train(run, data, checksum, kept)
    compare(config, results)
    return 0


def train(config: Config, data, checksum: str, baselines: Path | None = None) -> dict:
    """Train one model and score it; what is finished is read."""
    import json

    import keras

    from utils.training.fit import fit
    from utils.training.run import set_precision
    from utils.training.tracking import start_tracking
    from utils.vectors.baselines import global_mean
    from utils.vectors.data import training_batches
    from utils.vectors.evaluation import predict_split, scores
    from utils.vectors.metrics import means

    finished = config.run_dir / "results.json"
    if baselines and finished.exists():
        return json.loads(finished.read_text())
    keras.utils.set_random_seed(config.seed)
    set_precision(config.precision)
    train_part = data.parts["train"]
    centre = global_mean(train_part.data, train_part.documents)

    # --- model
    model = build_model(config, data.dim)
    steps_per_epoch = math.ceil(len(train_part.rows) / config.batch_size)
    compile_model(model, config, steps_per_epoch * config.epochs)
    print(f"{config.model}: {model.count_params():,} parameters, {steps_per_epoch} steps an epoch")

    # --- training
    def batches(first_step: int):
        given = train_part.data, train_part.rows, config.context_length, config.batch_size, config.seed
        for inputs, wanted in training_batches(*given, first_step):
            yield inputs, dict.fromkeys(outputs(config), wanted)

    def validate(model):
        part = data.parts["validation"]
        found = means(scores(part, predict_split(model, part, config.context_length), centre))
        shown = {f"val_{name}": found[name] for name in ("cosine", "hit@5", "mrr")}
        return shown | {"val_score": found["cosine"] + (found["mrr"] if config.query_head else 0)}

    tracker = start_tracking(config.tracking, "qkv-zoo-vectors", config.run_dir, asdict(config))
    code = 1
    try:
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
            steps_per_execution=STEPS_PER_EXECUTION,
        )
        compared = baselines or config.run_dir / "baselines.json"
        results = finish(config, data, checksum, centre, rows, tracker, compared)
        code = 0
    finally:
        tracker.finish(code)
    return results


def text_embedder(encoder: str, cache_dir: Path):
    """A function of a file of text that gives its documents of vectors, and notes; None without an encoder."""
    if not encoder:
        return None
    import functools

    from utils.vectors.chunks import embedded

    @functools.cache
    def loaded():
        return load_encoder(encoder)

    return lambda path: embedded(path, loaded()[0], loaded()[1], cache_dir / "vectors")


def load_encoder(name: str):
    """A function that gives the vectors of some texts, and the checksum of its weights."""
    import numpy as np

    from models.text_encoder import TextEncoder
    from utils.text.pretrained import assign, check_vocabulary, checkpoint_folder, read_checkpoint
    from utils.text.tokenization import load_tokenizer, special_token_ids

    checkpoint = read_checkpoint(checkpoint_folder(name))
    tokenizer = load_tokenizer(checkpoint.folder)
    check_vocabulary(tokenizer, checkpoint)
    padding, *_ = special_token_ids(tokenizer)
    tokenizer.enable_truncation(min(MOST_TOKENS, checkpoint.encoder["max_length"]))
    model = TextEncoder(checkpoint.encoder)
    model.build()
    assign(model.encoder, checkpoint.weights)

    def encode(texts: list[str]):
        found = [encoding.ids for encoding in tokenizer.encode_batch(texts)]
        length = -(-max(map(len, found)) // 16) * 16
        token_ids = np.array([ids + [padding] * (length - len(ids)) for ids in found], np.int32)
        mask = np.array([[1] * len(ids) + [0] * (length - len(ids)) for ids in found], np.int32)
        return np.asarray(model.predict_on_batch({"token_ids": token_ids, "padding_mask": mask}))

    return encode, checkpoint.checksum


def outputs(config: Config) -> list[str]:
    """The model's outputs that are trained."""
    return ["predicted", "query"] if config.query_head else ["predicted"]


def check(config: Config) -> None:
    """Settings that can not work, told in one line before any work is done."""
    from utils.training.tracking import check_tracking

    check_ranges(
        config,
        less_than_1="validation_fraction test_fraction dropout",
        more_than_0="context_length min_context encoder_dim hidden_dim num_heads temperature epochs batch_size learning_rate",
        at_least_0="similarity_dim limit num_layers warmup_steps weight_decay patience seed split_seed",
    )
    weighted_parts("--loss", config.loss, LOSSES)
    weighted_parts("--query-loss", config.query_loss, LOSSES)
    if min(config.hidden_dims) < 1:
        raise UserError(f"--hidden-dims {' '.join(map(str, config.hidden_dims))}: must be more than 0")
    if config.model in ("transformer", "all") and config.hidden_dim % config.num_heads:
        raise UserError(f"--hidden-dim {config.hidden_dim}: must be a multiple of --num-heads {config.num_heads}")
    if config.num_layers and config.model == "amn":
        raise UserError(f"--num-layers {config.num_layers}: --model amn has none to choose; leave it out")
    if config.min_context > config.context_length:
        raise UserError(f"--min-context {config.min_context}: must be at most --context-length {config.context_length}")
    check_held_out(config, "documents")
    check_tracking(config.tracking)


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
        sizes = {"hidden_dim": config.hidden_dim, "num_layers": config.num_layers or 4, "num_heads": config.num_heads}
        model = VectorTransformer(dim, **sizes, intermediate_dim=4 * config.hidden_dim, **common)
    else:
        model = RecurrentVectors(dim, config.model, config.hidden_dim, config.num_layers or 2, **common)
    model.build()
    return model


def compile_model(model, config: Config, total_steps: int) -> None:
    """AdamW under warm-up and decay, and the losses that the settings name."""

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
    given = {"predicted": ("--loss", config.loss), "query": ("--query-loss", config.query_loss)}
    losses = {
        name: VectorLoss(weighted_parts(*given[name], LOSSES), config.negatives, config.temperature, EXCLUSION)
        for name in outputs(config)
    }
    model.compile(optimizer, loss=losses, jit_compile=config.jit_compile)


def finish(config: Config, data, checksum: str, centre, rows, tracker, baselines: Path) -> dict:
    """Score the best epoch's model on everything and write what a user takes home."""
    import json

    import numpy as np

    from models import load_model
    from utils.common.files import write_arrays, write_csv, write_json
    from utils.common.plots import plot_history
    from utils.training.run import conditions
    from utils.vectors.evaluation import predict_split, samples, scores, steps_ahead
    from utils.vectors.metrics import intervals, means, over_best, variance_ratio
    from utils.vectors.plots import plot_places, plot_windows

    run_dir, test, length = config.run_dir, data.parts["test"], config.context_length
    model = load_model(run_dir / "best.keras")
    found = {name: predict_split(model, data.parts[name], length) for name in ("validation", "test")}
    each = {name: scores(data.parts[name], of, centre) for name, of in found.items()}
    metrics = {
        name: means(each[name])
        | {"variance_ratio": variance_ratio(data.parts[name].data, data.parts[name].rows, of["predicted"])}
        for name, of in found.items()
    }
    documents = {name: data.parts[name].data.document[data.parts[name].rows] for name in found}
    within = {name: intervals(of, documents[name]) for name, of in each.items()}
    mixed = means(scores(test, predict_split(model, test, length, shuffle=True), centre))
    compared, arrays = json.loads(baselines.read_text()), np.load(baselines.with_suffix(".npz"))
    over = over_best(each["test"], arrays, documents["test"], ("cosine", "hit@5", "mrr"))
    best = {name: (metrics["test"][name], compared["mean"][name]) for name in ("cosine", "centred_cosine")}
    results = {
        "task": "vectors",
        **conditions(config, model, rows),
        "data": data.described(checksum),
        "metrics": metrics,
        "intervals": within,
        "skill_over_mean": {name: (reached - mean) / max(1 - mean, 1e-9) for name, (reached, mean) in best.items()},
        "over_best_baseline": over,
        "shuffled_context": {name: mixed[name] for name in ("cosine", "hit@5", "mrr")},
        "steps_ahead": steps_ahead(model, test, length),
        "latency": export(config, model, data.dim) if config.export else {},
        "baselines": {name: {"test": of} for name, of in compared.items()},
    }
    plot_history(
        rows, run_dir / "history.png", {"loss": ["loss"], "validation": ["val_cosine", "val_hit@5", "val_mrr"]}
    )
    places, shown = samples(model, test, length, found["test"], 1 / each["test"]["mrr"])
    plot_places(places, run_dir / "places.png")
    plot_windows(shown, run_dir / "windows.png")
    for name, of in (*((f"{name}, test", of) for name, of in compared.items()), *metrics.items()):
        print(told(name, of))
    for metric, of in over.items():
        low, high = of["interval"]
        print(
            f"{metric}, over {of['best']}: {of['difference']:+.4f} (95 % interval over documents {low:+.4f} to {high:+.4f})"
        )
    if results["steps_ahead"]:
        write_csv(run_dir / "steps_ahead.csv", results["steps_ahead"])
    predictions = {"rows": test.rows, **{name: found["test"][name] for name in ("predicted", "query")}}
    write_arrays(run_dir / "test_predictions.npz", predictions)
    write_json(
        run_dir / "splits.json",
        {name: [part.data.names[n] for n in part.documents] for name, part in data.parts.items()},
    )
    write_json(run_dir / "results.json", results)
    tracker.log_images({plot.stem: plot for plot in sorted(run_dir.glob("*.png"))})
    columns = ["cosine", "centred_cosine", "hit@1", "hit@5", "mrr", "hit@5_all", "direction_margin"]
    table = [[name, *(of[column] for column in columns)] for name, of in (*compared.items(), *metrics.items())]
    tracker.log_table("scores", ["what", *columns], table)
    tracker.log_artifact(run_dir / "best.keras", f"vectors-{config.model}", "model")
    tracker.summary({f"{name}_{key}": value for name, part in metrics.items() for key, value in part.items()})
    print(f"everything is in {run_dir}")
    return results


def export(config: Config, model, dim: int) -> dict[str, float]:
    """Write `saved_model` and `model.tflite`; returns the latter's milliseconds for one context on one thread."""
    import keras

    from utils.training.export import export_saved_model
    from utils.training.litert import export_litert, latency

    inputs = {"vectors": (config.context_length, dim), "padding_mask": (config.context_length,)}
    axes = {name: ("batch", *shape) for name, shape in inputs.items()}
    export_saved_model(model, config.run_dir / "saved_model", axes, floating=("vectors",))
    if keras.backend.backend() != "tensorflow":
        print("no model.tflite: Keras writes LiteRT files on its TensorFlow backend only")
        return {}
    export_litert(model, config.run_dir / "model.tflite", inputs, floating=("vectors",))
    return latency(config.run_dir / "model.tflite")


def told(name: str, found: dict) -> str:
    """One split's scores as a line."""
    shown = {"cosine": "cosine", "hit@1": "hit@1", "hit@5": "hit@5", "mrr": "MRR", "mrr_all": "MRR among all documents"}
    return f"{name}: {', '.join(f'{title} {found[key]:.4f}' for key, title in shown.items())}"


def compare(config: Config, results: dict[str, dict]) -> None:
    """The models and the baselines in one table, printed and written as `comparison.json` and `comparison.png`."""
    from utils.common.files import write_json
    from utils.common.plots import plot_comparison

    columns = ["cosine", "hit@1", "hit@5", "mrr", "mrr_all"]
    first = next(iter(results.values()))
    table = {name: of["test"] for name, of in first["baselines"].items()}
    table |= {name: of["metrics"]["test"] for name, of in results.items()}
    print(f"\n| test | {' | '.join(columns)} | parameters | ms a context, p50 / p95 | seconds of training |")
    print("|---" * (len(columns) + 4) + "|")
    for name, of in table.items():
        more = ["", "", ""]
        if name in results:
            spent, took = results[name]["seconds"], results[name]["latency"]
            took = f"{took['p50_ms']:.3f} / {took['p95_ms']:.3f}" if took else ""
            more = [f"{results[name]['parameters']:,}", took, f"{spent:.0f}"]
        print(f"| {name} | {' | '.join([*(f'{of[column]:.4f}' for column in columns), *more])} |")
    kept = {name: {key: of[key] for key in ("parameters", "latency", "seconds")} for name, of in results.items()}
    write_json(config.run_dir / "comparison.json", {"test": table, "models": kept})
    within = {name: of["intervals"] for name, of in table.items() if name not in results}
    within |= {name: of["intervals"]["test"] for name, of in results.items()}
    bars = {
        name: {metric: (of[metric], *within[name][metric]) for metric in ("cosine", "hit@5", "mrr")}
        for name, of in table.items()
    }
    plot_comparison(bars, config.run_dir / "comparison.png", "next vector, test documents", "score, 95 % intervals")


if __name__ == "__main__":
    run_script(main, Config)

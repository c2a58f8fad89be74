"""Answer ranking: train a text encoder so that a question's vector is nearest to its best answers, and compare losses for it.

Questions and answers are encoded by a Transformer (models/bi_encoder.py), from scratch or from a pretrained one (`--init-from`), to
vectors whose cosine is the score. Two tasks are told apart: `rerank`, to order a question's own answers by their votes or grades,
and retrieval (`_all` after a metric's name), to find them among the answers of all questions. Random order, BM25, the longest, the
oldest and the most voted answers stand beside every score.

Examples:

    python train_ranking.py --run-dir runs/ranking

    python train_ranking.py --train-files beer.jsonl.gz ai.jsonl.gz --model minilm --run-dir runs/se

    python train_ranking.py --train-files beer.jsonl.gz --suite --seeds 0 1 2 --run-dir runs/suite

Scores and running times with their conditions stand in docs/results.md.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Literal

from utils.common.errors import UserError
from utils.training.run import check_run_dir, run_script, set_up_run
from utils.training.settings import check_held_out, check_ranges

CORPUS = ("test", "validation", "train")
"""Whose answers are searched; the test questions' own come first."""
PROJECT = "qkv-zoo-ranking"
"""Of Weights & Biases."""
MINED = 4
"""Mined negatives of a question, for each slot: an epoch draws from them."""
MINILM = "sentence-transformers/all-MiniLM-L6-v2"
LOSSES = (
    "infonce",
    "infonce_own",
    "infonce_batch",
    "infonce_both",
    "mse",
    "triplet",
    "listwise",
    "listwise_own",
    "list_mle",
    "approx_ndcg",
    "margin_mse",
    "matryoshka",
)


@dataclass
class Config:
    """Settings of one run."""

    run_dir: Path
    """Folder for everything the run writes; must not exist, unless with --resume."""
    data: Literal["demo"] = "demo"
    """Invented questions with graded answers, in the place of files."""
    train_files: list[Path] = field(default_factory=list)
    """Questions with answers: StackExchange's Posts.xml, threads as JSONL, a folder in WikiQA's form, MEDIQA's XML, or CSV, TSV or
    JSONL of query, candidate, relevance; .gz or not."""
    validation_files: list[Path] = field(default_factory=list)
    """Files to choose the best epoch on. Left out: questions are held out."""
    test_files: list[Path] = field(default_factory=list)
    """Files that are scored once, at the end. Left out: questions are held out."""
    validation_fraction: float = 0.1
    """Share of the questions held out when no validation files are given."""
    test_fraction: float = 0.2
    """Share of the questions held out when no test files are given."""
    votes: Literal["best_share", "rank"] = "best_share"
    """How votes become grades: quarters of the question's best answer's votes, or ranks."""
    limit: int = 0
    """Train on this many questions; 0 is all. The answers to the others are not searched either."""

    model: Literal["scratch", "minilm"] = "scratch"
    """The encoder: a small one from scratch, or all-MiniLM-L6-v2 from the hub; --init-from names another pretrained one."""
    loss: Literal[LOSSES] = "infonce"
    """What is trained: infonce and its kinds with own candidates alone (_own), with other questions' best alone (_batch), in both
    directions (_both); mse; triplet; listwise with and without other questions' candidates; list_mle; approx_ndcg; margin_mse;
    matryoshka (infonce of shorter vectors too)."""
    suite: bool = False
    """Train all losses, each with --seeds, and compare them; what is finished is kept, and --resume may add losses and seeds."""
    losses: list[str] = field(default_factory=lambda: list(LOSSES))
    """Losses of the suite."""
    seeds: list[int] = field(default_factory=lambda: [0, 1, 2])
    """Seeds of the suite."""
    temperature: float = 0.05
    """Of the losses with exponentials: what cosines are divided by."""
    learned_temperature: bool = False
    """Learn the temperature from there (of infonce, listwise, list_mle, approx_ndcg, matryoshka)."""
    margin: float = 0.2
    """Of triplet."""
    slots: int = 4
    """Candidates a question has in a batch: its best, others of its own, and mined negatives for what is left."""
    mine: Literal["bm25", "encoder", "random"] = "bm25"
    """Where negatives come from: candidates of other questions that score highest by BM25, or by the encoder as it is when an epoch
    begins; or any."""
    mine_margin: float = 0.05
    """Candidates that score more than 1 - this of a question's best are no negatives: they may be answers."""

    init_from: str = ""
    """Folder or hub name of a pretrained encoder (BERT, DistilBERT, MiniLM, ...) to start from."""
    pooling: Literal["mean", "cls", "attention"] = "mean"
    """How the tokens' vectors become one."""
    output_dim: int = 128
    """Size of the vectors; 0 leaves the projection out."""
    shared: bool = True
    """One encoder for questions and answers; else one for each."""
    hidden_dim: int = 128
    """Of an encoder from scratch."""
    num_layers: int = 2
    """Of an encoder from scratch."""
    num_heads: int = 4
    """Of an encoder from scratch."""
    vocabulary_size: int = 8000
    """Of an encoder from scratch: word pieces."""
    dropout: float = 0.1
    """Share of embeddings and residual branches that is dropped in training; a pretrained encoder's attention keeps all of its
    weights, whose dropout is slow."""
    query_length: int = 64
    """Word pieces of a question at most; the rest is cut."""
    max_length: int = 128
    """Word pieces of an answer at most; the rest is cut."""

    epochs: int = 5
    """Passes over the training questions at most."""
    batch_size: int = 32
    """Questions a step."""
    chunks: int = 1
    """Parts of a batch that are encoded one after another, so that a large batch (many negatives) needs far less memory for the
    same gradient; each part is computed twice. More than 1: without dropout, and without XLA."""
    learning_rate: float | None = None
    """Peak learning rate of AdamW; left out: 5e-4 from scratch, 5e-5 from a pretrained encoder."""
    warmup_steps: int = 50
    """Steps of linear warm-up (at most a fifth of all)."""
    weight_decay: float = 0.01
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
    """Write a SavedModel of the encoder at the end."""


@dataclass(frozen=True)
class Data:
    """What a run needs of its data: questions and features by split, numbers for the texts of what is searched (in validation, the
    answers to its questions alone; in the test all there are), negatives that stay, tokenizer and encoder arguments."""

    splits: object
    features: dict
    texts: dict
    mined: list
    tokenizer: object
    padding: int
    encoder: dict
    checkpoint: object | None


def main(config: Config) -> int:
    if config.model == "minilm" and not config.init_from:
        config = replace(config, init_from=MINILM)
    check(config)
    check_run_dir(config)
    from utils.ranking.splits import read_ranking_splits
    from utils.training.environment import accelerators, hardware
    from utils.training.run import set_precision

    files = config.train_files, config.validation_files, config.test_files
    shares = config.validation_fraction, config.test_fraction
    # Bad data is told before anything is written.
    splits = read_ranking_splits(*files, *shares, config.split_seed, config.limit, config.votes)
    for note in splits.notes:
        print(note)
    checksum = splits.checksum()
    counts = ", ".join(
        f"{name} {len(part):,} with {sum(len(query.candidates) for query in part):,}"
        for name, part in splits.parts.items()
    )
    print(f"{hardware()}, {accelerators()}; questions and answers: {counts}")
    set_precision(config.precision)
    data = prepare(config, splits)
    set_up_run(config, {"questions": checksum})
    baselines = score_baselines(config, data)
    if not config.suite:
        train(config, data, baselines, checksum)
        return 0
    results = {}
    for loss in config.losses:
        for seed in config.seeds:
            folder = config.run_dir / f"{loss}-{seed}"
            run = replace(
                config,
                loss=loss,
                seed=seed,
                suite=False,
                run_dir=folder,
                export=False,
                resume=(folder / "config.json").is_file(),
            )
            set_up_run(run, {"questions": checksum})
            print(f"\n{loss}, seed {seed}", flush=True)
            if not (folder / "results.json").exists():
                train(run, data, baselines, checksum, group=config.run_dir.name)
            results.setdefault(loss, []).append(folder)
    compare(config, results)
    return 0


def prepare(config: Config, splits) -> Data:
    """Tokenizer, encoder arguments, features of every split and mined negatives."""
    from utils.ranking.evaluation import text_numbers
    from utils.ranking.features import features
    from utils.ranking.splits import question_groups
    from utils.text.pretrained import check_vocabulary, checkpoint_folder, read_checkpoint
    from utils.text.tokenization import load_tokenizer, special_token_ids, train_tokenizer

    parts, checkpoint = splits.parts, None
    if config.init_from:
        checkpoint = read_checkpoint(checkpoint_folder(config.init_from))
        tokenizer = load_tokenizer(checkpoint.folder)
        check_vocabulary(tokenizer, checkpoint)
        encoder = checkpoint.encoder | {"dropout": config.dropout, "attention_dropout": 0.0}
        longest, wanted = encoder["max_length"], max(config.max_length, config.query_length)
        if wanted > longest:
            flag = "--max-length" if config.max_length > longest else "--query-length"
            raise UserError(f"{flag} {wanted}: {config.init_from} has positions for {longest} tokens")
    else:
        texts = [query.text for query in parts["train"]]
        texts += [candidate.text for query in parts["train"] for candidate in query.candidates]
        tokenizer = with_ends(train_tokenizer(texts, config.vocabulary_size))
        encoder = {
            "vocabulary_size": tokenizer.get_vocab_size(),
            "hidden_dim": config.hidden_dim,
            "num_layers": config.num_layers,
            "num_heads": config.num_heads,
            "intermediate_dim": 4 * config.hidden_dim,
            "max_length": -(-max(config.max_length, config.query_length) // 32) * 32,
            "num_segments": 0,
            "dropout": config.dropout,
        }
    padding, *_ = special_token_ids(tokenizer)
    found = {
        name: features(part, question_groups(part), tokenizer, config.query_length, config.max_length)
        for name, part in parts.items()
    }
    mined = fixed_negatives(config, parts["train"], found["train"]) if config.mine != "encoder" else []
    everyone = [query for name in CORPUS for query in parts[name]]
    texts = {"validation": text_numbers(parts["validation"]), "test": text_numbers(everyone)}
    return Data(splits, found, texts, mined, tokenizer, padding, encoder, checkpoint)


def score_baselines(config: Config, data: Data) -> dict:
    """Metrics of every test question by what ranks without training; `untrained` is a pretrained encoder as it is, unprojected."""
    from utils.ranking.baselines import baseline_scores
    from utils.ranking.evaluation import both

    parts = data.splits.parts
    corpus = [candidate for name in CORPUS for query in parts[name] for candidate in query.candidates]
    scores = baseline_scores(parts["test"], corpus)
    if data.checkpoint:
        asked, answers = vectors_of_test(build_model(replace(config, output_dim=0), data), data)
        scores["untrained"] = asked @ answers.T
    return {
        name: both(parts["test"], of, data.features["test"].starts, data.texts["test"]) for name, of in scores.items()
    }


def vectors_of_test(model, data: Data):
    """Of the test questions, and of all answers there are."""
    import numpy as np

    from utils.ranking.evaluation import vectors

    corpus = [vectors(model.candidates, data.features[name].candidates, data.padding) for name in CORPUS]
    return vectors(model.queries, data.features["test"].queries, data.padding), np.concatenate(corpus)


def with_ends(tokenizer):
    """The tokenizer, putting [CLS] before and [SEP] behind each text."""
    from tokenizers import processors

    first, last = ((token, tokenizer.token_to_id(token)) for token in ("[CLS]", "[SEP]"))
    tokenizer.post_processor = processors.TemplateProcessing("[CLS] $A [SEP]", special_tokens=[first, last])
    return tokenizer


def fixed_negatives(config: Config, queries, found) -> list:
    """Hard negatives of each training question by BM25, or random ones."""
    import numpy as np

    from utils.ranking.baselines import BM25, mined_negatives

    if config.mine == "random":
        scores = np.random.default_rng(config.split_seed).random((len(queries), len(found.candidates)), np.float32)
        return mined_negatives(scores, found, -math.inf, MINED * config.slots)
    index = BM25([candidate.text for query in queries for candidate in query.candidates])
    scores = np.stack([index.scores(query.text) for query in queries])
    return mined_negatives(scores, found, config.mine_margin, MINED * config.slots)


def negatives_of_epoch(config: Config, data: Data, model, epoch: int) -> list:
    """Hard negatives of each training question by the encoder as it is; kept, so that a resumed epoch has the same."""
    import numpy as np

    from utils.ranking.baselines import mined_negatives
    from utils.ranking.evaluation import vectors

    kept = config.run_dir / "mined.npz"
    if kept.exists() and (read := np.load(kept))["epoch"] == epoch:
        return np.split(read["candidates"], read["ends"][:-1])
    found = data.features["train"]
    scores = vectors(model.queries, found.queries, data.padding)
    scores = scores @ vectors(model.candidates, found.candidates, data.padding).T
    mined = mined_negatives(scores, found, config.mine_margin, MINED * config.slots)
    ends = np.cumsum([len(each) for each in mined])
    np.savez_compressed(kept, epoch=epoch, candidates=np.concatenate(mined), ends=ends)
    return mined


def train(config: Config, data: Data, baselines: dict, checksum: str, group: str | None = None) -> None:
    """Train one encoder and score it; `group` is Weights & Biases' group."""
    import keras

    from utils.ranking.evaluation import TESTED, both, means, vectors
    from utils.ranking.features import trainable, training_batches
    from utils.training.fit import fit
    from utils.training.tracking import start_tracking

    keras.utils.set_random_seed(config.seed)
    found = data.features["train"]
    data.tokenizer.save(str(config.run_dir / "tokenizer.json"))

    # --- model
    model = build_model(config, data)
    steps_per_epoch = math.ceil(len(trainable(found)) / config.batch_size)
    compile_model(model, config, steps_per_epoch * config.epochs)
    print(f"{config.loss}: {model.count_params():,} parameters, {steps_per_epoch} steps an epoch")

    # --- training
    def batches(first_step: int):
        mined = data.mined or negatives_of_epoch(config, data, model, first_step // steps_per_epoch)
        return training_batches(found, mined, config.slots, config.batch_size, config.seed, first_step, data.padding)

    def validate(model):
        part = data.features["validation"]
        asked = vectors(model.queries, part.queries, data.padding)
        scores = asked @ vectors(model.candidates, part.candidates, data.padding).T
        reached = means(both(data.splits.parts["validation"], scores, part.starts, data.texts["validation"]))
        shown = {f"val_{name}": reached[name] for name in TESTED}
        return shown | {"val_score": shown["val_ndcg@10"] + shown["val_ndcg@10_all"]}

    tracker = start_tracking(config.tracking, PROJECT, config.run_dir, asdict(config), group)
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
        )
        finish(config, data, baselines, checksum, rows, tracker)
        code = 0
    finally:
        tracker.finish(code)


def build_model(config: Config, data: Data):
    """The encoder, with pretrained weights where they are given."""
    from models.bi_encoder import BiEncoder
    from utils.text.pretrained import assign

    temperature = config.temperature if config.learned_temperature else None
    given = {"pooling": config.pooling, "output_dim": config.output_dim or None, "shared": config.shared}
    model = BiEncoder(data.encoder, **given, temperature=temperature, chunks=config.chunks)
    model.build()
    if data.checkpoint:
        for tower in model.towers():
            assign(tower.encoder, data.checkpoint.weights)
    return model


def compile_model(model, config: Config, total_steps: int) -> None:
    """AdamW under warm-up and decay, and the loss."""

    from utils.training.optimizers import make_optimizer

    rate = config.learning_rate or (5e-5 if config.init_from else 5e-4)
    optimizer = make_optimizer(
        rate,
        total_steps,
        warmup_steps=config.warmup_steps,
        weight_decay=config.weight_decay,
        clip_norm=1.0,
        decay="linear",
    )
    model.compile(
        optimizer, loss=build_loss(config, model.candidates.size), jit_compile=config.jit_compile and config.chunks == 1
    )


def shorter_sizes(dim: int) -> list[int]:
    """Of Matryoshka vectors."""
    return sorted({max(1, dim // 4), max(1, dim // 2), dim})


def build_loss(config: Config, dim: int):
    """The loss that the settings name, for vectors of this size."""
    from components.losses import RANKING_LOSSES

    temperature = 1.0 if config.learned_temperature else config.temperature
    return RANKING_LOSSES[config.loss].from_settings(temperature=temperature, margin=config.margin, dim=dim)


def finish(config: Config, data: Data, baselines: dict, checksum: str, rows, tracker) -> None:
    """Score the best epoch's encoder and the baselines, and write what a user takes home."""
    import numpy as np

    from models import load_model
    from utils.common.files import write_json
    from utils.common.plots import plot_history
    from utils.ranking.evaluation import KEPT, both, means
    from utils.training.export import export_saved_model
    from utils.training.run import conditions
    from utils.vectors.metrics import intervals

    run_dir, parts = config.run_dir, data.splits.parts
    model = load_model(run_dir / "best.keras")
    asked, answers = vectors_of_test(model, data)

    def scored(dim: int, only=None) -> dict:
        """Metrics of every test question, of the vectors' first numbers."""
        cut = [
            of[:, :dim] / np.maximum(np.linalg.norm(of[:, :dim], axis=1, keepdims=True), 1e-9)
            for of in (asked, answers)
        ]
        return both(parts["test"], cut[0] @ cut[1].T, data.features["test"].starts, data.texts["test"], only)

    each = {"encoder": scored(asked.shape[1])} | baselines
    reached = {name: means(found) for name, found in each.items()}
    last = max(reversed(rows), key=lambda row: row["val_score"])
    validation = {name.removeprefix("val_"): value for name, value in last.items() if name.startswith("val_")}
    within = {}
    for metric, of in each["encoder"].items():
        within |= intervals({metric: of}, np.arange(len(of))) if len(of) else {}
    np.savez_compressed(
        run_dir / "per_question.npz",
        **{f"{name}/{metric}": of for name, found in each.items() for metric, of in found.items() if metric in KEPT},
    )
    results = {
        "task": "ranking",
        **conditions(config, model, rows),
        "model": config.init_from or config.model,
        "loss": config.loss,
        "data": data.splits.described(config.train_files + config.validation_files + config.test_files, checksum),
        "corpus": sum(len(data.features[name].candidates) for name in CORPUS),
        "metrics": {"validation": validation, "test": reached.pop("encoder")},
        "intervals": {"test": within},
        "baselines": {name: {"test": of} for name, of in reached.items()},
    }
    plot_history(
        rows,
        run_dir / "history.png",
        {
            "loss": ["loss"],
            "own answers": ["val_ndcg@10", "val_mrr"],
            "all answers": ["val_ndcg@10_all", "val_mrr_all"],
        },
    )
    for name, of in (*reached.items(), (config.loss, results["metrics"]["test"])):
        print(told(name, of))
    if config.export:
        axes = {"token_ids": ("batch", "sequence"), "padding_mask": ("batch", "sequence")}
        export_saved_model(model.candidates, run_dir / "saved_model", axes)
        if not config.shared:
            export_saved_model(model.queries, run_dir / "saved_model_queries", axes)
    unseen = data.splits.unseen()
    if unseen.any() and not unseen.all():
        only = means(scored(asked.shape[1], unseen))
        results["metrics"]["test_unseen"] = only
        print(
            told(f"{config.loss}, the {unseen.sum():,} questions without an answer that is known from training", only)
        )
    if config.loss == "matryoshka":
        sizes = {str(dim): means(scored(dim)) for dim in shorter_sizes(asked.shape[1])[:-1]}
        results["metrics"]["test_shorter"] = sizes
        for dim, of in sizes.items():
            print(told(f"{config.loss}, the first {dim} numbers of each vector", of))
    write_json(run_dir / "results.json", results)
    tracker.log_images({plot.stem: plot for plot in sorted(run_dir.glob("*.png"))})
    tracker.log_artifact(run_dir / "best.keras", f"ranking-{config.loss}", "model")
    tracker.summary({f"test_{key}": value for key, value in results["metrics"]["test"].items()})
    print(f"everything is in {run_dir}")


def told(name: str, found: dict) -> str:
    """Test scores as a line."""
    shown = {"ndcg@10": "NDCG@10", "map": "MAP", "mrr": "MRR", "p@1": "P@1"}
    own = ", ".join(f"{title} {found[key]:.4f}" for key, title in shown.items())
    everyone = ", ".join(f"{title} {found[f'{key}_all']:.4f}" for key, title in shown.items())
    return f"{name}, test, own answers: {own}; all answers: {everyone}"


def compare(config: Config, runs: dict[str, list[Path]]) -> None:
    """All losses and baselines in one table, printed, written and tracked."""
    from utils.ranking.leaderboard import leaderboard
    from utils.training.tracking import start_tracking

    columns, rows = leaderboard(config.run_dir, runs)
    tracker = start_tracking(config.tracking, PROJECT, config.run_dir, asdict(config), config.run_dir.name)
    tracker.log_table("leaderboard", columns, rows)
    tracker.log_images({"leaderboard": config.run_dir / "leaderboard.png"})
    tracker.finish(0)


def check(config: Config) -> None:
    """Settings that can not work, told in one line before any work is done."""
    from utils.training.tracking import check_tracking

    check_ranges(
        config,
        less_than_1="validation_fraction test_fraction dropout mine_margin",
        more_than_0="slots chunks temperature hidden_dim num_layers num_heads epochs batch_size learning_rate",
        at_least_0="limit margin output_dim warmup_steps weight_decay patience seed split_seed",
    )
    if config.batch_size % config.chunks:
        raise UserError(f"--batch-size {config.batch_size}: must be a multiple of --chunks {config.chunks}")
    losses = config.losses if config.suite else [config.loss]
    for loss in losses:
        if config.slots < 2 and (loss.endswith("_own") or loss in ("mse", "list_mle", "margin_mse")):
            raise UserError(f"--slots {config.slots}: {loss} compares what a question's own slots hold; give 2 or more")
        if config.learned_temperature and loss in ("mse", "margin_mse", "triplet"):
            raise UserError(f"--learned-temperature: {loss} has no temperature; leave it out")
    if config.learned_temperature and config.temperature < 0.01:
        raise UserError(f"--temperature {config.temperature:g}: a learned one is 0.01 at least")
    for name, given in (("losses", config.losses), ("seeds", config.seeds)):
        if len(set(given)) < len(given):
            raise UserError(f"--{name} {' '.join(map(str, given))}: each once")
    for name, least in (("query_length", 3), ("max_length", 3), ("vocabulary_size", 100)):
        if getattr(config, name) < least:
            raise UserError(f"--{name.replace('_', '-')} {getattr(config, name)}: must be at least {least}")
    if not config.init_from and config.hidden_dim % config.num_heads:
        raise UserError(f"--hidden-dim {config.hidden_dim}: must be a multiple of --num-heads {config.num_heads}")
    unknown = [loss for loss in config.losses if loss not in LOSSES]
    if unknown or not config.losses or not config.seeds:
        raise UserError(
            f"--losses {' '.join(config.losses)}: wants some of {', '.join(LOSSES)}, and --seeds one at least"
        )
    check_held_out(config, "questions")
    check_tracking(config.tracking)


if __name__ == "__main__":
    run_script(main, Config)

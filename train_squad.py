"""Extractive question answering on SQuAD, trained from scratch or from a pretrained encoder.

Models: QATransformer (models/qa_transformer.py), a joint encoder of question and paragraph with lexical match, relative positions,
gated convolutions and context-query attention (`--model matching`), or the plain encoder as control (`--model plain`); BertQA
(models/bert_qa.py), a pretrained DistilBERT or BERT with a span head (`--model distilbert`, `--model bert`, any checkpoint with
`--init-from`).

Papers: Rajpurkar et al. 2016 (SQuAD); Chen et al. 2017 (exact match); Dauphin et al. 2017 (gated convolutions); Seo et al. 2017
(context-query attention); Devlin et al. 2019 (BERT); Sanh et al. 2019 (DistilBERT).

Examples:

    python train_squad.py --data demo --epochs 6 --run-dir runs/demo

    python train_squad.py --train-files train.json.gz --test-files dev.json.gz --run-dir runs/squad

    python train_squad.py --data squad --model distilbert --run-dir runs/distilbert

Scores and running times with their conditions stand in docs/results.md.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Literal

from utils.common.errors import UserError
from utils.training.run import check_run_dir, default_precision, run_script, set_up_run
from utils.training.settings import as_flag, check_ranges

# What a setting is that the command line leaves out.
PLAIN = {
    "hidden_dim": 128,
    "num_layers": 4,
    "num_heads": 4,
    "intermediate_dim": 512,
    "match_features": False,
    "match_bias": False,
    "relative_positions": False,
    "convolution_width": 0,
    "context_query_attention": False,
    "word_vectors": "random",
    "dropout": 0.1,
    "epochs": 3,
    "learning_rate": 1e-3,
}
MATCHING = PLAIN | {
    "num_layers": 3,
    "match_features": True,
    "match_bias": True,
    "relative_positions": True,
    "convolution_width": 7,
    "context_query_attention": True,
    "word_vectors": "text",
}
PRETRAINED = {"dropout": 0.1, "epochs": 3, "learning_rate": 5e-5, "ema": 0.0}
MODELS = {
    "plain": PLAIN,
    "matching": MATCHING,
    "distilbert": PRETRAINED | {"init_from": "distilbert-base-uncased"},
    "bert": PRETRAINED | {"init_from": "bert-base-uncased"},
}
PRETRAINED_MODELS = ("distilbert", "bert")
OVERFIT_STEPS = 40
"""Steps between two looks at a model that is to memorise some questions."""


@dataclass
class Config:
    """Settings of one run."""

    run_dir: Path
    """Folder for everything the run writes; must not exist, unless with --resume."""
    data: str = "squad"
    """`demo` (built in), or a TensorFlow Datasets name: `squad`, `squad/v2.0` (downloaded on first use)."""
    train_files: list[Path] = field(default_factory=list)
    """SQuAD-format .json or .json.gz files to train on, in the place of --data."""
    validation_files: list[Path] = field(default_factory=list)
    """Files to choose the best epoch on. Left out: whole articles of the training files are held out."""
    test_files: list[Path] = field(default_factory=list)
    """Files that are scored once, at the end."""
    validation_fraction: float = 0.05
    """Share of the training questions that is held out when no validation files are given."""
    limit: int = 0
    """Train on this many questions, drawn with the seed; 0 is all."""
    overfit: int = 0
    """Sanity check: memorise this many questions (no dropout, smoothing or EMA); exit status 1 unless EM and F1 reach 100."""

    model: Literal["matching", "plain", "distilbert", "bert"] = "matching"
    """Which encoder; the options below override its parts one by one (None: as this model has it)."""
    init_from: str | None = None
    """Pretrained checkpoint: a folder with config.json and model.safetensors, or a name on the Hugging Face hub. A model that is
    trained from scratch takes its tokenizer and its token embeddings, reduced to --hidden-dim."""
    hidden_dim: int | None = None
    """Width of the encoder."""
    num_layers: int | None = None
    """Transformer blocks."""
    num_heads: int | None = None
    """Attention heads."""
    intermediate_dim: int | None = None
    """Width of the feed-forward networks."""
    dropout: float | None = None
    """Dropped share of embeddings and residual branches, 0-1."""
    attention_dropout: float = 0.0
    """Dropped share of attention weights, 0-1; slow on CPUs. A checkpoint's own (0.1 for BERT) is not taken."""
    match_features: bool | None = None
    """Lexical-match and word-shape input features."""
    match_bias: bool | None = None
    """Lexical-match bias on attention."""
    relative_positions: bool | None = None
    """Relative-position bias on attention."""
    convolution_width: int | None = None
    """Width of the two gated convolutions before each block, odd; 0 for none."""
    context_query_attention: bool | None = None
    """Context-query attention in the middle of the encoder."""

    word_vectors: Literal["text", "random", "pretrained"] | None = None
    """How token embeddings start: from co-occurrences in the training text, random, or as --init-from has them."""
    tokenizer: Path | None = None
    """A tokenizer.json, a vocab.txt or a folder with one; left out, that of --init-from, or one that is trained on the
    training text."""
    vocabulary_size: int | None = None
    """Pieces of a tokenizer trained here; left out, one for every 80 words of text, within 1,000 to 16,000."""
    max_length: int = 384
    """Longest window in tokens, question and special tokens included."""
    doc_stride: int = 128
    """Tokens that neighbouring windows of a long paragraph share."""
    cache_dir: Path = Path(".cache")
    """Where tokenized data is kept between runs."""

    epochs: int | None = None
    """Passes over the training data at most."""
    batch_size: int = 32
    """Windows a step."""
    learning_rate: float | None = None
    """Peak learning rate of AdamW."""
    layer_decay: float = 1.0
    """Factor on the learning rate from one layer to the one below, for a pretrained encoder."""
    decay: Literal["cosine", "linear", "polynomial", "constant"] = "cosine"
    """What the learning rate does after its warm-up."""
    warmup_steps: int = 500
    """Steps of linear warm-up (at most a fifth of all)."""
    weight_decay: float = 0.01
    """AdamW's decoupled weight decay."""
    label_smoothing: float = 0.0
    """Share of the target spread over all positions, 0-1."""
    clip_norm: float = 1.0
    """Global norm that gradients are clipped to."""
    ema: float | None = None
    """Momentum of the moving average of weights that is evaluated and kept; 0 for none. Left out: such that it looks back on a
    tenth of all steps, at most 0.999 (0 for a pretrained encoder)."""
    patience: int = 4
    """Stop after this many epochs without a better validation F1; 0 never."""
    seed: int = 0
    """Seed of weights, order, dropout and held-out articles."""
    precision: Literal["float32", "bfloat16", "float16"] = field(default_factory=default_precision)
    """Number format of the computations; weights are float32. The default is bfloat16 where the processor has it."""
    jit_compile: bool = False
    """Compile the step with XLA."""

    resume: bool = False
    """Go on with the run in --run-dir."""
    tracking: Literal["auto", "online", "offline", "off"] = "auto"
    """Weights & Biases; auto is online when this machine is logged in, else off."""
    export: bool = True
    """Write a SavedModel at the end."""


def main(config: Config) -> int:
    config = resolve(config)
    check(config)
    check_run_dir(config)
    checkpoint = pretrained(config)
    if config.overfit:  # nothing that works against memorising
        config = replace(config, dropout=0.0, attention_dropout=0.0, label_smoothing=0.0, weight_decay=0.0, ema=0.0)

    questions, sources = load_questions(config)  # bad data is told before anything is written
    checksums = {name: sources[name]["checksum"] for name in sources if name != "used"}
    if checkpoint:
        checksums["init_from"] = checkpoint.checksum
        sources["init_from"] = {"architecture": checkpoint.architecture, "checksum": checkpoint.checksum}
    set_up_run(config, checksums)

    import keras

    from utils.training.fit import fit
    from utils.training.run import set_precision
    from utils.training.tracking import start_tracking

    keras.utils.set_random_seed(config.seed)
    set_precision(config.precision)

    # --- data
    tokenizer = prepare_tokenizer(config, questions["train"], checkpoint)
    features = {name: prepare_features(config, name, part, tokenizer) for name, part in questions.items()}
    steps_per_epoch = OVERFIT_STEPS if config.overfit else math.ceil(len(features["train"]) / config.batch_size)

    # --- model
    model = build_model(config, tokenizer.get_vocab_size(), checkpoint)
    if not (config.run_dir / "checkpoint.npz").exists():
        start_weights(model, config, checkpoint, features["train"])
    del checkpoint  # it may be as large as the model
    compile_model(model, config, total_steps=steps_per_epoch * config.epochs)
    print(f"{config.model}: {model.count_params():,} parameters, {steps_per_epoch} steps an epoch, {config.precision}")

    # --- training
    from utils.squad.features import training_batches

    tracker = start_tracking(config.tracking, "qkv-zoo-squad", config.run_dir, asdict(config))
    code = 1
    try:
        rows = fit(
            model,
            lambda first_step: training_batches(features["train"], config.batch_size, config.seed, first_step),
            steps_per_epoch=steps_per_epoch,
            epochs=config.epochs,
            evaluate=lambda model: validate(model, features["validation"], questions["validation"]),
            monitor="val_f1",
            run_dir=config.run_dir,
            patience=config.patience,
            tracker=tracker,
            resume=config.resume,
        )
        results = finish(config, questions, features, sources, rows, tracker)
        code = 0
    finally:
        tracker.finish(code)
    if config.overfit:
        scores = results["metrics"]["validation"]
        memorised = scores["exact_match"] == 100.0 and scores["f1"] == 100.0
        print(f"memorised {scores['total']} questions: {'yes' if memorised else 'NO'}")
        return 0 if memorised else 1
    return 0


def resolve(config: Config) -> Config:
    """The settings with all that was left out filled in from the model's own.

    Raises:
        UserError: a setting that the model has no use for.
    """
    preset = MODELS[config.model]
    useless = [name for name in PLAIN if name not in preset and getattr(config, name) is not None]
    if useless:
        flags = ", ".join(as_flag(name) for name in useless)
        raise UserError(f"--model {config.model} has its shape and embeddings from its checkpoint: leave out {flags}")
    if config.init_from == "":
        raise UserError("--init-from: is empty; name a folder or a model on the hub, or leave it out")
    if config.init_from and config.word_vectors is None and "word_vectors" in preset:
        preset = preset | {"word_vectors": "pretrained"}
    return replace(config, **{name: value for name, value in preset.items() if getattr(config, name) is None})


def pretrained(config: Config):
    """The checkpoint of --init-from, with what it is used for checked; None without.

    Raises:
        UserError: it can not be read, does not fit the tokenizer beside it, or is too small for these settings.
    """
    if not config.init_from:
        return None
    from utils.squad.features import LENGTH_MULTIPLE, padded_length
    from utils.text.pretrained import check_vocabulary, check_width, checkpoint_folder, read_checkpoint
    from utils.text.tokenization import load_tokenizer, special_token_ids

    checkpoint = read_checkpoint(checkpoint_folder(config.init_from))
    tokenizer = load_tokenizer(checkpoint.folder)
    special_token_ids(tokenizer)
    check_vocabulary(tokenizer, checkpoint)
    longest = checkpoint.encoder["max_length"]
    if config.model in PRETRAINED_MODELS and padded_length(config.max_length) > longest:
        raise UserError(
            f"--max-length {config.max_length}: {config.init_from} has positions for {longest} tokens; give at most "
            f"{longest // LENGTH_MULTIPLE * LENGTH_MULTIPLE}"
        )
    if config.word_vectors == "pretrained":
        check_width(checkpoint, config.hidden_dim)
    return checkpoint


def check(config: Config) -> None:
    """Settings that can not work, told in one line before any work is done."""
    from utils.text.tokenization import load_tokenizer, special_token_ids
    from utils.training.tracking import check_tracking

    check_ranges(
        config,
        less_than_1="dropout attention_dropout label_smoothing ema validation_fraction",
        more_than_0="epochs batch_size learning_rate hidden_dim num_layers num_heads intermediate_dim max_length clip_norm "
        "vocabulary_size layer_decay",
        at_least_0="limit overfit seed patience warmup_steps weight_decay doc_stride convolution_width",
    )
    if config.layer_decay > 1 or (config.layer_decay < 1 and config.model not in PRETRAINED_MODELS):
        raise UserError(
            f"--layer-decay {config.layer_decay}: must be at most 1, and 1 for a model that is trained from scratch"
        )
    if config.word_vectors == "pretrained" and not config.init_from:
        raise UserError("--word-vectors pretrained: name the checkpoint with --init-from")
    if config.init_from and (config.tokenizer or config.vocabulary_size):
        raise UserError("--tokenizer, --vocabulary-size: leave them out, a checkpoint comes with its own tokenizer")
    if config.hidden_dim and config.hidden_dim % config.num_heads:
        raise UserError(f"--hidden-dim {config.hidden_dim} must be a multiple of --num-heads {config.num_heads}")
    if config.convolution_width and config.convolution_width % 2 == 0:
        raise UserError(f"--convolution-width {config.convolution_width}: must be odd (or 0 for none)")
    if config.max_length <= config.doc_stride + 4:
        raise UserError(f"--max-length {config.max_length}: must be well over --doc-stride {config.doc_stride}")
    if not config.validation_files and not config.validation_fraction:
        raise UserError(
            "--validation-fraction 0.0: leaves nothing to choose the best epoch on; give --validation-files or more than 0"
        )
    if not config.train_files and (config.validation_files or config.test_files):
        raise UserError("--validation-files and --test-files go with --train-files (or leave all out and name --data)")
    check_tracking(config.tracking)
    if config.tokenizer:
        special_token_ids(load_tokenizer(config.tokenizer))


def load_questions(config: Config):
    """The train, validation and (maybe) test questions by name, and a description of where each came from."""
    from utils.squad.data import describe, read_squad_files, read_tfds, split_by_article
    from utils.squad.demo import demo_squad

    files = {"train": config.train_files, "validation": config.validation_files, "test": config.test_files}
    if config.train_files:
        questions = {name: read_squad_files(paths) for name, paths in files.items() if paths}
    elif config.data == "demo":
        questions = demo_squad()
    else:
        questions = {"train": read_tfds(config.data, "train"), "test": read_tfds(config.data, "validation")}
    sources = {name: describe(part, files[name]) for name, part in questions.items()}
    if "validation" not in questions:
        parts = split_by_article(questions["train"], config.validation_fraction, config.seed)
        questions["train"], questions["validation"] = parts
    check_disjoint(questions)
    if config.limit or config.overfit:
        questions["train"] = draw(questions["train"], config.overfit or config.limit, config.seed)
    if config.overfit:
        # One answer each: of several that overlap, the start of one and the end of another would be a wrong answer.
        alone = [replace(question, answers=question.answers[:1]) for question in questions["train"]]
        questions = {"train": alone, "validation": alone}
    sources["used"] = {name: len(part) for name, part in questions.items()}
    return questions, sources


def check_disjoint(questions) -> None:
    """No paragraph may stand in two splits: a score on what was trained on, or chosen on, says nothing."""
    seen = {}
    for name, part in questions.items():
        texts = {" ".join(question.context.lower().split()): question.id for question in part}
        for text, identifier in texts.items():
            if text in seen:
                other, other_id = seen[text]
                raise UserError(
                    f"the {name} data (question {identifier}) and the {other} data (question {other_id}) share the paragraph "
                    f"{text[:40]!r}...; take it out of one of them"
                )
        seen |= {text: (name, identifier) for text, identifier in texts.items()}


def draw(questions, count: int, seed: int):
    """`count` of the questions, or all when there are fewer, in a seeded order."""
    import numpy as np

    order = np.random.default_rng(seed).permutation(len(questions))[:count]
    return [questions[number] for number in order]


def prepare_tokenizer(config: Config, questions, checkpoint=None):
    """The run's tokenizer: its own on --resume, the one named, the checkpoint's, or one trained on the training text. It is kept
    with the run."""
    from utils.common.files import write_atomically
    from utils.text.tokenization import load_tokenizer, train_tokenizer

    kept = config.run_dir / "tokenizer.json"
    if config.resume and kept.exists():
        return load_tokenizer(kept)
    if config.tokenizer or checkpoint:
        tokenizer = load_tokenizer(config.tokenizer or checkpoint.folder)
    else:
        texts = dict.fromkeys(text for question in questions for text in (question.context, question.question))
        words = sum(len(text.split()) for text in texts)
        tokenizer = train_tokenizer(texts, config.vocabulary_size or min(max(words // 80, 1_000), 16_000))
    write_atomically(kept, tokenizer.to_str(pretty=True))
    return tokenizer


def prepare_features(config: Config, name: str, questions, tokenizer):
    """Tokenized, labelled windows of one split; labels that do not give back their answer are reported."""
    import numpy as np

    from utils.squad.features import cached_features

    features = cached_features(
        questions,
        tokenizer,
        config.cache_dir,
        progress=name,
        max_length=config.max_length,
        doc_stride=config.doc_stride,
        labelled=name == "train",
    )
    line = f"{name}: {len(questions):,} questions, {len(features):,} windows, mean length {features.lengths.mean():.0f}"
    cut = int((np.diff(features.questions.offsets) > features.question_lengths).sum())
    line += f"; {cut} questions cut to {features.question_lengths.max()} tokens" if cut else ""
    if features.num_labels:
        wrong = features.label_mismatches
        line += f"; {len(wrong)} of {features.num_labels:,} labels differ from their answer"
        line += f" (such as {wrong[0]})" if wrong else ""
    print(line, flush=True)
    return features


def build_model(config: Config, vocabulary_size: int, checkpoint=None):
    """The model that the settings name, built, with fresh weights."""
    from models.bert_qa import BertQA
    from models.qa_transformer import QATransformer
    from utils.squad.features import padded_length

    if config.model in PRETRAINED_MODELS:
        dropout = {"dropout": config.dropout, "attention_dropout": config.attention_dropout}
        model = BertQA(checkpoint.encoder | dropout)
    else:
        names = ("hidden_dim", "num_layers", "num_heads", "intermediate_dim", "dropout", "attention_dropout")
        names += ("match_features", "match_bias", "relative_positions", "convolution_width", "context_query_attention")
        settings = {name: getattr(config, name) for name in names}
        model = QATransformer(vocabulary_size, max_length=padded_length(config.max_length), **settings)
    model.build()
    return model


def start_weights(model, config: Config, checkpoint, features) -> None:
    """Replace what need not start random: a pretrained encoder, or token embeddings."""
    import numpy as np

    from utils.text.pretrained import assign, reduced_embeddings
    from utils.text.word_vectors import cooccurrence_vectors

    if config.model in PRETRAINED_MODELS:
        assign(model.encoder, checkpoint.weights)
        if checkpoint.span_head:
            assign(model.span_head, checkpoint.span_head)
    elif config.word_vectors == "pretrained":
        vectors = reduced_embeddings(checkpoint, config.hidden_dim)[: model.config["vocabulary_size"]]
        model.token_embedding.set_weights([model.embedding_scale * vectors])
    elif config.word_vectors == "text":
        ids = [
            part
            for texts in (features.contexts, features.questions)
            for part in np.split(texts.token_ids, texts.offsets[1:-1])
        ]
        size, dim = model.token_embedding.embeddings.shape
        if dim < size:
            model.token_embedding.set_weights([model.embedding_scale * cooccurrence_vectors(ids, size, dim)])


def compile_model(model, config: Config, total_steps: int) -> None:
    """AdamW under warm-up and decay, clipped, with a moving average of the weights."""
    from components.losses.position_cross_entropy import PositionCrossEntropy
    from utils.training.optimizers import make_optimizer

    momentum = min(0.999, max(0.0, 1 - 10 / total_steps)) if config.ema is None else config.ema
    optimizer = make_optimizer(
        config.learning_rate,
        total_steps,
        warmup_steps=config.warmup_steps,
        weight_decay=config.weight_decay,
        clip_norm=config.clip_norm,
        decay=config.decay,
        ema_momentum=momentum,
        layer_decay=config.layer_decay,
        num_layers=len(model.encoder.blocks) if config.layer_decay < 1 else 0,
    )
    loss = {end: PositionCrossEntropy(config.label_smoothing) for end in ("start", "end")}
    model.compile(optimizer, loss=loss, jit_compile=config.jit_compile)


def validate(model, features, questions) -> dict[str, float]:
    """The epoch's evaluation: official EM and F1 over all validation questions."""
    from utils.squad.decoding import answer_questions
    from utils.squad.evaluation import score_predictions

    found = answer_questions(model, features, questions)
    scores = score_predictions(questions, with_null(found, null_threshold(questions, found)))
    return {"val_exact_match": scores["exact_match"], "val_f1": scores["f1"]}


def null_threshold(questions, found) -> float | None:
    """The score above which a question is taken to be unanswerable, fitted on these; None when all have answers."""
    from utils.squad.evaluation import best_null_threshold

    if not any(question.is_impossible for question in questions):
        return None
    return best_null_threshold(questions, found.answers, found.null_scores)[0]


def with_null(found, threshold: float | None) -> dict[str, str]:
    """Answers, empty where the null score is above the threshold."""
    from utils.squad.evaluation import apply_null_threshold

    return found.answers if threshold is None else apply_null_threshold(found.answers, found.null_scores, threshold)


def finish(config: Config, questions, features, sources, rows, tracker) -> dict:
    """Score the best epoch's model on validation and test data and write everything that a user takes home."""
    from models import load_model
    from utils.common.files import write_json
    from utils.squad.decoding import answer_questions
    from utils.training.export import export_saved_model
    from utils.training.run import conditions

    run_dir = config.run_dir
    model = load_model(run_dir / "best.keras")
    splits = [name for name in ("validation", "test") if name in questions]
    found = {name: answer_questions(model, features[name], questions[name]) for name in splits}
    threshold = null_threshold(questions["validation"], found["validation"])
    answers = {name: with_null(found[name], threshold) for name in splits}
    metrics = {name: score(name, questions[name], answers[name], config.seed) for name in splits}

    last = splits[-1]  # the test data, or the validation data when there is no test
    if threshold is not None:
        write_json(run_dir / "null_scores.json", found[last].null_scores)
    write_json(run_dir / "predictions.json", answers[last])
    write_json(run_dir / "nbest_predictions.json", found[last].n_best)
    plot_scores(run_dir, rows, questions[last], answers[last])
    if config.export:
        export_saved_model(model, run_dir / "saved_model", dict.fromkeys(model.feature_names, ("batch", "sequence")))
    results = {
        "task": "squad",
        **conditions(config, model, rows),
        "data": sources,
        "metrics": metrics,
        "null_threshold": threshold,
        "baselines": {name: {last: scores} for name, scores in baselines(questions[last]).items()},
    }
    write_json(run_dir / "results.json", results)
    table = example_table(questions["validation"][:200], answers["validation"])
    tracker.log_table("validation_examples", ["question", "answers", "prediction", "f1"], table)
    tracker.log_images({plot.stem: plot for plot in sorted(run_dir.glob("*.png"))})
    tracker.log_artifact(run_dir / "best.keras", f"squad-{config.model}", "model")
    tracker.summary({f"{name}_{key}": value for name, scores in metrics.items() for key, value in scores.items()})
    print(f"everything is in {run_dir}; ask it: python predict.py {run_dir} QUESTION TEXT")
    return results


def score(name: str, questions, answers, seed: int) -> dict:
    """Official EM and F1 of one split, with intervals; printed too."""
    from utils.squad.evaluation import bootstrap_interval, question_scores, score_predictions

    scores = score_predictions(questions, answers)
    em, f1 = question_scores(questions, answers)
    scores["exact_match_interval"] = bootstrap_interval(em, seed)
    low, high = scores["f1_interval"] = bootstrap_interval(f1, seed)
    print(
        f"{name}: EM {scores['exact_match']:.2f}  F1 {scores['f1']:.2f} ({low:.2f} to {high:.2f}) on {len(questions):,} questions"
    )
    return scores


def baselines(questions) -> dict:
    """What stands beside a score: word overlap without training, and people where a question has several references."""
    from utils.squad.baselines import human_answers, overlap_answers
    from utils.squad.evaluation import score_predictions

    answered = {"word_overlap": (questions, overlap_answers(questions))}
    if not any(question.is_impossible for question in questions):  # no person's second opinion is known of those
        answered["human"] = human_answers(questions)
    scores = {name: score_predictions(*pair) for name, pair in answered.items() if pair[0]}
    return {
        name: {key: values[key] for key in ("exact_match", "f1", "total")} for name, values in scores.items()
    }  # fmt: skip


def plot_scores(run_dir: Path, rows, questions, answers) -> None:
    """The scores epoch by epoch, by question word and by answer length, as PNG files."""
    from utils.common.plots import plot_bars, plot_history
    from utils.squad.evaluation import breakdown, question_scores

    plot_history(rows, run_dir / "history.png", {"loss": ["loss"], "EM and F1": ["val_exact_match", "val_f1"]})
    for group, values in breakdown(questions, *question_scores(questions, answers)).items():
        title = f"{group.replace('_', ' ')} ({len(questions):,} questions)"
        plot_bars(values, run_dir / f"{group}.png", f"Scores by {title}", "score", ("EM", "F1"))


def example_table(questions, answers) -> list[tuple]:
    """Rows of question, reference answers, predicted answer and F1."""
    from utils.squad.evaluation import question_scores

    return [
        (question.question, " | ".join(sorted({a.text for a in question.answers})), answers[question.id], float(f1))
        for question, f1 in zip(questions, question_scores(questions, answers)[1], strict=True)
    ]


if __name__ == "__main__":
    run_script(main, Config)

"""Extractive question answering on SQuAD, trained from scratch or from a pretrained encoder.

Models: QATransformer (models/qa_transformer.py), a joint encoder of question and paragraph with lexical match, relative positions,
gated convolutions and context-query attention (`--model matching`), or without these as a control (`--model plain`); BertQA
(models/bert_qa.py), a pretrained MiniLM, DistilBERT or BERT with a span head (`--model minilm`, `distilbert` or `bert`; any
checkpoint with `--init-from`).

Papers: Rajpurkar et al. 2016 (SQuAD); Chen et al. 2017 (exact match); Dauphin et al. 2017 (gated convolutions); Seo et al. 2017
(context-query attention); Devlin et al. 2019 (BERT); Sanh et al. 2019 (DistilBERT).

    python train_squad.py --data demo --epochs 6 --precision bfloat16 --run-dir runs/demo

This takes 3 minutes on two AMD EPYC cores with avx512_bf16 (seed 0). F1 on 800 test questions: 96.1 (word overlap: 31.1).

    python train_squad.py --train-files train.json.gz --test-files dev.json.gz --precision bfloat16 --run-dir runs/squad

This takes 21 minutes on the same cores with 36,521 questions and reaches F1 63.5 on SQuAD 1.1 dev, where word overlap
reaches 25.3. docs/squad.md has all scores with their conditions. More examples:

    python train_squad.py --data squad --model distilbert --run-dir runs/distilbert
    python train_squad.py --model bert --init-from FOLDER --train-files train.json.gz --run-dir runs/bert
    python train_squad.py --data demo --overfit 32 --run-dir runs/overfit
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from utils.common.reading import Reading
from utils.squad.model_settings import ENCODER_SETTINGS, with_model_settings
from utils.training.run import check_run_dir, run_script, set_up_keras, set_up_run
from utils.training.settings import CachedRunConfig

OVERFIT_STEPS = 40
"""Steps between two evaluations of a model that is to memorise some questions."""
EXAMPLE = ("When was Skelmoford founded?", "Skelmoford lies by the sea. It was founded in 1907.")


@dataclass
class Config(CachedRunConfig):
    """Settings of one run."""

    data: str = "squad"
    """`demo` (built in), or a TensorFlow Datasets name: `squad`, `squad/v2.0` (downloaded on first use)."""
    validation_fraction: float = 0.05
    """Fraction of the training questions to hold out, whole articles at a time, if no validation files are named."""
    overfit: int = 0
    """Sanity check: memorise this many questions without dropout, smoothing, weight decay, EMA or --limit;
    exit 1 unless EM and F1 are 100."""
    # --- model
    model: Literal["matching", "plain", "minilm", "distilbert", "bert"] = "matching"
    """The encoder. The options below override its parts one by one; left out: the model's own value."""
    init_from: str | None = None
    """Pretrained checkpoint: a folder with config.json and model.safetensors, or a name on the Hugging Face hub. A model that is
    trained from scratch takes its tokenizer and its token embeddings, reduced to --hidden-dim. Or a finished run of
    pretrain_text.py or of this script: the model takes its tokenizer, its shape, and all weights of equal name and shape."""
    hidden_dim: int | None = None
    """Width of the encoder. Left out: 128, or that of the checkpoint."""
    num_layers: int | None = None
    """Transformer blocks. Left out: 3 for matching, 4 for plain, or those of the checkpoint."""
    num_heads: int | None = None
    """Attention heads. Left out: 4, or those of the checkpoint."""
    intermediate_dim: int | None = None
    """Width of the feed-forward networks. Left out: 512, or that of the checkpoint."""
    dropout: float | None = None
    """Dropped fraction of embeddings and residual branches, 0-1. Left out: 0.1."""
    attention_dropout: float = 0.0
    """Dropped fraction of attention weights, 0-1; slow on CPUs. It replaces a checkpoint's own (0.1 for BERT)."""
    match_features: bool | None = None
    """Add features of lexical match and word shape to the input. Left out: for matching only."""
    match_bias: bool | None = None
    """Add a bias for lexical match to attention. Left out: for matching only."""
    relative_positions: bool | None = None
    """Add a bias for relative positions to attention. Left out: for matching only."""
    convolution_width: int | None = None
    """Width of the two gated convolutions before each block, odd; 0 for none. Left out: 7 for matching, 0 for plain."""
    context_query_attention: bool | None = None
    """Use context-query attention, after the second block (the first of one or two). Left out: for matching only."""
    layer_dropout: float = 0.0
    """Fraction of training examples for which the last block is skipped, 0-1; proportionally fewer for the blocks before it."""
    hashed_words: int = 0
    """Rows of an embedding of whole words and stems, by their hashes, which is added to that of the tokens; 0 for none."""

    word_vectors: Literal["text", "random", "pretrained"] | None = None
    """Initial token embeddings: from co-occurrences in the training text, random, or those of --init-from. Left out: those of
    --init-from; without it text for matching, random for plain."""
    tokenizer: Path | None = None
    """A tokenizer.json, a vocab.txt or a folder with one. Left out: that of --init-from, or one trained on the training text."""
    vocabulary_size: int | None = None
    """Pieces of a tokenizer that is trained here. Left out: one for every 80 words of text, from 1,000 to 16,000."""
    max_length: int = 384
    """Longest window in tokens, question and special tokens included."""
    doc_stride: int = 128
    """Tokens by which neighbouring windows of a long paragraph overlap."""
    length_penalty: float | None = None
    """An answer of n words has the weight exp(start + end) / n ** length_penalty. Left out: 0.4 for a model trained from scratch,
    0.2 for a pretrained encoder, each chosen on validation data."""
    # --- training
    epochs: int | None = None
    """Passes over the training data, at most. Left out: 3."""
    learning_rate: float | None = None
    """Peak learning rate of AdamW. Left out: 1e-3 from scratch, 2e-4 for minilm, 5e-5 for other pretrained encoders."""
    layer_decay: float = 1.0
    """Factor on the learning rate from one layer to the layer below, for a pretrained encoder."""
    decay: Literal["cosine", "linear", "polynomial", "constant"] = "cosine"
    """Course of the learning rate after its warm-up."""
    warmup_steps: int = 500
    """Steps of linear warm-up (at most a fifth of all)."""
    weight_decay: float = 0.01
    """AdamW's decoupled weight decay; biases, scales and numbers such as weights by distance have none."""
    label_smoothing: float = 0.0
    """Fraction of the target that is spread over all positions, 0-1."""
    clip_norm: float = 1.0
    """Global norm that gradients are clipped to."""
    ema: float | None = None
    """Momentum of the moving average of the weights, which is evaluated and saved; 0 for none. Left out: it averages over a tenth
    of all steps, with a momentum of at most 0.999 (0 for a pretrained encoder). With the default --decay it changed no score."""
    patience: int = 4
    """Stop after this many epochs without a better validation F1; 0 never stops early."""
    seed: int = 0
    """Seed of weights, order, dropout, held-out articles and what --limit draws."""
    jit_compile: bool = False
    """Compile the training step with XLA. On JAX it always is."""
    # --- extra_training_signal
    word_dropout: float = 0.0
    """Fraction of the words of question and paragraph that are hidden in training, drawn anew each epoch, 0-1."""
    name_swap: float = 0.0
    """Fraction of names and numbers that are replaced by others in training, alike in question and paragraph, 0-1."""
    sentence_shuffle: float = 0.0
    """Fraction of the windows whose sentences stand in another order in training, drawn anew each epoch, 0-1."""
    r_drop: float = 0.0
    """Weight of R-Drop: two predictions for each example, with other dropout (and other hidden words and swapped names), are to
    agree; 0 for none. It takes twice the time."""
    sentence_loss: float = 0.0
    """Weight of a loss for the sentence of the answer, beside those for its start and its end."""
    teachers: list[str] = field(default_factory=list)
    """Finished runs with the same tokenizer, whose mean prediction is a target beside the answers (self-distillation)."""
    teacher_weight: float = 0.7
    """Weight of the teachers' prediction, 0-1; the answers have the rest."""
    teacher_temperature: float = 2.0
    """Temperature of both predictions in the comparison with the teachers."""
    cloze_files: list[Path] = field(default_factory=list)
    """Questions made from text (`python -m utils.squad.clozes`), which take the place of a part of each batch."""
    cloze_fraction: float = 0.5
    """That part in the first step; it falls to 0 in the last one."""


def main(config: Config) -> int:
    from utils.squad.initial_weights import read_initial_checkpoint, set_initial_weights
    from utils.squad.settings import check_settings

    config = with_model_settings(config)
    check_settings(config)
    check_run_dir(config)
    checkpoint = read_initial_checkpoint(config.init_from, config.word_vectors, config.max_length, config.hidden_dim)
    if config.overfit:  # nothing that prevents memorising
        config = replace(config, dropout=0.0, attention_dropout=0.0, label_smoothing=0.0, weight_decay=0.0, ema=0.0)

    # --- data
    from utils.squad.batches import signal_checksums, training_batches, training_signals
    from utils.squad.cache import describe_labels, prepare_features
    from utils.squad.cloze_mixture import read_clozes
    from utils.squad.splits import describe_data, draw, load_splits, with_one_answer
    from utils.squad.tokenizer import prepare_tokenizer
    from utils.squad.unseen import learned_paragraphs
    from utils.text.tokenization import number_of_ids
    from utils.training.spread_checkpoint import will_continue

    files = {"train": config.train_files, "validation": config.validation_files, "test": config.test_files}
    reading = Reading(config.max_bad_fraction)
    questions, sources = load_splits(
        config.data, files, config.validation_fraction, config.seed, reading, config.cache_dir
    )
    for note in reading.notes:
        print(note)
    if config.limit or config.overfit:
        questions["train"] = draw(questions["train"], config.overfit or config.limit, config.seed)
    if config.overfit:
        questions = dict.fromkeys(("train", "validation"), with_one_answer(questions["train"]))
    clozes = read_clozes(config, questions)
    learned = learned_paragraphs(questions, clozes, checkpoint.folder if checkpoint else None, config.teachers)
    data = describe_data(questions, sources) | {"reading": reading.description()}
    if checkpoint:
        data["init_from"] = {"architecture": checkpoint.architecture, "checksum": checkpoint.checksum}
    initial = {"init_from": checkpoint.checksum} if checkpoint else {}
    set_up_run(config, data["checksum"] | initial | signal_checksums(config))
    set_up_keras(config)
    source = config.tokenizer or (checkpoint.folder if checkpoint else None)
    tokenizer = prepare_tokenizer(config.run_dir, questions["train"], source, config.vocabulary_size, config.resume)
    windows = {"max_length": config.max_length, "doc_stride": config.doc_stride}
    features = {
        name: prepare_features(name, part, tokenizer, cache_dir=config.cache_dir, **windows)
        for name, part in questions.items()
    }
    data["labels"] = describe_labels(features["train"])

    # --- model
    steps_per_epoch = OVERFIT_STEPS if config.overfit else math.ceil(len(features["train"]) / config.batch_size)
    model = build_model(config, number_of_ids(tokenizer), checkpoint)
    if not will_continue(config.run_dir):  # otherwise the checkpoint overwrites them
        set_initial_weights(model, config.word_vectors, checkpoint, features["train"])
    del checkpoint  # it may be as large as the model
    compile_model(model, config, total_steps=steps_per_epoch * config.epochs)
    signals = training_signals(config, features["train"], tokenizer, clozes)
    print(f"{config.model}: {model.count_params():,} parameters, {steps_per_epoch} steps per epoch, {config.precision}")

    # --- training
    from utils.squad import evaluation
    from utils.squad.predictor import SquadPredictor
    from utils.training.fit import fit
    from utils.training.tracking import start_tracking

    def evaluate_epoch(model):
        predictor = SquadPredictor(model, tokenizer, **windows, length_penalty=config.length_penalty)
        return evaluation.validation_scores(predictor, features["validation"], questions["validation"])

    with start_tracking(config, "squad") as tracker:
        rows = fit(
            model,
            lambda *step_and_part: training_batches(
                features["train"], config.batch_size, config.seed, *step_and_part, signals=signals
            ),
            steps_per_epoch=steps_per_epoch,
            epochs=config.epochs,
            evaluate=evaluate_epoch,
            monitor="val_f1",
            run_dir=config.run_dir,
            patience=config.patience,
            tracker=tracker,
            resume=config.resume,
            log_every=config.log_every,
        )

        # --- evaluation
        from utils.squad.scoring import HEADLINE, score_splits

        predictor = SquadPredictor.load_best_epoch(config.run_dir)
        held_out = {name: questions[name] for name in ("validation", "test") if name in questions}
        scores = score_splits(predictor, held_out, features, choose_threshold=True)

        # --- report
        from utils.common.figures import model_and_data
        from utils.squad.plots import plot_training
        from utils.training.publish import publish
        from utils.training.training_summary import write_training_summary

        list(scores.answers.values())[-1].write(config.run_dir, predictor.null_threshold)
        title = model_and_data(config.model, config.test_files or config.train_files, config.data)
        plot_training(config.run_dir, rows, scores.baselines, title)
        scores.plot(config.run_dir, title)
        write_training_summary(config.run_dir, learned)
        exports = predictor.export(config.run_dir / "export") if config.export else {}
        for name, split_scores in scores.evaluations.items():
            print(evaluation.format_scores(name, split_scores, config.seed))
        examples = evaluation.example_table(questions["validation"][:200], scores.predictions["validation"])
        publish(
            config,
            "squad",
            predictor.model,
            rows,
            data=data,
            evaluations=scores.evaluations,
            baselines=scores.baselines,
            headline=HEADLINE,
            tracker=tracker,
            details={"null_threshold": predictor.null_threshold, "export": exports, **signals.details},
            tables={"validation_examples": examples},
            example_question=EXAMPLE,
        )
    return evaluation.memorisation_exit_status(scores.evaluations["validation"].metrics) if config.overfit else 0


def build_model(config: Config, vocabulary_size: int, checkpoint=None):
    """Build the model that the settings name, with random weights."""
    from models.bert_qa import BertQA
    from models.qa_transformer import QATransformer
    from utils.squad.windows import padded_length

    if config.word_vectors is None:  # a pretrained encoder
        dropout = {"dropout": config.dropout, "attention_dropout": config.attention_dropout}
        model = BertQA(checkpoint.encoder | dropout)
    else:
        settings = {name: getattr(config, name) for name in ENCODER_SETTINGS}
        model = QATransformer(vocabulary_size, max_length=padded_length(config.max_length), **settings)
    model.build()
    return model


def compile_model(model, config: Config, total_steps: int) -> None:
    """Compile the model with its loss and optimizer."""
    from components.losses.position_cross_entropy import PositionCrossEntropy
    from components.losses.position_targets_loss import PositionTargetsLoss
    from components.losses.r_drop import RDrop
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
    loss = PositionCrossEntropy(config.label_smoothing)
    if config.sentence_loss or config.teachers:
        teacher = {"teacher_weight": config.teacher_weight, "temperature": config.teacher_temperature}
        loss = PositionTargetsLoss(config.label_smoothing, config.sentence_loss, **(teacher if config.teachers else {}))
    if config.r_drop:
        loss = RDrop(loss, config.r_drop)
    loss = {end: loss for end in ("start", "end")}
    model.compile(optimizer, loss=loss, jit_compile=config.jit_compile)


if __name__ == "__main__":
    run_script(main, Config)

"""The settings that the scripts for ranking share, and their checks."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from utils.common.errors import UserError
from utils.training.settings import CachedRunConfig, as_flag, check_common, check_held_out, check_ranges

TEACHABLE = ("listwise", "listwise_own")
"""Losses whose targets are shares of the candidates, so that a teacher's probabilities can be among them."""
SCRATCH_LEARNING_RATE = 5e-4
"""Peak learning rate of an encoder from scratch."""


@dataclass
class RankingConfig(CachedRunConfig):
    """Data, size of the encoder and training of `train_ranking.py` and `train_reranker.py`."""

    # --- data
    data: Literal["demo"] = "demo"
    """Built-in data, where no files are given: invented questions with graded answers."""
    train_files: list[Path] = field(default_factory=list)
    """Questions with answers: graded candidates, pairs or triplets in any table, JSON or Parquet; Posts.xml or threads of Stack
    Exchange; WikiQA; MEDIQA; or a folder with collection, queries and qrels, such as BEIR's, whose splits are used. See
    docs/data_formats.md."""
    validation_fraction: float = 0.1
    """Fraction of the questions that is held out for validation."""
    test_fraction: float = 0.2
    """Fraction of the questions that is held out for the test."""
    split_seed: int = 0
    """Seed of what is held out."""
    votes: Literal["best_share", "rank"] = "best_share"
    """How votes become grades: best_share is quarters of the best answer's votes, rank the rank among the question's answers."""
    limit: int = 0
    """Train on this many questions, drawn at random; 0 is all. Answers to the other questions are not searched either."""
    # --- model
    model: Literal["scratch", "minilm"] = "scratch"
    """The encoder: a small one from scratch, or all-MiniLM-L6-v2 from the hub; --init-from names another pretrained one."""
    init_from: str = ""
    """Folder or hub name of a pretrained encoder (BERT, DistilBERT, MiniLM, ...) to start from."""
    hidden_dim: int = 128
    """Size of the token vectors of an encoder from scratch."""
    num_layers: int = 2
    """Layers of an encoder from scratch."""
    num_heads: int = 4
    """Attention heads of an encoder from scratch."""
    vocabulary_size: int = 8000
    """Word pieces of an encoder from scratch."""
    dropout: float = 0.1
    """Dropout rate of embeddings and residual branches. A pretrained encoder has no dropout of attention weights, which is slow."""
    query_length: int | None = None
    """Maximal number of word pieces of a question; the rest is cut off. Left out: 64, or less if a pretrained encoder says so."""
    max_length: int | None = None
    """Maximal number of word pieces of an answer; the rest is cut off. Left out: 128, or less if a pretrained encoder says so."""
    # --- training
    margin: float = 0.2
    """Margin of the triplet loss."""
    mine_margin: float = 0.05
    """A candidate that scores more than 1 - mine_margin times the question's best answer is no negative: it may be an answer."""
    epochs: int = 5
    """Passes over the training questions, at most."""
    batch_size: int = 32
    """Questions per step."""
    learning_rate: float | None = None
    """Peak learning rate of AdamW; left out, 5e-4 from scratch and 5e-5 from a pretrained encoder."""
    warmup_steps: int = 50
    """Steps of linear warm-up (at most a fifth of all)."""
    weight_decay: float = 0.01
    """AdamW's decoupled weight decay; biases, scales and numbers such as weights by distance have none."""


def check_ranking(config: RankingConfig) -> None:
    """Check the settings that both scripts have.

    Raises:
        UserError: a setting is out of range, or settings contradict each other.
    """
    check_common(config)
    check_ranges(
        config,
        less_than_1="validation_fraction test_fraction dropout mine_margin",
        more_than_0="hidden_dim num_layers num_heads",
        at_least_0="margin split_seed",
    )
    for name, minimum in (("query_length", 3), ("max_length", 3), ("vocabulary_size", 100)):
        if getattr(config, name) is not None and getattr(config, name) < minimum:
            raise UserError(f"{as_flag(name)} {getattr(config, name)}: must be at least {minimum}")
    if not config.init_from and config.hidden_dim % config.num_heads:
        raise UserError(f"--hidden-dim {config.hidden_dim}: must be a multiple of --num-heads {config.num_heads}")
    check_held_out(config, "questions")


def check_settings(config) -> None:
    """Check the settings of `train_ranking.py` before any work is done.

    Raises:
        UserError: a setting is out of range, or settings contradict each other.
    """
    from components.losses import RANKING_LOSSES

    check_ranking(config)
    check_ranges(config, more_than_0="slots chunks temperature", at_least_0="output_dim")
    if not 0 <= config.teacher_weight <= 1:
        raise UserError(f"--teacher-weight {config.teacher_weight}: must be from 0 to 1")
    if config.batch_size % config.chunks:
        raise UserError(f"--batch-size {config.batch_size}: must be a multiple of --chunks {config.chunks}")
    for name, values in (("losses", config.losses), ("seeds", config.seeds)):
        if len(set(values)) < len(values):
            raise UserError(f"--{name} {' '.join(map(str, values))}: give each value once")
    if not config.seeds:
        raise UserError("--seeds: give at least one seed")
    for flag, names in (("--loss", [config.loss]), ("--losses", config.losses)):
        unknown = [name for name in names if name not in RANKING_LOSSES]
        if unknown:
            raise UserError(f"{flag} {unknown[0]}: no such loss; choose from {', '.join(RANKING_LOSSES)}")
    for name in ("loss", "seed") if config.suite else ():
        if getattr(config, name) != getattr(type(config), name):  # the class has the defaults
            raise UserError(f"--{name} {getattr(config, name)}: a suite has several; give --losses and --seeds")
    if config.teacher and (config.suite or config.mine == "encoder"):
        raise UserError("--teacher: scores the same negatives once, in one run; leave out --suite and --mine encoder")
    if config.teacher and config.loss not in TEACHABLE:
        raise UserError(f"--teacher: {config.loss} has no shares as targets; choose --loss {' or '.join(TEACHABLE)}")
    if config.lexical and (config.learned_temperature or config.chunks > 1):
        raise UserError("--lexical: learns the scale of its scores, and takes whole batches; leave out the other flag")
    if config.learned_temperature and config.temperature < 0.01:
        raise UserError(f"--temperature {config.temperature:g}: a learned temperature must be at least 0.01")
    for name in (config.losses or RANKING_LOSSES) if config.suite else [config.loss]:
        loss = RANKING_LOSSES[name]
        if config.slots < 2 and loss.needs_own_negatives:
            raise UserError(f"--slots {config.slots}: {name} compares the slots of one question; give 2 or more")
        if config.lexical and loss.shorter_dims(2):
            raise UserError(f"--lexical: {name} cuts vectors, in which words have no order; choose another --loss")
        if config.learned_temperature and not loss.uses_temperature:
            raise UserError(f"--learned-temperature: {name} has no temperature; omit the flag")


def peak_learning_rate(config: RankingConfig) -> float:
    """The highest learning rate of a training; by default lower from a pretrained encoder."""
    return config.learning_rate or (5e-5 if config.init_from else SCRATCH_LEARNING_RATE)


def ranking_optimizer(config: RankingConfig, total_steps: int):
    """AdamW under warm-up and linear decay, for `total_steps` steps."""
    from utils.training.optimizers import make_optimizer

    return make_optimizer(
        peak_learning_rate(config),
        total_steps,
        warmup_steps=config.warmup_steps,
        weight_decay=config.weight_decay,
        decay="linear",
    )

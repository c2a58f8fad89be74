"""Train a re-ranker: a model that reads a question and a text together, and scores how well the text answers.

A cross-encoder (models/cross_encoder.py; Nogueira and Cho 2019), from scratch or pretrained, orders a question's own answers, and
the texts that a first stage finds among the answers of all questions: BM25, or an encoder of train_ranking.py. That is slower than
comparing vectors, and more exact. A question is never compared with the candidates of another one.

    python train_reranker.py --train-files wikiqa/train --validation-files wikiqa/dev --test-files wikiqa/test --model minilm \\
        --slots 10 --query-length 32 --max-length 64 --epochs 3 --batch-size 16 --precision bfloat16 --run-dir runs/reader

    python train_reranker.py --train-files beer.jsonl.gz ai.jsonl.gz --first-stage runs/encoder --run-dir runs/reader
    python predict.py runs/reader "How should I store coffee beans?" --file answers.txt

docs/reranker.md has the scores and their conditions.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

from utils.common.batching import BatchPart
from utils.common.errors import UserError
from utils.common.figures import model_and_data
from utils.common.files import write_atomically, write_json
from utils.common.reading import Reading
from utils.ranking.baselines import by_name, evaluate_baselines
from utils.ranking.evaluation import SEARCHED, EvaluationSet, evaluate_scores, print_scores, validation_row
from utils.ranking.examples import example_table
from utils.ranking.features import build_features, training_batches
from utils.ranking.groups import question_groups
from utils.ranking.leaderboard import write_per_question
from utils.ranking.mining import NEGATIVES_PER_SLOT, mine_negatives
from utils.ranking.plots import BM25_NAME, plot_test, plot_training
from utils.ranking.settings import RankingConfig, check_ranking, ranking_optimizer
from utils.ranking.splits import read_ranking_splits
from utils.ranking.trec import write_runs
from utils.ranking.unseen import learned_questions, runs_of, weight_checksums
from utils.reranker.evaluation import PairsToRead, evaluate_test
from utils.reranker.first_stage import BM25_STAGE, load_first_stage, name_from_run
from utils.reranker.pairs import PairFormat
from utils.reranker.predictor import FIRST_STAGE_FILE, MAX_DEPTH, RerankerPredictor, load_model_and_tokenizer
from utils.reranker.start import lengths_of, read_start
from utils.text.embedding import token_rows
from utils.text.pretrained import MINILM
from utils.training.run import check_run_dir, run_script, set_up_keras, set_up_run
from utils.training.settings import check_ranges
from utils.training.tracking import start_tracking
from utils.training.training_summary import write_training_summary


@dataclass
class Config(RankingConfig):
    """Settings of one run."""

    # --- model
    init_from: str = ""
    """Folder or hub name of a pretrained encoder (BERT, MiniLM, ...) to start from, or a finished run of this script."""
    pooling: Literal["mean", "cls"] | None = None
    """How the vectors of the tokens become one: their mean, or the first (cls). Left out: mean, or that of --init-from RUN."""
    query_length: int | None = None
    """Maximal number of word pieces of a question; the rest is cut off. Left out: 64, or that of --init-from RUN."""
    max_length: int | None = None
    """Maximal number of word pieces of a text; the rest is cut off. Left out: 128, or that of --init-from RUN."""
    # --- training
    loss: Literal["listwise_own", "infonce_own", "list_mle", "approx_ndcg", "triplet", "margin_mse", "mse"] = (
        "listwise_own"
    )
    """The loss, of those in components/losses that need no candidates of other questions."""
    temperature: float = 1.0
    """Divisor of the scores, in losses with exponentials."""
    slots: int = 8
    """Candidates of a question in a batch: its best answer, its other answers, and mined negatives in the remaining slots."""
    first_stage: str = BM25_STAGE
    """What finds texts in a search, and negatives for the training: bm25, or a run of train_ranking.py (also published or hf://...)."""
    depth: int = 50
    """Texts that are read of those that the first stage finds for a question."""
    batch_size: int = 16
    """Questions per step."""
    epochs: int = 3
    """Passes over the training questions, at most."""
    jit_compile: bool = False
    """Compile the training step with XLA."""


def main(config: Config) -> int:
    if config.model == "minilm" and not config.init_from:
        config = replace(config, init_from=MINILM)
    check_ranking(config)
    check_ranges(config, more_than_0="temperature")
    check_slots_and_depth(config)
    check_run_dir(config)
    from utils.ranking.scoring import headlines
    from utils.training.distribution import on_one_device
    from utils.training.environment import accelerators, hardware
    from utils.training.fit import fit
    from utils.training.publish import publish

    # --- data
    runs = runs_of(config, "init_from", "first_stage")
    files = config.train_files, config.validation_files, config.test_files
    fractions = config.validation_fraction, config.test_fraction
    reading = Reading(config.max_bad_fraction)
    splits = read_ranking_splits(*files, *fractions, config.split_seed, config.limit, config.votes, reading)
    for note in splits.notes:
        print(note)
    print(f"{hardware()}, {accelerators()}; {splits.summary()}")
    keys = learned_questions(splits.parts, runs)
    config = replace(config, **lengths_of(config))
    questions = [query.text for query in splits.parts["train"]]
    texts = [candidate.text for candidate in splits.candidates("train")]
    start = read_start(config, [*questions, *texts])
    config = replace(config, pooling=start.pooling)
    lengths = config.query_length, config.max_length
    features = {
        name: build_features(part, question_groups(part), start.tokenizer, *lengths)
        for name, part in splits.parts.items()
    }
    # Also among the training answers: a weight that is chosen in a small search would be wrong for a large one.
    searched = [name for name in SEARCHED if name != "test"]
    validation = EvaluationSet.from_splits(splits.parts, features, "validation", searched)
    document_ids = token_rows(start.tokenizer, (document.text for document in splits.documents), config.max_length)
    test = EvaluationSet.from_splits(splits.parts, features, "test", SEARCHED, splits.documents, document_ids)
    checksums = weight_checksums(runs)
    set_up_run(config, {"questions": splits.checksum(), **checksums})
    write_atomically(config.run_dir / "tokenizer.json", start.tokenizer.to_str(pretty=True))

    # --- first stage
    set_up_keras(config)
    with on_one_device():  # of several processes each scores for itself
        stage = load_first_stage(config.first_stage)
        max_negatives = NEGATIVES_PER_SLOT * config.slots
        negatives = mine_negatives(stage.scores(questions, texts), features["train"], config.mine_margin, max_negatives)
        validation_pairs = PairsToRead.of(validation, stage, config.depth)
    pair_format = PairFormat.of(start.tokenizer)

    # --- model
    model = start.build_model()
    steps_per_epoch = math.ceil(len(features["train"].trainable) / config.batch_size)
    compile_model(model, config, steps_per_epoch * config.epochs)
    print(f"{config.loss}: {model.count_params():,} parameters, {steps_per_epoch} steps per epoch")

    # --- training
    def batches(first_step: int, part: BatchPart):
        settings = config.slots, config.batch_size, config.seed, first_step, pair_format.padding_id, part
        return training_batches(features["train"], negatives, *settings, pair_format.slot_inputs)

    def validate(model_in_training):
        scores = validation_pairs.score(model_in_training, pair_format, "validation")
        return validation_row(validation_pairs.evaluate(scores, validation_pairs.best_weights(scores)))

    with start_tracking(config, "reranker") as tracker:
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
        )

        # --- evaluation, in float32, whatever the precision of the training
        best, _ = load_model_and_tokenizer(config.run_dir)
        scores = validation_pairs.score(best, pair_format, "validation")
        weights = validation_pairs.best_weights(scores)
        stage_name = name_from_run(config.first_stage, config.run_dir)
        first = {"stage": stage_name, "checksum": checksums.get("first_stage", ""), "depth": config.depth}
        first |= {"weight": weights.search, "own_weight": weights.own}
        write_json(config.run_dir / FIRST_STAGE_FILE, first)
        predictor = RerankerPredictor.load_best_epoch(config.run_dir)
        predictor.stage = stage  # which is in memory already
        evaluations, first_stage_evaluation, own, search = evaluate_test(predictor, test, splits.has_unseen_answers())
        evaluations = {"validation": validation_pairs.evaluate(scores, weights), **evaluations}
        baselines = {
            name: evaluate_baselines(part, config.cache_dir)
            for name, part in (("validation", validation), ("test", test))
        }
        if config.first_stage != BM25_STAGE:
            baselines["validation"]["first stage"] = evaluate_scores(validation, validation_pairs.first)
            baselines["test"]["first stage"] = first_stage_evaluation

        # --- report
        test_files = config.test_files or config.train_files
        write_training_summary(config.run_dir, keys)
        systems = {"reranker": evaluations["test"], **baselines["test"]}
        write_per_question(config.run_dir / "per_question.npz", test.queries, systems)
        for note in write_runs(config.run_dir, search, own):
            print(note)
        title = model_and_data(f"{config.model} with {config.loss}", test_files, config.data)
        plot_training(config.run_dir, rows, by_name(baselines), title)
        plot_test(
            config.run_dir, search, evaluations["test"], baselines["test"][BM25_NAME], title, "test", own, "re-ranker"
        )
        exports = predictor.export(config.run_dir / "export") if config.export else {}
        print_scores(config.loss, evaluations, {})
        headline, *more_headlines = headlines(evaluations["test"])
        publish(
            config,
            "reranker",
            model,
            rows,
            data=splits.describe([path for paths in files for path in paths]),
            evaluations=evaluations,
            baselines=by_name(baselines),
            headline=headline,
            more_headlines=more_headlines,
            tracker=tracker,
            tables={"examples": example_table(search)},
            details={
                "loss": config.loss,
                "init_from": config.init_from,
                "first_stage": first,
                "export": exports,
            },
            example_question=[splits.parts["test"][0].text, *(["--file", str(test_files[0])] if test_files else [])],
        )
    return 0


def check_slots_and_depth(config: Config) -> None:
    """Check what this script alone asks of its settings.

    Raises:
        UserError: there is nothing to compare, or too much to read.
    """
    if config.slots < 2:
        raise UserError(
            f"--slots {config.slots}: candidates of a question are compared with each other; give 2 or more"
        )
    if not 1 <= config.depth <= MAX_DEPTH:
        raise UserError(f"--depth {config.depth}: must be from 1 to {MAX_DEPTH:,}")


def compile_model(model, config: Config, total_steps: int) -> None:
    """Compile the model with its loss, and with AdamW under warm-up and linear decay."""
    from components.losses import RANKING_LOSSES

    loss = RANKING_LOSSES[config.loss].from_settings(temperature=config.temperature, margin=config.margin, dim=1)
    model.compile(ranking_optimizer(config, total_steps), loss=loss, jit_compile=config.jit_compile)


if __name__ == "__main__":
    run_script(main, Config)

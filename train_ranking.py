"""Train a text encoder that ranks answers, and compare losses for it.

A Transformer (models/bi_encoder.py), from scratch or pretrained, encodes questions and answers; the cosine of their vectors is the
score. Two tasks are scored: ranking a question's own answers, and finding them among the answers of all questions (`_all` after a
metric's name). The losses (van den Oord et al. 2018, Cao et al. 2007 and others) are in components/losses.

    python train_ranking.py --train-files wikiqa/train --validation-files wikiqa/dev --test-files wikiqa/test --model minilm \\
        --output-dim 0 --slots 6 --query-length 32 --max-length 64 --epochs 3 --precision bfloat16 --no-jit-compile \\
        --run-dir runs/wikiqa

This takes 8 minutes of training on two cores of an AMD EPYC. Over the seeds 0 to 2 it reaches MAP 0.820 and MRR 0.834 on WikiQA's
test questions (BM25: 0.602 and 0.605); docs/ranking.md has all conditions. Other examples:

    python train_ranking.py --run-dir runs/ranking
    python train_ranking.py --train-files beer.jsonl.gz ai.jsonl.gz --suite --seeds 0 1 2 --run-dir runs/suite
    python train_ranking.py --train-files beer.jsonl.gz --loss listwise --teacher runs/reader --run-dir runs/student
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field, replace
from typing import Literal

from utils.common.batching import BatchPart
from utils.common.figures import model_and_data
from utils.common.files import write_atomically, write_json
from utils.common.reading import Reading
from utils.ranking.baselines import by_name, evaluate_baselines
from utils.ranking.encoder import new_start, pretrained_start, untrained_model
from utils.ranking.evaluation import (
    SEARCHED,
    EvaluationSet,
    evaluate_encoder,
    evaluate_scores,
    print_scores,
    validation_row,
)
from utils.ranking.examples import example_table
from utils.ranking.features import TeacherScores, build_features, training_batches
from utils.ranking.groups import question_groups
from utils.ranking.leaderboard import write_per_question
from utils.ranking.lexical import WORDS
from utils.ranking.mining import NegativeMiner
from utils.ranking.plots import BM25_NAME, plot_test, plot_training
from utils.ranking.predictor import RankingPredictor
from utils.ranking.settings import (
    SCRATCH_LEARNING_RATE,
    RankingConfig,
    check_settings,
    peak_learning_rate,
    ranking_optimizer,
)
from utils.ranking.splits import read_ranking_splits
from utils.ranking.suite import train_suite
from utils.ranking.trec import write_runs
from utils.ranking.unseen import learned_questions, runs_of, weight_checksums
from utils.ranking.word_scores import WordStatistics
from utils.reranker.teaching import scores_by_teacher
from utils.text.embedding import token_rows
from utils.text.pretrained import MINILM
from utils.training.run import check_run_dir, run_script, set_up_keras, set_up_run
from utils.training.tracking import start_tracking


@dataclass
class Config(RankingConfig):
    """Settings of one run."""

    # --- model
    pooling: Literal["mean", "cls", "max", "mean_sqrt_len", "weightedmean", "lasttoken", "attention"] | None = None
    """How the vectors of the tokens become one. Left out: as the folder of a pretrained encoder declares, else their mean."""
    output_dim: int = 128
    """Size of the vectors; 0 omits the projection."""
    lexical: bool = False
    """Let words count beside vectors: a BM25 whose parameters are learned, and a learned weight of the cosine, which starts at 0,
    or from a pretrained encoder at 1 / temperature. They learn at one speed, whatever --learning-rate is."""
    shared: bool = True
    """Use one encoder for questions and answers; otherwise one for each."""
    # --- training
    loss: str = "infonce"
    """Name of the loss, such as infonce, triplet or listwise; components/losses describes all, an unknown name lists them."""
    temperature: float = 0.05
    """Divisor of the cosines, in losses with exponentials. With --lexical from a pretrained encoder, 1 / temperature is the first
    weight of the cosine."""
    learned_temperature: bool = False
    """Learn the temperature, starting from --temperature."""
    slots: int = 4
    """Candidates of a question in a batch: its best answer, its other answers, and mined negatives in the remaining slots."""
    mine: Literal["bm25", "encoder", "random"] = "bm25"
    """Mined negatives: answers to other questions that score best by BM25 or by the encoder (anew each epoch), or random ones."""
    teacher: str = ""
    """A run of train_reranker.py, whose scores are targets beside the grades, for --loss listwise or listwise_own."""
    teacher_weight: float = 0.7
    """Weight of the teacher's scores, 0-1; the grades have the rest."""
    chunks: int = 1
    """Parts of a batch that are encoded one by one: the same gradient in a part's memory. On TensorFlow there is no XLA then."""

    suite: bool = False
    """Train several losses, each with --seeds, and compare them. Finished runs are kept; --resume may add losses and seeds."""
    losses: list[str] = field(default_factory=list)
    """Losses of the suite; left out, all."""
    seeds: list[int] = field(default_factory=lambda: [0, 1, 2])
    """Seeds of the suite."""


def main(config: Config) -> int:
    if config.model == "minilm" and not config.init_from:
        config = replace(config, init_from=MINILM)
    check_settings(config)
    check_run_dir(config)
    from components.losses import RANKING_LOSSES

    if config.suite:
        train_suite(config, config.losses or list(RANKING_LOSSES))
        return 0
    from utils.ranking.scoring import headlines
    from utils.training.distribution import on_one_device
    from utils.training.environment import accelerators, hardware
    from utils.training.fit import fit
    from utils.training.publish import publish
    from utils.training.training_summary import write_training_summary
    from utils.training.weights import inference_copy

    # --- data
    runs = runs_of(config, "teacher")
    files = config.train_files, config.validation_files, config.test_files
    fractions = config.validation_fraction, config.test_fraction
    reading = Reading(config.max_bad_fraction)
    splits = read_ranking_splits(*files, *fractions, config.split_seed, config.limit, config.votes, reading)
    for note in splits.notes:
        print(note)
    print(f"{hardware()}, {accelerators()}; {splits.summary()}")
    keys = learned_questions(splits.parts, runs)
    encoder = choose_encoder(config, splits)
    config = replace(config, **encoder.settings)
    lengths = {"query_length": config.query_length, "max_length": config.max_length}
    features = {
        name: build_features(
            part, question_groups(part), encoder.tokenizer, **lengths, with_words=config.lexical and name == "train"
        )
        for name, part in splits.parts.items()
    }
    texts = (candidate.text for candidate in splits.candidates("train"))
    statistics = WordStatistics.of(texts) if config.lexical else None
    validation = EvaluationSet.from_splits(splits.parts, features, "validation", ["validation"])
    document_ids = token_rows(encoder.tokenizer, (document.text for document in splits.documents), config.max_length)
    test = EvaluationSet.from_splits(splits.parts, features, "test", SEARCHED, splits.documents, document_ids)
    set_up_run(config, {"questions": splits.checksum(), **weight_checksums(runs)})
    write_atomically(config.run_dir / "tokenizer.json", encoder.tokenizer.to_str(pretty=True))
    if config.lexical:
        write_json(config.run_dir / WORDS, asdict(statistics))

    # --- model
    set_up_keras(config)
    model = build_model(config, encoder)
    steps_per_epoch = math.ceil(len(features["train"].trainable) / config.batch_size)
    compile_model(model, config, steps_per_epoch * config.epochs)
    print(f"{config.loss}: {model.count_params():,} parameters, {steps_per_epoch} steps per epoch")

    # --- training
    # In the precision of the training.
    predictor = RankingPredictor(model, encoder.tokenizer, **lengths, statistics=statistics)
    miner = NegativeMiner(
        config.mine, splits.parts["train"], features["train"], predictor, config.run_dir / "mined.npz",
        slots=config.slots, margin=config.mine_margin, seed=config.split_seed,
    )  # fmt: skip
    if config.teacher:
        with on_one_device():  # of several processes each scores for itself
            scores = scores_by_teacher(config.teacher, splits.parts["train"], features["train"], miner.mine(0))
        features["train"] = replace(features["train"], teacher=TeacherScores(scores, config.teacher_weight))

    def batches(first_step: int, part: BatchPart):
        negatives = miner.mine(first_step // steps_per_epoch)
        settings = config.slots, config.batch_size, config.seed, first_step, predictor.padding_id, part
        return training_batches(features["train"], negatives, *settings)

    def validate(_):
        return validation_row(evaluate_scores(validation, validation.scores_of(predictor)))

    with start_tracking(config, "ranking") as tracker:
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

        # --- evaluation
        best = RankingPredictor.load_best_epoch(config.run_dir)  # in float32, whatever the precision of the training
        shorter_dims = [] if config.lexical else RANKING_LOSSES[config.loss].shorter_dims(model.candidates.size)
        is_unseen = splits.has_unseen_answers()
        evaluations, shorter, search = evaluate_encoder(best, validation, test, is_unseen, shorter_dims)

        def untrained_scores():
            untrained = RankingPredictor(inference_copy(untrained_model(model, encoder)), encoder.tokenizer, **lengths)
            return test.scores_of(untrained)

        baselines = {
            "validation": evaluate_baselines(validation, config.cache_dir),
            "test": evaluate_baselines(test, config.cache_dir, encoder.key, untrained_scores),
        }

        # --- report
        test_files = config.test_files or config.train_files
        systems = {"encoder": evaluations["test"], **baselines["test"]}
        write_training_summary(config.run_dir, keys)
        write_per_question(config.run_dir / "per_question.npz", test.queries, systems)
        for note in write_runs(config.run_dir, search):
            print(note)
        title = model_and_data(f"{config.model} with {config.loss}", test_files, config.data)
        plot_training(config.run_dir, rows, by_name(baselines), title)
        plot_test(config.run_dir, search, evaluations["test"], baselines["test"][BM25_NAME], title, "test")
        exports = best.export(config.run_dir / "export") if config.export else {}
        print_scores(config.loss, evaluations, shorter)
        headline, *more_headlines = headlines(evaluations["test"], config.lexical)
        publish(
            config,
            "ranking",
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
                "shorter_vectors": shorter,
                "export": exports,
            },
            example_question=[splits.parts["test"][0].text, *(["--file", str(test_files[0])] if test_files else [])],
        )
    return 0


def choose_encoder(config: Config, splits):
    """The tokenizer and the encoder's arguments: pretrained, or made from the training texts."""
    shape = config.pooling, config.query_length, config.max_length  # None where they are left out
    if config.init_from:
        return pretrained_start(config.init_from, config.dropout, *shape)
    texts = [record.text for record in (*splits.parts["train"], *splits.candidates("train"))]
    sizes = config.vocabulary_size, config.hidden_dim, config.num_layers, config.num_heads
    return new_start(texts, *sizes, config.dropout, *shape)


def build_model(config: Config, encoder):
    """The model, with the pretrained weights if there are any."""
    from components.lexical_weights import RATE
    from models.bi_encoder import BiEncoder

    model = BiEncoder(
        encoder.arguments,
        pooling=encoder.pooling,
        output_dim=config.output_dim or None,
        shared=config.shared,
        temperature=config.temperature if config.learned_temperature else None,
        num_chunks=config.chunks,
        dense=[layer.config for layer in encoder.dense],
        lexical=config.lexical,
        lexical_rate=RATE * SCRATCH_LEARNING_RATE / peak_learning_rate(config),  # words learn as fast from any start
    )
    model.build()
    encoder.set_weights(model)
    if config.lexical and config.init_from:  # its vectors are good from the first step
        model.set_vector_weight(1 / config.temperature)
    return model


def compile_model(model, config: Config, total_steps: int) -> None:
    """Compile the model with its loss, and with AdamW under warm-up and linear decay."""
    from components.losses import RANKING_LOSSES

    loss = RANKING_LOSSES[config.loss].from_settings(
        temperature=1.0 if config.learned_temperature or config.lexical else config.temperature,
        margin=config.margin,
        dim=model.candidates.size,
    )
    model.compile(
        ranking_optimizer(config, total_steps), loss=loss, jit_compile=config.jit_compile and model.supports_jit
    )


if __name__ == "__main__":
    run_script(main, Config)

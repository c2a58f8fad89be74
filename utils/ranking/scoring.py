"""Score a trained encoder of ranking on files: the questions' own answers, and the search among all answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from utils.common.errors import UserError
from utils.common.evaluation import Evaluation
from utils.common.figures import model_and_data
from utils.ranking.baselines import PLAIN, evaluate_baselines
from utils.ranking.data import iterate_texts
from utils.ranking.encoder import pretrained_start, untrained_model
from utils.ranking.evaluation import SEARCHED, EvaluationSet, evaluate_test
from utils.ranking.features import build_features
from utils.ranking.leaderboard import write_per_question
from utils.ranking.plots import BM25_NAME, plot_test
from utils.ranking.predictor import RankingPredictor
from utils.ranking.records import VOTE_RULES, Candidate
from utils.ranking.scores import Scores
from utils.ranking.splits import RankingSplits, read_ranking_splits, read_test_queries
from utils.ranking.stored import StoredDocuments, joined
from utils.ranking.trec import write_runs
from utils.ranking.unseen import question_keys
from utils.text.embedding import token_rows
from utils.training.finished import damaged_run_as_user_error
from utils.training.publish import Headline
from utils.training.run_files import DataSource
from utils.training.scored import FinishedRun, Scored, ScoringOptions

COLUMNS = {
    "ndcg@10": "NDCG@10 (own)",
    "map": "MAP (own)",
    "mrr": "MRR (own)",
    "ndcg@10_all": "NDCG@10 (all)",
    "map_all": "MAP (all)",
    "mrr_all": "MRR (all)",
}
COMPARED = ("ndcg@10", "mrr", "ndcg@10_all", "mrr_all")
OTHERS = "others"
"""Name of the questions of a split that are not scored, whose answers are searched all the same."""


def headlines(evaluation: Evaluation, lexical: bool = False) -> list[Headline]:
    """The metrics of the verdicts: NDCG@10 among own answers, unless there is nothing to rank, and among all answers.

    The first is what a model is quoted for. Where words count (`lexical`) that is the search, which they are for.
    """
    metrics = [("ndcg@10", "own"), ("ndcg@10_all", "all")]
    return [
        Headline(name, f"NDCG@10 among {answers} answers", "val_score", PLAIN, digits=4)
        for name, answers in (metrics[::-1] if lexical else metrics)
        if name in evaluation.metrics
    ]


def score_run(run: FinishedRun, source: DataSource, options: ScoringOptions) -> Scored:
    """Score a finished run.

    Args:
        run: the run.
        source: where its own data or other files are.
        options: how they are scored.

    Raises:
        UserError: a file cannot be used, or the run's own data is not there.
    """
    from components.losses import RANKING_LOSSES

    predictor, split = RankingPredictor.load(run.folder), options.split
    if options.onnx:
        predictor.use_onnx(options.onnx)
    splits, searched, notes = read_questions(run, source, options)
    numbers = options.drawn(len(splits.parts[split]))
    is_unseen = splits.has_unseen_answers()[numbers] if split == "test" and "train" in splits.parts else None
    evaluation_set = make_evaluation_set(predictor, splits, split, numbers, searched)
    loss = run.settings.get("loss")
    shorter_dims = RANKING_LOSSES[loss].shorter_dims(predictor.model.candidates.size) if loss in RANKING_LOSSES else ()
    evaluations, shorter, search = evaluate_test(predictor, evaluation_set, is_unseen, shorter_dims, split)
    untrained_name, untrained_scores = "", None
    try:
        untrained_name, untrained_scores = _untrained(run, predictor, evaluation_set)
    except UserError as error:
        notes.append(f"baseline untrained is missing: {error}")
    baselines = evaluate_baselines(evaluation_set, options.cache_dir, untrained_name, untrained_scores)

    def write(folder: Path) -> None:
        write_per_question(
            folder / "per_question.npz", evaluation_set.queries, {"encoder": evaluations[split], **baselines}
        )
        for note in write_runs(folder, search):
            print(note)
        title = model_and_data(run.name, source.files_of(split), run.settings.get("data", ""))
        plot_test(folder, search, evaluations[split], baselines.get(BM25_NAME), title, split)

    files = [path for paths in source.files.values() for path in paths]
    return Scored(
        predictor.model,
        evaluations,
        {name: {split: evaluation} for name, evaluation in baselines.items()},
        headlines=tuple(headlines(evaluations[split], bool(run.settings.get("lexical")))),
        columns=COLUMNS,
        compared=COMPARED,
        data={**splits.describe(files), "searched": len(evaluation_set.candidates)},
        write=write,
        details={"loss": loss, "init_from": run.settings.get("init_from", ""), "shorter_vectors": shorter},
        notes=notes,
    )


def make_evaluation_set(
    predictor: RankingPredictor,
    splits: RankingSplits,
    split: str,
    numbers: np.ndarray,
    searched: Sequence[Candidate],
    validation_searches_training: bool = False,
) -> EvaluationSet:
    """Some questions of a split, and what is searched for them, as in training.

    Args:
        predictor: the encoder, whose tokens the texts become.
        splits: the questions. The answers of all splits are searched for test questions, of validation questions those of
            validation.
        split: the split.
        numbers: the numbers of the questions, `(questions,)`.
        searched: more texts that are searched.
        validation_searches_training: whether training answers are searched for validation questions too.
    """
    chosen, queries = set(numbers.tolist()), splits.parts[split]
    parts = {
        **splits.parts,
        split: [query for number, query in enumerate(queries) if number in chosen],
        OTHERS: [query for number, query in enumerate(queries) if number not in chosen],
    }
    more = {"test": SEARCHED[1:], "validation": ("train",) if validation_searches_training else ()}
    names = [split, OTHERS, *more.get(split, ())]
    lengths = predictor.query_length, predictor.max_length
    features = {
        name: build_features(parts[name], np.arange(len(parts[name])), predictor.tokenizer, *lengths)
        for name in names
        if name in parts
    }
    documents = joined([splits.documents if split == "test" else (), searched])
    document_ids = token_rows(predictor.tokenizer, (document.text for document in documents), predictor.max_length)
    return EvaluationSet.from_splits(parts, features, split, list(features), documents, document_ids)


def read_questions(
    run: FinishedRun, source: DataSource, options: ScoringOptions
) -> tuple[RankingSplits, Sequence[Candidate], list[str]]:
    """The questions that a run is scored on, more texts to search, and notes."""
    searched = StoredDocuments.write(
        (text.id, text.text) for path in options.search_files for text in iterate_texts(path, options.reading)
    )
    if source.is_own and (not source.absent or options.split != "test" or "test_files" not in source.files):
        with run.own_settings(source) as config:
            splits = read_ranking_splits(
                config.train_files,
                config.validation_files,
                config.test_files,
                config.validation_fraction,
                config.test_fraction,
                config.split_seed,
                config.limit,
                config.votes,
                options.reading,
            )
        return splits, searched, []
    source.check_complete("test_files")
    with damaged_run_as_user_error(run.folder):
        votes = VOTE_RULES[VOTE_RULES.index(run.settings["votes"])]
    splits = read_test_queries(source.files["test_files"], votes, options.reading)
    notes = list(splits.notes)
    if source.is_own:
        notes.append(
            "the run's training files are not there, so their answers are not searched: scores among all answers are higher than "
            "the run's own"
        )
    else:
        notes += run.leak_note(question_keys(splits.parts["test"]), "questions")
    return splits, searched, notes


def _untrained(
    run: FinishedRun, predictor: RankingPredictor, evaluation_set: EvaluationSet
) -> tuple[str, Callable[[], Scores] | None]:
    """What identifies the pretrained weights that the run started from, and a function that computes their scores.

    Raises:
        UserError: they are not there.
    """
    if not run.settings.get("init_from"):
        return "", None
    with damaged_run_as_user_error(run.folder):
        name, pooling = str(run.settings["init_from"]), str(run.settings["pooling"])
    start = pretrained_start(name, 0.0, pooling, predictor.query_length, predictor.max_length)

    def scores() -> Scores:
        lengths = {"query_length": predictor.query_length, "max_length": predictor.max_length}
        untrained = RankingPredictor(untrained_model(predictor.model, start), start.tokenizer, **lengths)
        return evaluation_set.scores_of(untrained)

    return start.key, scores

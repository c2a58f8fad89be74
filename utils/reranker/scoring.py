"""Score a trained re-ranker on files: the questions' own answers, and the search among all answers."""

from __future__ import annotations

from pathlib import Path

from utils.common.figures import model_and_data
from utils.common.onnx_model import OnnxModel
from utils.ranking.baselines import evaluate_baselines
from utils.ranking.leaderboard import write_per_question
from utils.ranking.plots import BM25_NAME, plot_test
from utils.ranking.scoring import COLUMNS, COMPARED, headlines, make_evaluation_set, read_questions
from utils.ranking.trec import write_runs
from utils.reranker.evaluation import evaluate_test
from utils.reranker.first_stage import BM25Stage
from utils.reranker.predictor import RerankerPredictor
from utils.training.run_files import DataSource
from utils.training.scored import FinishedRun, Scored, ScoringOptions


def score_run(run: FinishedRun, source: DataSource, options: ScoringOptions) -> Scored:
    """Score a finished run, as `utils.ranking.scoring.score_run` scores an encoder.

    Args:
        run: the run.
        source: where its own data or other files are.
        options: how they are scored.

    Raises:
        UserError: a file cannot be used, or the run's own data or its first stage is not there.
    """
    predictor, split = RerankerPredictor.load(run.folder), options.split
    splits, searched, notes = read_questions(run, source, options)
    numbers = options.drawn(len(splits.parts[split]))
    is_unseen = splits.has_unseen_answers()[numbers] if split == "test" and "train" in splits.parts else None
    evaluation_set = make_evaluation_set(predictor, splits, split, numbers, searched, validation_searches_training=True)
    model = predictor.model
    if options.onnx:
        predictor.model = OnnxModel(options.onnx, ("scores",))
    evaluations, first_stage_evaluation, own, search = evaluate_test(predictor, evaluation_set, is_unseen, split)
    baselines = evaluate_baselines(evaluation_set, options.cache_dir)
    if not isinstance(predictor.stage, BM25Stage):
        baselines["first stage"] = first_stage_evaluation

    def write(folder: Path) -> None:
        systems = {"reranker": evaluations[split], **baselines}
        write_per_question(folder / "per_question.npz", evaluation_set.queries, systems)
        for note in write_runs(folder, search, own):
            print(note)
        title = model_and_data(run.name, source.files_of(split), run.settings.get("data", ""))
        plot_test(folder, search, evaluations[split], baselines.get(BM25_NAME), title, split, own, "re-ranker")

    files = [path for paths in source.files.values() for path in paths]
    return Scored(
        model,
        evaluations,
        {name: {split: evaluation} for name, evaluation in baselines.items()},
        headlines=tuple(headlines(evaluations[split])),
        columns=COLUMNS,
        compared=COMPARED,
        data={**splits.describe(files), "searched": len(evaluation_set.candidates)},
        write=write,
        details={"loss": run.settings.get("loss"), "init_from": run.settings.get("init_from", "")},
        notes=notes,
    )

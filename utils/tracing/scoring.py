"""Score a trained model of tracing: at the end of its training, and later on other students."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from utils.common.evaluation import Evaluation
from utils.common.figures import model_and_data
from utils.tracing.baselines import PLAIN_BASELINES, FittedBaselines, evaluate_baselines, fit_baselines, headroom
from utils.tracing.evaluation import Predictions, evaluate, write_predictions
from utils.tracing.features import Piece, cut
from utils.tracing.metrics import DecisionRule, fit_rule
from utils.tracing.new_students import read_students
from utils.tracing.parameters import describe_parameters
from utils.tracing.plots import plot_test
from utils.tracing.predictor import TracingPredictor
from utils.tracing.sequences import ResponseSequence
from utils.tracing.settings import load_data
from utils.tracing.splits import ResponseData
from utils.training.finished import checked_number, damaged_run_as_user_error
from utils.training.publish import Headline
from utils.training.run_files import DataSource
from utils.training.scored import FinishedRun, Scored, ScoringOptions
from utils.training.training_summary import num_known, text_keys

NLL = Headline("nll", "NLL", "val_score", PLAIN_BASELINES, lower_is_better=True, digits=4)
AUC = Headline("auc", "AUC", "val_score", PLAIN_BASELINES, digits=4)
COLUMNS = {
    "accuracy": "accuracy",
    "within_one": "within one",
    "qwk": "QWK",
    "qwk_best_rule": "best-rule QWK",
    "nll": "NLL",
    "auc": "AUC",
    "calibration_error": "calibration error",
}
KEPT_OUTPUTS = ("logits", "ability", "ability_error", "skipped")
"""What is kept of the model's outputs for a split; the others, such as the attention over slots, take many times as much memory."""
COMPARED = ("nll", "auc", "accuracy", "qwk_best_rule")
MAX_STEPS = 10**6


def headline(num_categories: int) -> Headline:
    """The metric of the verdict: AUC of two categories, else NLL."""
    return AUC if num_categories == 2 else NLL


@dataclass(frozen=True)
class TracingScores:
    """What a model predicts for some splits, and its scores.

    Args:
        outputs: split to `ability`, `ability_error` and `skipped` of the model's outputs for each piece, as far as it has them.
        predictions: split to predictions.
        rule: the model's decision rule.
        evaluations: split to evaluation.
        fitted: what the baselines learned, with their decision rules; None where it is not known.
        baselines: name to split to evaluation.
        details: entries of `details` in `results.json`.
    """

    outputs: dict[str, list[dict]]
    predictions: dict[str, Predictions]
    rule: DecisionRule | None
    evaluations: dict[str, Evaluation]
    fitted: FittedBaselines | None
    baselines: dict[str, dict[str, Evaluation]]
    details: dict

    @property
    def last(self) -> str:
        """The split that the verdict is about: the test students, or the validation students if there are no others."""
        return list(self.evaluations)[-1]


def score_splits(
    predictor: TracingPredictor,
    data: ResponseData,
    pieces: dict[str, Sequence[Piece]],
    fitted: FittedBaselines | None,
    rule: DecisionRule | None = None,
) -> TracingScores:
    """Score a model and the baselines on the students that are not for training.

    Args:
        predictor: the trained model.
        data: the students.
        pieces: split to pieces.
        fitted: what the baselines learned; None: those that learn are left out.
        rule: the model's decision rule; left out, it is fitted on the validation students.
    """
    splits = [split for split in pieces if split != "train"]
    outputs, predictions = {}, {}
    for split in splits:
        outputs[split] = predictor.outputs(pieces[split], KEPT_OUTPUTS)
        predictions[split] = predictor.predictions(pieces[split], outputs[split])
        for output in outputs[split]:
            del output["logits"]
    if rule is None and "validation" in predictions:
        rule = fit_rule(predictions["validation"].probabilities, predictions["validation"].responses)
    evaluations = {split: evaluate(part, rule) for split, part in predictions.items()}
    baselines, rules = evaluate_baselines(data, fitted)
    details = {
        "decision_rule": asdict(rule) if rule else None,
        "headroom_closed": headroom(evaluations[splits[-1]].metrics, baselines, splits[-1]),
    }
    fitted = replace(fitted, rules=rules) if fitted else None
    return TracingScores(outputs, predictions, rule, evaluations, fitted, baselines, details)


def summary_arrays(data: ResponseData, fitted: FittedBaselines) -> dict[str, np.ndarray]:
    """The arrays of `training_summary.npz`: keys of the students' names, and what the baselines learned."""
    return {"keys": student_keys([*data.sequences["train"], *data.sequences["validation"]]), **fitted.arrays()}


def student_keys(sequences: Iterable[ResponseSequence]) -> np.ndarray:
    """A key of each student's name; those of simulations and of files without names have none."""
    return text_keys(s.student for s in sequences if s.file and not s.student.startswith(f"{Path(s.file).name}:"))


def score_run(run: FinishedRun, source: DataSource, options: ScoringOptions) -> Scored:
    """Score a finished run.

    Args:
        run: the run.
        source: where its own data or other files are.
        options: how they are scored.

    Raises:
        UserError: a file cannot be used, or the run's own data is not there.
    """
    predictor, split = TracingPredictor.load(run.folder), options.split
    if options.onnx:
        predictor.use_onnx(options.onnx)
    with damaged_run_as_user_error(run.folder):
        length = checked_number(run.settings, "max_length", 1, MAX_STEPS)
        history = checked_number(run.settings, "history", 0, length - 1)
        rule = run.results["details"].get("decision_rule")
        rule = rule and DecisionRule(
            *(checked_number(rule, name, -1e9, 1e9, float) for name in ("slope", "shift", "mean"))
        )
        fitted = FittedBaselines.from_arrays(run.summary) if "response_counts" in run.summary else None
        if fitted and fitted.response_counts.shape != (len(predictor.item_numbers) + 1, predictor.num_categories):
            raise ValueError("training_summary.npz is that of another run")
    notes = []
    if source.is_own and (not source.absent or split != "test" or "test_files" not in source.files):
        with run.own_settings(source) as config:
            data = load_data(config, options.reading)
        fitted = fitted or _fit(data)
    else:
        source.check_complete("test_files")
        data = read_students(
            source.files["test_files"],
            predictor.item_numbers,
            predictor.num_categories,
            predictor.response_format,
            options.reading,
        )
        data.item_skills = predictor.model.get_config().get("item_skills")
        notes += data.notes
        notes += [] if source.is_own else _known_students(run, data.sequences["test"])
        if "oracle" in run.results["baselines"]:
            notes.append("baselines missing (true items, oracle): the true parameters of these students are not known")
        if fitted is None:
            notes.append(
                f"baselines missing ({', '.join((*PLAIN_BASELINES, 'fitted_items'))}): the run has not kept them"
            )
    checksum, compared_data = data.checksum, data.checksum_of(split)
    data = _drawn(data, split, options)
    pieces = {split: cut(data.sequences[split], predictor.item_numbers, length, history)}
    scores = score_splits(predictor, data, pieces, fitted, rule)
    details = dict(scores.details)

    def write(folder: Path) -> None:
        write_predictions(folder / f"{split}_predictions.csv", data.sequences[split], scores.predictions[split])
        title = model_and_data(run.name, source.files_of(split), run.settings.get("data", ""))
        plot_test(folder, scores.predictions[split], title, split)
        details.update(describe_parameters(data, predictor, pieces, scores.outputs, split, folder, title))

    return Scored(
        predictor.model,
        scores.evaluations,
        scores.baselines,
        headlines=(headline(data.num_categories),),
        columns=COLUMNS,
        compared=COMPARED,
        data={**data.description, "checksum": checksum},
        write=write,
        compared_data=compared_data,
        details=details,
        notes=notes,
    )


def _fit(data: ResponseData) -> FittedBaselines:
    """What the baselines learn, with their decision rules, for a run that has not kept it."""
    fitted, students = fit_baselines(data), data.truth_students
    validation = replace(
        data,
        sequences={"validation": data.sequences["validation"]},
        truth_students={name: rows for name, rows in students.items() if name == "validation"},
        model_items=data.item_numbers,
    )
    return replace(fitted, rules=evaluate_baselines(validation, fitted)[1])


def _drawn(data: ResponseData, split: str, options: ScoringOptions) -> ResponseData:
    """The students of one split, or as many of them as are to be scored."""
    numbers = options.drawn(len(data.sequences[split]))
    rows = data.truth_students.get(split)
    return replace(
        data,
        sequences={split: [data.sequences[split][number] for number in numbers]},
        truth_students={split: [rows[number] for number in numbers]} if rows else {},
        model_items=data.item_numbers,
    )


def _known_students(run: FinishedRun, sequences: Sequence[ResponseSequence]) -> list[str]:
    """A line on students whose names the training has."""
    known = num_known(student_keys(sequences), run.summary)
    if not known:
        return []
    return [
        f"{known:,} of {len(sequences):,} students have the name of a student of the run's training or validation data: if they "
        "are the same people, scores on them are not those of new students"
    ]

"""Score a trained model of squad: at the end of its training, and later on other files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from utils.common.errors import UserError
from utils.common.evaluation import Evaluation
from utils.common.figures import model_and_data
from utils.squad.baselines import evaluate_baselines
from utils.squad.cache import prepare_features
from utils.squad.data import Question, describe, read_squad_files
from utils.squad.decoding import Answers
from utils.squad.demo import demo_squad
from utils.squad.evaluation import evaluate_labelled
from utils.squad.features import SquadFeatures
from utils.squad.plots import plot_test
from utils.squad.predictor import SquadPredictor
from utils.squad.splits import NEEDS, describe_data, in_memory_if_few, load_splits
from utils.squad.tfds import read_tfds
from utils.squad.unseen import paragraph_keys
from utils.training.finished import MAX_SEED, checked_number, damaged_run_as_user_error
from utils.training.publish import Headline
from utils.training.run_files import DataSource
from utils.training.scored import FinishedRun, Scored, ScoringOptions

HEADLINE = Headline("f1", "F1", "val_f1", plain=("word_overlap",), digits=1)
COLUMNS = {"exact_match": "EM", "f1": "F1"}


@dataclass(frozen=True)
class SquadScores:
    """The answers to the questions of some splits, and their scores.

    Args:
        answers: split to answers.
        predictions: split to question id to answer text, "" where the threshold decides for no answer.
        labelled: split to the questions that have a label. A split without any is left out here and below.
        evaluations: split to evaluation.
        baselines: name to split to evaluation.
    """

    answers: dict[str, Answers]
    predictions: dict[str, dict[str, str]]
    labelled: dict[str, list[Question]]
    evaluations: dict[str, Evaluation]
    baselines: dict[str, dict[str, Evaluation]]

    @property
    def last(self) -> str:
        """The split that the verdict is about: the test questions, or the validation questions where no test can be scored."""
        return list(self.evaluations)[-1]

    def plot(self, folder: Path, title: str) -> None:
        """Draw the scores of the split `last`; the title names the model and the data."""
        plot_test(folder, self.labelled[self.last], self.evaluations[self.last], self.baselines, title, self.last)


def score_splits(
    predictor: SquadPredictor,
    questions: dict[str, Sequence[Question]],
    features: dict[str, SquadFeatures],
    *,
    choose_threshold: bool = False,
    by_character: bool | None = None,
) -> SquadScores:
    """Answer the questions of some splits and score the answers.

    Args:
        predictor: the trained model.
        questions: split to questions.
        features: split to their features.
        choose_threshold: choose the predictor's threshold for "no answer" on the split `validation`, and change the predictor;
            else the threshold stays as it is.
        by_character: how answers are compared, see `question_scores`.

    Raises:
        UserError: no question of any split has a label.
    """
    answers = {name: predictor.answer_features(features[name], part) for name, part in questions.items()}
    if choose_threshold:
        predictor.fit_null_threshold(questions["validation"], answers["validation"])
    predictions = {name: part.predictions(predictor.null_threshold) for name, part in answers.items()}
    labelled, evaluations = evaluate_labelled(questions, predictions, by_character)
    if not evaluations:
        raise UserError("no question has a reference answer, so nothing can be scored; predict.py answers such files")
    baselines: dict[str, dict[str, Evaluation]] = {}
    for split, part in labelled.items():
        for name, evaluation in evaluate_baselines(part, by_character).items():
            baselines.setdefault(name, {})[split] = evaluation
    return SquadScores(answers, predictions, labelled, evaluations, baselines)


def score_run(run: FinishedRun, source: DataSource, options: ScoringOptions) -> Scored:
    """Score a finished run.

    Args:
        run: the run.
        source: where its own data or other files are.
        options: how they are scored.

    Raises:
        UserError: a file cannot be used, or the run's own data is not there.
    """
    split = options.split
    questions = _read_questions(run, source, options)
    contents = describe(questions, source.files.get(f"{split}_files", ()))
    questions = in_memory_if_few(questions)
    questions = [questions[number] for number in options.drawn(len(questions))]
    predictor = SquadPredictor.load(run.folder)
    model = predictor.model
    if options.onnx:
        predictor.use_onnx(options.onnx)
    windows = {"max_length": predictor.max_length, "doc_stride": predictor.doc_stride}
    features = prepare_features(split, questions, predictor.tokenizer, cache_dir=options.cache_dir, **windows)
    notes = [] if source.is_own else run.leak_note(paragraph_keys(questions), "paragraphs")
    if predictor.null_threshold is None and any(question.is_impossible for question in questions):
        notes.append(
            "the run has no threshold for unanswerable questions, as its validation data had none: it answers all"
        )
    scores = score_splits(predictor, {split: questions}, {split: features}, by_character=options.by_character)

    def write(folder: Path) -> None:
        scores.answers[split].write(folder, predictor.null_threshold)
        title = model_and_data(run.name, source.files_of(split), run.settings.get("data", ""))
        scores.plot(folder, title)

    return Scored(
        model,
        scores.evaluations,
        scores.baselines,
        headlines=(HEADLINE,),
        columns=COLUMNS,
        compared=tuple(COLUMNS),
        data=describe_data({split: questions}, {split: contents}),
        write=write,
        details={"null_threshold": predictor.null_threshold},
        notes=notes,
    )


def _read_questions(run: FinishedRun, source: DataSource, options: ScoringOptions) -> list[Question]:
    """The questions to score: of the files that the source has, of built-in data, or of what was held out of training files.

    Raises:
        UserError: a file is not there or cannot be used, or the run's settings are damaged.
    """
    files, split = source.files, options.split
    source.check_complete(f"{split}_files")
    if f"{split}_files" in files:
        return read_squad_files(files[f"{split}_files"], options.reading, options.cache_dir, **NEEDS[split])
    with damaged_run_as_user_error(run.folder):
        data, seed = run.settings["data"], checked_number(run.settings, "seed", 0, MAX_SEED)
        fraction = checked_number(run.settings, "validation_fraction", 0, 1, float)
    if split == "test":  # of built-in data
        return demo_squad()["test"] if data == "demo" else read_tfds(data, "validation", reading=options.reading)
    source.check_complete("train_files")
    own_files = {name: files.get(f"{name}_files", []) for name in NEEDS}
    return load_splits(data, own_files, fraction, seed, options.reading, options.cache_dir)[0][split]

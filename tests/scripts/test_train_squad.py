"""train_squad.py as a user runs it, and predict.py on what it leaves behind."""

import csv
import json
import re
import shlex
import signal
import time
from pathlib import Path

import numpy as np
import pytest

from tests.helpers.killed import kill_after, read_state
from tests.helpers.paths import FIXTURES
from tests.helpers.scripts import error_line, run, start

PRETRAINED = str(FIXTURES / "pretrained" / "bert")
TINY = ("--hidden-dim", "16", "--num-heads", "2", "--num-layers", "1", "--intermediate-dim", "32", "--batch-size", "16")
TINY += ("--convolution-width", "3", "--vocabulary-size", "300", "--tracking", "off", "--max-length", "512")


def squad_file(path: Path, count: int = 24, **change) -> Path:
    """A small SQuAD-format file of `count` questions."""
    paragraphs = []
    for number in range(count):
        context = (
            f"In {path.stem} county, town number {number} was founded in {1900 + number} by a baker. It has a harbour."
        )
        answer = {"text": str(1900 + number), "answer_start": context.index(str(1900 + number))}
        qas = [{"id": f"{path.stem}-{number}", "question": f"When was town {number} founded?", "answers": [answer]}]
        paragraphs.append({"context": context, "qas": qas})
    paragraphs[1]["qas"][0].update(change)
    data = [{"title": f"Town_{number}", "paragraphs": [part]} for number, part in enumerate(paragraphs)]
    path.write_text(json.dumps({"version": "1.1", "data": data}))
    return path


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """One short run on the demo data with everything on, and what it printed."""
    cwd = tmp_path_factory.mktemp("finished")
    status, output, errors = run(
        "--data", "demo", "--limit", 160, "--epochs", 2, "--run-dir", "run", *TINY, "--tracking", "offline",
        cwd=cwd, WANDB_SILENT="true",
    )  # fmt: skip
    assert status == 0, errors
    return cwd / "run", output


def test_the_run_directory_is_complete(finished):
    folder, output = finished
    results = json.loads((folder / "results.json").read_text())
    assert results["task"] == "squad" and results["model"] == "matching" and results["seed"] == 0
    assert results["parameters"] > 0 and results["seconds"] > 0 and results["versions"]["keras"]
    assert results["data"]["counts"] == {"train": 160, "validation": 400, "test": 800}
    assert results["data"]["checksum"]["test"].startswith("sha256:") and results["data"]["files"]["train"] == []
    for split in ("validation", "test"):
        low, high = results["intervals"][split]["f1"]
        assert low <= results["metrics"][split]["f1"] <= high
        assert results["metrics"][split]["total"] == results["data"]["counts"][split]
    assert results["details"]["null_threshold"] is None and results["schema_version"] == 1
    assert results["config"]["length_penalty"] == 0.4 and results["config"]["precision"] == "float32"
    assert results["baselines"]["word_overlap"]["test"]["f1"] > 0 and results["hardware"] and results["command"]
    rows = list(csv.DictReader((folder / "metrics.csv").open()))
    assert [row["epoch"] for row in rows] == ["1", "2"]
    assert {"loss", "val_f1", "val_exact_match", "learning_rate", "seconds"} <= rows[0].keys()
    predictions = json.loads((folder / "predictions.json").read_text())
    n_best = json.loads((folder / "nbest_predictions.json").read_text())
    assert len(predictions) == 800 and predictions.keys() == n_best.keys()
    assert all(n_best[key][0]["text"] == text for key, text in predictions.items())
    for name in ("history.png", "question_word.png", "answer_length.png"):
        assert (folder / name).read_bytes()[:4] == b"\x89PNG"
    assert (folder / "tokenizer.json").exists() and list(folder.glob("wandb/offline-run-*"))
    assert "\x08" not in output  # no progress-bar backspaces in a pipe
    assert re.search(r"^F1 [\d.]+ \([\d.]+ to [\d.]+\) on test: not above word overlap, 31.1$", output, re.MULTILINE)
    last = output.strip().splitlines()[-1]
    assert last.startswith("everything is in run; try: python predict.py run 'When was")


def test_the_closing_command_runs(finished):
    folder, output = finished
    command = shlex.split(output.strip().splitlines()[-1].split("; try: python predict.py ")[1])
    status, answer, errors = run(*command, cwd=folder.parent, script="predict.py")
    assert status == 0 and answer and "answered in" in errors


def test_the_predictor_gives_the_predictions_of_the_run(finished):
    from utils.squad.demo import demo_squad
    from utils.squad.predictor import SquadPredictor

    folder, _ = finished
    questions = demo_squad()["test"][:40]
    records = [{"question": question.question, "context": question.context} for question in questions]
    predictions = json.loads((folder / "predictions.json").read_text())
    results = SquadPredictor.load(folder).answer(records)
    same = [result["answer"] == predictions[question.id] for result, question in zip(results, questions, strict=True)]
    assert sum(same) >= 39  # other neighbours in a batch may turn a tie


def test_the_exports_equal_the_model(finished):
    folder, _ = finished
    exports = json.loads((folder / "results.json").read_text())["details"]["export"]
    assert set(exports) == {"model.onnx", "saved_model"}
    for name, export in exports.items():
        assert (folder / "export" / name).exists() and export["largest_difference"] < 1e-5


def test_evaluate_gives_the_figures_of_the_run(finished, tmp_path):
    folder, _ = finished
    arguments = (folder.name, "--out", tmp_path / "out")
    status, output, errors = run(*arguments, cwd=folder.parent, script="evaluate.py")
    assert status == 0, errors
    assert "all figures are those of the run's results.json, to the last digit" in output


def test_the_stored_predictions_have_the_stored_scores(finished):
    from utils.squad.demo import demo_squad
    from utils.squad.metrics import score_predictions

    folder, _ = finished
    scores = score_predictions(demo_squad()["test"], json.loads((folder / "predictions.json").read_text()))
    stored = json.loads((folder / "results.json").read_text())["metrics"]["test"]
    assert scores["f1"] == stored["f1"] and scores["exact_match"] == stored["exact_match"]


PRETRAINED_RUNS = {
    "bert": ("--model", "bert", "--layer-decay", "0.8"),
    "distilbert": ("--model", "distilbert", "--learning-rate", "1e-12"),
    "hybrid": ("--model", "matching", "--hidden-dim", "16", "--num-heads", "2", "--num-layers", "1"),
}


@pytest.mark.parametrize("name", PRETRAINED_RUNS)
def test_a_pretrained_encoder_is_fine_tuned_exported_and_asked(tmp_path, name):
    """The same run directory as from scratch; the tokenizer is the checkpoint's."""
    folder = Path(PRETRAINED).with_name("distilbert" if name == "distilbert" else "bert")
    flags = ("--train-files", "towns.json", "--test-files", "test.json", "--max-length", "96", "--doc-stride", "16")
    flags += ("--epochs", "2", "--batch-size", "8", "--validation-fraction", "0.3", "--tracking", "off")
    squad_file(tmp_path / "towns.json")
    squad_file(tmp_path / "test.json")
    code, output, errors = run(
        *flags, *PRETRAINED_RUNS[name], "--init-from", folder, "--run-dir", "run", cwd=tmp_path
    )  # fmt: skip
    assert code == 0, errors
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    assert results["model"] == PRETRAINED_RUNS[name][1] and results["metrics"]["test"]["total"] == 24
    own, original = (json.loads((place / "tokenizer.json").read_text()) for place in (tmp_path / "run", folder))
    assert own["model"]["vocab"] == original["model"]["vocab"]
    assert results["config"]["length_penalty"] == (0.4 if name == "hybrid" else 0.2)
    assert (tmp_path / "run" / "export" / "saved_model" / "saved_model.pb").exists()
    if name == "distilbert":  # it learned next to nothing: the saved weights are the initial ones
        from models import load_model
        from utils.text.pretrained.checkpoint import read_checkpoint

        initial = read_checkpoint(folder).weights
        for variable in load_model(tmp_path / "run" / "best.keras").encoder.weights:
            np.testing.assert_allclose(variable, initial[variable.path.split("encoder/", 1)[1]], atol=1e-8)
        assert results["data"]["init_from"]["architecture"] == "distilbert"
        return
    code, output, errors = run("run", "When was it?", "It was in 1905.", cwd=tmp_path, script="predict.py")
    assert code == 0 and "answered in" in errors, errors
    if name == "bert":
        (tmp_path / "run" / "results.json").unlink()
        options = (*flags, *PRETRAINED_RUNS[name], "--init-from", folder, "--run-dir", "run", "--resume", "--no-export")
        code, output, errors = run(*options, cwd=tmp_path)
        assert code == 0 and "resumed after epoch 2" in output, errors
        assert json.loads((tmp_path / "run" / "results.json").read_text())["metrics"] == results["metrics"]


def test_files_as_people_have_them(tmp_path):
    """A wrong offset, an answer within a word, a bad record; test questions without labels, and in Chinese."""
    towns = json.loads(squad_file(tmp_path / "towns.json").read_text())
    first, second, third = (towns["data"][number]["paragraphs"][0]["qas"][0] for number in range(3))
    first["answers"][0]["answer_start"] = 3
    second["answers"] = [{"text": "bake", "answer_start": towns["data"][1]["paragraphs"][0]["context"].index("bake")}]
    third["question"] = " "
    (tmp_path / "towns.json").write_text(json.dumps(towns))
    rows = [
        {"id": "zh", "context": "王明在北京大学任教。", "question": "在哪里？", "answers": {"text": ["北京大学"]}},
        {"id": "en", "context": "It was founded in 1907.", "question": "When?", "answers": {"text": ["1907"]}},
        {"id": "new", "context": "It was founded in 1908.", "question": "When?"},
    ]
    (tmp_path / "test.jsonl").write_text("\n".join(map(json.dumps, rows)))
    files = ("--train-files", "towns.json", "--test-files", "test.jsonl", "--validation-fraction", "0.2")
    code, output, errors = run(*files, "--epochs", 1, "--run-dir", "run", *TINY, "--no-export", cwd=tmp_path)
    assert code == 0, errors
    assert "towns.json: 1 of 24 records left out, the question is empty (question 'towns-2')" in output
    assert "towns.json: 1 record used, but answer_start is wrong: the nearest occurrence" in output
    assert "1 of 19 labels are wider than their answer (such as towns-1: the label reads 'baker'" in output
    assert "test: 1 of 3 questions have no label: answered, not scored" in output
    assert re.search(r"^test: EM .* on 2 questions, 1 compared by character$", output, re.MULTILINE)
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    assert (
        results["data"]["reading"]["towns.json"]["bad"] == 1 and results["data"]["reading"]["test.jsonl"]["used"] == 3
    )
    assert results["data"]["labels"]["cut"] == results["data"]["labels"]["lost"] == 0
    assert results["metrics"]["test"]["total"] == 2 and results["metrics"]["test"]["by_character"] == 1
    assert json.loads((tmp_path / "run" / "predictions.json").read_text()).keys() == {"zh", "en", "new"}


def test_there_are_positions_for_padded_windows():
    from train_squad import Config, build_model, with_model_settings

    config = with_model_settings(Config(run_dir=Path("unused"), hidden_dim=12, num_heads=2, max_length=90))
    assert build_model(config, 50).position.max_length == 96  # the length that batches are padded to


def test_what_is_decayed_and_at_which_rate():
    from train_squad import Config, build_model, compile_model, with_model_settings
    from utils.squad.initial_weights import read_initial_checkpoint

    config = Config(run_dir=Path("unused"), model="bert", init_from=PRETRAINED, max_length=96, layer_decay=0.5)
    config = with_model_settings(config)
    checkpoint = read_initial_checkpoint(PRETRAINED, config.word_vectors, max_length=96, hidden_dim=None)
    model = build_model(config, 0, checkpoint)
    compile_model(model, config, total_steps=10)
    model.optimizer.build(model.trainable_variables)
    decayed = {variable.path for variable in model.trainable_variables if model.optimizer._use_weight_decay(variable)}
    assert {path.rsplit("/", 1)[1] for path in decayed} == {"kernel", "qkv_kernel", "embeddings", "table"}
    factors = {
        variable.path: factor
        for variable, factor in zip(model.trainable_variables, model.optimizer.factors, strict=True)
    }
    assert {factor for path, factor in factors.items() if "span_head" in path} == {1.0}
    assert {factor for path, factor in factors.items() if "block_1/" in path} == {0.5}


def test_killed_and_resumed_gives_the_same_as_never_killed(tmp_path):
    file = squad_file(tmp_path / "towns.json", 120)
    data = ("--train-files", file, "--epochs", 20, "--patience", 0, "--log-every", 2, *TINY, "--no-export")
    data += ("--layer-dropout", 0.3, "--word-dropout", 0.2, "--name-swap", 0.5)
    assert run(*data, "--run-dir", "whole", cwd=tmp_path)[0] == 0
    # Saved after every step, so that the kill may fall anywhere in an epoch.
    process = start(*data, "--run-dir", "killed", cwd=tmp_path, QKV_ZOO_SAVE_EVERY_SECONDS="0")
    checkpoint = tmp_path / "killed" / "checkpoint.npz"
    state, _ = kill_after(process, checkpoint, 1, 2)
    assert state["epoch"] < 20
    status, output, errors = run(*data, "--run-dir", "killed", "--resume", cwd=tmp_path)
    assert status == 0, errors
    assert "resumed after epoch" in output
    for name, time_column in (("metrics.csv", "seconds"), ("steps.csv", "examples_per_second")):
        whole, killed = (list(csv.DictReader((tmp_path / run_dir / name).open())) for run_dir in ("whole", "killed"))
        assert len(whole) >= 20
        for expected, row in zip(whole, killed, strict=True):
            del row[time_column], expected[time_column]
            assert row == expected
    predictions = [(tmp_path / name / "predictions.json").read_text() for name in ("whole", "killed")]
    assert predictions[0] == predictions[1]
    with np.load(tmp_path / "whole" / "checkpoint.npz") as one, np.load(checkpoint) as other:
        for name in set(one.files) - {"state"}:
            np.testing.assert_array_equal(one[name], other[name])


def test_a_signal_saves_and_exits_with_its_status(tmp_path):
    data = ("--train-files", squad_file(tmp_path / "towns.json", 120), "--epochs", 500, "--patience", 0, *TINY)
    process = start(*data, "--run-dir", "run", cwd=tmp_path)
    checkpoint = tmp_path / "run" / "checkpoint.npz"
    while process.poll() is None and not checkpoint.exists():
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 143
    assert "continue with --resume" in output
    assert read_state(checkpoint) is not None


def test_overfit_memorises_and_says_so(tmp_path):
    file = squad_file(tmp_path / "towns.json")
    flags = ("--train-files", file, "--overfit", 8, "--batch-size", 8, "--run-dir", "run", "--tracking", "off")
    small = ("--hidden-dim", 32, "--num-layers", 1, "--vocabulary-size", 300, "--no-export")
    status, output, errors = run(*flags, *small, "--learning-rate", 3e-3, cwd=tmp_path)
    assert status == 0, output + errors
    assert "memorised 8 questions: yes" in output
    status, output, _ = run(*flags, *small, "--epochs", 1, "--learning-rate", 1e-9, "--run-dir", "short", cwd=tmp_path)
    assert status == 1 and "memorised 8 questions: NO" in output


def test_unanswerable_questions_get_a_threshold(tmp_path):
    files = []
    for name in ("train", "validation", "test"):
        file = squad_file(tmp_path / f"{name}.json", is_impossible=True, answers=[])
        content = json.loads(file.read_text())
        files += [f"--{name}-files", file]
        for article in content["data"]:
            article["paragraphs"][0]["qas"][0].setdefault("is_impossible", False)
        file.write_text(json.dumps(content))
    status, _, errors = run(*files, "--epochs", 1, "--run-dir", "run", *TINY, "--no-export", cwd=tmp_path)
    assert status == 0, errors
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    assert isinstance(results["details"]["null_threshold"], float)
    assert {"has_ans_f1", "no_ans_f1"} <= results["metrics"]["test"].keys()
    assert len(json.loads((tmp_path / "run" / "null_scores.json").read_text())) == 24


def test_nan_stops_with_the_last_good_checkpoint(tmp_path):
    file = squad_file(tmp_path / "towns.json", 64)
    flags = ("--train-files", file, "--epochs", 50, "--run-dir", "run", *TINY, "--no-export", "--clip-norm", "1e30")
    status, output, errors = run(*flags, "--learning-rate", "1e25", "--warmup-steps", 6, "--ema", 0, cwd=tmp_path)
    assert status == 2, output
    assert "is not a finite number" in error_line(errors) and "--learning-rate" in error_line(errors)


BAD_SETTINGS = [
    (("--train-files", "absent.json"), "absent.json"),
    (("--train-files", "towns.json", "--tokenizer", "nowhere"), "nowhere"),
    (("--train-files", "towns.json", "--dropout", "1"), "--dropout"),
    (("--train-files", "towns.json", "--num-heads", "3"), "--num-heads"),
    (("--train-files", "towns.json", "--convolution-width", "4"), "--convolution-width"),
    (("--train-files", "towns.json", "--max-length", "100"), "--max-length"),
    (("--train-files", "towns.json", "--validation-fraction", "0"), "--validation-fraction"),
    (("--test-files", "towns.json"), "--train-files"),
    (("--data", "no-such-set"), "no-such-set"),
    (("--train-files", "towns.json", "--test-files", "towns.json"), "share the paragraph"),
    (("--train-files", "towns.json", "--seed", "-1"), "--seed"),
    (("--train-files", "towns.json", "--learning-rate", "nan"), "--learning-rate"),
    (("--train-files", "towns.json", "--doc-stride", "-1"), "--doc-stride"),
    (("--train-files", "towns.json", "--tracking", "online"), "wandb login"),
    (("--train-files", "towns.json", "--epoch", "3"), "did you mean --epochs"),
    (("--train-files", "towns.json", "--run-dir", "taken"), "taken"),
    (("--train-files", "towns.json", "--resume"), "no run to resume"),
    (("--train-files", "towns.json", "--run-dir", "other", "--resume"), "epochs was 5, is now 3"),
    (("--train-files", "towns.json", "--model", "bert", "--init-from", "./nothing/here"), "no such folder"),
    (
        ("--train-files", "towns.json", "--model", "bert", "--init-from", PRETRAINED),
        "positions for 96 tokens; give at most 96",
    ),
    (
        ("--train-files", "towns.json", "--model", "bert", "--init-from", PRETRAINED, "--num-layers", "3"),
        "--num-layers",
    ),
    (("--train-files", "towns.json", "--init-from", PRETRAINED), "its embeddings have 24 columns"),
    (("--train-files", "towns.json", "--init-from", PRETRAINED, "--tokenizer", PRETRAINED), "--tokenizer"),
    (("--train-files", "towns.json", "--layer-decay", "0.9"), "trained from scratch"),
    (("--train-files", "towns.json", "--length-penalty", "-0.1"), "--length-penalty"),
    (("--train-files", "towns.json", "--overfit", "-1"), "--overfit"),
    (("--train-files", "towns.json", "--model", "bert", "--init-from", ""), "--init-from: is empty"),
    (("--train-files", "towns.json", "--word-vectors", "pretrained"), "--init-from"),
]


@pytest.mark.parametrize(("flags", "word"), BAD_SETTINGS, ids=[" ".join(flags) for flags, _ in BAD_SETTINGS])
def test_bad_settings_are_one_line(tmp_path, monkeypatch, capsys, flags, word):
    """Within this process, because a process for each would take minutes."""
    from tests.helpers.in_process import run_in_process
    from train_squad import Config, with_model_settings
    from utils.training.run import set_up_run

    monkeypatch.chdir(tmp_path)
    squad_file(tmp_path / "towns.json")
    earlier = with_model_settings(Config(run_dir=Path("other"), train_files=[Path("towns.json")], epochs=5))
    set_up_run(earlier, {})
    (tmp_path / "other" / "checkpoint.npz").write_bytes(b"")
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "file").write_text("mine")
    assert run_in_process("train_squad", "--run-dir", "new", *flags) == 2
    line = error_line(capsys.readouterr().err)
    assert word in line
    assert (tmp_path / "taken" / "file").read_text() == "mine"

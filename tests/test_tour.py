"""The notebook docs/tour.ipynb runs, cell after cell, and its models answer rightly."""

import json

import pytest

from tests.helpers.paths import ROOT

NOTEBOOK = ROOT / "docs" / "tour.ipynb"

pytestmark = pytest.mark.tensorflow(
    reason="the notebook trains a model, as the scripts do, which JAX's suite leaves out"
)


def test_the_notebook_runs(monkeypatch, capsys):
    import matplotlib

    matplotlib.use("Agg")
    monkeypatch.chdir(NOTEBOOK.parent)
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    values = {}
    for number, cell in enumerate(cells):
        assert not cell.get("outputs"), "commit the notebook without outputs"
        if cell["cell_type"] == "code":
            exec(compile("".join(cell["source"]), f"{NOTEBOOK.name}, cell {number}", "exec"), values)
    printed = capsys.readouterr().out
    for expected in (
        "Edith Marlow",
        "1887",
        "Glasgow",
        "Alexander Graham Bell",
        "Warsaw",
        "Pablo Picasso",
        "everything is in",
    ):
        assert expected in printed
    matplotlib.pyplot.close("all")

"""The Python examples of README.md and of the tasks' pages run on the published models and print what they say."""

import contextlib
import io
import re

import pytest

from tests.helpers.paths import ROOT
from utils.common.references import published_models

PAGES = [
    ROOT / "README.md",
    *(ROOT / "docs" / f"{task}.md" for task in ("squad", "memnet", "tracing", "vectors", "ranking")),
]
PYTHON = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


def examples(page):
    """The Python of a page that loads a predictor."""
    return [code for code in PYTHON.findall(page.read_text(encoding="utf-8")) if "Predictor.load(" in code]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_examples_print_what_the_page_says(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # they work from anywhere
    codes = examples(page)
    assert codes, f"{page.name} has no example"
    for code in codes:
        (model,) = re.findall(r'Predictor\.load\("([^"]+)"\)', code)
        if model not in published_models():
            pytest.skip(f"{model} is not published yet")
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(code, str(page), "exec"), {})
        expected = re.findall(r"^# (.*)$", code, re.MULTILINE)
        assert expected and printed.getvalue().splitlines() == expected


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_arrays_that_commands_read_are_part_of_the_project(page):
    for command in re.findall(r"^python .*", page.read_text(encoding="utf-8"), re.MULTILINE):
        for path in re.findall(r"answer\.py (\S+\.np[yz])\b", command):
            assert (ROOT / path).is_file(), command

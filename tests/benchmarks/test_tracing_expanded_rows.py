"""benchmarks/tracing_expanded_rows.py on coins that are repeated for some pairs of skills."""

import csv
import sys

from benchmarks import tracing_expanded_rows
from tests.helpers.tracing_sequences import repeated_coins


def test_repeated_rows_are_counted_joined_and_scored(tmp_path, monkeypatch, capsys):
    sequences, repeated = repeated_coins({"1": "8", "4": "7"})
    lines = [
        line for s in sequences for line in (str(len(s.items)), ",".join(s.items), ",".join(map(str, s.responses)))
    ]
    (tmp_path / "coins.txt").write_text("\n".join(lines))
    with open(tmp_path / "predictions.csv", "w") as file:
        rows = csv.writer(file)
        rows.writerow(["response", "p1"])
        responses = [int(response) for s in sequences for response in s.responses]
        rows.writerows(
            [response, response if copied else 0.5] for response, copied in zip(responses, repeated, strict=True)
        )
    options = ("--out", tmp_path, "--predictions", tmp_path / "predictions.csv")
    monkeypatch.setattr(sys, "argv", ["benchmark", f"coins={tmp_path / 'coins.txt'}", *map(str, options)])
    tracing_expanded_rows.main()
    output = capsys.readouterr().out
    assert f"| {repeated.sum():,} | {repeated.mean():.1%} |" in output
    assert f"| look repeated | {repeated.sum():,} | 1.0000 |" in output and "| the others | 2,400 | 0.5000 |" in output
    count, skills, responses = (tmp_path / "coins_0.txt").read_text().splitlines()[:3]
    assert int(count) == len(skills.split(",")) == len(responses.split(",")) == 40
    assert {"1+8", "4+7"} < set(skills.split(",")) and "8" not in skills.split(",")

"""The watch on a process's memory."""

from benchmarks.resident import run_watched


def test_peaks_of_phases_and_a_limit(capsys):
    results = run_watched(["tests.helpers.takes_memory", "90"])
    assert results["much"]["size"] == 90 * 2**20 and results["all"]["status"] == 0
    assert results["little"]["own"] < 60 < 90 < results["much"]["own"] <= results["much"]["resident"] < 200
    assert results["all"]["own"] == results["much"]["own"] and results["much"]["seconds"] >= 0.5
    assert "a line that is no measurement" in capsys.readouterr().out
    results = run_watched(["tests.helpers.takes_memory", "90"], limit_mib=60)
    assert results["all"]["status"] == -9 and "much" not in results
    assert "more than 60" in capsys.readouterr().out

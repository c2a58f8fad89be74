"""The files for SLURM and Kubernetes in examples/ fit one another and the scripts' flags."""

import itertools
import os
import shlex
import subprocess

import pytest
import yaml

from tests.helpers.paths import ROOT
from utils.training.cluster import Cluster, choose_cluster

SBATCH = ROOT / "examples" / "slurm" / "train.sbatch"


@pytest.fixture
def documents():
    """The documents of job.yaml by their kind."""
    text = (ROOT / "examples" / "kubernetes" / "job.yaml").read_text()
    return {document["kind"]: document for document in yaml.safe_load_all(text)}


def test_the_pods_meet(documents):
    """Each pod's flags and environment describe the same cluster, at the name that the Service gives the first pod."""
    job, service = documents["Job"], documents["Service"]
    pod, count = job["spec"]["template"]["spec"], job["spec"]["completions"]
    assert pod["subdomain"] == service["metadata"]["name"] and service["spec"]["clusterIP"] == "None"
    assert service["spec"]["selector"] == {"job-name": job["metadata"]["name"]}
    assert job["spec"]["parallelism"] == count and job["spec"]["completionMode"] == "Indexed"
    command = pod["containers"][0]["args"][0].replace("\\\n", " ").splitlines()[-1]
    flags = shlex.split(command)
    values = dict(itertools.pairwise(flags))
    host = f"{job['metadata']['name']}-0.{service['metadata']['name']}"
    port = service["spec"]["ports"][0]["port"]
    for index in range(count):
        environment = {"JOB_COMPLETION_INDEX": str(index)}
        cluster = choose_cluster(values["--coordinator"], int(values["--processes"]), None, environment)
        assert cluster == Cluster(f"{host}:{port}", count, index)


def test_the_pods_flags_are_those_of_the_script(documents):
    from train_squad import Config
    from utils.training.command_line import parse_command_line

    text = documents["Job"]["spec"]["template"]["spec"]["containers"][0]["args"][0]
    flags = shlex.split(text.replace("\\\n", " ").splitlines()[-1])
    assert flags[:3] == ["exec", "python", "train_squad.py"]
    expanded = [flag.replace("$RUN_DIR", "/data/runs/squad").replace("$resume", "--resume") for flag in flags[3:]]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["train_squad.py", *expanded])
        config = parse_command_line(Config, "doc")
    assert (config.distribute, config.processes, config.resume) == ("data", 2, True)


@pytest.mark.parametrize("exit_status", [0, 2, 1, 143])
def test_the_batch_script_resumes_and_queues_again(tmp_path, exit_status):
    """With an `srun` and a `scontrol` that write down how they were called."""
    for name, status in (("srun", exit_status), ("scontrol", 0)):
        (tmp_path / name).write_text(f'#!/bin/sh\necho {name} "$@" >> calls\nexit {status}\n')
        (tmp_path / name).chmod(0o755)
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "SLURM_JOB_ID": "7", "PYTHON": "python"}
    command = ["bash", str(SBATCH), "train_memnet.py", "--limit", "9", "--run-dir", "a run"]

    def calls(**more):
        (tmp_path / "calls").unlink(missing_ok=True)
        assert subprocess.run(command, cwd=tmp_path, env=environment | more).returncode == exit_status
        return (tmp_path / "calls").read_text().splitlines()

    started = "srun --kill-on-bad-exit=0 python train_memnet.py --limit 9 --run-dir a run --distribute data"
    again = [] if exit_status in (0, 2) else ["scontrol requeue 7"]
    assert calls() == [started, *again]
    (tmp_path / "a run").mkdir()
    (tmp_path / "a run" / "config.json").write_text("{}")
    assert calls() == [f"{started} --resume", *again]
    assert calls(SLURM_RESTART_COUNT="20") == [f"{started} --resume"]


def test_the_batch_script_wants_a_run_directory(tmp_path):
    result = subprocess.run(["bash", str(SBATCH), "train_memnet.py"], cwd=tmp_path, capture_output=True, text=True)
    assert result.returncode == 2 and "--run-dir DIR" in result.stderr

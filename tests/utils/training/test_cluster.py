"""Which process this is comes from flags, or from what clusters set."""

import json

import pytest

from utils.common.errors import UserError
from utils.training.cluster import Cluster, choose_cluster, first_slurm_host

SLURM = {
    "SLURM_STEP_NUM_TASKS": "4",
    "SLURM_PROCID": "3",
    "SLURM_STEP_NODELIST": "gpu[07-09,12]",
    "SLURM_JOB_ID": "30005",
}
KERAS = {
    "KERAS_DISTRIBUTION_JOB_ADDRESSES": "10.0.0.4:1111,10.0.0.5:1111",
    "KERAS_DISTRIBUTION_PROCESS_ID": "1",
}
PYTORCH = {"MASTER_ADDR": "head", "MASTER_PORT": "29500", "WORLD_SIZE": "8", "RANK": "5"}
VERTEX = {"cluster": {"chief": ["a:2222"], "worker": ["b:2222", "c:2222"]}, "task": {"type": "worker", "index": 1}}


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        (SLURM, Cluster("gpu07:20005", 4, 3)),
        (KERAS, Cluster("10.0.0.4:1111", 2, 1)),
        (PYTORCH, Cluster("head:29500", 8, 5)),
        ({"TF_CONFIG": json.dumps(VERTEX)}, Cluster("a:2222", 3, 2)),
        ({}, None),
        ({"SLURM_STEP_NUM_TASKS": "1", "SLURM_PROCID": "0"}, None),  # srun with a single task
        ({"TF_CONFIG": json.dumps({"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 0}})}, None),
    ],
)
def test_clusters_describe_themselves(environment, expected):
    assert choose_cluster(None, None, None, environment) == expected


def test_flags_come_first_and_the_environment_fills_in_what_they_leave_out():
    assert choose_cluster("h:1", 2, 0, SLURM) == Cluster("h:1", 2, 0)
    assert choose_cluster("h:1", 5, None, SLURM) == Cluster("h:1", 5, 3)
    assert choose_cluster("head", 2, None, {"JOB_COMPLETION_INDEX": "1"}) == Cluster("head:8476", 2, 1)
    assert choose_cluster("[::1]:77", 2, 1, {}) == Cluster("[::1]:77", 2, 1)
    assert choose_cluster("h:1", 1, 0, {}) is None


@pytest.mark.parametrize(
    ("flags", "environment", "message"),
    [
        ((None, 2, 0), {}, "--coordinator: is needed"),
        (("h:1", None, 0), {}, "--processes: is needed"),
        (("h:1", 2, None), {}, "--process-id: is needed"),
        (("h:1", 2, 2), {}, "--process-id 2: must be from 0 to 1"),
        (("h:1", 0, 0), {}, "--process-id 0: must be from 0 to -1"),
        (("h:port", 2, 0), {}, "--coordinator h:port: is no address"),
        ((":80", 2, 0), {}, "--coordinator :80: is no address"),
        (("h:1", 2, None), {"JOB_COMPLETION_INDEX": "x"}, "process id 'x': is no number"),
        ((None, None, None), {"TF_CONFIG": "{"}, "TF_CONFIG: cannot be read"),
        ((None, None, None), SLURM | {"SLURM_STEP_NODELIST": ""}, "SLURM_STEP_NODELIST '': names no host"),
    ],
)
def test_what_is_missing_or_wrong_is_one_line(flags, environment, message):
    with pytest.raises(UserError, match=message.replace("[", r"\[")):
        choose_cluster(*flags, environment)


def test_the_first_host_of_slurms_lists():
    assert [first_slurm_host(text) for text in ("a", "a,b", "n[1-3]", "n[001,007]", "rack1-n[05-06],x")] == [
        "a",
        "a",
        "n1",
        "n001",
        "rack1-n05",
    ]

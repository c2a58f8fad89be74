"""Which process of how many this is, and where the first one listens: from flags, or from what a cluster sets."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass

from utils.common.errors import UserError

DEFAULT_PORT = 8476
"""Port of process 0 where an address names none."""
PROCESS_ID_VARIABLES = ("SLURM_PROCID", "JOB_COMPLETION_INDEX", "OMPI_COMM_WORLD_RANK", "PMI_RANK", "RANK")
"""Where a process finds its number if `--process-id` is left out: SLURM, Kubernetes' indexed jobs, MPI, PyTorch's launchers."""


@dataclass(frozen=True)
class Cluster:
    """The processes of one training.

    Args:
        coordinator: `host:port` at which process 0 listens.
        processes: how many there are.
        process_id: this process' number, from 0.
    """

    coordinator: str
    processes: int
    process_id: int


def choose_cluster(
    coordinator: str | None,
    processes: int | None,
    process_id: int | None,
    environment: Mapping[str, str] = os.environ,
) -> Cluster | None:
    """The cluster that flags or the environment describe, or None for a single process.

    Flags come first. What they leave out is taken from the environment, in this order: Keras' `KERAS_DISTRIBUTION_JOB_ADDRESSES`,
    `_NUM_PROCESSES` and `_PROCESS_ID`; SLURM's variables of a step with several tasks; `MASTER_ADDR`, `MASTER_PORT`, `WORLD_SIZE`
    and `RANK` of PyTorch's launchers, Kubeflow and many clouds; `TF_CONFIG` of Vertex AI. A process id may also come from any of
    `PROCESS_ID_VARIABLES`.

    >>> choose_cluster("10.0.0.1:9000", 2, None, {"JOB_COMPLETION_INDEX": "1"})
    Cluster(coordinator='10.0.0.1:9000', processes=2, process_id=1)

    Raises:
        UserError: something is missing or makes no sense.
    """
    described = _described_cluster(environment)
    coordinator = coordinator or described.get("coordinator")
    processes = described.get("processes") if processes is None else processes
    if process_id is None:
        numbers = [described.get("process_id"), *(environment.get(name) for name in PROCESS_ID_VARIABLES)]
        process_id = next((_integer("process id", number) for number in numbers if number not in (None, "")), None)
    if coordinator is None and processes in (None, 1):
        return None
    missing = [
        flag
        for flag, value in (
            ("--coordinator", coordinator),
            ("--processes", processes),
            ("--process-id", process_id),
        )
        if value is None
    ]
    if missing:
        raise UserError(f"{missing[0]}: is needed for a training on several processes; docs/scaling.md has examples")
    if not 0 <= process_id < processes:
        raise UserError(f"--process-id {process_id}: must be from 0 to {processes - 1}, below --processes {processes}")
    return Cluster(_with_port(coordinator), processes, process_id) if processes > 1 else None


def _described_cluster(environment: Mapping[str, str]) -> dict:
    """What the environment says, as the arguments of `Cluster`; empty where it describes no cluster."""
    if environment.get("KERAS_DISTRIBUTION_JOB_ADDRESSES"):
        addresses = environment["KERAS_DISTRIBUTION_JOB_ADDRESSES"].split(",")
        count = environment.get("KERAS_DISTRIBUTION_NUM_PROCESSES") or len(addresses)
        return {
            "coordinator": addresses[0],
            "processes": _integer("KERAS_DISTRIBUTION_NUM_PROCESSES", count),
            "process_id": environment.get("KERAS_DISTRIBUTION_PROCESS_ID"),
        }
    if int(environment.get("SLURM_STEP_NUM_TASKS") or 1) > 1 and "SLURM_PROCID" in environment:
        hosts = environment.get("SLURM_STEP_NODELIST") or environment.get("SLURM_JOB_NODELIST", "")
        port = 20_000 + _integer("SLURM_JOB_ID", environment.get("SLURM_JOB_ID", "0")) % 10_000
        return {
            "coordinator": f"{first_slurm_host(hosts)}:{port}",
            "processes": _integer("SLURM_STEP_NUM_TASKS", environment["SLURM_STEP_NUM_TASKS"]),
            "process_id": environment["SLURM_PROCID"],
        }
    if environment.get("MASTER_ADDR") and int(environment.get("WORLD_SIZE") or 1) > 1:
        return {
            "coordinator": f"{environment['MASTER_ADDR']}:{environment.get('MASTER_PORT', DEFAULT_PORT)}",
            "processes": int(environment["WORLD_SIZE"]),
            "process_id": environment.get("RANK"),
        }
    if environment.get("TF_CONFIG"):
        return _from_tf_config(environment["TF_CONFIG"])
    return {}


def _from_tf_config(text: str) -> dict:
    """`TF_CONFIG`: the chief, if there is one, is process 0, and the workers follow."""
    try:
        config = json.loads(text)
        addresses = {name: config["cluster"].get(name, []) for name in ("chief", "worker")}
        task, index = config["task"]["type"], int(config["task"]["index"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"TF_CONFIG: cannot be read ({error!r}); give --coordinator and its companions") from None
    together = [*addresses["chief"], *addresses["worker"]]
    if len(together) < 2 or task not in addresses:
        return {}
    process_id = index + (len(addresses["chief"]) if task == "worker" else 0)
    return {"coordinator": together[0], "processes": len(together), "process_id": process_id}


def first_slurm_host(hosts: str) -> str:
    """The first host of SLURM's compressed list.

    >>> first_slurm_host("node[003-005,9],login"), first_slurm_host("gpu1,gpu2")
    ('node003', 'gpu1')
    """
    match = re.match(r"([^,\[]+)(?:\[(\d+))?", hosts)
    if not match:
        raise UserError(f"SLURM_STEP_NODELIST {hosts!r}: names no host; give --coordinator HOST:PORT")
    return match[1] + (match[2] or "")


def _with_port(address: str) -> str:
    """The address with a port, checked."""
    host, colon, port = address.rpartition(":")
    if not colon:
        return f"{address}:{DEFAULT_PORT}"
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise UserError(f"--coordinator {address}: is no address; give HOST:PORT, such as 10.0.0.1:{DEFAULT_PORT}")
    return address


def _integer(name: str, text) -> int:
    try:
        return int(text)
    except (TypeError, ValueError):
        raise UserError(f"{name} {text!r}: is no number; give --processes and --process-id") from None

"""Processes wait for one another, and whoever is missing or comes twice is named."""

import socket
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.helpers.cluster import unused_address
from utils.common.errors import UserError
from utils.training.cluster import Cluster
from utils.training.rendezvous import LostProcessError, meet


def outcomes(clusters, seconds=20.0):
    """What becomes of each process: an empty text, or its error."""

    def outcome(cluster):
        try:
            meet(cluster, seconds)
        except (LostProcessError, UserError) as error:
            return str(error)
        return ""

    with ThreadPoolExecutor(len(clusters)) as threads:
        return list(threads.map(outcome, clusters))


@pytest.mark.parametrize("count", [2, 5])
def test_all_meet_whoever_comes_first(count):
    address = unused_address()
    assert outcomes([Cluster(address, count, number) for number in reversed(range(count))]) == [""] * count


def test_a_missing_process_is_named_to_all():
    address = unused_address()
    first, second = outcomes([Cluster(address, 4, number) for number in (0, 2)], seconds=1.0)
    assert first.startswith("process 1, 3 of 4 did not come within 1 s")
    assert second.startswith("process 2 cannot start: process 1, 3 of 4 did not come")


def test_a_missing_first_process_is_said():
    (error,) = outcomes([Cluster(unused_address(), 2, 1)], seconds=0.5)
    assert "process 0 does not answer there after 0.5 s" in error


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (lambda address: [Cluster(address, 3, 1), Cluster(address, 3, 1)], "two processes have --process-id 1"),
        (lambda address: [Cluster(address, 2, 1)], "process 1 was started with --processes 2, process 0 with 3"),
    ],
)
def test_processes_that_do_not_fit_are_told_so(other, message):
    address = unused_address()
    first, *others = outcomes([Cluster(address, 3, 0), *other(address)])
    assert first.startswith(message)
    assert any(message in error for error in others)


def test_a_port_that_is_taken_and_a_stranger_at_the_port():
    with socket.create_server(("", 0)) as taken:
        (error,) = outcomes([Cluster(f"127.0.0.1:{taken.getsockname()[1]}", 2, 0)])
    assert "cannot be used" in error
    address = unused_address()
    host, port = address.split(":")
    with ThreadPoolExecutor(1) as thread:
        first = thread.submit(meet, Cluster(address, 2, 0), 20.0)
        for _ in range(100):
            try:
                socket.create_connection((host, int(port)), timeout=1).close()
                break
            except OSError:
                continue
        meet(Cluster(address, 2, 1), 20.0)
        first.result()

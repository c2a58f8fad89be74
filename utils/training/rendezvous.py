"""Processes meet before JAX connects them: its own meeting ends in pages of C++ when one of them does not come."""

from __future__ import annotations

import contextlib
import re
import socket
import time

from utils.common.errors import UserError
from utils.training.cluster import Cluster


class LostProcessError(Exception):
    """Another process did not come, failed or disappeared; the message is one line. Starting all again may help."""


GREETING = "qkv-zoo"
MAX_MESSAGE = 1000
"""Bytes of a message, at most."""


def meet(cluster: Cluster, seconds: float) -> None:
    """Wait until all processes are there: process 0 listens at its address, and the others call there.

    Args:
        cluster: which process of how many this is.
        seconds: how long to wait.

    Raises:
        LostProcessError: some did not come in time.
        UserError: two say that they are the same, or the port is taken.
    """
    deadline = time.monotonic() + seconds
    if cluster.process_id == 0:
        _receive_others(cluster, deadline, seconds)
    else:
        _call_first(cluster, deadline, seconds)


def _receive_others(cluster: Cluster, deadline: float, seconds: float) -> None:
    port = int(cluster.coordinator.rpartition(":")[2])
    connections: dict[int, socket.socket] = {}
    with contextlib.ExitStack() as stack:
        try:
            listener = stack.enter_context(_listen(port))
        except OSError as error:
            raise UserError(f"--coordinator: port {port} cannot be used ({error.strerror}); name another one") from None
        while len(connections) < cluster.processes - 1:
            listener.settimeout(max(deadline - time.monotonic(), 0.01))
            try:
                connection = stack.enter_context(listener.accept()[0])
            except TimeoutError:
                missing = [str(number) for number in range(1, cluster.processes) if number not in connections]
                message = f"process {', '.join(missing)} of {cluster.processes} did not come within {seconds:g} s"
                _answer(connections.values(), message)
                raise LostProcessError(f"{message} to {cluster.coordinator}; start all processes") from None
            connection.settimeout(5)
            greeting = re.fullmatch(rf"{GREETING} (\d+) (\d+)", _read(connection))
            if not greeting:
                continue  # somebody else looked at the port
            number, count = int(greeting[1]), int(greeting[2])
            if number in connections and _is_closed(connections[number]):
                del connections[number]  # that process was started again
            problem = ""
            if count != cluster.processes:
                problem = f"process {number} was started with --processes {count}, process 0 with {cluster.processes}"
            elif number in connections or number == 0:
                problem = f"two processes have --process-id {number}"
            if problem:
                _answer([*connections.values(), connection], problem)
                raise UserError(f"{problem}; number them from 0 to {cluster.processes - 1}")
            connections[number] = connection
        _answer(connections.values(), "")


def _call_first(cluster: Cluster, deadline: float, seconds: float) -> None:
    host, _, port = cluster.coordinator.rpartition(":")
    while True:
        try:
            with socket.create_connection((host.strip("[]"), int(port)), timeout=5) as connection:
                connection.sendall(f"{GREETING} {cluster.process_id} {cluster.processes}\n".encode())
                connection.settimeout(max(deadline - time.monotonic(), 0) + 10)  # process 0 says who is missing
                answer = _read(connection)
            if answer == GREETING:
                return
            if answer:
                raise LostProcessError(f"process {cluster.process_id} cannot start: {answer}")
            reason = "it closed the connection"
        except OSError as error:
            reason = error.strerror or str(error)
        if time.monotonic() > deadline:
            raise LostProcessError(
                f"--coordinator {cluster.coordinator}: process 0 does not answer there after {seconds:g} s ({reason}); "
                "start it, or check address and firewall"
            )
        time.sleep(0.3)


def _listen(port: int) -> socket.socket:
    if socket.has_dualstack_ipv6():
        return socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=4096)
    return socket.create_server(("", port), backlog=4096)


def _answer(connections, problem: str) -> None:
    for connection in connections:
        with contextlib.suppress(OSError):  # that process has ended meanwhile
            connection.sendall(f"{problem or GREETING}\n".encode())


def _is_closed(connection: socket.socket) -> bool:
    """Whether the other side, which has said all it has to say, is gone."""
    connection.setblocking(False)
    try:
        return connection.recv(1) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True
    finally:
        connection.settimeout(5)


def _read(connection: socket.socket) -> str:
    """A line; empty if the other side has closed the connection or says nothing."""
    text = b""
    with contextlib.suppress(OSError):
        while not text.endswith(b"\n") and len(text) < MAX_MESSAGE and (piece := connection.recv(MAX_MESSAGE)):
            text += piece
    return text.decode(errors="replace").strip()

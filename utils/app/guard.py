"""A wrapper around the page's server: which requests it answers, how large they may be, and how many a client may make."""

from __future__ import annotations

import asyncio
import inspect
import json
import re
import sys
import time
from collections import OrderedDict
from collections.abc import Callable

from utils.app.failures import NOT_ACCEPTED, UNEXPECTED

MAX_BODY = 2**20
"""Bytes of a request."""
MAX_DROPPED = 64 * 2**20
"""Bytes of a request that is too large which are read all the same, so that its sender gets an answer."""
MAX_WAITING = 100
"""Requests that are being answered or wait for it, at most."""
BODY_SECONDS = 30
"""Seconds in which the body of a request must come."""
MAX_CLIENTS = 10_000
"""Clients whose requests are counted; those that were quiet longest are forgotten first."""
PATHS = re.compile(
    r"/|/config/?|/theme\.css|/favicon\.ico|/robots\.txt|/manifest\.json|/(assets|static|svelte)/.*"
    r"|/gradio_api/(info/?|openapi\.json|app_id/?|theme\.css|startup-events|cancel|reset/?|heartbeat/\w+|queue/(join|data)"
    r"|login_check/?|(call|run|api)/.*)"
)
"""What the page and its API need of Gradio's addresses. Those of files, uploads and proxies are not among them."""
API_CALL = re.compile(r"/gradio_api/(?:run|api|call|call/(v2))/(\w+)/?")
HEADERS = {
    "content-security-policy": "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; "
    "object-src 'none'; base-uri 'self'; form-action 'self'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}
"""Headers of every answer. With them a browser asks no other server for anything."""


class Refused(Exception):
    """A request that is not answered.

    Args:
        status: HTTP status.
        reason: a line for the client.
    """

    def __init__(self, status: int, reason: str):
        super().__init__(reason)
        self.status = status
        self.reason = reason


class Guard:
    """An ASGI application that passes on what another one may answer, and refuses the rest with one line.

    Args:
        app: the application.
        endpoints: name to function of the API, by which the number and the names of arguments are checked.
        rate: requests of a client in a minute, at most; 0 for any number. Only POST requests count.
        clock: gives seconds.
    """

    def __init__(self, app, endpoints: dict[str, Callable], rate: int = 0, clock: Callable[[], float] = time.monotonic):
        self.app = app
        self.parameters = {name: inspect.signature(function).parameters for name, function in endpoints.items()}
        self.rate = rate
        self.clock = clock
        self.clients: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self.waiting = 0

    async def __call__(self, scope, receive, send):
        if scope["type"] == "lifespan":
            return await self.app(scope, receive, send)
        if scope["type"] != "http":
            return None
        responder = _Responder(send)
        try:
            await self._answer(scope, receive, responder.send)
        except Refused as refusal:
            await _send_line(responder.send, refusal.status, refusal.reason)
        except Exception as error:
            print(f"{scope['path'][:200]!r}: {type(error).__name__}: {str(error)[:200]!r}", file=sys.stderr)
            if not responder.has_started:
                await _send_line(responder.send, 500, UNEXPECTED)

    async def _answer(self, scope, receive, send):
        path = scope["path"]
        if not PATHS.fullmatch(path):
            raise Refused(404, "no such address; the API is documented in docs/app.md")
        if scope["method"] != "POST":
            return await self.app(scope, receive, send)
        self._count(scope)
        try:
            async with asyncio.timeout(BODY_SECONDS):
                body = await _whole_body(scope, receive)
        except TimeoutError:
            raise Refused(408, f"the request did not come within {BODY_SECONDS} seconds") from None
        self._check_call(path, body)
        if self.waiting >= MAX_WAITING:  # only now: a body that never comes takes no place
            raise Refused(503, "the page is busy; try again in some seconds")
        self.waiting += 1
        try:
            await self.app(scope, _replayed(body, receive), send)
        finally:
            self.waiting -= 1

    def _count(self, scope) -> None:
        """Count a request of a client: a bucket of `rate` requests, which fills up within a minute.

        Raises:
            Refused: the bucket is empty.
        """
        if not self.rate:
            return
        client, now = (scope.get("client") or ("",))[0], self.clock()
        tokens, last = self.clients.pop(client, (float(self.rate), now))
        tokens = min(self.rate, tokens + (now - last) * self.rate / 60)
        self.clients[client] = (max(tokens - 1, 0.0) if tokens >= 1 else tokens, now)
        while len(self.clients) > MAX_CLIENTS:
            self.clients.popitem(last=False)
        if tokens < 1:
            raise Refused(429, f"more than {self.rate} requests in a minute; wait a little")

    def _check_call(self, path: str, body: bytes) -> None:
        """Check that a body is JSON and, for the API, that it has the arguments of the function.

        Raises:
            Refused: it is not, or has other arguments.
        """
        try:
            call = json.loads(body) if body else {}
        except (ValueError, RecursionError):
            raise Refused(400, "the request is no JSON") from None
        if not isinstance(call, dict):
            raise Refused(400, "the request must be a JSON object")
        match = API_CALL.fullmatch(path)
        if not match:
            return
        is_named, name = match.groups()
        if name not in self.parameters:
            raise Refused(404, f"no endpoint of that name; there are: {', '.join(self.parameters)}")
        parameters = self.parameters[name]
        needed = [parameter.name for parameter in parameters.values() if parameter.default is parameter.empty]
        if is_named:
            missing, unknown = set(needed) - call.keys(), call.keys() - parameters.keys()
            if missing or unknown:
                raise Refused(422, f"the arguments of {name} are {', '.join(parameters)}; needed: {', '.join(needed)}")
            return
        data = call.get("data")
        if not isinstance(data, list) or len(data) != len(parameters):
            raise Refused(422, f'"data" must be a list of {len(parameters)} values: {", ".join(parameters)}')


class _Responder:
    """Passes an answer on with `HEADERS`. What a client can mend gets the status 400, which Gradio calls an error of the server."""

    def __init__(self, send):
        self._send = send
        self._error = None
        self.has_started = False

    async def send(self, event):
        if event["type"] == "http.response.start":
            names = {name.encode() for name in HEADERS}
            headers = [(name, value) for name, value in event.get("headers", ()) if name.lower() not in names]
            headers += [(name.encode(), value.encode()) for name, value in HEADERS.items()]
            event = {**event, "headers": headers}
            if event["status"] == 500:
                self._error = event  # its status depends on its body
                return
        elif self._error:
            is_mendable = NOT_ACCEPTED.encode() in event.get("body", b"")
            await self._send({**self._error, "status": 400 if is_mendable else 500})
            self._error = None
        self.has_started = True
        await self._send(event)


async def _whole_body(scope, receive) -> bytes:
    """The body of a request. Of a body that is too large, the rest is read and dropped, so that its sender hears why.

    Raises:
        Refused: it is too large, or the connection was closed.
    """
    lengths = [value for name, value in scope.get("headers", ()) if name == b"content-length"]
    too_large = Refused(413, f"the request is larger than {MAX_BODY:,} bytes; shorten it")
    if lengths and (not lengths[0].isdigit() or int(lengths[0]) > MAX_DROPPED):
        raise too_large
    body, size = bytearray(), 0
    while True:
        event = await receive()
        if event["type"] == "http.disconnect":
            raise Refused(400, "the connection was closed")
        part = event.get("body", b"")
        size += len(part)
        if size <= MAX_BODY:
            body += part
        if size > MAX_DROPPED or (size > MAX_BODY and not event.get("more_body")):
            raise too_large
        if not event.get("more_body"):
            return bytes(body)


def _replayed(body: bytes, receive):
    """A function like `receive` that first gives a body that was read already."""
    events = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def replay():
        return next(events, None) or await receive()

    return replay


async def _send_line(send, status: int, line: str) -> None:
    body = json.dumps({"error": line, "detail": line}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    if status == 413:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})

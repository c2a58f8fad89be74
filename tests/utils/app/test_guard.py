import asyncio
import json

import pytest

from utils.app.guard import MAX_BODY, MAX_DROPPED, MAX_WAITING, Guard


def answer(question: str, context: str, count: int = 5) -> dict:
    """An endpoint."""


class Application:
    """An ASGI application that repeats what it is sent."""

    def __init__(self, body=b"done"):
        self.body = body
        self.bodies = []

    async def __call__(self, scope, receive, send):
        if scope["method"] == "POST":
            self.bodies.append((await receive())["body"])
        if scope["path"] == "/config":
            raise RuntimeError("broken")
        headers = [(b"content-type", b"text/html"), (b"referrer-policy", b"unsafe-url")]
        await send({"type": "http.response.start", "status": 200 if self.body == b"done" else 500, "headers": headers})
        await send({"type": "http.response.body", "body": self.body})


def request(guard, path, body=None, client="1.2.3.4", chunks=None, headers=()):
    """Status, headers and body of the answer to a request; `chunks` are sent without saying how many bytes come."""
    chunks = chunks if chunks is not None else [body or b""]
    events = [
        {"type": "http.request", "body": chunk, "more_body": number < len(chunks) - 1}
        for number, chunk in enumerate(chunks)
    ]
    sent = []

    async def receive():
        return events.pop(0)

    async def send(event):
        sent.append(event)

    scope = {
        "type": "http",
        "method": "GET" if body is None and len(chunks) == 1 else "POST",
        "path": path,
        "client": (client, 5),
        "headers": list(headers),
    }
    asyncio.run(guard(scope, receive, send))
    start, *parts = sent
    return start["status"], dict(start["headers"]), b"".join(part["body"] for part in parts)


def call(guard, path="/gradio_api/run/squad", **content):
    return request(guard, path, json.dumps(content).encode())


@pytest.fixture
def guard():
    return Guard(Application(), {"squad": answer})


@pytest.mark.parametrize("path", ["/", "/theme.css", "/assets/index.js", "/gradio_api/info", "/gradio_api/queue/data"])
def test_what_the_page_needs_is_passed_on(guard, path):
    status, _, body = request(guard, path)
    assert (status, body) == (200, b"done")


@pytest.mark.parametrize(
    "path",
    [
        "/gradio_api/file=/etc/passwd",
        "/gradio_api/file/etc/passwd",
        "/gradio_api/proxy=http://example.org",
        "/gradio_api/upload",
        "/gradio_api/stream/a",
        "/gradio_api/component_server",
        "/gradio_api/vibe-code",
        "/monitoring",
        "/gradio_api/runs",
        "/docs",
        "/assets",
    ],
)
def test_files_uploads_and_proxies_are_not_among_the_addresses(guard, path):
    assert request(guard, path)[0] == 404
    assert request(guard, path, b"{}")[0] == 404
    assert guard.app.bodies == []


def test_headers_keep_a_browser_from_asking_other_servers(guard):
    _, headers, _ = request(guard, "/")
    assert b"default-src 'self'" in headers[b"content-security-policy"]
    assert headers[b"referrer-policy"] == b"no-referrer"


def test_a_large_request_is_refused(guard):
    assert request(guard, "/gradio_api/queue/join", b"{}", headers=[(b"content-length", b"99999999")])[0] == 413
    assert request(guard, "/gradio_api/queue/join", chunks=[b" " * (MAX_BODY // 2)] * 3)[0] == 413
    assert request(guard, "/gradio_api/queue/join", chunks=[b" " * (MAX_DROPPED // 8)] * 99)[0] == 413
    assert guard.app.bodies == []
    body = b'{"a": "' + b"x" * (MAX_BODY - 9) + b'"}'
    assert request(guard, "/gradio_api/queue/join", chunks=[body[:7], body[7:]])[0] == 200
    assert guard.app.bodies == [body]


@pytest.mark.parametrize("body", [b"no JSON", b"[" * 100_000, b'"text"', b"[1]", b"\xff\xfe"])
def test_what_is_no_json_object_is_refused(guard, body):
    status, _, answer_body = request(guard, "/gradio_api/queue/join", body)
    assert status == 400 and "JSON" in json.loads(answer_body)["error"]


def test_calls_have_the_arguments_of_their_endpoint(guard):
    assert call(guard, data=["q", "c", 5])[0] == 200
    status, _, body = call(guard, data=["q"])
    assert status == 422 and json.loads(body)["error"] == '"data" must be a list of 3 values: question, context, count'
    assert call(guard, data="qcc")[0] == 422
    assert call(guard, "/gradio_api/call/squad")[0] == 422
    assert call(guard, "/gradio_api/call/v2/squad", question="q", context="c")[0] == 200
    status, _, body = call(guard, "/gradio_api/call/v2/squad", question="q", text="c")
    assert status == 422 and "needed: question, context" in json.loads(body)["error"]
    status, _, body = call(guard, "/gradio_api/run/predict", data=[])
    assert status == 404 and json.loads(body)["error"] == "no endpoint of that name; there are: squad"


def test_a_client_has_so_many_requests_a_minute():
    seconds = [0.0]
    guard = Guard(Application(), {"squad": answer}, rate=3, clock=lambda: seconds[0])
    statuses = [call(guard, data=["q", "c", 1])[0] for _ in range(5)]
    assert statuses == [200, 200, 200, 429, 429]
    assert request(guard, "/")[0] == 200  # looking costs nothing
    assert request(guard, "/gradio_api/queue/join", b"{}", client="5.6.7.8")[0] == 200
    seconds[0] = 21  # a third of a minute: one more
    assert [call(guard, data=["q", "c", 1])[0] for _ in range(2)] == [200, 429]


def test_requests_whose_body_never_comes_keep_nobody_waiting(guard):
    async def never():
        await asyncio.Event().wait()

    async def ignore(event):
        pass

    async def fill_and_ask():
        scope = {
            "type": "http",
            "method": "POST",
            "path": "/gradio_api/run/squad",
            "client": ("9.9.9.9", 5),
            "headers": [],
        }
        tasks = [asyncio.ensure_future(guard(dict(scope), never, ignore)) for _ in range(MAX_WAITING + 1)]
        await asyncio.sleep(0)
        sent, events = [], [{"type": "http.request", "body": b'{"data": ["q", "c", 1]}', "more_body": False}]

        async def receive():
            return events.pop(0)

        async def send(event):
            sent.append(event)

        await guard(scope, receive, send)
        for task in tasks:
            task.cancel()
        return sent[0]["status"]

    assert asyncio.run(fill_and_ask()) == 200


def test_a_body_that_never_comes_is_given_up(guard, monkeypatch):
    monkeypatch.setattr("utils.app.guard.BODY_SECONDS", 0.01)

    async def never():
        await asyncio.Event().wait()

    sent = []

    async def send(event):
        sent.append(event)

    scope = {"type": "http", "method": "POST", "path": "/gradio_api/run/squad", "client": ("9.9.9.9", 5), "headers": []}
    asyncio.run(guard(scope, never, send))
    assert sent[0]["status"] == 408 and b"did not come within" in sent[1]["body"]


def test_an_error_of_the_application_becomes_a_line(guard, capsys):
    status, _, body = request(guard, "/config")
    assert status == 500 and "log says why" in json.loads(body)["error"]
    assert capsys.readouterr().err == "'/config': RuntimeError: 'broken'\n"


@pytest.mark.parametrize(("title", "expected"), [("Not accepted", 400), ("Error", 500)])
def test_what_a_client_can_mend_is_no_error_of_the_server(title, expected):
    content = json.dumps({"error": "question: is empty", "title": title}).encode()
    status, _, body = call(Guard(Application(content), {"squad": answer}), data=["", "c", 1])
    assert (status, body) == (expected, content)

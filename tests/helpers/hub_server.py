"""A stand-in for the Hugging Face Hub on this machine: it keeps repositories in memory and speaks the routes that are used."""

import base64
import contextlib
import hashlib
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COMMIT = "c" * 40


class HubServer(ThreadingHTTPServer):
    """Repositories by name, each a dict of file name to bytes; `tokens` are those that may write."""

    def __init__(self, tokens=()):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.repositories = {}
        self.tokens = set(tokens)
        self.private = {}
        self.requests = []

    @property
    def address(self):
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def body(self):
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def reply(self, content, status=200, headers=None):
        content = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        self.server.requests.append(f"{self.command} {self.path}")
        if match := re.fullmatch(r"/api/models/([\w.-]+/[\w.-]+)(/revision/[^?]+)?(\?.*)?", self.path):
            files = self.server.repositories.get(match[1])
            if files is None:
                self.reply({"error": "Repository not found"}, 404, {"X-Error-Code": "RepoNotFound"})
                return
            siblings = [{"rfilename": name, "size": len(content)} for name, content in files.items()]
            self.reply({"id": match[1], "modelId": match[1], "sha": COMMIT, "siblings": siblings, "private": False})
        elif match := re.fullmatch(r"/api/models/([\w.-]+/[\w.-]+)/tree/[^?]+(\?.*)?", self.path):
            files = self.server.repositories.get(match[1], {})
            self.reply(
                [
                    {"type": "file", "path": name, "size": len(content), "oid": hashlib.sha1(content).hexdigest()}
                    for name, content in files.items()
                ]
            )
        elif match := re.fullmatch(r"/([\w.-]+/[\w.-]+)/resolve/[^/]+/(.+)", self.path):
            content = self.server.repositories.get(match[1], {}).get(match[2])
            if content is None:
                self.reply({"error": "Entry not found"}, 404, {"X-Error-Code": "EntryNotFound"})
                return
            etag = hashlib.sha1(content).hexdigest()
            self.reply(content, headers={"ETag": f'"{etag}"', "X-Repo-Commit": COMMIT})
        else:
            self.reply({"error": f"no such route: {self.path}"}, 404)

    def do_POST(self):
        self.server.requests.append(f"POST {self.path}")
        body = self.body()
        if self.headers.get("Authorization", "").removeprefix("Bearer ") not in self.server.tokens:
            self.reply({"error": "Invalid username or password."}, 401)
        elif self.path == "/api/repos/create":
            asked = json.loads(body)
            name = f"{asked['organization']}/{asked['name']}" if asked.get("organization") else asked["name"]
            self.server.repositories.setdefault(name, {})
            self.server.private[name] = asked.get("private") or asked.get("visibility") == "private"
            self.reply({"url": f"{self.server.address}/{name}", "name": name})
        elif self.path == "/api/validate-yaml":
            self.reply({"errors": [], "warnings": []})
        elif match := re.fullmatch(r"/api/models/([\w.-]+/[\w.-]+)/preupload/[^?]+(\?.*)?", self.path):
            names = [file["path"] for file in json.loads(body)["files"]]
            self.reply({"files": [{"path": name, "uploadMode": "regular", "shouldIgnore": False} for name in names]})
        elif match := re.fullmatch(r"/api/models/([\w.-]+/[\w.-]+)/commit/[^?]+(\?.*)?", self.path):
            for line in map(json.loads, body.splitlines()):
                if line["key"] == "file":
                    file = line["value"]
                    self.server.repositories[match[1]][file["path"]] = base64.b64decode(file["content"])
            self.reply(
                {
                    "commitUrl": f"{self.server.address}/{match[1]}/commit/{COMMIT}",
                    "commitOid": COMMIT,
                    "hookOutput": "",
                    "success": True,
                }
            )
        else:
            self.reply({"error": f"no such route: {self.path}"}, 404)


@contextlib.contextmanager
def hub_server(monkeypatch, cache, tokens=("secret",)):
    """Within the block, the client of the Hub talks to a stand-in, and keeps what it downloads in `cache`."""
    from huggingface_hub import constants

    server = HubServer(tokens)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    template = constants.HUGGINGFACE_CO_URL_TEMPLATE.replace(constants.ENDPOINT, server.address)
    for name, value in {
        "ENDPOINT": server.address,
        "HUGGINGFACE_CO_URL_TEMPLATE": template,
        "HF_HUB_CACHE": str(cache),
    }.items():
        monkeypatch.setattr(constants, name, value)
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(cache / "no token"))
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

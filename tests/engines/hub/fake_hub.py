"""A Hugging Face hub on this machine: what huggingface_hub asks for, and faults on request."""

import hashlib
import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

COMMIT = "1234567890abcdef1234567890abcdef12345678"


@dataclass
class FakeHub:
    """Serves `repositories`, {"owner/name": {path: bytes}}.

    refusals  {"owner/name": (status, X-Error-Code)}: what every request for it is answered with
    cuts      {path: bytes}: the next download of that file ends after so many bytes
    asked     "METHOD path", of every request
    sent      (path, first byte, bytes sent), of every download
    """

    repositories: dict = field(default_factory=dict)
    refusals: dict = field(default_factory=dict)
    cuts: dict = field(default_factory=dict)
    asked: list = field(default_factory=list)
    sent: list = field(default_factory=list)
    address: str = ""

    def downloaded(self):
        return sorted({path for path, _, _ in self.sent})

    def downloads_of(self, path):
        return [(first, count) for name, first, count in self.sent if name == path]


@contextmanager
def running(hub):
    """The hub at `hub.address`, until the block ends."""

    class Handler(_Handler):
        fake = hub

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    fake: FakeHub

    def log_message(self, *_arguments):
        pass

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        path = unquote(urlsplit(self.path).path).strip("/")
        self.fake.asked.append(f"{self.command} {path}")
        if path.startswith("cdn/"):
            owner, name, file = path.removeprefix("cdn/").split("/", 2)
            return self._send_file(file, self.fake.repositories[f"{owner}/{name}"][file])
        api = path.startswith("api/models/")
        owner, name, *rest = path.removeprefix("api/models/").split("/", 4 - api)
        repo_id = f"{owner}/{name}"
        if repo_id in self.fake.refusals:
            return self._refuse(*self.fake.refusals[repo_id])
        if repo_id not in self.fake.repositories:
            return self._refuse(401, "RepoNotFound")  # as for private ones
        files = self.fake.repositories[repo_id]
        if api:
            return self._send_json(_tree(files) if rest[:1] == ["tree"] else _info(repo_id, files))
        return self._resolve(repo_id, rest[-1], files)

    def _resolve(self, repo_id, file, files):
        if file not in files:
            self._refuse(404, "EntryNotFound")
        elif not file.endswith(".safetensors"):
            self._send_file(file, files[file])
        else:
            self._redirect(repo_id, file, files)

    def _redirect(self, repo_id, file, files):
        """Large files lie elsewhere."""
        self.send_response(302)
        self.send_header("Location", f"{self.fake.address}/cdn/{repo_id}/{file}")
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("X-Linked-Size", str(len(files[file])))
        self.send_header("X-Linked-ETag", f'"{hashlib.sha256(files[file]).hexdigest()}"')
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _send_file(self, file, content):
        first = 0
        if "Range" in self.headers:
            first = int(self.headers["Range"].removeprefix("bytes=").split("-")[0])
        body = content[first:]
        self.send_response(206 if "Range" in self.headers else 200)
        if "Range" in self.headers:
            span = f"bytes {first}-{len(content) - 1}/{len(content)}"
            self.send_header("Content-Range", span)
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("ETag", f'"{hashlib.sha1(content).hexdigest()}"')
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "HEAD":
            return
        cut = self.fake.cuts.pop(file, None)
        body = body if cut is None else body[:cut]
        self.fake.sent.append((file, first, len(body)))
        self.wfile.write(body)
        self.close_connection = self.close_connection or cut is not None

    def _send_json(self, content):
        body = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _refuse(self, status, code):
        self.send_response(status)
        if code is not None:
            self.send_header("X-Error-Code", code)
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("Content-Length", "0")
        self.end_headers()


def _info(repo_id, files):
    siblings = [{"rfilename": name} for name in sorted(files)]
    return {"id": repo_id, "modelId": repo_id, "sha": COMMIT, "siblings": siblings}


def _tree(files):
    return [
        {
            "type": "file",
            "path": name,
            "size": len(content),
            "oid": hashlib.sha1(content).hexdigest(),
        }
        for name, content in sorted(files.items())
    ]

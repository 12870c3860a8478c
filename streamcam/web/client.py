"""Client: ask the running program for another look or preset, from another process."""

from __future__ import annotations

import json
from http.client import HTTPException
from urllib.error import HTTPError
from urllib.request import OpenerDirector, ProxyHandler, Request, build_opener

from streamcam.errors import UsageError
from streamcam.web.runtime import Running, runtime_file

_NOBODY = "no streamcam is running with its web page on; start one with: streamcam --preset anime"
_PATIENCE = 5.0  # seconds; the first connection loads the server's code


def send_look(name: str) -> None:
    """Switch the running program to the look `name`. Raises `UsageError`."""
    _post("/api/look", name)


def send_preset(name: str) -> None:
    """Switch the running program to the preset `name`. Raises `UsageError`."""
    _post("/api/preset", name)


def send_curtain(name: str) -> None:
    """Cover the running program's picture, or show it again. Raises `UsageError`."""
    _post("/api/curtain", name)


def _post(path: str, name: str) -> None:
    try:
        running = Running.load(runtime_file())
    except OSError:  # no folder of this user, so no program of this user
        running = None
    if running is None:
        raise UsageError(_NOBODY)
    request = Request(
        f"http://127.0.0.1:{running.port}{path}",
        data=json.dumps({"name": name}).encode(),
        headers={"Content-Type": "application/json", "X-Streamcam-Token": running.token},
    )
    try:
        with _direct().open(request, timeout=_PATIENCE) as answer:
            answer.read()
    except HTTPError as error:
        raise UsageError(_reason(error, running)) from None
    except (OSError, HTTPException):
        # The program has died without removing its file, or something else has its port now.
        raise UsageError(_NOBODY) from None


def _direct() -> OpenerDirector:
    """Without a proxy, which would not know this machine's 127.0.0.1."""
    return build_opener(ProxyHandler({}))


def _reason(error: HTTPError, running: Running) -> str:
    with error:
        try:
            return str(json.loads(error.read())["error"])
        except (ValueError, TypeError, KeyError):
            return f"what answers on port {running.port} is not streamcam; {_NOBODY}"

"""Other programs: OBS, the one that has the page's port, a streamcam that runs already."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import suppress

from streamcam.doctor import Finding
from streamcam.obs.connection import SETTINGS
from streamcam.obs.server import find_obs
from streamcam.web.runtime import runtime_folder, saved

_TOPIC = "program"
_TIMEOUT_SECONDS = 0.5  # seconds for an answer on this machine


def check(port: int = 8737) -> Iterator[Finding]:
    """`port` is the page's."""
    yield _obs()
    yield _page(port)


def _obs() -> Finding:
    found = find_obs()
    answering = [server.port for server in found.servers if _answers(server.port)]
    if answering:
        text = f"runs, and its WebSocket server answers on {answering[0]}, for streamcam obs"
        return Finding(_TOPIC, "OBS", "ok", text)
    if found.running:
        text = "runs; its WebSocket server is off, which streamcam obs needs"
        fix = f"in OBS, {SETTINGS}, tick Enable WebSocket server"
        return Finding(_TOPIC, "OBS", "note", text, fix)
    return Finding(_TOPIC, "OBS", "ok", "does not run")


def _page(port: int) -> Finding:
    if not _answers(port):
        return Finding(_TOPIC, f"port {port}", "ok", "free, for the page")
    ours = []
    with suppress(OSError):
        ours = [one.pid for one in saved(runtime_folder()) if one.port == port and one.alive]
    if ours:
        return Finding(
            _TOPIC, f"port {port}", "ok", f"a streamcam runs already (process {ours[0]})"
        )
    text = "another program has it; the page takes the next free port, which the start names"
    return Finding(_TOPIC, f"port {port}", "note", text)


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), _TIMEOUT_SECONDS):
            return True
    except OSError:
        return False

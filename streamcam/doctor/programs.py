"""Other programs: OBS, the one that has the page's port, a streamcam that runs already."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import suppress

import psutil

from streamcam.doctor import Finding
from streamcam.web.runtime import runtime_folder, saved

_TOPIC = "program"
_OBS = {"obs", "obs64.exe", "obs64"}
_OBS_PORT = 4455  # of obs-websocket, part of OBS since 28
_TIMEOUT_SECONDS = 0.5  # seconds for an answer on this machine


def check(port: int = 8737, obs_port: int = _OBS_PORT) -> Iterator[Finding]:
    """`port` is the page's."""
    yield _obs(obs_port)
    yield _page(port)


def _obs(port: int) -> Finding:
    names = {(one.info["name"] or "").lower() for one in psutil.process_iter(["name"])}
    if _answers(port):
        return Finding(_TOPIC, "OBS", "ok", f"runs, and its WebSocket server answers on {port}")
    if names & _OBS:
        text = "runs; its WebSocket server is off, which only remote control needs"
        return Finding(_TOPIC, "OBS", "ok", text)
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

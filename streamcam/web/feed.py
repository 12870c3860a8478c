"""The feed: a WebSocket that tells one viewer of every change and of the figures, and takes values.

From here to the viewer, as JSON: {"preset", "look", "looks", "curtain", "undo", "redo",
"values"}, of which only what has changed is there, all of it the first time; {"stats"}, twice a
second; {"refused"}, why a change was not made. From the viewer, who has to know the token then:
{"values": {"strength": 0.7}}.
"""

from __future__ import annotations

import json
from contextlib import suppress
from threading import Event
from time import perf_counter
from typing import Any

from anyio import create_task_group, sleep, to_thread
from fastapi import FastAPI, WebSocket, WebSocketDisconnect
from starlette.websockets import WebSocketState

from streamcam.control.desk import Desk
from streamcam.errors import StreamcamError
from streamcam.web.guard import is_token

MOST_FEEDS = 32
_LOOK_SECONDS = 0.05  # seconds between looks at what has changed
_STATS_SECONDS = 0.5
_TRY_AGAIN_LATER = 1013


def add_feed(app: FastAPI, desk: Desk, token: str) -> None:
    """The route /api/feed. A viewer with `?token=…`, or the token's header, may change values."""
    open_feeds: set[WebSocket] = set()

    @app.websocket("/api/feed")
    async def feed(socket: WebSocket) -> None:
        await socket.accept()
        if len(open_feeds) >= MOST_FEEDS:
            await socket.close(_TRY_AGAIN_LATER, f"{MOST_FEEDS} are open already")
            return
        open_feeds.add(socket)
        try:
            given = socket.query_params.get("token") or socket.headers.get("x-streamcam-token", "")
            one = _Feed(socket, desk, app.state.stopping, may_change=is_token(given, token))
            await one.run()
        finally:
            open_feeds.discard(socket)


class _Feed:
    """One viewer. Whoever takes what is sent slowly misses what was in between, and no more: there
    is never more than one message on its way."""

    def __init__(self, socket: WebSocket, desk: Desk, stopping: Event, *, may_change: bool) -> None:
        self._socket = socket
        self._desk = desk
        self._program = desk.program
        self._stopping = stopping
        self._may_change = may_change
        self._told: dict[str, Any] = {}
        self._values: dict[str, Any] = {}
        self._refused = ""

    async def run(self) -> None:
        """Until the viewer goes or the server stops."""
        async with create_task_group() as tasks:
            tasks.start_soon(self._listen)
            with suppress(WebSocketDisconnect):
                await self._tell()
            tasks.cancel_scope.cancel()
        if self._socket.application_state is not WebSocketState.DISCONNECTED:
            await self._close()

    async def _close(self) -> None:
        with suppress(RuntimeError):  # the viewer was faster
            await self._socket.close()

    async def _tell(self) -> None:
        due = 0.0
        while not self._stopping.is_set():
            if self._socket.client_state is WebSocketState.DISCONNECTED:
                return
            news = self._news()
            if perf_counter() >= due:
                due = perf_counter() + _STATS_SECONDS
                news["stats"] = self._program.stats.snapshot().as_dict()
            if news:
                await self._socket.send_json(news)
            await sleep(_LOOK_SECONDS)

    def _news(self) -> dict[str, Any]:
        program = self._program
        back, forth = self._desk.history.labels
        now = {
            "preset": program.preset_name,
            "look": program.stats.snapshot().look,
            "looks": program.look_names(),
            "curtain": program.curtain,
            "undo": back,
            "redo": forth,
        }
        values = program.values()
        news: dict[str, Any] = {
            name: one for name, one in now.items() if self._told.get(name) != one
        }
        changed = {key: one for key, one in values.items() if self._values.get(key) != one}
        gone = dict.fromkeys(self._values.keys() - values.keys())  # a blend has fewer parts
        if changed or gone:
            news["values"] = changed | gone
        self._told, self._values = now, values
        refused, self._refused = self._refused, ""
        return news | ({"refused": refused} if refused else {})

    async def _listen(self) -> None:
        while True:
            message = await self._socket.receive()
            if message["type"] == "websocket.disconnect":
                return
            self._refused = await self._take(message.get("text") or "") or self._refused

    async def _take(self, text: str) -> str:
        """Change what a message asks for; why not, or ""."""
        if not self._may_change:
            return "the token is not that of the running program; reload the page"
        wanted = _values_in(text)
        if wanted is None:
            return 'a message must be {"values": {"strength": 0.7}}'
        try:
            await to_thread.run_sync(self._desk.change_values, wanted)
        except StreamcamError as error:
            return str(error)
        return ""


def _values_in(text: str) -> dict[str, Any] | None:
    try:
        wanted = json.loads(text)["values"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return wanted if isinstance(wanted, dict) else None

"""WebServer: serves the page, or its controls alone, on 127.0.0.1, on a thread of its own."""

from __future__ import annotations

import logging
import secrets
import select
import socket
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from threading import Event
from typing import TYPE_CHECKING

from streamcam.control.doors import Doors
from streamcam.errors import UsageError, reason
from streamcam.notices import Notice
from streamcam.sink.web import WebSink
from streamcam.stage import Stage
from streamcam.web.listening import BACKLOG, take_port
from streamcam.web.runtime import Running, runtime_folder

if TYPE_CHECKING:
    import uvicorn

DEFAULT_PORT = 8737
_TRIES = 20  # ports to look at, if none was asked for
_POLL_SECONDS = 0.2  # seconds between looks at whether to stop, before the first connection
_CUT_OFF_SECONDS = 0.4  # seconds that open connections have to end by themselves
_LARGEST_MESSAGE = 16_384  # bytes that a viewer may send at once


@dataclass(frozen=True, slots=True)
class Site:
    """What is served, and how the program that serves it is found.

    page      whether there is the page and its picture, not the controls alone
    port      its port; another one if that is taken, unless `explicit`: the user asked for it
    preset    that the program starts with
    outputs   of the program, as they were asked for
    offers    a camera or viewers come over WebRTC: the run is nothing without a port
    address   of this machine, where another device may use the page, which asks for the token then;
              "": none
    """

    page: bool = True
    port: int = DEFAULT_PORT
    explicit: bool = False
    preset: str = ""
    outputs: tuple[str, ...] = ()
    offers: bool = False
    address: str = ""


class WebServer:
    """The page for what `doors` lead to, with the picture of `sink` unless that is None.

    `listen` takes the port, which may be refused, before anything else is opened; `start` serves,
    and calls `listen` if that was not done. `sink` may be set in between. No other fault here ends
    a run: `notice` names it, or the notices of the program.

    Until a client connects it costs one socket: not even the server's code is loaded, so that
    it delays no first picture.
    """

    def __init__(self, doors: Doors, sink: WebSink | None, site: Site) -> None:
        self.sink = sink
        self.port = site.port
        self.notice = ""  # what the user should know, after `listen` and `start`
        self._doors = doors
        self._site = site
        self._token = secrets.token_urlsafe(24)
        self._forget: Callable[[], None] = lambda: None  # removes the runtime file
        self._sockets: list[socket.socket] = []
        self._stop = Event()
        self._stopping: Event | None = None  # the app's
        self._server: uvicorn.Server | None = None
        self._stage: Stage | None = None

    @property
    def url(self) -> str:
        """Where the page is."""
        return f"http://127.0.0.1:{self.port}/"

    @property
    def phone(self) -> str:
        """What another device opens, with the token in it; "" for none."""
        address = self._site.address
        return f"http://{address}:{self.port}/?token={self._token}" if address else ""

    def offers(self, path: str) -> str:
        """What a program over WebRTC is given: the address of /whip or /whep, and its token."""
        address = self._site.address or "127.0.0.1"
        return f"http://{address}:{self.port}{path} (bearer token {self._token})"

    def listen(self) -> None:
        """Take the port; clients that connect wait for `start`. Raises `UsageError` if it is
        taken."""
        asked_for = self.port
        tries = 1 if self._site.explicit or not asked_for else _TRIES
        try:
            self._sockets = take_port(asked_for, tries, self._site.address)
        except OSError as error:
            self._do_without(reason(error))
            return
        self.port = self._sockets[0].getsockname()[1]
        if asked_for not in (0, self.port):
            self.notice = f"port {asked_for} is taken; the page is at {self.url}"

    def _do_without(self, why: str) -> None:
        """This machine gives the program no port. Raises `UsageError` if the run needs one."""
        site = self._site
        if site.offers:
            raise UsageError(f"WebRTC cannot be served on 127.0.0.1: {why}")
        if site.explicit or site.address or "web" in site.outputs:
            raise UsageError(f"the page cannot be served on 127.0.0.1: {why}; use --no-web")
        self.notice = f"none, and streamcam switch and curtain will not find this program: {why}"

    def start(self) -> None:
        """Serve, and let `streamcam switch` know. Raises what `listen` raises."""
        if not self._sockets and not self.notice:
            self.listen()
        if not self._sockets:
            return
        self._announce()
        self._stage = Stage("web", partial(self._run, self._sockets), ends=())
        self._stage.start()

    def _announce(self) -> None:
        try:
            folder = runtime_folder()
            running = Running.here(self.port, self._token, self._site.preset, self._site.outputs)
            running.save(folder)
        except Exception as error:  # noqa: BLE001  # the folder's library, or the system, whatever
            self.notice = (
                f"streamcam switch and curtain will not find this program: {reason(error)}"
            )
        else:
            self._forget = lambda: running.forget(folder)

    def stop(self) -> None:
        """End every connection and free the port, within a second. May be called twice."""
        self._stop.set()
        if self._stopping is not None:
            self._stopping.set()
        if self._server is not None:
            self._server.should_exit = True
        if self._stage is not None:
            self._stage.join(1.0)
        for one in self._sockets:
            one.close()
        self._forget()

    def _run(self, listeners: list[socket.socket]) -> None:
        try:
            while not select.select(listeners, [], [], _POLL_SECONDS)[0]:
                if self._stop.is_set():
                    return
            self._serve(listeners)
        # A fault of the server, its sys.exit included, must not end the run: a notice names it.
        except (Exception, SystemExit) as error:  # noqa: BLE001
            for one in listeners:
                one.close()  # clients are refused at once instead of waiting
            if not self._stop.is_set():
                what = "the page has" if self._site.page else "streamcam switch and curtain have"
                self._doors.desk.program.stats.notices.put(
                    Notice("page", f"{what} broken down: {reason(error)}")
                )

    def _serve(self, listeners: list[socket.socket]) -> None:
        import uvicorn

        from streamcam.web.app import create_app

        # What is cut off at the end is no error to show; a bug of ours is.
        logging.getLogger("uvicorn.error").addFilter(lambda record: not self._stop.is_set())
        app = create_app(
            self._doors, self.sink, self._token, page=self._site.page, phone=self.phone
        )
        self._stopping = app.state.stopping
        self._server = uvicorn.Server(
            uvicorn.Config(
                app,
                loop="asyncio",
                http="h11",
                ws="websockets-sansio",
                ws_max_size=_LARGEST_MESSAGE,
                ws_per_message_deflate=False,
                lifespan="off",
                log_config=None,
                log_level="error",
                access_log=False,
                proxy_headers=False,
                server_header=False,
                backlog=BACKLOG,
                timeout_graceful_shutdown=_CUT_OFF_SECONDS,  # type: ignore[arg-type]  # fractions work
            )
        )
        if not self._stop.is_set():
            self._server.run(sockets=listeners)

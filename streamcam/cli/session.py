"""A run from its flags to its end: choose, start, show, react to keys and saves, stop."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING

from engines.errors import EngineError
from streamcam.cli.keys import CURTAINS, Keys
from streamcam.cli.notes import engine_notes
from streamcam.cli.signals import StopSignals
from streamcam.cli.status import Status, open_status
from streamcam.cli.terminal import Terminal
from streamcam.cli.watcher import Watcher
from streamcam.config import Size
from streamcam.errors import StreamcamError, UsageError
from streamcam.presets import load_preset

if TYPE_CHECKING:
    from streamcam.pipeline import Options, Pipeline
    from streamcam.web.server import WebServer

_POLL = 0.1  # seconds between looks at keys and signals: a key acts at once for a person
_LIVE_KINDS = ("camera", "screen")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """The flags of a run, checked one by one. None: not given."""

    preset: str
    source: str | None
    outputs: tuple[str, ...]
    size: Size | None
    fps: float | None
    model: str | None
    backend: str | None
    port: int | None
    web: bool
    duration: float | None
    realtime: bool


def run_request(request: Request) -> None:
    """Run until the source ends, the time is over, or somebody stops it. Main thread only.

    Raises `UsageError` and `EngineError` with nothing left open, or what broke the run.
    """
    terminal = Terminal(optional=True)
    with StopSignals() as signals:
        _run(request, terminal, signals)


def _run(request: Request, terminal: Terminal, signals: StopSignals) -> None:
    with ExitStack() as closing:
        closing.enter_context(engine_notes(terminal.say))
        try:
            pipeline = _open(request, terminal, closing)
            signals.running()
        except KeyboardInterrupt:
            return
        except Exception:
            # A compiled module that is interrupted while it loads raises an error of its own.
            if signals.requested.is_set():
                return
            raise
        _Session(pipeline, terminal, signals, request.duration).run()
    now = pipeline.stats.snapshot()
    terminal.say(
        f"done: {now.seconds:.1f} s, {now.frames_in} frames in, {now.frames_out} out, "
        f"{now.dropped} dropped"
    )


def _open(request: Request, terminal: Terminal, closing: ExitStack) -> Pipeline:
    """The started pipeline, with its page or its controls alone; `closing` ends both."""
    options = choose_options(request, terminal.say)
    from streamcam.pipeline import Pipeline

    pipeline = Pipeline(options, terminal.say)
    server = _listening(pipeline, options, closing) if options.realtime else None
    closing.callback(pipeline.stop)
    pipeline.start()
    if server is not None:
        server.sink = pipeline.web_sink
        server.start()
        if options.web or server.notice:
            terminal.say(f"{'page' if options.web else 'control'}: {server.notice or server.url}")
    return pipeline


def _listening(pipeline: Pipeline, options: Options, closing: ExitStack) -> WebServer:
    """The server with its port, taken before anything is opened: that may be refused."""
    from streamcam.web.server import DEFAULT_PORT, Site, WebServer

    site = Site(
        page=options.web,
        port=options.port or (DEFAULT_PORT if options.web else 0),  # 0: any that is free
        explicit=options.port is not None,
        preset=options.preset.name,
        outputs=options.outputs,
    )
    server = WebServer(pipeline, None, site)
    closing.callback(server.stop)
    server.listen()
    return server


def choose_options(request: Request, say: Callable[[str], None]) -> Options:
    """What the pipeline is to do; choices that the user left open are made and said."""
    preset = load_preset(request.preset)
    if not request.realtime:
        _check_rendering(request)
    _check_page(request)
    from streamcam.pipeline import Options
    from streamcam.pipeline.auto import (
        check_files,
        choose_outputs,
        choose_source,
    )

    say(f"preset: {preset.name}" + (f" ({preset.path})" if preset.path else ""))
    source = choose_source(request.source, say)
    outputs = choose_outputs(request.outputs, say, web=request.web)
    check_files(source, outputs)
    return Options(
        preset=preset,
        source=source,
        outputs=outputs,
        size=request.size,
        fps=request.fps,
        model=request.model,
        backend=request.backend,
        realtime=request.realtime,
        web=request.web and request.realtime,
        port=request.port,
    )


def _check_page(request: Request) -> None:
    if request.port is not None and not (request.web and request.realtime):
        other = "--realtime off" if request.web else "--no-web"
        raise UsageError(
            f"--port {request.port} is for the web page, and with {other} there is none: leave "
            "one out."
        )


def _check_rendering(request: Request) -> None:
    """--realtime off goes from file to file."""
    from streamcam import capture, sink

    if request.source is None:
        raise UsageError("--realtime off renders a file: add --source FILE.")
    kind = capture.parse(request.source)[0]
    if kind in _LIVE_KINDS:
        raise UsageError(f"--realtime off renders a file, and --source {request.source} is live.")
    if not request.outputs:
        raise UsageError("--realtime off renders to a file: add --output FILE.mp4.")
    for output in request.outputs:
        if sink.parse(output)[0] not in ("record", "null"):
            raise UsageError(f"--realtime off renders to a file; --output {output} keeps time.")


class _Session:
    """The main thread while the pipeline runs."""

    def __init__(
        self,
        pipeline: Pipeline,
        terminal: Terminal,
        signals: StopSignals,
        duration: float | None,
    ) -> None:
        self._pipeline = pipeline
        self._terminal = terminal
        self._signals = signals
        self._live = False
        self._deadline = perf_counter() + duration if duration is not None else float("inf")

    def run(self) -> None:
        """Until the pipeline ends, which may raise what ended it, or a stop is asked for."""
        watcher = Watcher(self._pipeline.apply_preset, self._terminal.say)
        try:
            with Keys() as keys, open_status(self._terminal, with_keys=keys.active) as status:
                while not self._ended():
                    self._react(keys.pressed())
                    watcher.follow(self._pipeline.preset)
                    self._show(status)
        finally:
            watcher.close()

    def _ended(self) -> bool:
        """Wait for the next look around; True if there is none."""
        left = self._deadline - perf_counter()
        if self._signals.requested.is_set() or left <= 0:
            return True
        return self._pipeline.wait(min(_POLL, left))

    def _show(self, status: Status) -> None:
        now = self._pipeline.stats.snapshot()
        if now.frames_out and not self._live:
            self._live = True
            self._terminal.say(
                f"live: first picture, {now.seconds:.1f} s after the preset was read"
            )
        status.show(now, self._pipeline.preset)

    def _react(self, typed: str) -> None:
        for key in typed:
            if key in "qQ":
                self._signals.requested.set()
            elif key in "0123456789":
                self._select(int(key))
            elif key.lower() in CURTAINS:
                self._cover(CURTAINS[key.lower()])

    def _cover(self, name: str) -> None:
        drawn = "live" if self._pipeline.curtain == name else name
        self._pipeline.draw_curtain(drawn)
        self._terminal.say(f"curtain: {drawn}")

    def _select(self, number: int) -> None:
        """0 is the preset's own look, 1 to 9 those of its [looks]."""
        preset = self._pipeline.preset
        names = (preset.name, *preset.look_names)
        if number >= len(names):
            self._terminal.say(
                f"look: there is no number {number}, the last one is {len(names) - 1}"
            )
            return
        try:
            self._pipeline.select_look(names[number])
        except (StreamcamError, EngineError) as error:
            self._terminal.say(f"look: {error}")

"""A run from its flags to its end: choose, start, show, react to keys and saves, stop."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING

from engines.errors import EngineError
from streamcam.cli.run.keys import Keys
from streamcam.cli.run.session.choices import Request, choose_options, wanted_doors
from streamcam.cli.run.session.closing import Closing
from streamcam.cli.run.session.signals import StopSignals
from streamcam.cli.run.status import Status, open_status
from streamcam.cli.run.watcher import Watcher
from streamcam.cli.terminal import Terminal
from streamcam.cli.terminal.notes import engine_notes
from streamcam.control.keys import CURTAIN_KEYS, LOOK_KEYS, REDO_KEY, TAP_KEY, UNDO_KEY
from streamcam.errors import StreamcamError, flat, raise_all

if TYPE_CHECKING:
    from streamcam.control.doors import Doors
    from streamcam.microphone import DelayedMicrophone
    from streamcam.pipeline import Options, Pipeline
    from streamcam.web.server import WebServer

_POLL_SECONDS = 0.1  # seconds between looks at keys and signals: a key acts at once for a person


def run_request(request: Request) -> None:
    """Run until the source ends, the time is over, or the user stops it. Main thread only.

    Raises `UsageError` and `EngineError` with nothing left open, or what broke the run.
    """
    terminal = Terminal(optional=True)
    with StopSignals() as signals:
        _run(request, terminal, signals)


def _run(request: Request, terminal: Terminal, signals: StopSignals) -> None:
    """Raises what went wrong, also while everything was closed; several failures as a group."""
    pipeline: Pipeline | None = None
    errors: list[BaseException] = []
    with Closing(errors) as closing:
        closing.enter_context(engine_notes(terminal.say))
        try:
            opened = _opened(request, terminal, signals, closing)
            if opened is not None:
                pipeline = opened[0]
                session = _Session(opened, terminal, signals, request.duration)
                session.microphone = _microphone(request, terminal, closing)
                session.run()
        except Exception as error:  # noqa: BLE001  # raised below, beside what comes at the end
            errors += flat([error])
        signals.requested.set()
    raise_all(errors)
    if pipeline is None:
        return
    now = pipeline.stats.snapshot()
    terminal.say(
        f"done: {now.seconds:.1f} s, {now.frames_in} frames in, {now.frames_out} out, "
        f"{now.dropped} dropped"
    )


def _opened(
    request: Request, terminal: Terminal, signals: StopSignals, closing: Closing
) -> tuple[Pipeline, Doors] | None:
    """The started pipeline and its doors; None if a signal came meanwhile."""
    try:
        opened = _open(request, terminal, signals, closing)
    except KeyboardInterrupt:
        return None
    except Exception:
        # A compiled module that Ctrl-C interrupts while it loads raises an error of its own.
        if signals.requested.is_set():
            return None
        raise
    signals.running()
    return opened


def _open(
    request: Request, terminal: Terminal, signals: StopSignals, closing: Closing
) -> tuple[Pipeline, Doors]:
    """The started pipeline, with its doors and its page, or its API alone; `closing` ends all."""
    options = choose_options(request, terminal.say)
    from streamcam.control.doors import Doors
    from streamcam.pipeline import Pipeline

    pipeline = Pipeline(options, terminal.say, signals.repeated)
    doors = Doors(pipeline)
    closing.add("a door", doors.close)
    doors.take(wanted_doors(request, options.preset))
    server = _listening(request, doors, options, closing) if options.realtime else None
    closing.callback(lambda: closing.keep(pipeline.errors))
    closing.add("the run", pipeline.stop)
    pipeline.start()
    if options.realtime:
        doors.open()
    for line in doors.described():
        terminal.say(line)
    if server is not None:
        server.sink = pipeline.web_sink
        server.start()
        if options.web or server.notice:
            terminal.say(f"{'page' if options.web else 'control'}: {server.notice or server.url}")
        if server.phone:
            terminal.say(
                f"phone: {request.listen}:{server.port} answers who scans the code on the page"
            )
    return pipeline, doors


def _listening(request: Request, doors: Doors, options: Options, closing: Closing) -> WebServer:
    """The server with its port, taken before anything is opened: that may be refused."""
    from streamcam.web.server import DEFAULT_PORT, Site, WebServer

    site = Site(
        page=options.web,
        port=options.port or (DEFAULT_PORT if options.web else 0),  # 0: any that is free
        explicit=options.port is not None,
        preset=options.preset.name,
        outputs=options.outputs,
        address=request.listen or "",
    )
    server = WebServer(doors, None, site)
    closing.add("the web page", server.stop)
    server.listen()
    return server


def _microphone(request: Request, terminal: Terminal, closing: Closing) -> DelayedMicrophone | None:
    if request.audio is None:
        return None
    from streamcam.microphone import DelayedMicrophone
    from streamcam.sink.pipewire.presence import pipewire_obstacle

    made = DelayedMicrophone(terminal.say, request.audio, pipewire_obstacle())
    closing.add("the microphone", made.close)
    return made


class _Session:
    """The main thread while the pipeline runs.

    microphone  as late as the picture; None: nobody wants one
    """

    def __init__(
        self,
        opened: tuple[Pipeline, Doors],
        terminal: Terminal,
        signals: StopSignals,
        duration: float | None,
    ) -> None:
        self._pipeline, self._doors = opened
        self._terminal = terminal
        self._signals = signals
        self._live = False
        self.microphone: DelayedMicrophone | None = None
        self._deadline = perf_counter() + duration if duration is not None else float("inf")

    def run(self) -> None:
        """Until the pipeline ends, which may raise what ended it, or a stop is asked for."""
        pipeline = self._pipeline
        watcher = Watcher(lambda: pipeline.preset, pipeline.apply_preset, self._terminal.say)
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
        return self._pipeline.wait(min(_POLL_SECONDS, left))

    def _show(self, status: Status) -> None:
        now = self._pipeline.stats.snapshot()
        if now.frames_out and not self._live:
            self._live = True
            self._terminal.say(
                f"live: first picture, {now.seconds:.1f} s after the preset was read"
            )
        status.show(now, self._pipeline.preset)
        if self.microphone is not None:
            self.microphone.follow(now.motion_latency_ms_p50)

    def _react(self, typed: str) -> None:
        for key in typed.lower():
            if key == "q":
                self._signals.requested.set()
            elif key in LOOK_KEYS:
                self._select(int(key))
            elif key == TAP_KEY:
                self._doors.beat.tap()
            elif key in CURTAIN_KEYS:
                self._cover(CURTAIN_KEYS[key])
            elif key in (UNDO_KEY, REDO_KEY):
                self._move_back(key)

    def _move_back(self, key: str) -> None:
        history = self._doors.desk.history
        way = {UNDO_KEY: ("undone", history.undo), REDO_KEY: ("done again", history.redo)}
        verb, move = way[key]
        try:
            self._terminal.say(f"{verb}: {move()}")
        except (StreamcamError, EngineError) as error:
            self._terminal.say(f"undo: {error}")

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
            self._doors.desk.select_look(names[number])
        except (StreamcamError, EngineError) as error:
            self._terminal.say(f"look: {error}")

"""Run: one run from its options to its end: open, control, close, whatever goes wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from streamcam.cli.run.progress import Job
from streamcam.cli.run.session.closing import Closing
from streamcam.cli.run.session.control import Control
from streamcam.cli.run.session.loading import loading
from streamcam.cli.run.signals import StopSignals
from streamcam.cli.run.status import clock
from streamcam.cli.terminal import Terminal
from streamcam.cli.terminal.notes import engine_notes
from streamcam.errors import flat, raise_all

if TYPE_CHECKING:
    from streamcam.control.doors import Doors, Wanted
    from streamcam.microphone import DelayedMicrophone
    from streamcam.pipeline import Options, Pipeline
    from streamcam.stats import Snapshot
    from streamcam.web.server import WebServer


@dataclass(frozen=True, slots=True)
class Run:
    """Used by the main thread.

    seconds  after which it ends by itself, once it is open
    job      what is rendered; None live
    doors    what of OSC, MIDI and Link it is played by
    audio    a microphone that is late: the camera's own delay, milliseconds; None: not wanted
    listen   address that a phone may reach the page at; empty: this machine alone
    """

    options: Options
    terminal: Terminal
    signals: StopSignals
    seconds: float
    job: Job | None
    doors: Wanted
    audio: float | None
    listen: str = ""

    def go(self) -> bool:
        """Until the source ends, the time is over, or the user stops it; whether the user did.

        Raises what went wrong, also while everything was closed; several failures as a group.
        """
        pipeline: Pipeline | None = None
        errors: list[BaseException] = []
        signals, heard = self.signals, self.signals.heard
        with Closing(errors) as closing:
            closing.enter_context(engine_notes(self.terminal.say))
            try:
                opened = self._opened(closing)
                if opened is not None:
                    pipeline = opened[0]
                    control = Control(opened, self.terminal, signals, self.seconds, self.job)
                    control.microphone = self._microphone(closing)
                    control.run()
            except Exception as error:  # noqa: BLE001  # raised below, beside what comes at the end
                errors += flat([error])
            stopped = signals.requested.is_set()
            signals.requested.set()
        stopped = stopped or signals.heard > heard
        raise_all(errors)
        if pipeline is not None:
            self._tell(pipeline.stats.snapshot(), stopped=stopped)
        return stopped

    def _tell(self, now: Snapshot, *, stopped: bool) -> None:
        whole = now.film_seconds
        if stopped and self.job is not None and now.frames_out:
            of = f" of {clock(whole)}" if whole else ""
            holds = f"{', '.join(self.options.outputs)} holds the first {clock(now.film_done)}{of}"
            self.terminal.say(f"stopped: {holds}")
        self.terminal.say(
            f"done: {now.seconds:.1f} s, {now.frames_in} frames in, {now.frames_out} out, "
            f"{now.dropped} dropped"
        )

    def _opened(self, closing: Closing) -> tuple[Pipeline, Doors] | None:
        """The started pipeline and its doors; None if a signal came meanwhile."""
        try:
            with loading():
                opened = self._open(closing)
        except KeyboardInterrupt:
            return None
        except Exception:
            # A compiled module that Ctrl-C interrupts while it loads raises an error of its own.
            if self.signals.requested.is_set():
                return None
            raise
        self.signals.running()
        return opened

    def _open(self, closing: Closing) -> tuple[Pipeline, Doors]:
        """The started pipeline, with its doors and its page, or its API alone; `closing` ends
        all."""
        from streamcam.control.doors import Doors
        from streamcam.pipeline import Pipeline

        options, say = self.options, self.terminal.say
        pipeline = Pipeline(options, say, self.signals.repeated)
        doors = Doors(pipeline)
        closing.add("a door", doors.close)
        doors.take(self.doors)
        server = self._listening(doors, closing) if options.realtime else None
        closing.callback(lambda: closing.keep(pipeline.errors))
        closing.add("the run", pipeline.stop)
        pipeline.start()
        if options.realtime:
            doors.open()
        for line in doors.described():
            say(line)
        if server is not None:
            server.sink = pipeline.web_sink
            server.start()
            if options.web or server.notice:
                say(f"{'page' if options.web else 'control'}: {server.notice or server.url}")
            for line in self._offered(server):
                say(line)
            if server.phone:
                where = f"{self.listen}:{server.port}"
                say(f"phone: {where} answers who scans the code on the page")
        return pipeline, doors

    def _offered(self, server: WebServer) -> list[str]:
        """Where a camera or viewers come in over WebRTC, if they are to."""
        lines = []
        if self.options.source == "whip":
            lines.append(f"camera: send it by WHIP to {server.offers('/whip')}")
        if "whep" in self.options.outputs:
            lines.append(f"viewers: play it by WHEP from {server.offers('/whep')}")
        return lines

    def _microphone(self, closing: Closing) -> DelayedMicrophone | None:
        if self.audio is None:
            return None
        from streamcam.microphone import DelayedMicrophone
        from streamcam.sink.pipewire.presence import pipewire_obstacle

        made = DelayedMicrophone(self.terminal.say, self.audio, pipewire_obstacle())
        closing.add("the microphone", made.close)
        return made

    def _listening(self, doors: Doors, closing: Closing) -> WebServer:
        """The server with its port, taken before anything is opened: that may be refused."""
        options = self.options
        from streamcam.web.server import DEFAULT_PORT, Site, WebServer

        site = Site(
            page=options.web,
            port=options.port or (DEFAULT_PORT if options.web else 0),  # 0: any that is free
            explicit=options.port is not None,
            preset=options.preset.name,
            outputs=options.outputs,
            offers=options.source == "whip" or "whep" in options.outputs,
            address=self.listen,
        )
        server = WebServer(doors, None, site)
        closing.add("the web page", server.stop)
        server.listen()
        return server

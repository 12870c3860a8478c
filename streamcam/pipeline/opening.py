"""Opening: how a run begins. Every part in its order, and all closed again if one fails."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from functools import partial

from streamcam.capture import Opened, Source
from streamcam.flow.capture import CaptureWorker, Following
from streamcam.flow.curtain import Covered, Curtain
from streamcam.flow.delivery import Delivery, Reopening
from streamcam.flow.infer import InferWorker
from streamcam.flow.infer.styling import Styling
from streamcam.flow.main_thread import MainThread, MainThreadSink, result_of
from streamcam.flow.post import NewestFrames, PostWorker
from streamcam.flow.stages import Loss, Stages
from streamcam.frames import Channel, Fork, Frame, Inlet, Queue, Ring
from streamcam.looks.params import ParamsBox
from streamcam.obstacles import Obstacle
from streamcam.options import Options, view_for
from streamcam.pipeline.auto import refuse_own_camera
from streamcam.pipeline.first_engine import FirstEngine
from streamcam.pipeline.live import Live
from streamcam.pipeline.rescue import Rescue
from streamcam.pipeline.waiting import Patience, waiting_for
from streamcam.pipeline.watchdog import Watchdog
from streamcam.pipeline.workers import Workers, finish_for, gate_opener
from streamcam.priority import giving_way, keeping_time
from streamcam.provision import limits
from streamcam.provision.rate import RateWatch, progress_of
from streamcam.provision.rebuild import Rebuild
from streamcam.provision.shape import ShapeWatch
from streamcam.sink import Sink
from streamcam.sink.virtualcam import VirtualCamera
from streamcam.sink.web import WebSink
from streamcam.stage import call_all
from streamcam.stats import Stats

_SOURCE, _INFER, _POST, _SINKS = range(4)  # places on the frame's way


class Opening:
    """Used by the main thread, once. What it ties together outlives it: "infer" asks on every frame
    whether an output is watched.

    Live, outputs come first: what they refuse is known at once. Then the source opens on its own
    thread while the engine is built on this one, and last the picture begins to flow. The outputs
    of a rendered file have its size and rate, so there the source comes first.

    web_sink  where the page gets its picture from; None if it shows none
    outputs   what was opened, as `open_sink` opens just that again where it can
    curtain   hangs before every output
    """

    def __init__(
        self,
        options: Options,
        stats: Stats,
        stages: Stages,
        main: MainThread,
        say: Callable[[str], None],
    ) -> None:
        self.web_sink: WebSink | None = None
        self.outputs: list[str] = []
        self.curtain = Curtain((options.format.width, options.format.height))
        self._options = options
        self._stats = stats
        self._stages = stages
        self._main = main
        self._say = say
        self._patience = Patience(options.source, say)
        self._deliveries: list[Delivery] = []
        self._camera: NewestFrames | None = None  # live
        self._capture: CaptureWorker | None = None
        self._own_cameras: list[str] = []
        self._unowned: list[Callable[[], None]] = []  # close what no thread owns yet

    def run(self) -> Live:
        """Begin. Raises what hinders it; the caller then stops the stages and calls `close`."""
        frames, pictures = self._queue(), self._queue()
        self._say_if(limits.memory())
        sinks, capture = self._open_ends(frames)
        options, source = self._options, capture.opened
        first = FirstEngine(options, source, self._unowned.append)
        self._stages.start("build", giving_way(first.work), [], place=None)
        provided = result_of(first.opened, lambda: self._patience.lost(source))
        styling = Styling(
            provided.engine, ParamsBox(provided.engine.encode, options.preset.showing())
        )
        opened = result_of(source, lambda: self._patience.lost(source))
        self._say(f"source: {opened.label}")
        if opened.sound and any(output.finishes for output in sinks.values()):
            self._say("sound: left out, recordings hold the picture alone")
        self._say(provided.line)
        if provided.engine.spec.device.lower() == "cpu":
            self._say_if(limits.processor())
        outboxes = [self._start_sink(name, opened) for name, opened in sinks.items()]
        options = self._options
        finish = finish_for(options.preset, options, self._stats)
        post = PostWorker(pictures, outboxes, finish, self._stats, self._camera)
        self._stages.start("post", keeping_time(post.work), [pictures, *outboxes], place=_POST)
        infer = InferWorker(
            (frames, pictures),
            styling,
            gate_opener(options.preset, options, self._watched, self._stats),
            self._stats,
            view_for(options.preset, options),
            broke=(lambda error: live.mend(error)) if options.realtime else None,
        )
        infer.passthrough = options.preset.on_error == "passthrough"
        rebuild = Rebuild(in_calm=infer.prepare_patches)
        self._stages.add_queues(rebuild)
        self._stages.start("rebuild", giving_way(rebuild.work), [rebuild], place=None)
        workers = Workers(infer, post, rebuild, self._watched, self._stats)
        live = Live(options, provided.recipe, styling, workers, self._say)
        frames.dropped = 0  # frames from before the first engine are no drops
        work = keeping_time(infer.work)
        self._stages.start("infer", work, [frames, pictures, infer], place=_INFER)
        self._unowned = []
        if options.realtime:
            self._start_watchdog(workers, live)
            live.improve()
        return live

    def close(self) -> list[Exception]:
        """Close what no thread has taken over. Returns the errors. The stages have ended."""
        unowned, self._unowned = self._unowned, []
        return call_all(reversed(unowned))

    def select_source(self, choice: str) -> Future[Opened]:
        """Go on with another source, once that is open. Live. Raises `UsageError`."""
        refuse_own_camera(choice, self._own_cameras)
        assert self._capture is not None  # which `run` has started
        following = Following(partial(self._open_source, choice), waiting_for(choice).capitalize())
        self._capture.follow(following)
        return following.opened

    def _open_source(self, choice: str) -> Source:
        wanted = replace(self._options.wanted, stop=self._stages.stopping)
        return self._options.open_source(choice, wanted)

    def _open_ends(self, frames: Queue[Frame]) -> tuple[dict[str, Sink], CaptureWorker]:
        if not self._options.realtime:
            capture = self._start_capture(frames)
            opened = result_of(capture.opened, lambda: self._patience.lost(capture.opened))
            options = self._options = replace(self._options, opened=opened)
            self.curtain = Curtain((options.format.width, options.format.height))
            return self._open_sinks(), capture
        sinks = self._open_sinks()
        self._own_cameras = [
            opened.device for opened in sinks.values() if isinstance(opened, VirtualCamera)
        ]
        refuse_own_camera(self._options.source, self._own_cameras)
        return sinks, self._start_capture(frames)

    def _open_sinks(self) -> dict[str, Sink]:
        """By name; the first is the one whose figures are shown."""
        names = [*self._options.outputs, *(["web"] if self._options.web else [])]
        sinks: dict[str, Sink] = {}
        for name in dict.fromkeys(names):
            opened = sinks[name] = self._options.open_sink(name, self._options.format)
            self._unowned.append(opened.close)
            self.outputs.append(opened.reopen_as or name)
            if isinstance(opened, WebSink):
                self.web_sink = opened
            if name in self._options.outputs:
                self._say(f"output: {opened.label}")
        return sinks

    def _start_watchdog(self, workers: Workers, live: Live) -> None:
        infer, form = workers.infer, self._options.format

        def aspect() -> float | None:
            source = infer.source
            return source and view_for(live.preset, self._options).aspect(source)

        shape = ShapeWatch(aspect, live.reshape)
        stop = self._stages.stopping
        rescue = Rescue(workers, live, self._stages)
        rate = RateWatch(
            form.fps,
            partial(progress_of, self._stats),
            live.adjustable,
            live.resize,
            lambda: infer.crossing,
        )
        looks = (shape.look, rate.look)
        watchdog = Watchdog(workers, looks, rescue, (form.width, form.height), stop)
        self._stages.start("watchdog", keeping_time(watchdog.work), [], place=None)

    def _watched(self) -> bool:
        return any(delivery.watched for delivery in self._deliveries)

    def _start_capture(self, frames: Queue[Frame]) -> CaptureWorker:
        options = self._options
        into: Inlet[Frame] = frames
        if options.realtime:  # "post" shows the newest frame while "infer" is at work on another
            newest = self._queue(counted=False)
            self._camera = NewestFrames(newest, options.format.fps, self._watched)
            into = Fork(frames, newest)
        worker = self._capture = CaptureWorker(
            partial(self._open_source, options.source),
            into,
            self._stats,
            self._stages.stopping,
            waiting=waiting_for(options.source).capitalize() if options.realtime else None,
        )
        self._stages.start("capture", keeping_time(worker.run), [into], place=_SOURCE)
        return worker

    def _say_if(self, obstacle: Obstacle | None) -> None:
        if obstacle is not None:
            self._say(f"machine: {obstacle}")

    def _start_sink(self, name: str, opened: Sink) -> Queue[Frame]:
        primary, form = name == self._options.outputs[0], self._options.format
        open_sink = self._options.open_sink
        inbox: Queue[Frame] = self._queue(counted=primary)
        reached = MainThreadSink(opened, self._main) if opened.main_thread else opened
        delivery = Delivery(
            Covered(reached, self.curtain),
            inbox,
            form,
            self._stages.stopping,
            stats=self._stats if primary else None,
            reopening=Reopening(
                lambda choice: Covered(open_sink(choice, form), self.curtain),
                self._stats.notices,
                name,
            ),
        )
        self._deliveries.append(delivery)
        named = Loss.SHARED if name in self._options.outputs else Loss.NONE
        loss = named if form.realtime else Loss.END
        work = keeping_time(delivery)
        self._stages.start(
            f"sink {name}", work, [inbox], place=_SINKS, loss=loss, finishes=reached.finishes
        )
        return inbox

    def _queue(self, *, counted: bool = True) -> Queue[Frame]:
        """Live, the newest frame wins; for a file, all go through. `counted`: show its drops."""
        queue: Queue[Frame] = Ring() if self._options.realtime else Channel()
        self._stages.add_queues(queue)
        if counted:
            self._stats.watch_drops(queue)
        return queue

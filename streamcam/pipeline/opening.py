"""Opening: how a run begins. Every part in its order, and all closed again if one fails."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
from streamcam.notices import Notice
from streamcam.options import Options, view_for
from streamcam.pipeline.announcing import announce, instead
from streamcam.pipeline.auto import refuse_own_camera
from streamcam.pipeline.elsewhere import link_for, reaching
from streamcam.pipeline.first_engine import FirstEngine
from streamcam.pipeline.live import Live
from streamcam.pipeline.masks import Masks
from streamcam.pipeline.waiting import Meanwhile, Patience, wait_for_all, waiting_for
from streamcam.pipeline.watchdog.fitting import watchdog_for
from streamcam.pipeline.workers import Workers, finish_for, gate_opener, room_behind
from streamcam.priority import giving_way, keeping_time
from streamcam.provision import limits
from streamcam.provision.build import Provided
from streamcam.provision.rebuild import Rebuild
from streamcam.sink import Format, Sink
from streamcam.sink.virtualcam import VirtualCamera
from streamcam.sink.web import WebSink
from streamcam.stats import Stats

_SOURCE, _INFER, _POST, _SINKS = range(4)  # places on the frame's way


class Opening:
    """Used by the main thread, once. What it ties together outlives it: "infer" asks on every frame
    whether an output is watched.

    Live, all parts open at the same time: the outputs on this thread, the source on "capture" and
    the engine on "build", which was started before. What one refuses is raised at once. The outputs
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
        unowned: list[Callable[[], None]],
        say: Callable[[str], None],
    ) -> None:
        """`unowned`: gets what closes each part, until a thread takes that over."""
        self.web_sink: WebSink | None = None
        self.outputs: list[str] = []
        self.curtain = Curtain((options.format.width, options.format.height))
        self._unowned = unowned
        self._options = options
        self._stats = stats
        self._stages = stages
        self._main = main
        self._say = say
        self._patience = Patience(options.source, say)
        self._masks = Masks(realtime=options.realtime)
        stages.add_queues(self._masks)
        self._deliveries: list[Delivery] = []
        self._camera: NewestFrames | None = None  # live
        self._capture: CaptureWorker | None = None
        self._own_cameras: list[str] = []

    def run(self, first: FirstEngine) -> Live:
        """Begin; `first` is being made. Raises what hinders it; the caller then stops all."""
        frames, pictures = self._queue(), self._queue()
        limits.tell(limits.memory(), self._say)
        sinks, capture = self._open_ends(frames)
        options = self._options
        first.begin(options, capture.opened)
        outboxes = {name: self._start_sink(name, sink) for name, sink in sinks.items()}
        masking = self._masks.use(options.preset.mask)
        finish = finish_for(options.preset, options, self._stats, masking)
        ends = [pictures, *outboxes.values()]
        post = PostWorker(pictures, ends[1:], finish, self._stats, self._camera)
        self._stages.start("post", keeping_time(post.work), ends, place=_POST)
        cards = [outboxes[name] for name, sink in sinks.items() if sink.finishes is None]
        self._wait_for(first, capture, cards if options.realtime else [])
        recorded = any(sink.finishes for sink in sinks.values())
        announce(capture.opened.result(), options, self._stats, self._say, recorded=recorded)
        provided = first.opened.result()
        self._say(provided.line)
        if provided.engine.spec.device.lower() == "cpu":
            limits.tell(limits.processor(), self._say)
        live = self._start_engine(provided, (frames, pictures), post)
        if options.realtime:
            live.improve()
        return live

    def _wait_for(
        self, first: FirstEngine, capture: CaptureWorker, cards: Sequence[Queue[Frame]]
    ) -> None:
        """For engine and source. Raises what hinders them. `cards`: of outputs that show one."""
        form = self._options.format
        shown = (cards, (form.width, form.height))
        meanwhile = Meanwhile(capture.opened, self._patience, self._main, shown, self._say)
        wait_for_all((capture.opened, first.opened), meanwhile)

    def _start_engine(
        self, provided: Provided, queues: tuple[Queue[Frame], Queue[Frame]], post: PostWorker
    ) -> Live:
        """`queues`: where frames come from and where pictures go."""
        options = self._options
        link = link_for(options, self._stats, self._stages, self._say)
        engine = reaching(provided.engine, link)
        styling = Styling(engine, ParamsBox(engine.encode, options.preset.showing()))
        infer = InferWorker(
            queues,
            styling,
            gate_opener(options.preset, options, self._watched, self._stats),
            self._stats,
            view_for(options.preset, options),
            broke=(lambda error: live.mend(error)) if options.realtime else None,
        )
        infer.passthrough = options.preset.on_error == "passthrough"
        infer.behind.use(room_behind(self._masks.use(options.preset.mask), options.preset))
        rebuild = Rebuild(in_calm=infer.prepare_patches)
        self._stages.add_queues(rebuild)
        self._stages.start("rebuild", giving_way(rebuild.work), [rebuild], place=None)
        workers = Workers(infer, post, rebuild, self._watched, self._stats, self._masks, link)
        live = Live(options, provided.recipe, styling, workers, self._say)
        queues[0].dropped = 0  # frames from before the first engine are no drops
        self._stages.start("infer", keeping_time(infer.work), [*queues, infer], place=_INFER)
        self._unowned.remove(provided.engine.close)  # "infer" does that
        if options.realtime:
            watchdog = watchdog_for(options, workers, live, self._stages)
            self._stages.start("watchdog", keeping_time(watchdog.work), [], place=None)
        return live

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
        self._masks.check(self._options.preset)  # what cannot be is known before all else
        if not self._options.realtime:
            capture = self._start_capture(frames)
            opened = result_of(capture.opened, lambda: self._patience.lost(capture.opened))
            options = self._options = replace(self._options, opened=opened)
            self.curtain = Curtain((options.format.width, options.format.height))
            return self._open_sinks(), capture
        sinks = self._open_sinks()
        self._own_cameras = [one.device for one in sinks.values() if isinstance(one, VirtualCamera)]
        refuse_own_camera(self._options.source, self._own_cameras)
        return sinks, self._start_capture(frames)

    def _open_sinks(self) -> dict[str, Sink]:
        """By name; the first is the one whose figures are shown."""
        names = [*self._options.outputs, *(["web"] if self._options.web else [])]
        sinks: dict[str, Sink] = {}
        for name in dict.fromkeys(names):
            opened = sinks[name] = self._options.open_sink(name, self._form_of(name))
            self._unowned.append(opened.close)
            self.outputs.append(opened.reopen_as or name)
            if isinstance(opened, WebSink):
                self.web_sink = opened
            if name in self._options.outputs:
                self._say(f"output: {opened.label}{instead(opened, self._options)}")
        return sinks

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

    def _form_of(self, name: str) -> Format:
        def tell(text: str) -> None:
            self._stats.notices.put(Notice(f"sound of {name}", f"{name}: {text}"))

        return replace(self._options.format, tell=tell)

    def _start_sink(self, name: str, opened: Sink) -> Queue[Frame]:
        primary, form = name == self._options.outputs[0], self._form_of(name)
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
        loss, work = named if form.realtime else Loss.END, keeping_time(delivery)
        self._stages.start(
            f"sink {name}", work, [inbox], place=_SINKS, loss=loss, finishes=reached.finishes
        )
        self._unowned.remove(opened.close)  # its thread does that
        return inbox

    def _queue(self, *, counted: bool = True) -> Queue[Frame]:
        """Live, the newest frame wins; for a file, all go through. `counted`: show its drops."""
        queue: Queue[Frame] = Ring() if self._options.realtime else Channel()
        self._stages.add_queues(queue)
        if counted:
            self._stats.watch_drops(queue)
        return queue

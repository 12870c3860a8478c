"""PostWorker: pictures of the engine become frames for the sinks. The thread "post"."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from time import perf_counter

from streamcam.flow.post.finish import Finish
from streamcam.flow.post.thinning import Thinning
from streamcam.frames import Frame, Pixels, Queue, RingClosed
from streamcam.mask.masking import Masking
from streamcam.resolve import Level
from streamcam.stats import Stats

_POLL_SECONDS = 0.1  # that a wait for a picture lasts before `finish` is looked at again
_SLOW = 1.5  # periods without a frame of the camera after which a picture is shown without one


@dataclass(frozen=True, slots=True)
class NewestFrames:
    """What a live run shows the newest frame of.

    frames   its newest frame
    fps      of the outputs
    watched  whether any output is watched now
    """

    frames: Queue[Frame]
    fps: float
    watched: Callable[[], bool]


class PostWorker:
    """Finishes pictures and hands them to every sink's queue.

    Live, what is shown is made at the camera's pace (but no more often than the outputs show it) of
    its newest frame and of the newest picture. Where pictures are shown as they are, and for a
    file, each picture is shown when it comes.

    A sink that is lost has closed its queue, which is left out from then on.

    shown_at  `time.perf_counter()` of the engine's last picture, or of the beginning
    seen      the camera's picture that was shown last, styled; None before the first
    """

    def __init__(
        self,
        inbox: Queue[Frame],
        outboxes: Sequence[Queue[Frame]],
        finish: Finish,
        stats: Stats,
        camera: NewestFrames | None = None,
    ) -> None:
        """`stats` notes how long resolving takes, and which level runs: "resolve". `camera`: None
        for a file."""
        self.shown_at = perf_counter()
        self.seen: Pixels | None = None
        self._inbox = inbox
        self._outboxes = list(outboxes)
        self._finish = finish  # replaced as a whole by `swap`
        self._stats = stats
        stats.ask("resolve", lambda: self._finish.label)
        stats.ask("mask", lambda: self._finish.masked.label)
        self._camera = camera
        self._live = camera is not None
        self._thinning = None if camera is None else Thinning(camera.fps)
        self._picture: Frame | None = None  # the engine's newest
        self._newest: Frame | None = None  # the camera's
        self._shown = 0.0  # `captured_at` of what was shown last

    def swap(self, finish: Finish) -> None:
        """Continue with another one from the next frame on. From any thread."""
        self._finish = finish

    def steady(self, steadiness: float) -> None:
        """Steady by another measure, 0 … 1, from the next frame on. From any thread."""
        self._finish.steadiness = steadiness

    def mask(self, masking: Masking | None) -> None:
        """Put another mask on, or none, from the next frame on. From any thread."""
        self._finish.masked.masking = masking

    def work(self) -> None:
        """Until the queue of pictures or all queues of the sinks are closed."""
        while True:
            finish = self._finish
            camera, thinning = self._camera, self._thinning
            if camera is None or thinning is None:
                self._pass_on(finish)
            elif finish.level is Level.HELD or not camera.watched():
                finish.rest()
                self._pass_on(finish, _POLL_SECONDS)
            else:
                self._keep_up(finish, camera, thinning)

    def show(self, frame: Frame) -> None:
        """Show a frame as it is, in the size of the outputs, until the next one. From any thread;
        for live runs, whose queues never make a writer wait."""
        for outbox in self._outboxes:
            with suppress(RingClosed):
                outbox.put(frame)

    def _pass_on(self, finish: Finish, timeout: float | None = None) -> None:
        """Show the next picture when it comes."""
        picture = self._inbox.get(timeout)
        if picture is not None:
            self._picture = picture
            self.shown_at = perf_counter()
            if picture.made_of is not None:
                self.seen = picture.made_of.whole
            if not self._is_past(picture):
                self._put(finish.plain(picture) if self._live else finish.with_its_frame(picture))

    def _keep_up(self, finish: Finish, camera: NewestFrames, thinning: Thinning) -> None:
        """Show the camera's next frame, or the engine's next picture if none comes."""
        try:
            newest = camera.frames.get(_SLOW / camera.fps)
        except RingClosed:  # the source is over: what is under way is shown as it comes
            self._camera = None
            return
        picture = self._inbox.get(0.0)
        if picture is not None:
            self._picture = picture
            self.shown_at = perf_counter()
            finish.came(picture)
        if newest is not None:
            self._newest = newest
            self.seen = newest.pixels
            if not thinning.wants(newest.captured_at):
                return
        elif self._picture is None or finish.shows(self._picture):
            return
        if self._picture is None or self._newest is None:
            return
        began = perf_counter()
        made = finish.current(self._picture, self._newest, self._shown)
        if made is not None:
            self._stats.took("resolve", perf_counter() - began)
            self._put(made)

    def _is_past(self, picture: Frame) -> bool:
        """Whether viewers have seen what comes after it. Pictures are behind the frames that were
        shown until the level fell or the source ended, and time never runs backwards."""
        return picture.captured_at < self._shown

    def _put(self, frame: Frame) -> None:
        self._shown = frame.captured_at
        for outbox in self._outboxes:
            try:
                outbox.put(frame)
            except RingClosed:
                self._outboxes = [one for one in self._outboxes if one is not outbox]
                if not self._outboxes:
                    raise

"""PostWorker: pictures of the engine become frames for the sinks. The thread "post"."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from time import perf_counter

from streamcam.flow.post.chain import Chain
from streamcam.frames import Frame, Queue, RingClosed


class PostWorker:
    """Applies the chain and hands the frame to every sink's queue.

    A sink that is lost has closed its queue, which is left out from then on.

    shown_at  `time.perf_counter()` of the last picture, or of the beginning
    """

    def __init__(self, inbox: Queue[Frame], outboxes: Sequence[Queue[Frame]], chain: Chain) -> None:
        self.shown_at = perf_counter()
        self._inbox = inbox
        self._outboxes = list(outboxes)
        self._chain = chain  # replaced as a whole by `swap`

    def swap(self, chain: Chain) -> None:
        """Continue with another chain from the next frame on. From any thread."""
        self._chain = chain

    def work(self) -> None:
        """Until the queue of pictures or all queues of the sinks are closed."""
        while True:
            frame = self._inbox.get()
            if frame is None:
                continue
            frame = replace(frame, pixels=self._chain.apply(frame), placement=None)
            self.shown_at = perf_counter()
            for outbox in self._outboxes:
                try:
                    outbox.put(frame)
                except RingClosed:
                    self._outboxes = [one for one in self._outboxes if one is not outbox]
                    if not self._outboxes:
                        raise

    def show(self, frame: Frame) -> None:
        """Show a frame as it is, in the size of the outputs, until the next one. From any thread;
        for live runs, whose queues never make anybody wait."""
        for outbox in self._outboxes:
            with suppress(RingClosed):
                outbox.put(frame)

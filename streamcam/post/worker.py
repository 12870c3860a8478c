"""PostWorker: pictures of the engine become frames for the sinks. The thread "post"."""

from __future__ import annotations

from collections.abc import Sequence

from streamcam.frames import Frame, Queue
from streamcam.post.chain import Chain


class PostWorker:
    """Applies the chain and hands the frame to every sink's queue."""

    def __init__(self, inbox: Queue[Frame], outboxes: Sequence[Queue[Frame]], chain: Chain) -> None:
        self._inbox = inbox
        self._outboxes = outboxes
        self._chain = chain  # replaced as a whole by `swap`

    def swap(self, chain: Chain) -> None:
        """Continue with another chain from the next frame on. From any thread."""
        self._chain = chain

    def work(self) -> None:
        """Until a queue is closed."""
        while True:
            frame = self._inbox.get()
            if frame is None:
                continue
            pixels = self._chain.apply(frame.pixels)
            if pixels is not frame.pixels:
                stamp = (frame.seq, frame.captured_at, frame.media_time, frame.repeat)
                frame = Frame(pixels, *stamp)
            for outbox in self._outboxes:
                outbox.put(frame)

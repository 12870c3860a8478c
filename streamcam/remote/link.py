"""Link: the way to an engine elsewhere, for a whole run. The thread "link", beside "infer"."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from threading import Lock
from time import perf_counter

from engines.api import Params
from streamcam.clock.backoff import Backoff
from streamcam.frames import Pixels
from streamcam.notices import Notice, NoticeBoard
from streamcam.remote.address import Address
from streamcam.remote.asked import Asked, Outbox
from streamcam.remote.conversation import (
    GREETING_SECONDS,
    Conversation,
    Listener,
    Lost,
    in_words,
)
from streamcam.remote.trust import PATIENCE_SECONDS, Trust
from streamcam.remote.wire import PATH, TOKEN_HEADER, Codec, Made

_PROBE_SECONDS = 0.2  # between frames that are sent while the local engine shows the picture
_LARGEST_MESSAGE = 2**23
_TOPIC = "link"  # of the notices


class Link:
    """One for a run. `ask` and `offer` on "infer", `work` on its thread, the rest on any.

    There is no queue: one frame waits to be sent at most, and a newer one takes its place. A
    connection that is lost is made again, after ever longer pauses, while frames come.
    """

    def __init__(
        self, address: Address, fps: float, notices: NoticeBoard, say: Callable[[str], None]
    ) -> None:
        """`fps`: frames a second that are wanted. `say` gets lines for people."""
        self._address = address
        self._fps = fps
        self._notices = notices
        self._say = say
        self._outbox = Outbox()
        self._label = ""  # of the engine there
        self._probed_at = 0.0
        self._lock = Lock()
        self._trust = Trust()  # protected by _lock, but for `earned`

    @property
    def good(self) -> bool:
        """The engine elsewhere shows the picture."""
        return self._trust.earned

    def ask(self, pixels: Pixels, params: Params) -> Pixels | None:
        """What the engine elsewhere makes of a frame, within the patience; None: nothing, and then
        the link is not good any more, or this frame was one too many."""
        asked = Asked(pixels, params)
        self._outbox.put(asked)
        if not asked.done.wait(PATIENCE_SECONDS):
            self._lose(f"there was no answer within {PATIENCE_SECONDS:g} s")
        return asked.made

    def offer(self, pixels: Pixels, params: Params) -> None:
        """A frame that the local engine shows, so that it can be told whether the link is good."""
        now = perf_counter()
        if now - self._probed_at >= _PROBE_SECONDS:
            self._probed_at = now
            self._outbox.put(Asked(pixels.copy(), params))

    def work(self) -> None:
        """Until closed. Nothing that happens to the connection ends it."""
        logging.getLogger("websockets.client").setLevel(logging.CRITICAL)
        asyncio.run(self._work())

    def close(self) -> None:
        """End `work`. May be called twice."""
        self._outbox.close()

    async def _work(self) -> None:
        self._outbox.open()
        backoff = Backoff()
        self._put_up("it is being connected to")
        while not self._outbox.closed:
            pause: float | None = None
            try:
                await self._connected(backoff)
                why = "the run ends"
            except Lost as lost:
                why, pause = str(lost), lost.retry_after
            # Whatever the network, its library, or who answers does: the local engine runs.
            except Exception as error:  # noqa: BLE001
                why = in_words(error)
            if not self._outbox.closed:
                pause = backoff.next() if pause is None else pause
                self._lose(why)
                self._put_up(f"{why}; it is tried again in {pause:g} s")
                await self._outbox.until(lambda: False, pause)
                await self._outbox.until(lambda: self._outbox.full)

    async def _connected(self, backoff: Backoff) -> None:
        from websockets.asyncio.client import connect

        local = self._address.local
        async with connect(
            f"{self._address.url}{PATH}",
            additional_headers={TOKEN_HEADER: self._address.token},
            user_agent_header=None,
            open_timeout=GREETING_SECONDS,
            ping_interval=GREETING_SECONDS,
            close_timeout=1.0,
            compression=None,
            max_size=_LARGEST_MESSAGE,
            proxy=None if local else True,
        ) as socket:
            conversation = Conversation(socket, self._outbox, Listener(self._made, self._missed))
            welcome = await conversation.greet(self._fps)
            backoff.restart()
            self._label = welcome.label
            self._put_up("it is being tried out")
            await conversation.hold(welcome, Codec.RAW if local else Codec.JPEG)

    def _made(self, asked: Asked, answer: Made) -> None:
        del answer
        with self._lock:
            had = self._trust.earned
            earned = self._trust.answered(perf_counter() - asked.sent_at)
        asked.settle(asked.made)
        if earned:
            self._notices.settle(_TOPIC)
            self._say(f"engine: {self._label} at {self._address} shows the picture")
        elif had and not self._trust.earned:
            self._tell(f"an answer took more than {PATIENCE_SECONDS:g} s")

    def _missed(self, asked: Asked, why: str) -> None:
        asked.settle()
        if why:
            self._lose(why)
            self._put_up(why)

    def _lose(self, why: str) -> None:
        """From any thread."""
        with self._lock:
            had = self._trust.lost()
        if had:
            self._tell(why)

    def _tell(self, why: str) -> None:
        self._put_up(why)
        self._say(f"engine: this machine's own shows the picture, as {self._address}: {why}")

    def _put_up(self, why: str) -> None:
        text = f"this machine's own engine runs, not {self._address}: {why}"
        self._notices.put(Notice(_TOPIC, text))

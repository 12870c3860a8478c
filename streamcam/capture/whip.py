"""Source `whip`: a browser, a phone or OBS that sends its picture over WebRTC (RFC 9725)."""

from __future__ import annotations

from streamcam.capture import FilmInfo, Wanted
from streamcam.clock.pace import SYSTEM_CLOCK, Clock
from streamcam.errors import SourceLost, UsageError, quoted
from streamcam.frames import Frame
from streamcam.pixels import Conversion
from streamcam.webrtc import INCOMING, MISSING, installed
from streamcam.webrtc.incoming import Incoming

_WAIT_SECONDS = 0.5  # for a picture, at most
_SILENCE_SECONDS = 4.0  # without a picture after which a camera counts as lost; it may well be back
_WAITING = "no camera has come over WebRTC yet"


def open_source(argument: str, wanted: Wanted) -> WhipSource:
    """Opens at once the first time: outputs show a card until a camera comes. After a loss it opens
    when a camera is back. `argument` must be empty.

    Raises `UsageError`, and `SourceLost` while there is no camera again.
    """
    if argument:
        raise UsageError(f"the source 'whip' takes no argument, not {quoted(argument)}")
    if not installed():
        raise UsageError(f"the source 'whip' cannot be opened: {MISSING}")
    return WhipSource(INCOMING, wanted)


class WhipSource:
    """Delivers the newest picture of the camera that sends. See `streamcam.capture.Source`.

    `width` and `height` are what was wanted until the first picture, then those of the last one: a
    sender makes its pictures smaller where the network is slow.
    """

    film: FilmInfo | None = None

    def __init__(self, incoming: Incoming, wanted: Wanted, clock: Clock = SYSTEM_CLOCK) -> None:
        if incoming.missed and not incoming.await_picture(_WAIT_SECONDS):
            raise SourceLost(_WAITING)
        incoming.missed = False
        self.width, self.height, self.fps = wanted.width, wanted.height, wanted.fps
        most = f"{wanted.width}x{wanted.height} at {wanted.fps:g} fps"
        self.label = f"a camera over WebRTC (WHIP), {most} expected"
        self.notice = "" if incoming.there else _WAITING
        self._incoming = incoming
        self._clock = clock
        self._conversion = Conversion()
        self._seq = 0
        self._last: float | None = None  # when a picture had come

    def read(self) -> Frame | None:
        """The newest picture. Raises `SourceLost` when the camera has gone."""
        found = self._incoming.take(_WAIT_SECONDS)
        if found is None:
            self._check()
            return None
        picture, came = found
        pixels = self._conversion.pixels(picture)
        frame = Frame(pixels, self._seq, came)
        self.width, self.height = frame.size
        self._seq += 1
        self._last = came
        self.notice = ""
        return frame

    def close(self) -> None:
        """Nothing is held: the camera goes on sending to who reads next."""

    def _check(self) -> None:
        if self._last is None:
            return
        gone = not self._incoming.there
        if gone or self._clock.now() - self._last > _SILENCE_SECONDS:
            self._incoming.missed = True
            how = "has gone" if gone else f"has sent nothing for {_SILENCE_SECONDS:g} seconds"
            raise SourceLost(f"the camera over WebRTC {how}")

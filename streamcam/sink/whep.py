"""Whep: the picture over WebRTC, for browsers and for players that speak WHEP."""

from __future__ import annotations

import cv2
import numpy as np

from streamcam.errors import SinkFailed, UsageError, quoted
from streamcam.frames import Frame
from streamcam.sink import Format
from streamcam.webrtc import MISSING, OUTGOING, installed
from streamcam.webrtc.outgoing import Outgoing


class WhepSink:
    """Makes each new picture I420 once for all viewers, and only while there are any.

    Colours are BT.601 in the narrow range, which decoders take unlabelled VP8 and H.264 for.
    """

    label = "viewers over WebRTC (WHEP)"
    paced = False
    main_thread = False
    reopen_as: str | None = None
    finishes: str | None = None

    def __init__(self, form: Format, outgoing: Outgoing) -> None:
        """Raises `UsageError` for an odd size, and if another output serves viewers."""
        if form.width % 2 or form.height % 2:
            raise UsageError(
                f"the output 'whep' needs an even size, not {form.width}x{form.height}: choose "
                "another one in the preset's [output]"
            )
        self._outgoing = outgoing
        self._shape = (form.height * 3 // 2, form.width)
        outgoing.open()
        self._closed = False

    @property
    def watched(self) -> bool:
        return self._outgoing.viewers > 0

    def write(self, frame: Frame) -> None:
        """Hand the picture to whoever watches; a repeat too: who has just come has none yet."""
        if self._closed:
            raise SinkFailed("viewers over WebRTC were let go")
        if not self.watched:
            return
        # A new one each time: it is encoded on other threads while the next one comes.
        planes = np.empty(self._shape, np.uint8)
        cv2.cvtColor(frame.pixels, cv2.COLOR_RGB2YUV_I420, dst=planes)
        self._outgoing.write(planes)

    def close(self) -> None:
        """Let viewers go. May be called twice."""
        if not self._closed:
            self._closed = True
            self._outgoing.close()


def open_sink(argument: str, form: Format) -> WhepSink:
    """`argument` must be empty. Raises `UsageError`."""
    if argument:
        raise UsageError(f"the output 'whep' takes no argument, not {quoted(argument)}")
    if not installed():
        raise UsageError(f"the output 'whep' cannot be opened: {MISSING}")
    return WhepSink(form, OUTGOING)

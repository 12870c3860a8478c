"""Ndi: a source on the local network for OBS, vMix and NDI's own tools, through ndi-python."""

from __future__ import annotations

import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from threading import Lock
from typing import Protocol

import cv2
import numpy as np

from streamcam.errors import SinkFailed, UsageError, quoted
from streamcam.frames import Frame, Pixels
from streamcam.sink import Format

_NAME = "streamcam"  # what receivers list after this machine's name: "STUDIO (streamcam)"
_AVAHI = Path("/run/avahi-daemon/socket")  # Linux: what NDI announces itself through
_INSTALL = "pip install 'streamcam[ndi]'"


class Sender(Protocol):
    """A source on the network that shows what is in the picture that it was opened with."""

    def send(self, *, alpha: bool) -> None:
        """Send the picture as it is now; done with it on return. `alpha`: it is not all solid."""
        ...

    def connections(self) -> int:
        """How many receivers there are. From any thread."""
        ...

    def close(self) -> None:
        """Leave the network. Once, and nothing else after it."""
        ...


class Ndi:
    """Sends a picture at every tick, from the one buffer that `sender` was opened with.

    It sends whether there are receivers or not, and alpha where a frame has one. No receiver can
    cause an error: NDI drops frames for slow ones.
    """

    paced = alpha = True
    main_thread = False
    reopen_as: str | None = None
    finishes: str | None = None

    def __init__(self, sender: Sender, picture: Pixels, label: str) -> None:
        """`picture` is (height, width, 4)."""
        self.label = label
        self._picture = picture
        self._closing = Lock()
        # Replaced under _closing; the thread that writes and closes may read it without.
        self._sender: Sender | None = sender

    @property
    def watched(self) -> bool:
        """Whether at least one receiver is connected. From any thread."""
        with self._closing:
            return self._sender is not None and self._sender.connections() > 0

    def write(self, frame: Frame) -> None:
        """Send the frame. Raises `SinkFailed` once closed."""
        if self._sender is None:
            raise SinkFailed(f"{self.label} is closed")
        # NDI converts to the YUV that it wants at this size; doing it here would cost the same.
        if frame.cut_out is None:
            cv2.cvtColor(frame.pixels, cv2.COLOR_RGB2RGBA, dst=self._picture)
        else:
            np.copyto(self._picture, frame.cut_out)
        self._sender.send(alpha=frame.cut_out is not None)

    def close(self) -> None:
        """Leave the network."""
        with self._closing:
            sender, self._sender = self._sender, None
            if sender is not None:
                sender.close()


class _NdiSender:
    """A `Sender` of ndi-python. The interpreter runs other threads while it sends."""

    def __init__(self, name: str, picture: Pixels, fps: float) -> None:
        try:
            import NDIlib
        except ImportError as error:
            raise UsageError(_not_loaded(error)) from error
        if not NDIlib.initialize():
            raise UsageError("this processor cannot run NDI; use another --output")
        wanted = NDIlib.SendCreate()
        wanted.ndi_name = name
        wanted.clock_video = False  # it would wait for its own ticks; we keep ours
        self._ndi = NDIlib
        self._instance = NDIlib.send_create(wanted)
        if self._instance is None:
            raise UsageError(
                f"NDI does not take the name {quoted(name)}, which may be in use; "
                "give another: --output ndi:NAME"
            )
        rate = Fraction(fps).limit_denominator(1001)
        self._picture = picture  # the frame has its address alone
        self._frame = NDIlib.VideoFrameV2()
        self._frame.data = picture
        self._frame.frame_rate_N, self._frame.frame_rate_D = rate.numerator, rate.denominator

    def send(self, *, alpha: bool) -> None:
        kinds = self._ndi.FOURCC_VIDEO_TYPE_RGBX, self._ndi.FOURCC_VIDEO_TYPE_RGBA
        self._frame.FourCC = kinds[alpha]
        self._ndi.send_send_video_v2(self._instance, self._frame)

    def connections(self) -> int:
        count: int = self._ndi.send_get_no_connections(self._instance, 0)
        return count

    def close(self) -> None:
        self._ndi.send_destroy(self._instance)


def open_sink(
    argument: str, form: Format, opener: Callable[[str, Pixels, float], Sender] = _NdiSender
) -> Ndi:
    """Announce a source with the name `argument`; "" is "streamcam".

    Raises `UsageError` with what to install, or if the name is taken.
    """
    name = argument or _NAME
    picture: Pixels = np.zeros((form.height, form.width, 4), np.uint8)
    sender = opener(name, picture, form.fps)
    return Ndi(sender, picture, f"NDI source {quoted(name)}{_hint(_AVAHI)}")


def _not_loaded(error: ImportError) -> str:
    if isinstance(error, ModuleNotFoundError):
        return f"NDI is not installed. Install it: {_INSTALL}"
    # On Linux its library is linked against those of avahi.
    more = "; sudo apt install avahi-daemon libavahi-client3" if sys.platform == "linux" else ""
    return f"NDI cannot be loaded ({error}). Install it: {_INSTALL}{more}"


def _hint(avahi: Path) -> str:
    """Without avahi-daemon NDI announces nothing on Linux, and says nothing either."""
    if sys.platform != "linux" or avahi.exists():
        return ""
    return (
        " (receivers do not find it by themselves: avahi-daemon does not run here; "
        "sudo apt install avahi-daemon)"
    )

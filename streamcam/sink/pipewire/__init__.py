"""PipeWire: a camera for the programs of a Linux desktop, without a kernel module and without root.

For those that read PipeWire cameras: browsers and OBS. The others want `virtualcam`.
"""

from __future__ import annotations

from streamcam.errors import SinkFailed, UsageError, quoted
from streamcam.frames import Frame
from streamcam.pipewire import library
from streamcam.pipewire.stream import Broken, Unreachable
from streamcam.sink import Format
from streamcam.sink.pipewire.camera_stream import CameraStream
from streamcam.sink.pipewire.presence import pipewire_obstacle

_NAME = "streamcam"


class PipeWireCamera:
    """Hands pictures to the programs that show the camera; without any, a picture costs nothing.

    One that comes later gets a picture at the next tick. Owns `stream`. Once PipeWire is gone
    (restarted, say) it stays broken: close it, and open another.
    """

    paced = True
    main_thread = False
    finishes: str | None = None

    def __init__(self, stream: CameraStream, name: str) -> None:
        self.label = f"PipeWire camera {name}"
        self.reopen_as: str | None = f"pipewire:{name}"
        self._stream = stream

    @property
    def watched(self) -> bool:
        """Whether any program takes pictures now. For any thread."""
        return self._stream.watched

    def write(self, frame: Frame) -> None:
        """Show the frame. Raises `SinkFailed`."""
        try:
            self._stream.show(frame.pixels)
        except Broken as error:
            raise SinkFailed(f"{self.label} does not take pictures any more: {error}") from error

    def close(self) -> None:
        """Take the camera away."""
        self._stream.close()


def open_sink(argument: str, form: Format) -> PipeWireCamera:
    """Show a camera with the name `argument`; "" is "streamcam".

    Raises `UsageError` with what to do where PipeWire is not installed or does not run.
    """
    name = argument or _NAME
    if not name.isprintable():
        raise UsageError(
            f"the output 'pipewire' cannot have the name {quoted(name)}: use plain letters"
        )
    if form.width % 2:
        raise UsageError(
            f"a PipeWire camera cannot show {form.width}x{form.height}: it needs an even width; "
            f'in the preset, below [output]: size = "{form.width // 2 * 2}x{form.height}"'
        )
    found = pipewire_obstacle()
    if found is not None:
        raise UsageError(f"there is no PipeWire camera here: {found.text}; {found.fix}")
    try:
        return PipeWireCamera(CameraStream(library.load(), name, form), name)
    except Unreachable as error:
        raise UsageError(
            f"PipeWire does not take a camera: {error}; to restart it: "
            "systemctl --user restart pipewire wireplumber"
        ) from error

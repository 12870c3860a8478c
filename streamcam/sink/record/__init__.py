"""Record: a video file, which can be played however it ends."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import av

from streamcam.errors import SinkFailed, UsageError, quoted, told
from streamcam.frames import Frame
from streamcam.sink import RECORDED, Format
from streamcam.sink.record.container import CONTAINERS, Container
from streamcam.sink.record.encoder import Encoder
from streamcam.sink.record.microphone import Microphone, NoMicrophone
from streamcam.sink.record.part import PartFile
from streamcam.sink.record.timeline import timeline_for

_FORMATS = (62, 12)  # libavformat of FFmpeg 8.1: with B pictures, files of those before are damaged
_INSTALL = "pip install --force-reinstall --only-binary av 'av>=18'"


class Recording:
    """Writes to `NAME.part`, which takes the place of `path` once it is complete.

    Live recordings have a constant frame rate, which follows the clock. Others have the constant
    rate of `form.rate`, or every frame at its own `media_time`; the last picture lasts as long as
    it says. However it is cut off, the file can be played up to 0.8 seconds before that, a rendered
    one up to about two seconds of film. An old file of that name stays until then, and for good if
    the new one fails.
    """

    main_thread = False
    reopen_as: str | None = None
    watched = True

    def __init__(
        self, path: Path, form: Format, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        """Raises `UsageError` if a program records to `path`, `OSError` and what PyAV raises."""
        self.paced = form.realtime
        self._path = path
        self._part = part = PartFile(Path(os.path.realpath(path)))
        self._closed = False
        microphone, silent = None, ""
        try:
            container = CONTAINERS[path.suffix.lower()]
            microphone, silent = _microphone(form, container, clock)
            self._encoder = Encoder(
                part,
                container,
                form,
                timeline_for(form, clock),
                microphone,
            )
            part.commit()
        except BaseException:
            if microphone is not None:
                microphone.close()
            self._part.discard()
            raise
        self._bare = part.size  # nothing can be played yet
        sound = self._encoder.label and f"; sound: {self._encoder.label}"
        if form.tracks and not sound:
            silent = f"; without its sound, which {path.suffix} does not take"
        self.alpha = self._encoder.alpha
        told = f"{self._encoder.pictures}, {form.width}x{form.height}{sound}{silent}"
        self.label = f"recording {path} ({told}){_left(part.passed)}"
        self.finishes: str | None = f"{path} (until then {part.path.name})"

    def write(self, frame: Frame) -> None:
        """Encode it at its time. Raises `SinkFailed`; if the disk is full, say, the file is kept
        as far as it has come."""
        if self._closed:
            raise SinkFailed(f"the recording {self._path} is closed")
        try:
            self._encoder.write(frame)
        except av.FFmpegError as error:
            raise SinkFailed(
                f"cannot encode a picture for {self._path}: {error.strerror}"
            ) from error
        try:
            self._part.commit()
        except OSError as error:
            self._closed = True
            raise SinkFailed(
                f"cannot write {self._path}: {_said(error)}; {self._kept()}"
            ) from error

    def close(self) -> None:
        """Finish the file. Without a single picture there is none. Raises `SinkFailed`."""
        if self._closed:
            return
        self._closed = True
        if self._encoder.empty:
            self._encoder.abandon()
            self._part.discard()
            return
        try:
            self._encoder.finish()
            self._part.commit(durable=True)
        except Exception as error:  # whatever the encoder raises, what is on the disk is kept
            raise SinkFailed(
                f"cannot finish {self._path}: {_said(error)}; {self._kept()}"
            ) from error
        try:
            self._part.finish()
        except OSError as error:
            raise SinkFailed(
                f"cannot finish {self._path}: {_said(error)}; the whole recording is in "
                f"{self._part.path}"
            ) from error

    def _kept(self) -> str:
        """Leave what is on the disk, and say where."""
        self._encoder.abandon()
        if self._part.gone or self._part.size <= self._bare:
            self._part.discard()
            return "there is no recording"
        self._part.keep()
        return f"what was recorded until then can be played: {self._part.path}"


def _microphone(
    form: Format, container: Container, clock: Callable[[], float]
) -> tuple[Microphone | None, str]:
    """The one that the preset wants, live, or why there is none."""
    if not form.realtime or not form.microphone:
        return None, ""
    if not container.encodes:
        return None, f"; no sound: a .{container.name} takes none of a microphone"

    def lost(reason: str) -> None:
        form.tell(f"the recording goes on without sound: the microphone {reason}")

    try:
        return Microphone(form.microphone, lost, clock), ""
    except NoMicrophone as missing:
        return None, f"; no sound: {missing}"


def open_sink(argument: str, form: Format) -> Recording:
    """Record to the file `argument`, replacing it at the end. Raises `UsageError`."""
    path = Path(argument).expanduser()
    _check_wish(argument, path, form)
    try:
        _check_place(argument, path, Path(os.path.realpath(path)))
        return Recording(path, form)
    except av.codec.codec.UnknownCodecError as error:
        raise UsageError(
            f"cannot record to {quoted(argument)}: this build of PyAV lacks an encoder ({error}); "
            f"{_INSTALL}"
        ) from error
    except (av.FFmpegError, OSError) as error:
        raise UsageError(
            f"cannot record to {quoted(argument)}: {_said(error).lower()}; choose another folder "
            "or name"
        ) from error


def _check_wish(argument: str, path: Path, form: Format) -> None:
    if path.suffix.lower() not in RECORDED:
        known = ", ".join(sorted(RECORDED))
        raise UsageError(
            f"cannot record to {quoted(argument)}: the name must end in one of {known}"
        )
    if form.width % 2 or form.height % 2:
        raise UsageError(
            f"cannot record {form.width}x{form.height}: H.264 needs an even width and height; "
            f'in the preset, below [output]: size = "{form.width // 2 * 2}x{form.height // 2 * 2}"'
        )
    version = av.library_versions["libavformat"]
    if version[:2] < _FORMATS:
        raise UsageError(
            f"cannot record to {quoted(argument)}: this build of PyAV has FFmpeg before 8.1 "
            f"(libavformat {'.'.join(map(str, version))}), whose files would be damaged; {_INSTALL}"
        )


def _check_place(argument: str, path: Path, target: Path) -> None:
    """`target`: where the links in `argument`, if any, lead to."""
    if target.is_dir():
        raise UsageError(f"cannot record to {quoted(argument)}: it is a folder; name a file in it")
    if not target.parent.is_dir():
        missing = target.parent if path.parent.is_dir() else path.parent
        raise UsageError(
            f"cannot record to {quoted(argument)}: there is no folder {quoted(str(missing))}"
        )
    if target.is_symlink():
        raise UsageError(
            f"cannot record to {quoted(argument)}: it is a link that leads back to itself"
        )
    if not target.exists():
        return
    if not target.is_file():
        raise UsageError(
            f"cannot record to {quoted(argument)}: it is a pipe or a device, and a recording needs "
            "a file; name one, or use --output null"
        )
    if not os.access(target, os.W_OK):
        raise UsageError(
            f"cannot record to {quoted(argument)}: that file is write-protected; give another name"
        )


def _left(passed: list[Path]) -> str:
    """What lay there already, for the label."""
    if not passed:
        return ""
    names = ", ".join(path.name for path in passed)
    films = [path for path in passed if _is_film(path)]
    told = "; a recording that was cut off, it can be played" if films == passed else ""
    return f" ({names} was there before and is left alone{told})"


def _is_film(path: Path) -> bool:
    """As far as its first bytes tell."""
    try:
        with path.open("rb") as file:
            head = file.read(8)
    except OSError:
        return False
    return head[4:] == b"ftyp" or head[:4] == b"\x1a\x45\xdf\xa3"


def _said(error: Exception) -> str:
    """The reason alone, where it is the system's or FFmpeg's."""
    reason = error.strerror if isinstance(error, OSError) else None
    return reason or told(error)

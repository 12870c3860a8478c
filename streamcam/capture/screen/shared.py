"""The screen that a Wayland desktop shares: what its user chose in the desktop's dialog."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Protocol

from platformdirs import user_state_path

from streamcam.capture import FilmInfo, Wanted
from streamcam.capture.screen.monitors import parse_region
from streamcam.capture.screen.portal import Failed, NoPortal, Refused, ScreenCast
from streamcam.capture.screen.stream import BuffersFor, Place, ScreenStream
from streamcam.clock.pace import LONGEST_WAIT, SYSTEM_CLOCK, Clock, Pace
from streamcam.errors import SourceLost, SourceRefused, UsageError, words
from streamcam.frames import Frame, FramePool, Pixels
from streamcam.pipewire import library
from streamcam.pipewire.pods import Video
from streamcam.pipewire.stream import Broken, Unreachable

_REASON_SECONDS = LONGEST_WAIT / 2  # seconds that the reason may come after the end itself


class Consent:
    """The token that shows the desktop that its user has agreed, so that it does not ask again.

    Each number (`screen`, `screen:2`) has its own, so each can stand for another monitor.
    """

    def __init__(self, number: str, folder: Path | None = None) -> None:
        folder = folder or user_state_path("streamcam", appauthor=False)
        self._file = folder / f"screen{number and '-'}{number}.token"

    def token(self) -> str:
        """ "" if there is none."""
        try:
            return self._file.read_text("utf-8")
        except (OSError, ValueError):  # a file that is damaged shows nothing
            return ""

    def keep(self, token: str) -> None:
        """In place of the one before. "": there is none any more."""
        with suppress(OSError, ValueError):  # then the desktop asks again
            self._file.unlink(missing_ok=True)
            if token:
                self._file.parent.mkdir(parents=True, exist_ok=True)
                self._file.touch(0o600)
                self._file.write_text(token, "utf-8")


class Cast(Protocol):
    """What is used of `ScreenCast` once the screen is shared."""

    def ended(self, patience: float = 0.0) -> bool:
        """Whether the desktop has ended it."""
        ...

    def close(self) -> None: ...


class ScreenPictures(Protocol):
    """What is used of `ScreenStream`."""

    video: Video

    def newest(self, fit: BuffersFor) -> Pixels | None:
        """The part that `fit` wants of a picture, if there is a new one. Raises `Broken`."""
        ...

    def close(self) -> None: ...


def open_shared_screen(argument: str, wanted: Wanted) -> SharedScreen:
    """Open the screen, which may have the desktop ask its user which one.

    `argument` is that of the source `screen`. Raises `UsageError`.
    """
    whole = not argument or argument.isdecimal()
    if not whole and parse_region(argument) is None:
        raise UsageError(f"screen:{argument} is neither a monitor number nor x,y,w,h.")
    consent = Consent(argument if argument.isdecimal() else "")
    try:
        cast = ScreenCast()
    except NoPortal as error:
        raise UsageError(f"the screen cannot be captured: {error}") from error
    try:
        stream = _begin(cast, consent, wanted.fps)
    except BaseException:
        cast.close()
        raise
    try:
        return SharedScreen((cast, stream, consent), argument, wanted)
    except BaseException:
        _close(stream)
        cast.close()
        raise


def _begin(cast: ScreenCast, consent: Consent, fps: float) -> ScreenStream:
    try:
        shared = cast.share(consent.token())
        consent.keep(shared.token)
        return ScreenStream(library.load(), cast.remote(), shared.node, fps)
    except Refused as error:
        raise SourceRefused(
            "the screen is not shared: the desktop's dialog was answered with no. Start streamcam "
            "again to be asked again, or take another --source."
        ) from error
    except Failed as error:
        raise UsageError(f"the desktop portal does not share the screen: {error}.") from error
    except Unreachable as error:
        raise UsageError(
            f"the screen is shared, but PipeWire does not deliver it: {error}; to restart it: "
            "systemctl --user restart pipewire wireplumber"
        ) from error
    except Exception as error:
        raise UsageError(f"the shared screen cannot be opened: {words(error)}") from error


def _close(stream: ScreenPictures) -> None:
    with suppress(Exception):  # what broke off is closed
        stream.close()


class SharedScreen:
    """Hands out the screen, or a region of it, `wanted.fps` times a second.

    The desktop sends a picture when something on the screen changes. In between, the last one
    is what the screen still shows. See `streamcam.capture.Source`. Owns what it is made of.
    """

    film: FilmInfo | None = None
    notice = ""

    def __init__(
        self,
        shared: tuple[Cast, ScreenPictures, Consent],
        argument: str,
        wanted: Wanted,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._cast, self._stream, self._consent = shared
        self._argument = argument
        self._follow(self._stream.video)
        self.fps = wanted.fps
        self.label = f"{self._name}, {self.width}x{self.height} at {self.fps:g} fps"
        self._pace = Pace(wanted.fps, clock)
        self._clock = clock
        self._picture: Pixels | None = None
        self._seq = 0

    def read(self) -> Frame | None:
        """The screen at the next tick, waiting for it at most half a second; None: not yet.

        Of another size once the screen has one. Raises `SourceLost` when it is not shared any more
        and when the region is not on it.
        """
        if not self._pace.due():
            return None
        captured_at = self._clock.now()
        if self._cast.ended():
            raise self._ended()
        try:
            picture = self._stream.newest(self._fit)
        except SourceLost:
            raise
        except Exception as error:
            if self._cast.ended(_REASON_SECONDS):
                raise self._ended() from error
            raise SourceLost(f"{self._name} is lost: {words(error, Broken)}") from error
        if picture is not None:
            self._picture = picture
        if self._picture is None:
            return None
        frame = Frame(self._picture, self._seq, captured_at)
        self._seq += 1
        return frame

    def close(self) -> None:
        """Share the screen no longer. May be called twice."""
        _close(self._stream)
        self._cast.close()

    def _fit(self, video: Video) -> tuple[FramePool, Place]:
        if video != self._video:
            try:
                self._follow(video)
            except UsageError as error:
                raise SourceLost(f"{self._name} is lost: {error}") from error
        return self._pool, self._place

    def _follow(self, video: Video) -> None:
        """Find what is asked for in pictures like this. Raises `UsageError`."""
        self._name, self._place = _find(self._argument, video)
        rows, columns = self._place
        self.width, self.height = columns.stop - columns.start, rows.stop - rows.start
        self._pool = FramePool(self.width, self.height)
        self._video = video

    def _ended(self) -> SourceLost:
        """Forgets the consent: the user who ended it is asked before it begins again."""
        self._consent.keep("")
        return SourceLost(f"{self._name} is not shared any more: the desktop ended it")


def _find(argument: str, video: Video) -> tuple[str, Place]:
    """The name and the part of the picture that `argument` asks for. Raises `UsageError`."""
    region = parse_region(argument)
    if region is None:
        name = f"the screen chosen for screen:{argument}" if argument else "the shared screen"
        return name, (slice(0, video.height), slice(0, video.width))
    x, y, width, height = region
    fits = 0 <= x < x + width <= video.width and 0 <= y < y + height <= video.height
    if not fits:
        raise UsageError(
            f"the region {argument} (x,y,w,h) is not on the screen that was shared, which has "
            f"{video.width}x{video.height} pixels."
        )
    return f"shared screen region {x},{y}", (slice(y, y + height), slice(x, x + width))

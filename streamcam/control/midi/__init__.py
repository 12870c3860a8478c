"""MIDI: knobs play values, keys bring looks, the clock is the beat (extra `midi`)."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from threading import Event
from typing import Any

from engines.errors import EngineError
from streamcam.control.acts import LOOK
from streamcam.control.beat import Beat
from streamcam.control.desk import Desk
from streamcam.control.midi.bindings import Bindings, midi_file
from streamcam.errors import StreamcamError, UsageError, told
from streamcam.notices import Notice

AUTO = "auto"
_LOOK_SECONDS = 1.0  # seconds between looks at what is plugged in
_NUMBERS = re.compile(r"\s\d+:\d+$")  # ALSA's, which change when a device is plugged in again
_THROUGH = "midi through"  # leads back whatever a program sends there
_TOPIC = "midi"
_BACKEND = "mido.backends.rtmidi/LINUX_ALSA" if sys.platform == "linux" else None


class MidiDoor:
    """The thread "midi" is `work`: it opens what is plugged in, and again when it comes back.
    Messages come on threads of the library.

    inputs  names of those that are open
    broken  messages that something was wrong with
    """

    def __init__(self, desk: Desk, beat: Beat, wanted: str) -> None:
        """`wanted`: a part of a device's name, or "auto" for all. Raises `UsageError`."""
        self._backend = _backend()
        self.bindings = Bindings(midi_file())
        self.broken = 0
        self._wanted = "" if wanted.casefold() == AUTO else wanted.casefold()
        self._desk, self._beat = desk, beat
        self._stop = Event()
        self._open: dict[str, Any] = {}
        self._names()  # a machine without MIDI says so at once

    @property
    def inputs(self) -> list[str]:
        return [_NUMBERS.sub("", name) for name in self._open]

    def work(self) -> None:
        """Until `close`."""
        while not self._stop.is_set():
            try:
                self._look_around()
            except Exception as error:  # noqa: BLE001  # the library's own, or the system's
                self._notice(f"MIDI: {told(error)}")
            self._stop.wait(_LOOK_SECONDS)
        for port in self._open.values():
            _close(port)

    def close(self) -> None:
        """End `work`."""
        self._stop.set()

    def _look_around(self) -> None:
        there = self._names()
        for name in [name for name in self._open if name not in there]:
            _close(self._open.pop(name))
            self._notice(f"MIDI: {_NUMBERS.sub('', name)} is gone; it is opened when it comes back")
        for name in there:
            if name not in self._open and self._wanted in name.casefold():
                self._open[name] = self._backend.open_input(name, callback=self._guarded)
                self._notice("")

    def _names(self) -> list[str]:
        try:
            names = self._backend.get_input_names()
        except OSError as error:  # rtmidi's errors are OSErrors
            raise UsageError(f"MIDI cannot be used here: {error}") from error
        return [name for name in names if _THROUGH not in name.casefold()]

    def _guarded(self, message: Any) -> None:  # noqa: ANN401  # of mido, which has no types
        """On a thread of the library, which must get nothing raised."""
        try:
            self._take(message)
        except (StreamcamError, EngineError) as error:
            self._notice(str(error))
        except Exception as bug:  # noqa: BLE001
            self.broken += 1
            self._notice(f"MIDI: {told(bug)}")

    def _take(self, message: Any) -> None:  # noqa: ANN401
        ways: dict[str, Callable[[Any], None]] = {
            "clock": lambda _: self._beat.pulse(),
            "start": lambda _: self._beat.start(),
            "control_change": lambda m: self._turned(f"{m.channel + 1} {m.control}", m.value / 127),
            "pitchwheel": lambda m: self._turned(
                f"{m.channel + 1} pitch", (m.pitch + 8192) / 16383
            ),
            "note_on": self._pressed,
        }
        way = ways.get(message.type)
        if way is not None:
            way(message)

    def _turned(self, place: str, share: float) -> None:
        key = self.bindings.played("controllers", place)
        act = None if key is None else self._desk.turned(key, min(max(share, 0.0), 1.0))
        if act is not None:
            self._desk.post([act])

    def _pressed(self, message: Any) -> None:  # noqa: ANN401
        if message.velocity == 0:  # as many devices say that it is let go
            return
        name = self.bindings.played("notes", f"{message.channel + 1} {message.note}")
        if name == "tap":
            self._beat.tap()
        elif name is not None and (act := self._desk.named(LOOK, name)) is not None:
            self._desk.post([act])

    def _notice(self, text: str) -> None:
        self._desk.program.stats.notices.put(Notice(_TOPIC, text))


def _backend() -> Any:  # noqa: ANN401  # mido has no types
    chosen = "MIDO_BACKEND" in os.environ  # somebody has chosen mido's
    try:
        import mido

        backend = mido.Backend(None if chosen else _BACKEND)
        backend.load()
    except ImportError as error:
        raise UsageError("MIDI needs other libraries: pip install 'streamcam[midi]'") from error
    return backend


def _close(port: Any) -> None:  # noqa: ANN401
    try:
        port.close()
    except Exception:  # noqa: BLE001  # its device is gone
        return

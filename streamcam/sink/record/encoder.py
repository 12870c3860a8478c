"""Encoder: the tracks of a recording and the file that they share."""

from __future__ import annotations

from contextlib import suppress

from streamcam.frames import Frame
from streamcam.sink import Format
from streamcam.sink.record.container import Container
from streamcam.sink.record.microphone import Microphone
from streamcam.sink.record.part import PartFile
from streamcam.sink.record.picture_track import PictureTrack
from streamcam.sink.record.sound_track import open_tracks
from streamcam.sink.record.timeline import Timeline
from streamcam.sink.record.voice_track import VoiceTrack


class Encoder:
    """Used by one thread. Raises what PyAV raises. What it writes stays in `file` until that
    commits it.
    """

    def __init__(
        self,
        file: PartFile,
        container: Container,
        form: Format,
        timeline: Timeline,
        microphone: Microphone | None = None,
    ) -> None:
        """Closes the `microphone`, however it ends."""
        self._timeline = timeline
        self._voice: VoiceTrack | None = None
        self._file = container.create(file, sound=bool(form.tracks) or microphone is not None)
        try:
            self._pictures = PictureTrack(self._file, form, timeline)
            self._sounds = open_tracks(self._file, container, form.tracks)
            if microphone is not None:
                self._voice = VoiceTrack(self._file, microphone)
            self._file.start_encoding()
        except BaseException:
            self._file.close()
            raise

    @property
    def empty(self) -> bool:
        """No picture has come yet."""
        return self._pictures.empty

    @property
    def pictures(self) -> str:
        """What the pictures become, for people."""
        return self._pictures.label

    @property
    def alpha(self) -> bool:
        """Whether the file keeps it."""
        return self._pictures.alpha

    @property
    def label(self) -> str:
        """What becomes of the sound, for people; "" if there is none."""
        labels = [track.label for track in self._sounds.values()]
        return ", ".join(labels if self._voice is None else [*labels, self._voice.label])

    def write(self, frame: Frame) -> None:
        """Take a frame, unless it is too early."""
        self._pictures.write(frame)
        for sound in frame.sound:
            if sound.track in self._sounds:
                self._sounds[sound.track].take(sound)
        if self._voice is not None and self._timeline.began is not None:
            self._voice.follow(frame, self._timeline.began)

    def finish(self) -> None:
        """Encode the last picture, and write the index. Once, and not without a picture."""
        self._pictures.finish()
        for sound in self._sounds.values():
            sound.finish()
        if self._voice is not None:
            self._voice.finish()
        self._file.close()

    def abandon(self) -> None:
        """Free everything. What the muxer writes meanwhile is not read any more."""
        self._pictures.abandon()
        if self._voice is not None:
            self._voice.abandon()
        with suppress(Exception):
            self._file.close()

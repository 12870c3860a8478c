"""VoiceTrack: what a microphone hears, in a track of a live recording, in step with the picture."""

from __future__ import annotations

import numpy as np
from av.audio.frame import AudioFrame
from av.container import OutputContainer

from streamcam.frames import Frame
from streamcam.sink.record.aac import Aac
from streamcam.sink.record.microphone import RATE, Block, Microphone

# Samples a second by which the sound may be stretched, half a percent: the clock of a sound card is
# not the computer's, and the picture's delay changes.
_DRIFT = 240
_WEIGHT = 0.02  # of a picture in the delay, at least


class VoiceTrack:
    """A picture is shown some time after it was taken: gate, engine and encoder need it. What was
    heard when it was taken is put where it is shown, so it is later by the pictures' mean delay.
    Used by one thread; closes the microphone.
    """

    def __init__(self, file: OutputContainer, microphone: Microphone) -> None:
        self.label = f"{microphone.name}, as AAC"
        self._microphone = microphone
        self._aac = Aac(file, RATE, microphone.channels, drift=_DRIFT)
        self._layout = "mono" if microphone.channels == 1 else "stereo"
        self._delay, self._pictures = 0.0, 0  # seconds, and how many pictures told them
        self._shown: float | None = None  # `captured_at` of the last picture

    def follow(self, frame: Frame, began: float) -> None:
        """Write what was heard, now that a frame has been. `began`: the clock at the first one."""
        if not frame.repeat and frame.captured_at != self._shown:
            self._shown = frame.captured_at
            late = max(0.0, self._microphone.clock() - frame.captured_at)
            # The mean of the first ones, but for the very first, which waited for the engine.
            weight = max(_WEIGHT, 1 / max(1, self._pictures))
            self._delay += weight * (late - self._delay)
            self._pictures += 1
        for block in self._microphone.take():
            self._write(block, block.at + self._delay - began)

    def finish(self) -> None:
        """Write the end. Once."""
        self._microphone.close()
        self._aac.finish()

    def abandon(self) -> None:
        """Close the microphone. May be called twice."""
        self._microphone.close()

    def _write(self, block: Block, at: float) -> None:
        before = max(0, -round(at * RATE))  # samples from before the first picture
        samples = block.samples[before:]
        if len(samples):
            packed = np.ascontiguousarray(samples).reshape(1, -1)
            frame = AudioFrame.from_ndarray(packed, "flt", self._layout)
            frame.sample_rate = RATE
            self._aac.write(frame, at + before / RATE)

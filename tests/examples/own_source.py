"""A source of your own, restyled into a file: python own_source.py OUT.mp4 [PRESET]."""

import sys
from dataclasses import dataclass
from time import perf_counter

import numpy as np

from streamcam.frames import Frame
from streamcam.pipeline import Options, Pipeline
from streamcam.presets import load_preset


@dataclass
class Waves:
    """Ten seconds of waves in red and blue; what a source must have is in `capture.Source`."""

    label, fps, film, notice = "waves", 30.0, None, ""
    width, height = 640, 360
    number: int = 0

    def read(self) -> Frame:
        """The next frame, uint8 RGB; EOFError at the end. Called by the thread "capture"."""
        if self.number == 300:
            raise EOFError
        x = np.arange(self.width) + 8 * self.number
        pixels = np.empty((self.height, self.width, 3), np.uint8)
        pixels[:] = (127 + 120 * np.sin(x / 40))[:, None] * (1.0, 0.2, 0.0) + (0, 0, 90)
        frame = Frame(pixels, self.number, perf_counter(), media_time=self.number / self.fps)
        self.number += 1
        return frame

    def close(self) -> None:
        """Nothing to release."""


def main(result: str, preset: str = "anime") -> None:
    options = Options(
        preset=load_preset(preset),
        source="waves",
        outputs=(result,),
        realtime=False,
        web=False,
        open_source=lambda _name, _wanted: Waves(),
    )
    pipeline = Pipeline(options, print)
    pipeline.start()
    while not pipeline.wait(1.0):
        print(f"{pipeline.stats.snapshot().frames_out} pictures")


if __name__ == "__main__":
    main(*sys.argv[1:])

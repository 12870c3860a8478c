"""A sink of your own, the mean colour for a lamp: python own_sink.py [SECONDS]."""

import sys
from dataclasses import dataclass, field

from streamcam.frames import Frame
from streamcam.pipeline import Options, Pipeline
from streamcam.presets import load_preset


@dataclass
class Lamp:
    """Keeps the colours it was told; what a sink must have is in `sink.Sink`."""

    label, paced, main_thread, watched = "lamp", False, False, True
    reopen_as = finishes = None
    colours: list[tuple[float, ...]] = field(default_factory=list)

    def write(self, frame: Frame) -> None:
        """One picture, uint8 RGB, in the size of the outputs. Called by the thread "sink lamp"."""
        self.colours.append(tuple(frame.pixels[::16, ::16].mean(axis=(0, 1)).round().tolist()))

    def close(self) -> None:
        """Turn it off."""


def main(seconds: float = 10.0) -> None:
    lamp = Lamp()
    options = Options(
        preset=load_preset("neon"),
        source="demo",
        outputs=("lamp",),
        web=False,
        open_sink=lambda _name, _form: lamp,
    )
    pipeline = Pipeline(options, print)
    pipeline.start()
    pipeline.wait(seconds)
    pipeline.stop()
    print(f"{len(lamp.colours)} colours, the last is {lamp.colours[-1]}")


if __name__ == "__main__":
    main(*map(float, sys.argv[1:]))

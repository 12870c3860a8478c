from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from capture_fakes import FakeClock, red


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def make_film(tmp_path: Path) -> Callable[..., Path]:
    """Writes short films whose frames are reds that can be told apart."""

    def make(
        name: str = "red.mp4",
        size: tuple[int, int] = (64, 48),
        times: list[int] | int = 10,
        codec: str = "libx264",
        **more,
    ) -> Path:
        path = tmp_path / name
        pictures = more.get("pictures")
        with av.open(str(path), "w", options=more.get("container", {})) as container:
            rate = more.get("rate", 10)
            stream = container.add_stream(codec, rate, options=more.get("options", {}))
            stream.codec_context.time_base = more.get("tick", 1 / Fraction(rate))
            container.metadata.update(more.get("metadata", {}))
            stream.width, stream.height = size
            stream.pix_fmt = more.get("format", "yuv420p")
            if "rotation" in more:
                stream.set_display_rotation(more["rotation"])
            if "aspect" in more:
                stream.codec_context.sample_aspect_ratio = more["aspect"]
            for index, pts in enumerate(range(times) if isinstance(times, int) else times):
                pixels = np.full((size[1], size[0], 3), red(index), np.uint8)
                frame = av.VideoFrame.from_ndarray(pictures[index] if pictures else pixels, "rgb24")
                frame.pts = pts
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
        return path

    return make

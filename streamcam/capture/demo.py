"""Source `demo`: the bundled clip, so that the program shows something on any machine.

Made by tests/data/make_demo.py from photographs that are free to ship: see demo_credits.txt.
"""

from __future__ import annotations

from pathlib import Path

from streamcam.capture import Wanted
from streamcam.capture.video import VideoSource
from streamcam.capture.video.decoder import Decoder
from streamcam.errors import UsageError, quoted

CLIP = Path(__file__).with_name("demo.mp4")


def open_source(argument: str, wanted: Wanted) -> VideoSource:
    """Play the clip. It takes no argument: anything given is a `UsageError`."""
    if argument:
        raise UsageError(f"--source demo takes no argument, not {quoted(argument)}.")
    source = VideoSource(Decoder(str(CLIP)), wanted)
    source.label = f"demo clip, {source.width}x{source.height} at {source.fps:g} fps"
    return source

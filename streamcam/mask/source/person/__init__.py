"""Mask source `person`: MediaPipe's selfie segmentation, which comes with the program."""

from __future__ import annotations

from pathlib import Path

from streamcam.mask import MaskSettings, MaskSource
from streamcam.mask.source.network import Network

MODEL = Path(__file__).parent / "selfie_segmentation_landscape.tflite"


def open_source(settings: MaskSettings) -> MaskSource:
    """Takes some tenths of a second: the network is compiled."""
    return Network(MODEL)

"""streamcam: real-time AI video into a virtual camera. The folders follow a frame's way."""

__version__ = "0.1.0"

"""How one decoded picture becomes the pixels of a Frame."""

from streamcam.pixels.conversion import Conversion
from streamcam.pixels.orientation import AS_IT_LIES, Orientation

__all__ = ["AS_IT_LIES", "Conversion", "Orientation"]

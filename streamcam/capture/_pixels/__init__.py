"""How one decoded picture becomes the pixels of a Frame."""

from streamcam.capture._pixels.conversion import Conversion
from streamcam.capture._pixels.orientation import AS_IT_LIES, Orientation

__all__ = ["AS_IT_LIES", "Conversion", "Orientation"]

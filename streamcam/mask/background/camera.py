"""Background "as it is": the camera's own picture, because the preset says so in these words."""

from __future__ import annotations

from streamcam.frames import Pixels
from streamcam.mask import Plane


class CameraBackground:
    """The room, unstyled."""

    moves = False

    def behind(self, styled: Pixels, camera: Pixels, mask: Plane) -> Pixels:
        return camera

    def close(self) -> None: ...

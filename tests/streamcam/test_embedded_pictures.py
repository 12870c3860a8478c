"""The embedded model's pictures, whatever versions of OpenVINO and NumPy run it.

The golden values are what OpenVINO 2026.4.1 with NumPy 2.3 made of the photograph in float32. To
write them again, after the model has changed: python tests/streamcam/test_embedded_pictures.py.
"""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from engines.api import EngineSpec, Params
from engines.build import build

DATA = Path(__file__).parents[1] / "data"
GOLDEN = DATA / "embedded_pictures.json"
SIZE, BLOCK = (256, 144), 16  # (width, height) of the picture; pixels a golden value stands for
FRAMES = 4
CASES = {
    "one step": ({}, "anime, cel shading", 1.0),
    "stream of four steps, guided": (
        {"steps": 4, "batching": "stream", "guidance_mode": "full"},
        "cyberpunk, (neon lights:1.3)",
        2.0,
    ),
    "four steps one by one": (
        {"steps": 4, "batching": "sequential", "guidance_mode": "self"},
        "pencil sketch::2 | oil painting",
        1.4,
    ),
}


def restyled(fields: dict[str, object], prompt: str, guidance: float) -> np.ndarray:
    """Means of BLOCK x BLOCK pixels, float64 (height / BLOCK, width / BLOCK, 3), after FRAMES."""
    photo = cv2.resize(cv2.imread(str(DATA / "photo.jpg"))[:, :, ::-1], SIZE)
    frame = np.ascontiguousarray(photo)
    width, height = SIZE
    spec = EngineSpec(width=width, height=height, precision="float32", **fields)  # type: ignore[arg-type]
    engine = build(spec)
    try:
        look = Params(
            prompt=engine.encode(prompt),
            negative=engine.encode("blurry"),
            guidance_scale=guidance,
            strength=0.8,
        )
        for _ in range(FRAMES):
            picture = engine.run(frame, look)
        shape = (height // BLOCK, BLOCK, width // BLOCK, BLOCK, 3)
        return picture.reshape(shape).mean(axis=(1, 3), dtype=np.float64)
    finally:
        engine.close()


@pytest.mark.parametrize("case", CASES)
def test_the_picture_is_the_same(case: str) -> None:
    golden = np.array(json.loads(GOLDEN.read_text("utf-8"))[case])
    np.testing.assert_allclose(restyled(*CASES[case]), golden, atol=1.0)


if __name__ == "__main__":
    made = {case: restyled(*fields).round(1).tolist() for case, fields in CASES.items()}
    GOLDEN.write_text(json.dumps(made) + "\n", "utf-8")

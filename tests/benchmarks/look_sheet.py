"""Draws what the presets make of pictures, to be looked at.

    python tests/benchmarks/look_sheet.py looks.png                      every preset
    python tests/benchmarks/look_sheet.py anime.png --preset anime       every look of one preset
    python tests/benchmarks/look_sheet.py looks.png me.jpg street.png    on your own pictures
    python tests/benchmarks/look_sheet.py --strip .github/looks.jpg      the README's picture

Pictures are rows, looks are columns, the untouched picture comes first. Runs the embedded model,
or any other: --model PATH.
"""

import argparse
from dataclasses import dataclass, field
from pathlib import Path

import av
import cv2
import numpy as np

from engines.api import Engine, EngineSpec
from engines.build import build
from engines.errors import EngineError
from streamcam.capture.demo import CLIP
from streamcam.config import check_engine_size, parse_size
from streamcam.errors import StreamcamError, UsageError
from streamcam.frames.geometry import View
from streamcam.frames.scaling import Scaler
from streamcam.looks.aim import encoded
from streamcam.presets import Preset, load_preset, preset_names

PHOTO = Path(__file__).parents[1] / "data" / "photo.jpg"
CLIP_SECONDS = {"cat": 2.5, "coffee": 7.5, "raccoon": 12.5}  # a still moment of each scene
CAMERA = "camera"

# The README's picture: a scene a row, every look once. "preset" or "preset/look".
STRIP = {
    "cat": (CAMERA, "anime", "sketch", "neon", "engraving"),
    "coffee": (CAMERA, "storybook", "blueprint", "noir", "vaporwave"),
    "raccoon": (CAMERA, "comic", "ink", "thermal", "oil"),
}
STRIP_CELL, GAP, JPEG_QUALITY = (320, 180), 4, 90
INK, PAPER = (22, 22, 26), (255, 255, 255)
FONT = cv2.FONT_HERSHEY_SIMPLEX

Picture = np.ndarray


@dataclass
class Studio:
    """Shows a picture in any look; one engine for every set of presets that can share it."""

    model: str
    size: tuple[int, int]
    engines: dict[tuple[int, str], Engine] = field(default_factory=dict)

    def show(self, picture: Picture, name: str) -> Picture:
        """`picture` at the studio's size, in the look "preset" or "preset/look"."""
        frame = fitted(picture, self.size)
        if name == CAMERA:
            return frame
        preset_name, _, look_name = name.partition("/")
        preset = load_preset(preset_name)
        engine = self._engine(preset)
        params = encoded(preset.look(look_name or None), engine.encode)
        engine.restart()
        for _ in range(engine.delay):
            engine.run(frame, params)
        return engine.run(frame, params)

    def _engine(self, preset: Preset) -> Engine:
        key = (preset.steps, preset.guidance_mode)
        if key not in self.engines:
            width, height = self.size
            self.engines[key] = build(
                EngineSpec(
                    model=self.model,
                    width=width,
                    height=height,
                    steps=preset.steps,
                    guidance_mode=preset.guidance_mode,
                )
            )
        return self.engines[key]

    def close(self) -> None:
        for engine in self.engines.values():
            engine.close()


def fitted(picture: Picture, size: tuple[int, int]) -> Picture:
    """Cropped and scaled as the program does it."""
    into = np.empty((size[1], size[0], 3), np.uint8)
    place = View(size).place((picture.shape[1], picture.shape[0]))
    Scaler(place.visible, place.shown).scale(picture, into)
    return into


def clip_frame(seconds: float) -> Picture:
    """The frame of the bundled clip that is on screen at `seconds`."""
    with av.open(str(CLIP)) as clip:
        for frame in clip.decode(video=0):
            if frame.time is not None and frame.time >= seconds:
                return frame.to_ndarray(format="rgb24")
    raise UsageError(f"the clip {CLIP} is shorter than {seconds} s.")


def read_picture(path: Path) -> Picture:
    picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if picture is None:
        raise UsageError(f"{path} is no picture that can be read.")
    return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)


def write_picture(path: Path, picture: Picture) -> None:
    options = [] if path.suffix == ".png" else [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    if not cv2.imwrite(str(path), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), options):
        raise UsageError(f"{path} cannot be written.")
    print(f"{path}: {picture.shape[1]}x{picture.shape[0]}, {path.stat().st_size / 1000:.0f} kB")


def sheet(studio: Studio, pictures: list[Picture], looks: list[str], width: int) -> Picture:
    """Rows of pictures under a line of names."""
    cell = (width, round(width * studio.size[1] / studio.size[0]))
    gap, head = GAP, 24
    board = np.full(
        (head + len(pictures) * (cell[1] + gap), len(looks) * (cell[0] + gap) - gap, 3),
        PAPER,
        np.uint8,
    )
    for column, look in enumerate(looks):
        left = column * (cell[0] + gap)
        cv2.putText(board, look, (left + 2, head - 8), FONT, 0.5, INK, 1, cv2.LINE_AA)
        for row, picture in enumerate(pictures):
            top = head + row * (cell[1] + gap)
            small = shrunk(studio.show(picture, look), cell)
            board[top : top + cell[1], left : left + cell[0]] = small
    return board


def strip(studio: Studio) -> Picture:
    """The README's picture: edge to edge, so that it sits well on white and on black."""
    (width, height), gap = STRIP_CELL, GAP
    columns = len(next(iter(STRIP.values())))
    size = (len(STRIP) * (height + gap) - gap, columns * (width + gap) - gap, 3)
    board = np.full(size, INK, np.uint8)
    for row, (scene, looks) in enumerate(STRIP.items()):
        picture = clip_frame(CLIP_SECONDS[scene])
        for column, look in enumerate(looks):
            top, left = row * (height + gap), column * (width + gap)
            cell = board[top : top + height, left : left + width]
            cell[:] = shrunk(studio.show(picture, look), STRIP_CELL)
            caption(cell, look.replace("/", " / "))
    return board


def shrunk(picture: Picture, size: tuple[int, int]) -> Picture:
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA)


def caption(cell: Picture, text: str) -> None:
    """White on a dark, see-through plate in the lower left corner."""
    scale, margin = 0.6, 8
    width, height = cv2.getTextSize(text, FONT, scale, 1)[0]
    bottom = cell.shape[0] - margin
    plate = cell[bottom - height - 2 * margin : bottom, margin : 3 * margin + width]
    plate[:] = (plate * 0.3 + np.array(INK) * 0.7).astype(np.uint8)
    cv2.putText(cell, text, (2 * margin, bottom - margin), FONT, scale, PAPER, 1, cv2.LINE_AA)


def picture_path(text: str) -> Path:
    path = Path(text)
    if path.suffix not in {".png", ".jpg"} or not path.parent.is_dir():
        raise argparse.ArgumentTypeError(
            f"{text} must end in .png or .jpg, in a folder that exists"
        )
    return path


def engine_size(text: str) -> tuple[int, int]:
    try:
        return check_engine_size(parse_size(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text}: {error}") from error


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("output", type=picture_path, help="a .png or .jpg file")
    parser.add_argument("pictures", type=Path, nargs="*", help="instead of clip and photo")
    parser.add_argument("--preset", help="every look of this preset, instead of every preset")
    parser.add_argument("--strip", action="store_true", help="the README's picture")
    parser.add_argument("--model", default="nano")
    parser.add_argument("--size", type=engine_size, default="448x256", help="the engine's")
    parser.add_argument("--width", type=int, default=320, help="of a picture on the sheet")
    return parser.parse_args()


def drawn(studio: Studio, arguments: argparse.Namespace) -> Picture:
    if arguments.strip:
        return strip(studio)
    looks = preset_names()
    if arguments.preset:
        preset = load_preset(arguments.preset)
        looks = [preset.name, *(f"{preset.name}/{look}" for look in preset.look_names)]
    pictures = [read_picture(path) for path in arguments.pictures]
    if not pictures:
        pictures = [clip_frame(seconds) for seconds in CLIP_SECONDS.values()]
        pictures.append(read_picture(PHOTO))
    return sheet(studio, pictures, [CAMERA, *looks], arguments.width)


def main() -> None:
    arguments = parse_arguments()
    studio = Studio(arguments.model, arguments.size)
    try:
        write_picture(arguments.output, drawn(studio, arguments))
    except (StreamcamError, EngineError) as error:
        raise SystemExit(str(error)) from error
    finally:
        studio.close()


if __name__ == "__main__":
    main()

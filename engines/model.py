"""Model: what is known of a model folder before any framework is loaded."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from engines.api import EngineSpec
from engines.errors import ModelUnavailable
from engines.schedule import NoiseSchedule

EMBEDDED = Path(__file__).parent / "nano"

Timesteps = Callable[[float, int], tuple[int, ...]]


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """A model folder, read but not loaded.

    family           a file name of engines/families
    latent_channels  C; downscale: frame pixels per latent pixel
    tokens, width    of the prompt embedding: tokens that the text encoder reads at once, and D
    pooled           P, width of the pooled embedding; 0 for families without one
    features         channels and downscale of each feature map of the detail path, small first
    schedule         ᾱ and the prediction type
    timesteps        maps (strength, steps) to timesteps, strongest first
    """

    name: str
    folder: Path
    family: str
    latent_channels: int
    downscale: int
    tokens: int
    width: int
    pooled: int
    features: tuple[tuple[int, int], ...]
    schedule: NoiseSchedule
    timesteps: Timesteps

    @property
    def tokenizer_files(self) -> tuple[Path, ...]:
        """For `tokenizers.Tokenizer.from_file`; one for each text encoder."""
        names = ("tokenizer", "tokenizer_2") if self.pooled else ("tokenizer",)
        return tuple(self.folder / name / "tokenizer.json" for name in names)

    def graph_file(self, name: str) -> Path:
        """An exported ONNX graph. Raises `ModelUnavailable` if it was not exported."""
        path = self.folder / f"{name}.onnx"
        if not path.is_file():
            raise ModelUnavailable(
                f"model {self.folder}: {path.name} is missing. {remedy(self.folder)} Or write it, "
                f"which needs streamcam[torch]: python -m engines.export {self.folder} NEW_FOLDER"
            )
        return path


def frame_step_graph(spec: EngineSpec) -> str:
    """Name of the graph of a frame step: one for S = 1, one for the stream batch of any S > 1."""
    if spec.steps == 1:
        kind = "single"
    else:
        kind = "stream" if spec.batching == "stream" else f"sequential{spec.steps}"
    return f"frame_step.{kind}.{spec.guidance_mode}"


def model_folder(name: str) -> Path:
    """Where a model lies: "nano" and "auto" are the embedded one, anything else is a folder."""
    if name in ("nano", "auto"):
        return EMBEDDED
    folder = Path(name).expanduser()
    if not os.path.isdir(folder):  # noqa: PTH112  # Path.is_dir raises for a name that is too long
        raise ModelUnavailable(
            f"model {name!r} is no folder on this machine. Use 'nano', the embedded model, "
            "or the path of a model folder in diffusers layout."
        )
    return folder


def read_config(folder: Path, relative: str) -> Mapping[str, object]:
    """A JSON file of the model. Raises `ModelUnavailable` naming what is missing or broken."""
    require(folder, relative)
    try:
        content = json.loads((folder / relative).read_text("utf-8"))
    except (ValueError, OSError) as error:
        raise ModelUnavailable(
            f"model {folder}: {relative} cannot be read: {error}. {remedy(folder)}"
        ) from error
    return cast("Mapping[str, object]", content)


def require(folder: Path, *files: str) -> None:
    """Raise `ModelUnavailable` naming the first of `files` that is not there."""
    for file in files:
        if not (folder / file).is_file():
            raise ModelUnavailable(f"model {folder}: {file} is missing. {remedy(folder)}")


def remedy(folder: Path) -> str:
    """What to do about a model folder that is not whole."""
    if folder == EMBEDDED:
        return "Install streamcam again."
    return "Copy the whole model folder again, or use --model nano."

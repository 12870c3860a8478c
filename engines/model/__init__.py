"""Model: what is known of a model folder before any framework is loaded."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, cast

from engines.api import EngineSpec
from engines.errors import ModelUnavailable, reason
from engines.patches import PatchRule
from engines.step.schedule import NoiseSchedule

FP8 = ".fp8"  # ends the name of a quantised graph
EMBEDDED = Path(__file__).parents[1] / "nano"


class Plans(NamedTuple):
    """What TensorRT made of the graphs for one spec: the files, each in a folder of its own."""

    frame_step: Path
    text_encoder: Path


Timesteps = Callable[[float, int], tuple[int, ...]]


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """A model folder, read but not loaded.

    name             for people
    family           a file name of engines/families
    graphs           folder of its ONNX graphs and of the weights that they point into
    autoencoder      folder of the autoencoder's configuration and weights
    loras            (file, scale) pairs to fuse into the weights
    live_loras       files of those that stay beside them; text_is_live: one changes a text encoder
    plans            for backend "tensorrt": see its `plans.py`
    tokenizer_files  for `tokenizers.Tokenizer.from_file`; one for each text encoder
    latent_channels  C; downscale: frame pixels per latent pixel
    tokens, width    of the prompt embedding: tokens that the text encoder reads at once, and D
    pooled           P, width of the pooled embedding; 0 for families without one
    features         channels and downscale of each feature map of the detail path, small first
    schedule         ᾱ and the prediction type
    timesteps        maps (strength, steps) to timesteps, strongest first
    patches          how parts of a frame are restyled alone; None: never
    """

    name: str
    folder: Path
    family: str
    graphs: Path
    autoencoder: Path
    tokenizer_files: tuple[Path, ...]
    latent_channels: int
    downscale: int
    tokens: int
    width: int
    pooled: int
    features: tuple[tuple[int, int], ...]
    schedule: NoiseSchedule
    timesteps: Timesteps
    loras: tuple[tuple[Path, float], ...] = ()
    live_loras: tuple[Path, ...] = ()
    text_is_live: bool = False
    plans: Plans | None = None
    patches: PatchRule | None = None

    def files(self) -> list[Path]:
        """Those that shape its networks and text encoders, without LoRAs: weights, then
        configurations."""
        encoders = ["text_encoder", "text_encoder_2"][: len(self.tokenizer_files)]
        folders = [*(self.folder / part for part in ("unet", *encoders)), self.autoencoder]
        return [
            *(file for folder in folders for file in sorted(folder.glob("*.safetensors"))),
            *(file for folder in folders for file in sorted(folder.glob("config.json"))),
        ]

    def graph_file(self, name: str) -> Path:
        """An exported ONNX graph. Raises `ModelUnavailable` if it was not exported."""
        path = self.graphs / f"{name}.onnx"
        if not path.is_file():
            raise ModelUnavailable(
                f"model {self.folder}: {path.name} is missing. {remedy(self.folder)} Or write it, "
                "which needs streamcam[torch]: python -m engines.graphs.export "
                f"{self.folder} NEW_FOLDER"
            )
        return path


def frame_step_graph(spec: EngineSpec) -> str:
    """Name of the graph of a frame step: one for S = 1, and one each for any S > 1 in the stream
    batch and one after the other; of each another one whose UNet multiplies in float8."""
    kind = "single" if spec.steps == 1 else spec.batching
    return f"frame_step.{kind}.{spec.guidance_mode}{FP8 if spec.precision == 'fp8' else ''}"


def read_config(folder: Path, relative: str) -> Mapping[str, object]:
    """A JSON file of the model. Raises `ModelUnavailable` naming what is missing or broken."""
    require(folder, relative)
    try:
        content = json.loads((folder / relative).read_text("utf-8"))
    except (ValueError, OSError) as error:
        raise ModelUnavailable(
            f"model {folder}: {relative} cannot be read: {reason(error)}. {remedy(folder)}"
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

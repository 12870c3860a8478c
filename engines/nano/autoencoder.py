"""The autoencoder of the nano family: eight pixels a latent, and a detail path around it.

The 8× bottleneck alone loses eyes and ink lines, so feature maps of the photo go past it to the
decoder (the published relative is img2img-turbo, arXiv 2403.12036), where the latent decides, by a
gain a channel, what of them is shown. Beside them lies the paper: fixed patterns from which a
printer's dots and an engraver's lines are cut, which no small network could invent in step with the
picture. Nothing is computed at full resolution: the first convolution halves it, and the last gives
2×2 blocks of pixels as channels.

Names: B pictures, H×W pixels, h×w = H/8×W/8 latent.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional as F

CONFIG, WEIGHTS = "config.json", "diffusion_pytorch_model.safetensors"
CLASS_NAME = "DetailAutoencoder"
BLOCK = 12  # channels of a 2×2 block of RGB pixels
PATTERNS = 5
PATTERN_PERIOD = 32  # pixels after which every pattern repeats, both ways


@dataclass(frozen=True, slots=True)
class Widths:
    """Channels at a half, a quarter and an eighth of the resolution, and of the latent.

    `photo` of the latent's are the encoder's; the rest are zero until a UNet draws in them.
    """

    half: int = 24
    quarter: int = 32
    eighth: int = 48
    latent: int = 16
    photo: int = 8


class Residual(nn.Module):
    """x + conv(relu(conv(relu(x))))."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        inner: Tensor = self.second(F.relu(self.first(F.relu(x))))
        return x + inner


class Encoder(nn.Module):
    """image_BCHW in [−1, 1] → latent_BChw and the feature maps at H/4 and H/2."""

    def __init__(self, widths: Widths) -> None:
        super().__init__()
        half, quarter, eighth = widths.half, widths.quarter, widths.eighth
        self.to_half = nn.Conv2d(3, half, 4, stride=2, padding=1)
        self.to_quarter = nn.Conv2d(half, quarter, 3, stride=2, padding=1)
        self.at_quarter = Residual(quarter)
        self.to_eighth = nn.Conv2d(quarter, eighth, 3, stride=2, padding=1)
        self.at_eighth = nn.Sequential(Residual(eighth), Residual(eighth))
        self.latent = nn.Conv2d(eighth, widths.photo, 3, padding=1)
        self.free = widths.latent - widths.photo

    def forward(self, image_BCHW: Tensor) -> tuple[Tensor, list[Tensor]]:
        half = self.to_half(image_BCHW)
        quarter = self.at_quarter(self.to_quarter(F.relu(half)))
        latent: Tensor = self.latent(self.at_eighth(self.to_eighth(quarter)))
        return F.pad(latent, (0, 0, 0, 0, 0, self.free)), [quarter, half]


class Detail(nn.Module):
    """Twice the resolution: x decides what is drawn, and how much of the photo's features shows."""

    def __init__(self, channels: int, features: int) -> None:
        super().__init__()
        self.drawing = nn.Conv2d(channels, features, 3, padding=1)
        self.gain = nn.Conv2d(channels, features, 3, padding=1)
        self.features = nn.Conv2d(features, features, 1)

    def forward(self, x: Tensor, features: Tensor, paper: Tensor | None = None) -> Tensor:
        """(B, channels, y, x) and (B, features, 2y, 2x) → (B, features, 2y, 2x)."""
        shown: Tensor = self.features(features)
        if paper is not None:
            shown = shown + paper
        twice = [F.interpolate(conv(x), scale_factor=2.0) for conv in (self.drawing, self.gain)]
        return twice[0] + twice[1] * shown


class Decoder(nn.Module):
    """latent_BChw and the feature maps of the photo → image_BCHW in about [−1, 1]."""

    def __init__(self, widths: Widths) -> None:
        super().__init__()
        half, quarter, eighth = widths.half, widths.quarter, widths.eighth
        self.latent = nn.Conv2d(widths.latent, eighth, 3, padding=1)
        self.at_eighth = Residual(eighth)
        self.to_quarter = Detail(eighth, quarter)
        self.at_quarter = Residual(quarter)
        self.to_half = Detail(quarter, half)
        self.paper = nn.Conv2d(4 * PATTERNS, half, 1, bias=False)
        self.at_half = nn.Sequential(Residual(half), Residual(half))
        self.blocks = nn.Conv2d(half, BLOCK, 3, padding=1)

    def forward(self, latent_BChw: Tensor, features: list[Tensor]) -> Tensor:
        quarter, half = features
        height, width = half.shape[-2:]
        patterns = paper(2 * height, 2 * width, half.device).to(half.dtype)
        x = self.at_eighth(self.latent(latent_BChw))
        x = self.at_quarter(self.to_quarter(x, quarter))
        x = self.to_half(x, half, self.paper(F.pixel_unshuffle(patterns[None], 2)))
        return F.pixel_shuffle(self.blocks(F.relu(self.at_half(x))), 2)


class Autoencoder(nn.Module):
    """Encoder and decoder. Latents leave it multiplied by `scaling_factor`.

    At the family's timesteps the noise is 0.13 to 0.25 of a unit; a larger latent drowns it.
    """

    def __init__(self, widths: Widths, scaling_factor: float = 1.0) -> None:
        super().__init__()
        self.widths = widths
        self.scaling_factor = scaling_factor
        self.encoder = Encoder(widths)
        self.decoder = Decoder(widths)

    @property
    def features(self) -> tuple[tuple[int, int], ...]:
        """As `engines.step.frame_step.Networks.features`."""
        return ((self.widths.quarter, 4), (self.widths.half, 2))

    def encode(self, image_BCHW: Tensor) -> tuple[Tensor, list[Tensor]]:
        """As `engines.step.frame_step.Networks.encode`."""
        latent_BChw, features = self.encoder(image_BCHW)
        return latent_BChw * self.scaling_factor, features

    def decode(self, latent_BChw: Tensor, features: list[Tensor]) -> Tensor:
        """As `engines.step.frame_step.Networks.decode`."""
        image_BCHW: Tensor = self.decoder(latent_BChw / self.scaling_factor, features)
        return image_BCHW

    def save(self, folder: Path) -> None:
        """Configuration and weights."""
        folder.mkdir(parents=True, exist_ok=True)
        config = {
            "_class_name": CLASS_NAME, "scaling_factor": self.scaling_factor, **asdict(self.widths)
        }  # fmt: skip
        (folder / CONFIG).write_text(json.dumps(config, indent=2) + "\n", "utf-8")
        weights = {name: value.contiguous() for name, value in self.state_dict().items()}
        save_file(weights, folder / WEIGHTS, metadata={"format": "pt"})


def load_autoencoder(folder: Path) -> Autoencoder:
    """What `Autoencoder.save` wrote; float32."""
    config = json.loads((folder / CONFIG).read_text("utf-8"))
    widths = Widths(**{name: config[name] for name in Widths.__dataclass_fields__})
    found = Autoencoder(widths, config["scaling_factor"])
    found.load_state_dict({name: v.float() for name, v in load_file(folder / WEIGHTS).items()})
    return found


def paper(height: int, width: int, device: torch.device | None = None) -> Tensor:
    """The patterns of a sheet, float32 (PATTERNS, height, width): dots, rows, both diagonals in
    [−1, 1], and squared paper, 1 on its lines. They hang on the upper left corner."""
    row, column = _places(height, device)[:, None], _places(width, device)[None, :]
    eighth = 2.0 * math.pi / 8.0
    lines = (row % PATTERN_PERIOD < 1.0).float(), (column % PATTERN_PERIOD < 1.0).float()
    return torch.stack(
        [
            0.5 * torch.cos(eighth * row) + 0.5 * torch.cos(eighth * column),
            torch.cos(1.5 * eighth * row) + 0.0 * column,
            torch.cos(eighth * (row + column)),
            torch.cos(eighth * (row - column)),
            torch.maximum(lines[0] + 0.0 * column, lines[1] + 0.0 * row),
        ]
    )


def _places(count: int, device: torch.device | None) -> Tensor:
    """Centres of pixels."""
    return torch.arange(count, device=device).float() + 0.5

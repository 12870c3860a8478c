"""Codes: what a look or a tone adds to a latent, so that the decoder draws it.

The teachers are local filters, and the decoder sees the photo's features at a half and a quarter of
the resolution: it can draw, once it is told what. Codes tell it in the first phase; in the second
the UNet learns to say the same from the prompt. They have the latent's last channels to themselves,
which the encoder leaves at zero: so a UNet sees how much of a look is there already.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional as F

from engines.nano.autoencoder import Widths
from engines.nano.training.looks.styles import STYLES
from engines.nano.training.looks.tones import TONES

_NAMES = [*STYLES, *TONES]
_FILE = "codes.safetensors"


class Codes(nn.Module):
    """A learnt vector for every look and tone, in the channels that the photo leaves free."""

    def __init__(self) -> None:
        super().__init__()
        widths = Widths()
        self.photo = widths.photo
        self.vectors = nn.Parameter(torch.randn(len(_NAMES), widths.latent - widths.photo))

    def forward(self, named_BN: Tensor) -> Tensor:
        """What `named` gives, (B, N) → (B, channels, 1, 1): one vector for the whole picture."""
        code_BC = F.pad(named_BN @ self.vectors, (self.photo, 0))
        return code_BC[..., None, None]

    def save(self, folder: Path) -> None:
        """Beside the autoencoder."""
        save_file({"vectors": self.vectors.detach().contiguous()}, folder / _FILE)


def load_codes(folder: Path) -> Codes:
    """What `Codes.save` wrote."""
    codes = Codes()
    codes.load_state_dict(load_file(folder / _FILE))
    return codes


def named(looks: Sequence[str], tones: Sequence[str]) -> list[float]:
    """One row of named_BN: the share of each look, and 1 for each tone."""
    shares = {look: 1.0 / len(looks) for look in looks}
    return [shares.get(name, float(name in tones)) for name in _NAMES]


def share(strength: float) -> float:
    """Of the drawing in what is wanted at a strength in [0, 1]: quickly up, then flat."""
    return 1.0 - float((1.0 - strength) ** 2.5)

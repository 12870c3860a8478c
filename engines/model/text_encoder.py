"""Text encoders as torch modules: tokens of one chunk → its embedding.

Only the torch backend and the export use this file. Names: N text encoders, T tokens, D width; in
lora_N, live LoRAs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from transformers import CLIPTextModel, CLIPTextModelWithProjection

from engines.model import Model
from engines.model.lora.live import with_weights
from engines.model.reading import reading, variant_of


class TextEncoder(nn.Module):
    """tokens_NT, N = 1 → (tokens_TD,): the last hidden state, after the final layer norm.

    encoders  CLIP models, in the order of the rows
    lora_N, the weights of live LoRAs that change them, is a second input where there are any.
    """

    def __init__(self, text_model: CLIPTextModel) -> None:
        super().__init__()
        self.text_model = text_model
        self.encoders = [text_model]

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        tokens_NT, *loras = inputs
        return (_read_text(self.text_model, tokens_NT, loras).last_hidden_state[0],)


class TwoTextEncoders(nn.Module):
    """tokens_NT, N = 2 → (tokens_TD, pooled_P), as SDXL reads prompts (arXiv 2307.01952).

    tokens_TD are the hidden states before the last layer of both, side by side; pooled_P is the
    projection of the second. `encoders` and lora_N are as above.
    """

    def __init__(self, text_model: CLIPTextModel, second: CLIPTextModelWithProjection) -> None:
        super().__init__()
        self.text_model = text_model
        self.second = second
        self.encoders = [text_model, second]

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        tokens_NT, *loras = inputs
        one = _read_text(self.text_model, tokens_NT[:1], loras, output_hidden_states=True)
        two = _read_text(self.second, tokens_NT[1:], loras, output_hidden_states=True)
        words = [one.hidden_states[-2][0], two.hidden_states[-2][0]]
        return torch.cat(words, dim=-1), two.text_embeds[0]


def _read_text(encoder: Any, tokens_1T: Tensor, loras: Sequence[Tensor], **options: bool) -> Any:  # noqa: ANN401  # of transformers
    """`loras`: lora_N, if there are live ones."""
    if not loras:
        return encoder(tokens_1T, **options)
    return with_weights(encoder, loras[0][None].to(encoder.dtype), tokens_1T, **options)


def load_text_encoder(model: Model) -> TextEncoder | TwoTextEncoders:
    """The text encoder of `model`, float32 on the CPU. Raises `ModelUnavailable`."""
    with reading(model.folder):
        first = _read(CLIPTextModel, model, "text_encoder")
        if not model.pooled:
            return TextEncoder(first).eval()
        second = _read(CLIPTextModelWithProjection, model, "text_encoder_2")
        return TwoTextEncoders(first, second).eval()


def _read(kind: Any, model: Model, part: str) -> Any:  # noqa: ANN401  # has no types
    loaded = kind.from_pretrained(
        model.folder / part,
        local_files_only=True,
        use_safetensors=True,
        variant=variant_of(model.folder / part),
    )
    return loaded.float().requires_grad_(requires_grad=False)

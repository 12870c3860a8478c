"""Tiny random Stable Diffusion networks, shaped as the real ones but narrow."""

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

TOKENS = 8


def tiny_unet(cross_attention_dim=32, **options):
    """As in Stable Diffusion 1.x: attention in all blocks but the innermost."""
    torch.manual_seed(1)
    settings = {
        "sample_size": 8,
        "block_out_channels": (32, 64),
        "layers_per_block": 1,
        "down_block_types": ("CrossAttnDownBlock2D", "DownBlock2D"),
        "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D"),
        "attention_head_dim": 4,
        "norm_num_groups": 8,
    }
    return _random(
        UNet2DConditionModel(cross_attention_dim=cross_attention_dim, **settings | options)
    )


def tiny_xl_unet(cross_attention_dim=32, pooled=16):
    """As in Stable Diffusion XL: no attention outermost, deeper inside, size and pooled text."""
    return tiny_unet(
        cross_attention_dim,
        block_out_channels=(16, 32, 64),
        layers_per_block=2,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        transformer_layers_per_block=(1, 1, 2),
        use_linear_projection=True,
        addition_embed_type="text_time",
        addition_time_embed_dim=8,
        projection_class_embeddings_input_dim=pooled + 6 * 8,
    )


def tiny_vae():
    torch.manual_seed(2)
    return _random(
        AutoencoderKL(
            block_out_channels=(16, 32),
            layers_per_block=1,
            down_block_types=("DownEncoderBlock2D",) * 2,
            up_block_types=("UpDecoderBlock2D",) * 2,
            norm_num_groups=8,
            sample_size=16,
        )
    )


def tiny_text_encoder(width=32, *, projection=None, seed=3, **options):
    """`projection`: width of the pooled vector of one with a projection; None for one without."""
    torch.manual_seed(seed)
    settings = {
        "hidden_size": width,
        "intermediate_size": 2 * width,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "max_position_embeddings": 77,
        "vocab_size": 1000,
        "bos_token_id": 998,
        "eos_token_id": 999,
        "pad_token_id": 999,
        "projection_dim": projection or width,
    }
    kind = CLIPTextModel if projection is None else CLIPTextModelWithProjection
    return _random(kind(CLIPTextConfig(**settings | options)))


def predict(unet, cross_attention_dim=None):
    """What a UNet says to fixed inputs, in its own precision."""
    generator = torch.Generator().manual_seed(4)

    def draw(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64).to(unet.dtype)

    config = unet.config
    added = None
    if config.addition_embed_type == "text_time":
        pooled = config.projection_class_embeddings_input_dim - 6 * config.addition_time_embed_dim
        added = {"text_embeds": draw(2, pooled), "time_ids": draw(2, 6)}
    text = draw(2, TOKENS, cross_attention_dim or config.cross_attention_dim)
    with torch.no_grad():
        return unet(
            draw(2, 4, 8, 8),
            torch.tensor([7, 500]),
            text,
            added_cond_kwargs=added,
            return_dict=False,
        )[0]


def read_text(encoder):
    """Hidden states of a text encoder for fixed tokens, last layer and its pooled vector."""
    tokens = torch.tensor([[998, *range(10, 16), 999]])
    with torch.no_grad():
        out = encoder(tokens, output_hidden_states=True)
    return out.hidden_states[-2], out[0]


def _random(network):
    """Weights that are nowhere zero or one, so that a lost or swapped one shows."""
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.05)
    return network.eval().requires_grad_(False)

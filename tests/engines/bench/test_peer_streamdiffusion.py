"""What the streamdiffusion peer asks of the package, which stands in here: no installation."""

import sys
from types import ModuleType

import numpy as np
import pytest
import torch

from engines.bench.peer_serve import load_peer
from engines.bench.peers import peer_script
from engines.bench.random_model import Architecture, random_model
from tests.engines.bench.test_peers import TINY, nothing, peer_request


class Published:
    """The attributes of streamdiffusion.pipeline.StreamDiffusion 0.1.1 that count here."""

    made = None

    def __init__(self, pipe, t_index_list, torch_dtype, width, height, cfg_type):
        self.pipe, self.unet, self.vae, self.dtype = pipe, pipe.unet, pipe.vae, torch_dtype
        self.device, self.batch_size, self.cfg_type = pipe.device, len(t_index_list), cfg_type
        self.t_list = t_index_list
        self.latent_height, self.latent_width = height // 8, width // 8
        Published.made = self

    def prepare(self, prompt, generator, seed, **settings):
        self.settings = settings
        self.generator = generator.manual_seed(seed)
        self.prompt_embeds, self.negative_embeds = self.pipe.encode_prompt(prompt=prompt)
        shape = (self.batch_size, 4, self.latent_height, self.latent_width)
        self.init_noise = torch.randn(shape, generator=generator)
        self.stock_noise = torch.zeros(shape)
        self.x_t_latent_buffer = torch.zeros(shape)[1:] if self.batch_size > 1 else None

    def encode_image(self, image):
        assert image.shape == (1, 3, 64, 96)
        self.seen = (float(image.min()), float(image.max()))
        return self.vae.encode(image).latents + self.init_noise[:1]

    def predict_x0_batch(self, latent):
        return latent

    def decode_image(self, latent):
        return self.vae.decode(latent).sample


@pytest.fixture
def peer(monkeypatch):
    package, pipeline = ModuleType("streamdiffusion"), ModuleType("streamdiffusion.pipeline")
    pipeline.StreamDiffusion = Published
    monkeypatch.setitem(sys.modules, "streamdiffusion", package)
    monkeypatch.setitem(sys.modules, "streamdiffusion.pipeline", pipeline)
    return load_peer(peer_script("streamdiffusion"))


@pytest.mark.parametrize(("channels", "mode"), [(4, "onetime"), (16, "self")])
def test_streamdiffusion_gets_our_settings(tmp_path, peer, channels, mode):
    latent = {"latent_channels": channels}
    unet = {"in_channels": channels, "out_channels": channels}
    architecture = Architecture(
        {**TINY.unet, **unet}, {**TINY.autoencoder, **latent}, TINY.text_encoder
    )
    model = random_model("tiny", architecture, tmp_path, nothing)
    restyle, notes = peer.open_peer(peer_request(tmp_path, model, guidance_mode=mode))
    frame = np.load(tmp_path / "frames.npy")[0]
    picture = restyle(frame)
    assert (picture.shape, picture.dtype) == (frame.shape, np.uint8)
    stream = Published.made
    assert stream.seen == (-1.0, 1.0)
    assert stream.cfg_type == {"onetime": "initialize", "self": "self"}[mode]
    assert stream.t_list == [20, 30, 45]
    assert stream.settings == {"guidance_scale": 1.4, "delta": 1.0}
    assert stream.prompt_embeds.shape == stream.negative_embeds.shape == (1, 77, 16)
    assert stream.init_noise.shape == stream.stock_noise.shape == (3, channels, 8, 12)
    assert stream.x_t_latent_buffer.shape == (2, channels, 8, 12)
    assert any("4 latent channels" in note for note in notes) == (channels == 16)

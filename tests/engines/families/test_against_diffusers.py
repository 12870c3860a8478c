"""Our frame step against diffusers' own LCM scheduler and modules, on a random SD 1.x model."""

import numpy as np
import pytest
import torch
from diffusers import LCMScheduler
from diffusers.schedulers import scheduling_lcm

from engines.api import EngineSpec
from engines.families import family, open_model
from engines.step.frame_step import FrameStep
from engines.step.schedule import initial_noise
from engines.step.signature import LEVELS
from tests.engines.pictures import photo
from tests.engines.tiny_models import write_tiny_model

WIDTH, HEIGHT, STRENGTH = 144, 128, 0.6
TOLERANCE = 2e-5  # of latents of size one, float32 on both sides


@pytest.fixture(scope="module", params=["sd15", "sd21"])
def modules(request, tmp_path_factory):
    """The model and its torch modules: ε for sd15, v for sd21."""
    folder = write_tiny_model(request.param, tmp_path_factory.mktemp("model"))
    model = open_model(EngineSpec(model=str(folder), autoencoder="own"))
    return model, family(model.family).load(model)[0]


def given(model, steps, **more):
    """What the host gives a frame step."""
    noise = initial_noise(5, (steps, 4, HEIGHT // 8, WIDTH // 8))
    level = model.schedule.coefficients(model.timesteps(STRENGTH, steps))
    prompt = np.random.default_rng(1).normal(size=(2, 77, model.width)).astype(np.float32)
    arrays = {name: getattr(level, name) for name in LEVELS}
    arrays |= {"noise_SChw": noise, "prompt_TD": prompt[0], "negative_TD": prompt[1], **more}
    return {name: torch.from_numpy(np.asarray(value, np.float32)) for name, value in arrays.items()}


def shown_latent(networks, step, arrays):
    """The latent that our frame step hands to the decoder, and its picture."""
    seen = []
    decode = networks.decode
    networks.decode = lambda latent, features: seen.append(latent) or decode(latent, features)
    try:
        frame = torch.from_numpy(photo(WIDTH, HEIGHT))
        inputs = (arrays[name] for name in step.signature.inputs if name != "frame_HWC")
        image = step(frame, *inputs)[0]
    finally:
        networks.decode = decode
    return seen[0], image


def scheduler_of(model):
    return LCMScheduler(
        beta_schedule="scaled_linear",
        beta_start=0.00085,
        beta_end=0.012,
        prediction_type=model.schedule.prediction_type,
    )


@pytest.mark.parametrize("steps", [1, 2, 4])
@torch.inference_mode()
def test_sequential_steps_are_those_of_the_lcm_scheduler(modules, steps, monkeypatch):
    """Same latent, same noise, no guidance: every step as `LCMScheduler.step` takes it."""
    model, networks = modules
    arrays = given(model, steps)
    noise_SChw = arrays["noise_SChw"]
    step = FrameStep(networks, steps=steps, guidance_mode="none", batching="sequential")
    ours, picture = shown_latent(networks, step, arrays)

    scheduler = scheduler_of(model)
    scheduler.set_timesteps(steps, original_inference_steps=50, strength=STRENGTH)
    fresh = iter(noise_SChw[1:])
    monkeypatch.setattr(scheduling_lcm, "randn_tensor", lambda *_, **__: next(fresh)[None])
    image = torch.from_numpy(photo(WIDTH, HEIGHT)).permute(2, 0, 1)[None] / 127.5 - 1.0
    autoencoder = networks.autoencoder
    factor = autoencoder.config.scaling_factor
    encoded = autoencoder.encode(image)
    latent = (encoded.latent_dist.mode() if "latent_dist" in encoded else encoded.latents) * factor
    latent = scheduler.add_noise(latent, noise_SChw[:1], scheduler.timesteps[:1])
    for timestep in scheduler.timesteps:
        predicted = networks.unet(latent, timestep, arrays["prompt_TD"][None]).sample
        latent, theirs = scheduler.step(predicted, timestep, latent, return_dict=False)
    assert float((ours - theirs).abs().max()) <= TOLERANCE * float(theirs.abs().max())
    decoded = autoencoder.decode(theirs / factor).sample[0].permute(1, 2, 0)
    pixels = (decoded * 127.5 + 127.5).round().clamp(0, 255)
    assert float((picture - pixels).abs().max()) <= 1
    assert float(pixels.std()) > 1, "a picture, not a flat colour"


@pytest.mark.parametrize("steps", [1, 3])
@torch.inference_mode()
def test_full_guidance_is_a_plain_loop_over_the_modules(modules, steps):
    """The textbook: two UNet calls a step, ε = ε_u + g·(ε_c − ε_u), in float64 around the UNet."""
    model, networks = modules
    scale = 2.5
    arrays = given(model, steps, guidance_scale=[scale])
    step = FrameStep(networks, steps=steps, guidance_mode="full", batching="sequential")
    ours, _ = shown_latent(networks, step, arrays)
    level = {name: arrays[name].double() for name in LEVELS}
    noise_SChw = arrays["noise_SChw"].double()
    image = torch.from_numpy(photo(WIDTH, HEIGHT)).permute(2, 0, 1)[None] / 127.5 - 1.0
    clean = networks.encode(image)[0].double()
    for k in range(steps):
        a, b = level["a_S"][k], level["b_S"][k]
        noisy = a * clean + b * noise_SChw[k]

        def epsilon(prompt, k=k, a=a, b=b, noisy=noisy):
            raw = networks.unet(noisy.float(), level["timestep_S"][k], prompt[None]).sample
            is_v = networks.prediction_type == "v_prediction"
            return a * raw.double() + b * noisy if is_v else raw.double()

        negative, positive = epsilon(arrays["negative_TD"]), epsilon(arrays["prompt_TD"])
        guided = negative + scale * (positive - negative)
        denoised = (noisy - b * guided) / a
        clean = level["c_out_S"][k] * denoised + level["c_skip_S"][k] * noisy
    assert float((ours - clean).abs().max()) <= 10 * TOLERANCE * float(clean.abs().max())

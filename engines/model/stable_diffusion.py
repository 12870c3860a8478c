"""What all Stable Diffusion families share: a folder in diffusers layout, read without torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import floor
from pathlib import Path
from typing import TYPE_CHECKING, cast

from engines import hub
from engines.api import EngineSpec
from engines.errors import InvalidSpec, ModelUnavailable, quoted
from engines.model import Model, read_config, require
from engines.model.lora.file import changes_text
from engines.ranges import LCM_TABLE, STEPS_MAX
from engines.step.schedule import LCM_SPACING, NoiseSchedule

if TYPE_CHECKING:
    from torch import nn

    from engines.step.frame_step import Networks

Config = Mapping[str, object]
_WEIGHTS = {
    "unet": "unet/diffusion_pytorch_model",
    "text_encoder": "text_encoder/model",
    "text_encoder_2": "text_encoder_2/model",
}


@dataclass(frozen=True, slots=True)
class StableDiffusion:
    """What one family has of its own.

    name              its file's
    tiny_autoencoder  hub id of the autoencoder that "auto" takes instead of a large one
    lcm_lora          hub id of what the LoRA source "lcm" stands for; None if there is none
    steps_max         most denoising steps that the family is made for
    """

    name: str
    tiny_autoencoder: str
    lcm_lora: str | None = None
    steps_max: int = STEPS_MAX

    def open_model(self, spec: EngineSpec, folder: Path) -> Model:
        """Raises `ModelUnavailable`, `InvalidSpec`."""
        if spec.steps > self.steps_max:
            raise InvalidSpec(
                f"steps {spec.steps}: models of the family {self.name} take at most "
                f"{self.steps_max}."
            )
        try:
            return self._describe(spec, folder)
        except KeyError as error:
            raise ModelUnavailable(f"model {folder}: its configuration lacks {error}.") from error

    def _describe(self, spec: EngineSpec, folder: Path) -> Model:
        unet = read_config(folder, "unet/config.json")
        autoencoder = self._autoencoder(spec, folder)
        vae = read_config(autoencoder, "config.json")
        encoders = _text_encoders(folder, unet)
        for part in ("unet", *encoders):
            _require_weights(folder, _WEIGHTS[part])
        channels = cast(int, vae["latent_channels"])
        if unet["in_channels"] != channels:
            raise ModelUnavailable(
                f"model {folder}: its UNet takes {unet['in_channels']} channels and the "
                f"autoencoder {autoencoder} makes {channels}. Models for inpainting or editing "
                "do not fit; nor does the autoencoder of another kind of model."
            )
        text = [read_config(folder, f"{part}/config.json") for part in encoders]
        pooled = cast(int, text[-1]["projection_dim"]) if len(text) > 1 else 0
        live = tuple(map(self._lora, spec.live_loras))
        blocks = vae.get("encoder_block_out_channels") or vae["block_out_channels"]
        return Model(
            name=_short(spec.model, autoencoder, folder),
            folder=folder,
            family=self.name,
            graphs=folder,
            autoencoder=autoencoder,
            tokenizer_files=_tokenizers(folder, encoders),
            latent_channels=channels,
            downscale=2 ** (len(cast("list[int]", blocks)) - 1),
            tokens=cast(int, text[0]["max_position_embeddings"]),
            width=cast(int, unet["cross_attention_dim"]),
            pooled=pooled,
            features=(),
            schedule=NoiseSchedule(read_config(folder, "scheduler/scheduler_config.json")),
            timesteps=timesteps,
            loras=tuple((self._lora(source), scale) for source, scale in spec.loras),
            live_loras=live,
            text_is_live=any(map(changes_text, live)),
        )

    def _autoencoder(self, spec: EngineSpec, folder: Path) -> Path:
        """The folder with its configuration and weights."""
        own = folder / "vae"
        if spec.autoencoder == "own":
            return _whole(own)
        if spec.autoencoder != "auto":
            return _given(spec.autoencoder)
        if own.is_dir() and read_config(own, "config.json").get("_class_name") == "AutoencoderTiny":
            return _whole(own)
        try:
            return hub.fetch(self.tiny_autoencoder)
        except ModelUnavailable:
            # The model's own is slower and here; the label of the engine names it.
            if not own.is_dir():
                raise
            return _whole(own)

    def _lora(self, source: str) -> Path:
        from engines.model.lora import Lora, resolve

        if source == "lcm":
            if self.lcm_lora is None:
                raise ModelUnavailable(
                    f'LoRA "lcm": models of the family {self.name} need none, they take few steps.'
                )
            source = self.lcm_lora
        return resolve(Lora(source))


def timesteps(strength: float, steps: int) -> tuple[int, ...]:
    """Timesteps for a strength in (0, 1], strongest first, as diffusers' LCMScheduler spreads them.

    Of the 50 entries of the LCM table the weakest ⌊50·strength⌋ are in play.
    """
    entries = max(int(LCM_TABLE * strength), steps)
    return tuple(LCM_SPACING * (entries - floor(k * entries / steps)) - 1 for k in range(steps))


def unet_config(folder: Path) -> Config:
    """The UNet's configuration of a folder that may be of any family."""
    return read_config(folder, "unet/config.json")


def has_middle(folder: Path) -> bool:
    """Whether the UNet has a middle block; diffusers' default is that it has."""
    return unet_config(folder).get("mid_block_type", "default") is not None


def reads_prompts_of(folder: Path, width: int) -> bool:
    """Whether it is a whole UNet for prompts of so many features a token."""
    return unet_config(folder).get("cross_attention_dim") == width and has_middle(folder)


def tokenizer_files(folder: Path) -> tuple[Path, ...]:
    """One for each text encoder, made once. Raises `ModelUnavailable`, `BackendUnavailable`."""
    return _tokenizers(folder, _text_encoders(folder, unet_config(folder)))


def load(model: Model) -> tuple[Networks, nn.Module]:
    from engines.model.stable_diffusion_networks import load as load_modules

    return load_modules(model)


def _text_encoders(folder: Path, unet: Config) -> list[str]:
    if unet.get("addition_embed_type") != "text_time":
        return ["text_encoder"]
    if not (folder / "text_encoder").is_dir():
        raise ModelUnavailable(
            f"model {folder}: it has no text_encoder. SDXL refiner models restyle nothing alone."
        )
    return ["text_encoder", "text_encoder_2"]


def _tokenizers(folder: Path, encoders: list[str]) -> tuple[Path, ...]:
    from engines.model.tokenizer import tokenizer_file

    names = (part.replace("text_encoder", "tokenizer") for part in encoders)
    return tuple(tokenizer_file(folder / name) for name in names)


def _require_weights(folder: Path, name: str) -> None:
    """Weights of that name, without its ending: plain, float16, or in several files."""
    if not any(folder.glob(f"{name}*.safetensors")):
        require(folder, f"{name}.safetensors")


def _whole(autoencoder: Path) -> Path:
    require(autoencoder, "config.json")
    _require_weights(autoencoder, "diffusion_pytorch_model")
    return autoencoder


def _given(name: str) -> Path:
    """The autoencoder that was asked for: a folder, a model folder's `vae`, or a hub id."""
    folder = Path(name).expanduser()
    if not folder.is_dir():
        if not hub.looks_like_hub_id(name):
            raise ModelUnavailable(
                f"autoencoder {quoted(name)} is no folder on this machine and no hub id. Use "
                "'auto', 'own', a folder, or a hub id like 'madebyollin/taesd'."
            )
        folder = hub.fetch(name)
    return _whole(folder if (folder / "config.json").is_file() else folder / "vae")


def _short(name: str, autoencoder: Path, folder: Path) -> str:
    """The model for people, with the autoencoder that it runs with."""
    config = read_config(autoencoder, "config.json")
    kind = "tiny" if config.get("_class_name") == "AutoencoderTiny" else "its own"
    if autoencoder.parent != folder and kind != "tiny":
        kind = "another"
    return f"{Path(name).stem if Path(name).suffix else Path(name).name} ({kind} autoencoder)"

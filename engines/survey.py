"""Survey: what this machine has for engines to run on. Loads no model and no torch."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from engines.api import EngineSpec
from engines.artifacts import artifacts
from engines.backends.tensorrt import card
from engines.backends.torch import compiler as torch_compiler
from engines.families import open_model
from engines.graphs.export import graph_names

_PACKAGES = ("openvino", "torch", "diffusers", "tensorrt-rtx", "tensorrt")
_QUERY = ("index", "uuid", "name", "driver_version", "memory.total", "memory.used", "compute_cap")
_TIMEOUT_SECONDS = 10.0  # seconds that nvidia-smi may take; a card that hangs takes for ever


@dataclass(frozen=True, slots=True)
class Processor:
    """What OpenVINO calls a device: "CPU", its full name, and the arithmetic it is fast in."""

    device: str
    name: str
    arithmetic: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NvidiaCard:
    """As its driver describes it; memory in MiB, compute capability as "8.9". `number`: of
    nvidia-smi, which torch does not share."""

    name: str
    driver: str
    memory: int
    used: int
    capability: str
    number: int = 0
    uuid: str = ""


def packages() -> dict[str, str | None]:
    """Versions of the packages that engines run on; None for what is not installed."""
    found: dict[str, str | None] = {}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = None
    return found


def processors() -> list[Processor]:
    """OpenVINO's devices. Raises ImportError if it cannot be loaded."""
    from engines.backends.openvino.graphs import ov  # with its telemetry shut off

    core = ov.Core()
    return [
        Processor(
            device,
            " ".join(str(core.get_property(device, "FULL_DEVICE_NAME")).split()),
            tuple(str(one) for one in core.get_property(device, "OPTIMIZATION_CAPABILITIES")),
        )
        for device in core.available_devices
    ]


def nvidia_cards(command: str = "nvidia-smi") -> list[NvidiaCard]:
    """The cards that NVIDIA's driver sees; none where it is not installed.

    Raises OSError if the driver is there and does not answer, with its own words.
    """
    query = [command, f"--query-gpu={','.join(_QUERY)}", "--format=csv,noheader,nounits"]
    try:
        answer = subprocess.run(query, capture_output=True, text=True, timeout=_TIMEOUT_SECONDS)
    except FileNotFoundError:
        return []
    except subprocess.TimeoutExpired as error:
        raise OSError(f"{command} does not answer within {_TIMEOUT_SECONDS:g} s") from error
    if answer.returncode:
        raise OSError(" ".join((answer.stdout + answer.stderr).split()) or f"{command} failed")
    return [_card(line) for line in answer.stdout.splitlines() if line.strip()]


def nvidia_obstacle() -> str | None:
    """Why a card that the driver sees is not used, with what to do; None if it can be."""
    return card.torch_obstacle()


def compiler_obstacle() -> str | None:
    """Why execution "compile" cannot be had on an NVIDIA card, with what to do; None if it can."""
    return torch_compiler.compiler_obstacle()


def embedded_model() -> Path:
    """The folder of the embedded model, whole. Raises `ModelUnavailable` naming what is missing."""
    model = open_model(EngineSpec())
    for name in graph_names():
        model.graph_file(name)
    return model.folder


def kept() -> dict[str, int]:
    """Bytes in the user's cache, by kind."""
    found: dict[str, int] = {}
    for one in artifacts():
        found[one.kind] = found.get(one.kind, 0) + one.bytes
    return found


def hub_models() -> dict[str, int]:
    """Bytes of each model that was fetched by its hub id; none without huggingface-hub."""
    try:
        from huggingface_hub import constants, scan_cache_dir
        from huggingface_hub.errors import CacheNotFound
    except ModuleNotFoundError:
        return {}
    try:
        cache = scan_cache_dir(constants.HF_HUB_CACHE)
        return {repo.repo_id: repo.size_on_disk for repo in cache.repos}
    except CacheNotFound:
        return {}


def _card(line: str) -> NvidiaCard:
    number, uuid, name, driver, *sizes, capability = (part.strip() for part in line.split(","))
    memory, used = map(_whole, sizes)
    return NvidiaCard(name, driver, memory, used, capability, _whole(number), uuid)


def _whole(text: str) -> int:
    """Some drivers say [N/A]."""
    return int(text) if text.isdigit() else 0

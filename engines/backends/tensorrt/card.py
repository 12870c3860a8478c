"""What NVIDIA card there is, and whether torch and TensorRT can use it."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from ctypes.util import find_library
from dataclasses import dataclass
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

from engines.backends.tensorrt.flavour import (
    CLASSIC,
    RTX,
    Flavour,
    installed_flavours,
    open_flavour,
)
from engines.backends.tensorrt.plan import PORTABLE
from engines.errors import BackendUnavailable, quoted

Capability = tuple[int, int]

_AMPERE: Capability = (8, 0)
_TAKE_TORCH = (
    "Install the build for your card and system that https://pytorch.org/get-started names: "
    "pip install --force-reinstall torch, with its --index-url"
)


@dataclass(frozen=True, slots=True)
class Card:
    """An NVIDIA GPU.

    capability  CUDA's compute capability, such as (8, 9)
    cuda        the newest CUDA that its driver knows, as CUDA counts: 13000 is 13.0
    uuid        as the driver writes it
    """

    name: str
    capability: Capability
    cuda: int = 13_000
    uuid: str = ""

    @property
    def architecture(self) -> str:
        """As engines are built for it: "sm89"."""
        return f"sm{self.capability[0]}{self.capability[1]}"

    def target(self, flavour: Flavour) -> str:
        """What a plan is for: an architecture, or for the other TensorRT this model of card, as it
        measures which kernels are fast."""
        return self.architecture if flavour.name == RTX else f"{self.architecture} {self.name}"


def find_card(device: str) -> Card | None:
    """The card that torch means by `device` ("auto": the first), or None. Loads torch."""
    import torch

    if device not in ("auto", "cuda") and not device.startswith("cuda:"):
        return None
    if not torch.cuda.is_available() or torch.version.hip is not None:
        return None
    index = torch.device("cuda" if device == "auto" else device).index or 0
    if index >= torch.cuda.device_count():
        return None
    return Card(
        torch.cuda.get_device_name(index),
        torch.cuda.get_device_capability(index),
        torch._C._cuda_getDriverVersion(),  # type: ignore[attr-defined]  # not in CPU builds
        uuid_of(index),
    )


def uuid_of(number: int) -> str:
    """As the driver writes it; `number`: as torch counts. Loads torch."""
    import torch

    return f"GPU-{str(torch.cuda.get_device_properties(number).uuid).removeprefix('GPU-')}"


def has_driver() -> bool:
    """Whether NVIDIA's driver is installed, asked without loading anything: Linux has a device of
    it, Windows a library, and WSL Windows' graphics device with the library beside it.

    Linux is not asked for libraries elsewhere: Python runs a compiler and a linker to find one, for
    a tenth of a second, and this is asked several times a start.
    """
    if sys.platform == "win32":
        return find_library("nvcuda") is not None
    if Path("/dev/nvidiactl").exists():
        return True
    return Path("/dev/dxg").exists() and find_library("cuda") is not None


def torch_obstacle() -> str | None:
    """Why torch cannot use the NVIDIA card whose driver is here, with what to do; None if it can.

    Loads torch only if it is built for CUDA: that takes seconds.
    """
    build = _torch_build()
    if build is None:
        return "torch is not installed. Install it: pip install 'streamcam[nvidia]'"
    if build.cuda is not None:
        return _card_obstacle(build)
    if build.hip is not None:
        return None
    return f"torch {build.__version__} is built for CPUs alone. {_TAKE_TORCH}"


def _card_obstacle(build: Any) -> str | None:  # noqa: ANN401
    import torch

    try:
        torch.cuda.init()  # type: ignore[no-untyped-call]
        known, (major, minor) = torch.cuda.get_arch_list(), torch.cuda.get_device_capability(0)
    except Exception as error:  # noqa: BLE001  # what a driver can lead to has no common class
        reason = " ".join(str(error).split()) or type(error).__name__
        return (
            f"torch {build.__version__} (CUDA {build.cuda}) cannot use it: {reason}. Update "
            f"NVIDIA's driver, or take a torch for an older CUDA. {_TAKE_TORCH}"
        )
    if _runs_on(known, major, minor):
        return None
    return (
        f"torch {build.__version__} has no kernels for cards of compute capability "
        f"{major}.{minor}. {_TAKE_TORCH}"
    )


def _torch_build() -> Any:  # noqa: ANN401  # the module torch.version
    """What the installed torch is built for (`cuda`, `hip`, `__version__`), without loading it."""
    found = find_spec("torch")
    for folder in (found and found.submodule_search_locations) or ():
        spec = spec_from_file_location("torch_version", Path(folder) / "version.py")
        if spec is not None and spec.loader is not None:
            module = module_from_spec(spec)
            spec.loader.exec_module(module)
            return module
    return None


def _runs_on(known: Sequence[str], major: int, minor: int) -> bool:
    """Whether kernels for these architectures run on a card: those of its own generation up to its
    own number, and portable ones of any earlier or equal number."""
    for name in known:
        match = re.fullmatch(r"(sm|compute)_(\d+)(\d)[a-z]?", name)
        if match is None:
            continue
        made = (int(match[2]), int(match[3]))
        same = match[1] == "compute" or made[0] == major
        if same and made <= (major, minor):
            return True
    return False


def tensorrt_here(device: str) -> tuple[Flavour, Card]:
    """TensorRT for the card that torch means by `device`. Raises `BackendUnavailable`."""
    card = card_for(device)
    return flavour_for(card), card


def tensorrt_for(architecture: str | None) -> tuple[Flavour, str]:
    """TensorRT and the GPU architecture to build for, on any machine.

    architecture  "sm89", "8.9" or "portable"; None is this machine's card, else "portable"

    Raises `BackendUnavailable`.
    """
    if architecture is None:
        card = find_card("auto") if find_spec("torch") is not None else None
        if card is not None:
            flavour = flavour_for(card)
            return flavour, card.target(flavour)
        architecture = PORTABLE
    flavour = open_flavour(RTX)
    named = architecture.lower().replace("_", "").replace(".", "")
    named = f"sm{named}" if named.isdigit() else named
    known = [PORTABLE, *flavour.architectures]
    if named not in known:
        raise BackendUnavailable(
            f"GPU architecture {quoted(architecture)}: {flavour.label} builds for "
            f"{', '.join(known)}."
        )
    return flavour, named


def card_for(device: str) -> Card:
    """`find_card`. Raises `BackendUnavailable` where there is none."""
    card = find_card(device)
    if card is None:
        raise BackendUnavailable(
            f"device {quoted(device)}: TensorRT runs on NVIDIA cards alone, and torch finds none "
            "here. Use --backend auto. `streamcam build` prepares engines for another machine."
        )
    return card


def flavour_for(card: Card) -> Flavour:
    """The TensorRT for a card. Raises `BackendUnavailable`: why torch is that card's best.

    TensorRT-RTX where it knows the architecture, from Ampere on: on Turing its bfloat16 and
    float32 products are missing. The other TensorRT on everything else, where it is installed.
    """
    installed = installed_flavours()
    if not installed:
        raise BackendUnavailable(
            "TensorRT is not installed. Install it: pip install 'streamcam[nvidia]'."
        )
    reason = ""
    if RTX in installed:
        flavour = open_flavour(RTX)
        wanted = _rtx_cuda()
        if card.capability < _AMPERE or card.architecture not in flavour.architectures:
            reason = (
                f"{flavour.label} is not for cards of compute capability "
                f"{card.capability[0]}.{card.capability[1]}, such as this {card.name}"
            )
        elif card.cuda // 1000 < wanted:
            # Asked before minutes are spent on an engine that the driver would then refuse.
            reason = (
                f"{flavour.label} needs a driver for CUDA {wanted}, and this {card.name} has one "
                f"for CUDA {card.cuda // 1000}.{card.cuda % 1000 // 10}. Update NVIDIA's driver"
            )
        else:
            return flavour
    if CLASSIC in installed:
        return open_flavour(CLASSIC)
    raise BackendUnavailable(f"{reason}.")


def _rtx_cuda() -> int:
    """The major version of CUDA that the installed TensorRT-RTX is built for; 0 if it is silent."""
    from importlib.metadata import PackageNotFoundError, requires

    try:
        needs = requires("tensorrt_rtx") or []
    except PackageNotFoundError:
        return 0
    found = [re.match(r"tensorrt[-_]rtx[-_]cu(\d+)", one) for one in needs]
    return max((int(match[1]) for match in found if match), default=0)

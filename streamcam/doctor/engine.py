"""The engine: the embedded model, and what there is to run models on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from engines import survey
from engines.errors import EngineError
from streamcam.doctor import Finding

_TOPIC = "engine"
_AGAIN = "pip install --force-reinstall streamcam"
_MIB = 2**20


def check() -> Iterator[Finding]:
    """See module."""
    yield _model()
    yield from _openvino()
    installed = survey.packages()
    yield from _nvidia(installed)
    for name, version in installed.items():
        yield Finding(_TOPIC, name, "ok", version or "not installed")
    for name, size in sorted(survey.hub_models().items()):
        yield Finding(_TOPIC, name, "ok", f"{size / _MIB:.0f} MiB, fetched from the hub")
    for kind, size in survey.kept().items():
        yield Finding(
            _TOPIC, f"kept {kind}", "ok", f"{size / _MIB:.0f} MiB (streamcam build --list)"
        )


def _model() -> Finding:
    try:
        folder = survey.embedded_model()
    except EngineError as error:
        return Finding(_TOPIC, "embedded model", "problem", str(error), _AGAIN)
    return Finding(_TOPIC, "embedded model", "ok", f"whole, in {folder}")


def _openvino() -> Iterator[Finding]:
    try:
        devices = survey.processors()
    except (ImportError, RuntimeError) as error:
        yield Finding(_TOPIC, "OpenVINO", "problem", f"cannot be loaded: {error}", _AGAIN)
        return
    for one in devices:
        text = f"{one.name}, fast in {', '.join(one.arithmetic)}"
        yield Finding(_TOPIC, f"OpenVINO {one.device}", "ok", text)


def _nvidia(installed: Mapping[str, str | None]) -> Iterator[Finding]:
    try:
        cards = survey.nvidia_cards()
    except OSError as error:
        fix = "install NVIDIA's driver again and restart; until then everything runs on the CPU"
        yield Finding(_TOPIC, "NVIDIA", "note", f"the driver does not answer: {error}", fix)
        return
    for card in cards:
        free = card.memory - card.used
        text = (
            f"compute capability {card.capability}, driver {card.driver}, "
            f"{free} of {card.memory} MiB free"
        )
        ready = installed["tensorrt-rtx"] or installed["tensorrt"] or installed["torch"]
        fix = "" if ready else "pip install 'streamcam[nvidia]' (see README), to run on this card"
        yield Finding(_TOPIC, card.name, "ok" if ready else "note", text, fix)
    if not cards:
        yield Finding(_TOPIC, "NVIDIA", "ok", "no card, or no driver for it")

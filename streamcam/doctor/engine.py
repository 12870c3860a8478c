"""The engine: the embedded model, and what there is to run models on."""

from __future__ import annotations

from collections.abc import Iterator

from engines import survey
from engines.errors import EngineError
from streamcam.doctor import Finding
from streamcam.doctor.libraries import missing

_TOPIC = "engine"
_AGAIN = "pip install --force-reinstall streamcam"
_MIB = 2**20


def check() -> Iterator[Finding]:
    yield _model()
    yield from _openvino()
    installed = survey.packages()
    yield from _nvidia()
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
        lacking = missing(error)
        text = lacking.text if lacking else f"cannot be loaded: {error}"
        yield Finding(_TOPIC, "OpenVINO", "problem", text, lacking.fix if lacking else _AGAIN)
        return
    for one in devices:
        text = f"{one.name}, fast in {', '.join(one.arithmetic)}"
        yield Finding(_TOPIC, f"OpenVINO {one.device}", "ok", text)


def _nvidia() -> Iterator[Finding]:
    try:
        cards = survey.nvidia_cards()
    except OSError as error:
        fix = "install NVIDIA's driver again and restart; until then everything runs on the CPU"
        yield Finding(_TOPIC, "NVIDIA", "note", f"the driver does not answer: {error}", fix)
        return
    for card in cards:
        free = card.memory - card.used
        text = (
            f"number {card.number}, compute capability {card.capability}, driver {card.driver}, "
            f"{free} of {card.memory} MiB free"
        )
        obstacle = survey.nvidia_obstacle()
        if obstacle is None:
            yield Finding(_TOPIC, card.name, "ok", text)
        else:
            yield Finding(_TOPIC, card.name, "note", f"{text}; it is not used", obstacle)
    lacking = survey.compiler_obstacle() if cards else None
    if lacking:
        yield Finding(_TOPIC, "torch.compile", "note", "cannot be used on the card", lacking)
    if not cards:
        yield Finding(_TOPIC, "NVIDIA", "ok", "no card, or no driver for it")

"""The flags that commands share, and what each may be."""

from __future__ import annotations

from math import nan
from typing import TYPE_CHECKING, Annotated

import typer

from streamcam.errors import UsageError

if TYPE_CHECKING:
    from streamcam.config import Size


def _number(flag: str, text: str, allowed: str, least: float, most: float) -> float:
    """`text` as a number from `least` to `most`; "nan" is in no range."""
    try:
        value = float(text)
    except ValueError:
        value = nan
    if not least <= value <= most:
        raise UsageError(f"{flag} {text} is not allowed: must be {allowed}.")
    return value


def _fps(text: str) -> float:
    return _number("--fps", text, "a number from 1 to 240", 1, 240)


def _osc(text: str) -> str:
    from streamcam.config import parse_listening

    if text:
        try:
            parse_listening(text)
        except ValueError as error:
            raise UsageError(f"--osc {text} is not allowed: {error}") from error
    return text


def _duration(text: str) -> float:
    return _number("--duration", text, "seconds, more than 0 and at most a year", 1e-3, 3.2e7)


def _port(text: str) -> int:
    port = _number("--port", text, "a whole number from 1 to 65535", 1, 65535)
    if port != int(port):
        raise UsageError(f"--port {text} is not allowed: must be a whole number from 1 to 65535.")
    return int(port)


def _on_off(text: str) -> str:
    if text not in ("on", "off"):
        raise UsageError(f"--realtime {text} is not allowed: must be on or off.")
    return text


def _audio(text: str) -> float:
    """The camera's own delay in milliseconds."""
    kind, _, extra = text.partition(":")
    try:
        value = float(extra or 0)
    except ValueError:
        value = nan
    if kind != "delay" or not 0 <= value <= 1000:
        raise UsageError(
            f"--audio {text} is not allowed: must be delay, or delay:MS with the camera's own "
            "delay, 0 to 1000 milliseconds."
        )
    return value


Preset = Annotated[
    str | None,
    typer.Option(metavar="NAME|FILE", help="The look: a name of `streamcam presets` or a file."),
]


Source = Annotated[
    list[str] | None,
    typer.Option(
        metavar="SOURCE",
        help='What to restyle: camera:0, camera:"Name", screen, screen:2, screen:x,y,w,h, a video '
        "or picture file, a URL, demo. Without it: the camera, else the screen, else demo. Part "
        'of a film: FILE#t=1:30,2:00. With --realtime off several, or a pattern: "clips/*.mp4".',
    ),
]


Output = Annotated[
    list[str] | None,
    typer.Option(
        metavar="OUTPUT",
        help="Where to (may be given several times): virtualcam, virtualcam:/dev/video10, "
        "pipewire, window, web, ndi, ndi:NAME, FILE.mp4, null. Without it: the virtual camera, "
        "else web. With --realtime off a folder, too: FOLDER/.",
    ),
]


EngineSize = Annotated[
    str | None,
    typer.Option("--size", metavar="WxH", help="Size the model works at, such as 448x256."),
]


Fps = Annotated[
    float | None,
    typer.Option(metavar="FPS", parser=_fps, help="Pictures a second, 1 to 240."),
]


Model = Annotated[
    str | None, typer.Option(metavar="MODEL", help="nano, a hub id, a folder, a .safetensors file.")
]


Backend = Annotated[
    str | None,
    typer.Option(metavar="BACKEND", help="What runs the model: openvino, torch or tensorrt."),
]


Device = Annotated[
    str | None,
    typer.Option(
        metavar="DEVICE",
        help="Where: CPU, or an NVIDIA card by number (as nvidia-smi counts), name or UUID.",
    ),
]


Engine = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        help="An engine of another machine: ws://HOST:8738, where `streamcam serve` runs. While it "
        "does not answer, this machine's own shows the picture.",
    ),
]


Port = Annotated[
    int | None, typer.Option(metavar="PORT", parser=_port, help="Of the web page, 8737 if free.")
]


Listen = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS",
        help="An address of this machine, where a phone on your network may use the page too.",
    ),
]


NoWeb = Annotated[
    bool,
    typer.Option("--no-web", help="Serve no web page; `switch` and `curtain` work all the same."),
]


Osc = Annotated[
    str | None,
    typer.Option(metavar="[HOST:]PORT", parser=_osc, help="Listen for OSC, on this machine alone."),
]


Midi = Annotated[str | None, typer.Option(metavar="NAME|auto", help="Be played from MIDI devices.")]


Audio = Annotated[
    float | None,
    typer.Option(
        metavar="delay|delay:MS",
        parser=_audio,
        help="A microphone for calls that is as late as the picture (Linux; elsewhere: says how "
        "late that is). MS: your camera's own delay.",
    ),
]


Duration = Annotated[
    float | None,
    typer.Option(metavar="SECONDS", parser=_duration, help="End by itself after this time."),
]


Realtime = Annotated[
    str,
    typer.Option(
        metavar="on|off",
        parser=_on_off,
        help="off: render every frame of files, sound and all, however long it takes.",
    ),
]


def engine_size(text: str | None) -> Size | None:
    """`--size` as (width, height). Raises `UsageError`."""
    if text is None:
        return None
    from streamcam.config import check_engine_size, parse_size

    try:
        return check_engine_size(parse_size(text))
    except ValueError as error:
        raise UsageError(f"--size {text} is not allowed: {error}") from error

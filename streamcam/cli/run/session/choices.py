"""Choices: from the flags of a run to what the pipeline is to do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from streamcam.config import Size
from streamcam.errors import UsageError
from streamcam.presets import load_preset

if TYPE_CHECKING:
    from streamcam.control.doors import Wanted
    from streamcam.pipeline import Options
    from streamcam.presets import Preset
    from streamcam.remote.address import Address

_FILES = ("record", "sequence", "null")  # outputs that keep no time
_LIVE_KINDS = ("camera", "screen", "whip")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """The flags of a run, checked one by one. None: not given.

    audio  a microphone that is late: the camera's own delay, in milliseconds
    """

    preset: str
    sources: tuple[str, ...]
    outputs: tuple[str, ...]
    size: Size | None
    fps: float | None
    model: str | None
    backend: str | None
    device: str | None
    engine: str | None
    port: int | None
    listen: str | None
    web: bool
    audio: float | None
    duration: float | None
    realtime: bool
    osc: str | None
    midi: str | None


def choose_runs(request: Request, say: Callable[[str], None]) -> list[Options]:
    """What the pipeline is to do, run after run; choices that the user left open are made and said.

    Live there is one run. Raises `UsageError` for what cannot be, before anything is opened.
    """
    preset = load_preset(request.preset)
    ends = _rendered(request) if not request.realtime else None
    _check_page(request)
    engine = _elsewhere(request)
    from streamcam.pipeline import Options
    from streamcam.pipeline.auto import check_files, choose_outputs, choose_source
    from streamcam.provision.device import chosen_device

    say(f"preset: {preset.name}" + (f" ({preset.path})" if preset.path else ""))
    for left_out in preset.left_out:
        say(f"left out: {left_out}")
    if ends is None:
        source = choose_source(_only(request.sources), say)
        ends = [(source, choose_outputs(request.outputs, say, web=request.web))]
    for source, outputs in ends:
        check_files(source, outputs)
    if not request.realtime:
        from streamcam.cli.run.session.files import make_folders

        make_folders(request.outputs)
    device = chosen_device(request.device)
    return [
        Options(
            preset=preset,
            source=source,
            outputs=tuple(dict.fromkeys(outputs)),
            size=request.size,
            fps=request.fps,
            model=request.model,
            backend=request.backend,
            device=device,
            engine=engine,
            realtime=request.realtime,
            web=request.web and request.realtime,
            port=request.port,
        )
        for source, outputs in ends
    ]


def _elsewhere(request: Request) -> Address | None:
    if request.engine is None:
        return None
    if not request.realtime:
        raise UsageError("--realtime off renders on this machine: leave --engine out.")
    from streamcam.remote.address import parse

    return parse(request.engine)


def _only(sources: tuple[str, ...]) -> str | None:
    if len(sources) > 1:
        raise UsageError(
            f"a live run has one source, and --source {sources[0]} and --source {sources[1]} are "
            "two: give one, or add --realtime off to render files one after another."
        )
    return sources[0] if sources else None


def wanted_doors(request: Request, preset: Preset) -> Wanted:
    """What of OSC, MIDI and Link: the flags, else what the preset says. A file has none."""
    from streamcam.control.doors import Wanted

    if not request.realtime:
        for flag, given in (("--osc", request.osc), ("--midi", request.midi)):
            if given is not None:
                raise UsageError(f"{flag} plays what is live, and with --realtime off nothing is.")
        return Wanted()
    said = preset.control
    return Wanted(
        osc=said.osc if request.osc is None else request.osc,
        midi=said.midi if request.midi is None else request.midi,
        link=said.link,
        bpm=said.bpm,
    )


def _check_page(request: Request) -> None:
    for flag, given in (("--port", request.port), ("--listen", request.listen)):
        if given is not None and not (request.web and request.realtime):
            other = "--realtime off" if request.web else "--no-web"
            raise UsageError(
                f"{flag} {given} is for the web page, and with {other} there is none: leave one "
                "out."
            )
    if request.listen is not None:
        from streamcam.web.listening import check_address

        check_address(request.listen)


def _rendered(request: Request) -> list[tuple[str, tuple[str, ...]]]:
    """Each source with its outputs: --realtime off goes from file to file."""
    if request.audio is not None:
        raise UsageError("--realtime off renders a file, and --audio is for calls: leave one out.")
    from streamcam import capture, sink
    from streamcam.cli.run.session.files import is_folder, outputs_of, spread

    if not request.sources:
        raise UsageError("--realtime off renders a file: add --source FILE.")
    sources = spread(request.sources)
    for source in sources:
        if capture.parse(source)[0] in _LIVE_KINDS:
            raise UsageError(f"--realtime off renders a file, and --source {source} is live.")
    if not request.outputs:
        raise UsageError("--realtime off renders to a file: add --output FILE.mp4.")
    for output in request.outputs:
        if not is_folder(output) and sink.parse(output)[0] not in _FILES:
            raise UsageError(f"--realtime off renders to a file; --output {output} keeps time.")
    return list(zip(sources, outputs_of(sources, request.outputs), strict=True))

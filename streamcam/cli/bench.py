"""`streamcam bench`: what a preset costs on this machine."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from streamcam.cli.flags import Backend, Device, EngineSize, Fps, Model, Preset, engine_size
from streamcam.cli.terminal import Terminal
from streamcam.errors import UsageError

if TYPE_CHECKING:
    from streamcam.bench.live_quality import LiveFigures
    from streamcam.bench.measure_app import Report
    from streamcam.bench.peers import Comparison
    from streamcam.pipeline import Options

_DEFAULT_SECONDS, _FEWEST_SECONDS = 24.0, 6.0


Steps = Annotated[
    int | None, typer.Option(metavar="S", help="Denoising steps instead of the preset's.")
]
Precision = Annotated[
    str | None, typer.Option(metavar="NAME", help="float32, bfloat16, float16, fp8.")
]
Seconds = Annotated[float, typer.Option(metavar="SECONDS", help="How long to measure, 6 or more.")]
Peers = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME",
        help="Compare frame times with another program, which is installed by itself: "
        "streamdiffusion, diffusers (may be given several times).",
    ),
]
GpuSuite = Annotated[
    Path | None,
    typer.Option(
        metavar="OUT.json",
        help="Measure everything on an NVIDIA card, part by part, and go on where OUT.json ends.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]


def bench(  # noqa: PLR0913  # one parameter a flag, as typer wants it; a test freezes the list
    *,
    preset: Preset = None,
    size: EngineSize = None,
    fps: Fps = None,
    model: Model = None,
    backend: Backend = None,
    device: Device = None,
    steps: Steps = None,
    precision: Precision = None,
    seconds: Seconds = _DEFAULT_SECONDS,
    peer: Peers = None,
    gpu_suite: GpuSuite = None,
    as_json: AsJson = False,
) -> None:
    """Measure engine, app, latency and start-up, taking turns on one input.

    --model sd-turbo-random: SD-Turbo's architecture with random weights, which cost the same.
    """
    if not seconds >= _FEWEST_SECONDS:
        least = f"must be {_FEWEST_SECONDS:g} or more"
        raise UsageError(f"--seconds {seconds:g} is not allowed: {least}.")
    if gpu_suite is not None:
        others = (preset, size, fps, model, backend, device, steps, precision, peer)
        _run_suite(gpu_suite, seconds, alone=not any(others), as_json=as_json)
        return
    from streamcam.bench.random_models import with_random_model
    from streamcam.pipeline import Options
    from streamcam.presets import load_preset
    from streamcam.provision.device import chosen_device

    chosen = load_preset(preset or "anime")
    overrides = {"steps": steps, "precision": precision}
    given = {key: value for key, value in overrides.items() if value is not None}
    chosen = chosen.model_copy(update=given)
    options = Options(
        preset=chosen,
        source="demo",
        outputs=("null",),
        size=engine_size(size),
        fps=fps,
        model=model,
        backend=backend,
        device=chosen_device(device),
    )
    terminal = Terminal()
    options = with_random_model(options, _quiet if as_json else terminal.say)
    measure = partial(_compare, options, peer) if peer else partial(_measure, options)
    measure(seconds, terminal, as_json=as_json)


def _measure(options: Options, seconds: float, terminal: Terminal, *, as_json: bool) -> None:
    from streamcam.bench.measure_app import bench as measure

    report = measure(options, seconds, _quiet if as_json else terminal.say)
    if as_json:
        _write_json(report.as_dict())
    else:
        terminal.table("streamcam bench", ("figure", "value", "meaning"), rows(report))


def _compare(
    options: Options, names: list[str], seconds: float, terminal: Terminal, *, as_json: bool
) -> None:
    from streamcam.bench.peers import compare

    comparison = compare(options, names, seconds, _quiet if as_json else terminal.say)
    if as_json:
        _write_json(comparison.as_dict())
    else:
        columns = ("program", "frame", "ratio", "how")
        terminal.table("streamcam bench --peer", columns, peer_rows(comparison))


def _run_suite(file: Path, seconds: float, *, alone: bool, as_json: bool) -> None:
    if not alone:
        raise UsageError(
            "--gpu-suite measures a list of its own: leave out all flags but --seconds and --json."
        )
    from streamcam.bench.gpu.suite import run_suite

    terminal = Terminal()
    report = run_suite(file, seconds, _quiet if as_json else terminal.say)
    if as_json:
        _write_json(report)
    else:
        columns = ("part", "ours", "frame", "StreamDiffusion", "diffusers", "share of limit", "app")
        terminal.table(
            f"streamcam bench --gpu-suite, {report['card']['name']}", columns, suite_rows(report)
        )


def _write_json(report: Mapping[str, object]) -> None:
    import json

    Terminal().text(json.dumps(report, indent=2))


def peer_rows(comparison: Comparison) -> list[tuple[str, str, str, str]]:
    """The comparison for people: what all had in common, ours, then the others."""
    same = comparison
    guidance = f"guidance {same.guidance_mode} {same.guidance:g}"
    found = [
        (
            same.model,
            same.size,
            f"{same.steps} steps",
            f"{guidance}, {same.device} {same.precision}",
        )
    ]
    for name, side in same.sides.items():
        how = "; ".join(side.notes) or f"{same.backend}, {same.device}"
        frame = f"{side.ms_p50:.1f} ms (95 %: {side.ms_p95:.1f}, fastest {side.ms_fastest:.1f})"
        rounds = f"{side.ratio_lowest:.2f} to {side.ratio_highest:.2f} by round"
        found.append((name, frame, f"{side.ratio:.2f} ({rounds})", how))
    return found


def rows(report: Report) -> list[tuple[str, str, str]]:
    """The report for people."""
    arithmetic = f"{report.backend} {report.device}, {report.precision}"
    return [
        ("model", report.model, f"{report.steps} steps, guidance {report.guidance_mode}"),
        ("engine", f"{report.size}", arithmetic),
        ("engine time", f"{report.engine_ms_p50:.1f} ms", f"95 %: {report.engine_ms_p95:.1f} ms"),
        ("its networks alone", f"{report.networks_ms:.1f} ms", _ratio(report.engine_to_networks)),
        ("engine rate", f"{report.engine_fps:.1f} fps", "the bare engine"),
        ("app rate", f"{report.live.app_fps:.1f} fps", _ratio(report.app_to_engine)),
        *_live_rows(report.live, report.live_off),
        *_mask_rows(report.mask_ms),
        ("first picture", f"{report.first_frame_s:.2f} s", "from the command, warm disk"),
        ("share of peak", f"{report.peak_share:.0%}", "of a large matrix product here"),
        ("memory", f"{report.rss_mb:.0f} MB", "most that the command held"),
    ]


def _live_rows(on: LiveFigures, off: LiveFigures) -> list[tuple[str, str, str]]:
    """What the resolve stage brings, beside a run without it."""

    def row(name: str, figure: str, form: str, unit: str) -> tuple[str, str, str]:
        said = [f"{getattr(side, figure):{form}}{unit}" for side in (on, off)]
        return name, said[0], f"{said[1]} without resolve"

    return [
        row("engine's rate", "app_fps", ".1f", " fps"),
        row("latency of motion", "motion_latency_ms_p50", ".0f", " ms"),
        row("its 95 %", "motion_latency_ms_p95", ".0f", " ms"),
        row("latency of style", "style_latency_ms_p50", ".0f", " ms"),
        row("its 95 %", "style_latency_ms_p95", ".0f", " ms"),
        row("ticks with a new picture", "new_picture_share", ".0%", ""),
        row("live fidelity", "fidelity_db", ".1f", " dB"),
        row("warp error", "warp_error", ".1f", " levels"),
        row("flicker of a still scene", "static_flicker", ".2f", " of the camera's"),
        row("resolve", "resolve_ms_p50", ".1f", " ms"),
    ]


def _mask_rows(milliseconds: float) -> list[tuple[str, str, str]]:
    said = "of one core for each picture that is shown, by turns without"
    return [("mask", f"{milliseconds:.1f} ms", said)] if milliseconds else []


def suite_rows(report: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """The suite's report for people: of each part our fastest engine, the peers' ratio to it, the
    share of what the card allows, and the app's rate over the engine's."""
    found: list[tuple[str, ...]] = []
    for name, part in report["parts"].items():
        sides = part["sides"]
        ours = min(
            (one for one in sides if one in part["stages"]), key=lambda one: sides[one]["ms_p50"]
        )
        best = sides[ours]["ms_p50"]
        ratios = (f"{sides[one]['ms_p50'] / best:.2f}" if one in sides else "-"
                  for one in ("streamdiffusion", "diffusers"))  # fmt: skip
        app = f"{part['app']['app_to_engine']:.2f}" if part["app"] else "-"
        frame = f"{best:.2f} ms (95 %: {sides[ours]['ms_p95']:.2f})"
        found.append((name, ours, frame, *ratios, f"{part['shares'][ours]:.0%}", app))
    found += [
        (name, "failed", "-", "-", "-", "-", reason) for name, reason in report["failed"].items()
    ]
    return found


def _ratio(value: float) -> str:
    return f"ratio {value:.3f}"


def _quiet(_line: str) -> None:
    """JSON is the only output."""

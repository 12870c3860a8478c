"""`streamcam bench`: what a preset costs on this machine."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from streamcam.cli.run import Backend, EngineSize, Fps, Model, Preset, engine_size
from streamcam.cli.terminal import Terminal
from streamcam.errors import UsageError

if TYPE_CHECKING:
    from streamcam.pipeline.bench import Report

_DEFAULT_SECONDS, _FEWEST_SECONDS = 24.0, 6.0


def bench(  # noqa: PLR0913  # one parameter a flag, as typer wants it; a test freezes the list
    *,
    preset: Preset = None,
    size: EngineSize = None,
    fps: Fps = None,
    model: Model = None,
    backend: Backend = None,
    steps: Annotated[
        int | None, typer.Option(metavar="S", help="Denoising steps instead of the preset's.")
    ] = None,
    precision: Annotated[
        str | None, typer.Option(metavar="NAME", help="float32, bfloat16, float16.")
    ] = None,
    seconds: Annotated[
        float, typer.Option(metavar="SECONDS", help="How long to measure, 6 or more.")
    ] = _DEFAULT_SECONDS,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object and nothing else.")
    ] = False,
) -> None:
    """Measure engine, app, latency and start-up, taking turns on one input."""
    if not seconds >= _FEWEST_SECONDS:
        raise UsageError(
            f"--seconds {seconds:g} is not allowed: must be {_FEWEST_SECONDS:g} or more."
        )
    from streamcam.pipeline import Options
    from streamcam.pipeline.bench import bench as measure
    from streamcam.presets import load_preset

    terminal = Terminal()
    chosen = load_preset(preset or "anime")
    overrides = {"steps": steps, "precision": precision}
    chosen = chosen.model_copy(
        update={key: value for key, value in overrides.items() if value is not None}
    )
    options = Options(
        preset=chosen,
        source="demo",
        outputs=("null",),
        size=engine_size(size),
        fps=fps,
        model=model,
        backend=backend,
    )
    report = measure(options, seconds, _quiet if as_json else terminal.say)
    if as_json:
        sys.stdout.write(json.dumps(report.as_dict(), indent=2) + "\n")
        return
    terminal.table("streamcam bench", ("figure", "value", "meaning"), rows(report))


def rows(report: Report) -> list[tuple[str, str, str]]:
    """The report for people."""
    arithmetic = f"{report.backend} {report.device}, {report.precision}"
    return [
        ("model", report.model, f"{report.steps} steps, guidance {report.guidance_mode}"),
        ("engine", f"{report.size}", arithmetic),
        ("engine time", f"{report.engine_ms_p50:.1f} ms", f"95 %: {report.engine_ms_p95:.1f} ms"),
        ("its networks alone", f"{report.networks_ms:.1f} ms", _ratio(report.engine_to_networks)),
        ("engine rate", f"{report.engine_fps:.1f} fps", "the bare engine"),
        ("app rate", f"{report.app_fps:.1f} fps", _ratio(report.app_to_engine)),
        ("latency", f"{report.latency_ms_p50:.0f} ms", f"95 %: {report.latency_ms_p95:.0f} ms"),
        ("first picture", f"{report.first_frame_s:.2f} s", "from the command, warm disk"),
        ("share of peak", f"{report.peak_share:.0%}", "of a large matrix product here"),
        ("memory", f"{report.rss_mb:.0f} MB", "most that the command held"),
    ]


def _ratio(value: float) -> str:
    return f"ratio {value:.3f}"


def _quiet(_line: str) -> None:
    """JSON is the only output."""

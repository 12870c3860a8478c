"""`streamcam presets`: the looks there are."""

from __future__ import annotations

from typing import Annotated

import typer

from streamcam.cli.terminal import Terminal


def presets(
    *,
    schema: Annotated[
        bool, typer.Option("--schema", help="Print the JSON Schema of a preset file.")
    ] = False,
) -> None:
    """List the presets and their looks."""
    from streamcam.presets import json_schema, load_preset, preset_names

    if schema:
        import json

        typer.echo(json.dumps(json_schema(), indent=2, ensure_ascii=False))
        return
    found = [load_preset(name) for name in preset_names()]
    Terminal().table(
        "Presets (streamcam --preset NAME)",
        ("name", "looks", "prompt"),
        [(one.name, ", ".join(one.look_names), one.prompt) for one in found],
    )

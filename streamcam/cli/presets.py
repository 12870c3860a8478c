"""`streamcam presets`: the looks there are."""

from __future__ import annotations

from typing import Annotated

import typer

from streamcam.cli.terminal import Terminal
from streamcam.errors import UsageError


def presets(
    *,
    schema: Annotated[
        bool, typer.Option("--schema", help="Print the JSON Schema of a preset file.")
    ] = False,
) -> None:
    """List the presets and their looks."""
    from streamcam.presets import json_schema, preset_names

    if schema:
        import json

        Terminal().text(json.dumps(json_schema(), indent=2, ensure_ascii=False))
        return
    Terminal().table(
        "Presets (streamcam --preset NAME)",
        ("preset", "looks", "prompt"),
        [_row(name) for name in preset_names()],
    )


def _row(name: str) -> tuple[str, str, str]:
    """A preset, or the reason why it does not load: the others are listed all the same."""
    from streamcam.presets import outline

    try:
        found = outline(name)
    except UsageError as error:
        return name, "", f"does not load: {error}"
    return found.name, ", ".join(found.look_names), found.prompt

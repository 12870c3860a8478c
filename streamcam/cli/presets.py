"""`streamcam presets`: the looks there are, and those of other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from streamcam.cli.terminal import Terminal
from streamcam.errors import UsageError


def presets(
    *,
    schema: Annotated[
        bool, typer.Option("--schema", help="Print the JSON Schema of a preset file.")
    ] = False,
    file: Annotated[
        Path | None,
        typer.Option(
            "--import",
            metavar="FILE",
            help="Make presets of AUTOMATIC1111's styles.csv, or of a picture that it or ComfyUI "
            "made.",
        ),
    ] = None,
) -> None:
    """List the presets and their looks."""
    from streamcam.presets import json_schema, preset_names

    if file is not None:
        _import(file)
        return

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


def _import(file: Path) -> None:
    from engines.api import EngineSpec
    from streamcam.presets import user_presets
    from streamcam.presets.foreign.importing import import_presets
    from streamcam.provision.prompts import with_room

    spec = EngineSpec(width=448, height=256)  # of any size: it says how a prompt is read
    done = import_presets(file, lambda preset: with_room(spec, preset))
    Terminal().table(
        f"Imported into {user_presets()}",
        ("preset", "written", "notes"),
        [(one.name, "yes" if one.path else "no", " ".join(one.notes)) for one in done],
    )

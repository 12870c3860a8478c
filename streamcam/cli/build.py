"""`streamcam build`: TensorRT engines made beforehand, and what is kept of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from streamcam.cli.flags import EngineSize, Model, engine_size
from streamcam.cli.terminal import Terminal
from streamcam.cli.terminal.notes import engine_notes
from streamcam.errors import UsageError

Presets = Annotated[
    list[str] | None,
    typer.Option(
        "--preset", metavar="NAME|FILE", help="For this look (may be given several times)."
    ),
]
Architectures = Annotated[
    list[str] | None,
    typer.Option(
        "--gpu-arch",
        metavar="ARCH",
        help="For cards of this compute capability, such as 8.9, or portable (may be given "
        "several times). Without it: this machine's card, else portable.",
    ),
]
List = Annotated[bool, typer.Option("--list", help="Show what is kept, and build nothing.")]
Clean = Annotated[bool, typer.Option("--clean", help="Delete all that is kept, and build nothing.")]


def build(
    *,
    preset: Presets = None,
    size: EngineSize = None,
    model: Model = None,
    gpu_arch: Architectures = None,
    list_kept: List = False,
    clean: Clean = False,
) -> None:
    """Build TensorRT engines beforehand, so that no start has to. Needs no GPU.

    Without --size: the size that a start tries first.
    """
    asked = {"--preset": preset, "--size": size, "--model": model, "--gpu-arch": gpu_arch}
    given = [flag for flag, value in asked.items() if value]
    if (list_kept or clean) and (given or (list_kept and clean)):
        alone = "--list" if list_kept else "--clean"
        other = given[0] if given else "--clean"
        raise UsageError(f"{alone} builds nothing and stands alone: leave {other} out.")
    terminal = Terminal(optional=not list_kept)
    if list_kept:
        _show_kept(terminal)
    elif clean:
        from streamcam.provision.prebuild import clean as clean_cache

        terminal.say(clean_cache())
    else:
        with engine_notes(terminal.say):
            _build_all(terminal, preset or ["anime"], gpu_arch or [None], size, model)


def _build_all(
    terminal: Terminal,
    presets: list[str],
    architectures: list[str] | list[None],
    size: str | None,
    model: str | None,
) -> None:
    from engines.api import Watch
    from streamcam.bench.random_models import with_random_model
    from streamcam.pipeline import Options
    from streamcam.presets import load_preset
    from streamcam.provision.prebuild import build_beforehand

    for preset in presets:
        options = Options(
            preset=load_preset(preset),
            source="demo",
            outputs=("null",),
            size=engine_size(size),
            model=model,
        )
        options = with_random_model(options, terminal.say)
        for architecture in architectures:
            with _progress(terminal) as tell:
                build_beforehand(options, architecture, terminal.say, Watch(tell))


def _show_kept(terminal: Terminal) -> None:
    from streamcam.provision.prebuild import kept, limit

    rows = [(one.kind, one.name, f"{one.megabytes:.0f} MB", one.about) for one in kept()]
    terminal.table(
        "Kept (streamcam build --clean deletes it)", ("kind", "name", "size", "what"), rows
    )
    if rows:
        terminal.say(limit())


@contextmanager
def _progress(terminal: Terminal) -> Iterator[Callable[[str], None]]:
    """One line that changes for people, one line a stage for a file."""
    if terminal.interactive:
        with terminal.console.status("TensorRT") as status:
            yield lambda stage: status.update(f"TensorRT: {stage}")
        return
    said = ""

    def tell(stage: str) -> None:
        nonlocal said
        name = stage.rpartition(", ")[0]
        if name != said:
            said = name
            terminal.say(f"TensorRT: {stage}")

    yield tell

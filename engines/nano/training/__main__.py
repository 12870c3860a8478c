"""The commands. Every one works in one folder and goes on where it was stopped."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

from engines.nano.autoencoder import load_autoencoder
from engines.nano.training import (
    dataset,
    model_folder,
    pictures,
    tokenizer,
    train_autoencoder,
    train_denoiser,
)
from engines.nano.training.architecture import device
from engines.nano.training.looks.codes import load_codes
from engines.nano.training.training_run import Plan

app = typer.Typer(help=__doc__, no_args_is_help=True, add_completion=False)

Work = Annotated[Path, typer.Argument(help="Folder for everything; made if it is not there.")]
Rows = Annotated[int, typer.Option(help="Scenes, each drawn in every style (2.4 MB).")]
Steps = Annotated[int, typer.Option(help="Of the whole training.")]
Size = Annotated[int, typer.Option(help="Pieces in a batch.")]
Crop = Annotated[int, typer.Option(help="Their side in pixels, a multiple of 32.")]
Rate = Annotated[float, typer.Option(help="The highest learning rate.")]
Seed = Annotated[int, typer.Option(help="Of everything random.")]
_PROCESSES = os.cpu_count() or 1


@app.command()
def data(work: Work, rows: Rows = 2800, seed: Seed = 1, processes: int = _PROCESSES) -> None:
    """Make scenes of the packages' pictures and draw them in every style."""
    if lacking := pictures.missing():
        raise typer.BadParameter(
            f"pictures are missing: apt-get install --no-install-recommends {' '.join(lacking)}"
        )
    columns = ("drawing", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns) as progress:
        task = progress.add_task("", total=rows)
        dataset.make(
            work / "data", rows, seed, processes, lambda n: progress.update(task, completed=n)
        )


@app.command()
def autoencoder(
    work: Work,
    steps: Steps = 2400,
    size: Size = 12,
    crop: Crop = 128,
    rate: Rate = 1.5e-3,
    seed: Seed = 1,
) -> None:
    """Train encoder, decoder and codes."""
    plan = Plan(steps, size, crop, seed, rate=rate)
    train_autoencoder.train(dataset.DataSet(work / "data", device()), work / "autoencoder", plan)


@app.command()
def denoiser(
    work: Work,
    steps: Steps = 6000,
    size: Size = 16,
    crop: Crop = 128,
    rate: Rate = 1e-3,
    seed: Seed = 1,
) -> None:
    """Train the UNet and the text encoder, and the decoder with them."""
    plan = Plan(steps, size, crop, seed, rate=rate)
    learnt = work / "autoencoder"
    words = tokenizer.make(work / "model" / "tokenizer" / "tokenizer.json", seed)
    trained, drawer = train_denoiser.train(
        dataset.DataSet(work / "data", device()),
        (load_autoencoder(learnt / "vae"), load_codes(learnt)),
        words,
        work / "denoiser",
        plan,
    )
    model_folder.write(work / "model", trained, drawer)


@app.command()
def export(work: Work, target: Annotated[Path, typer.Argument(help="Model folder.")]) -> None:
    """Write the trained model and its graphs to a model folder."""
    from engines.graphs.export import export as write_graphs

    write_graphs(work / "model", target)


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    app()

"""TrainingRun: steps with a schedule, averaged weights, checkpoints, a progress bar and a plot."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor, nn

from engines.whole import whole_file

_WARM_UP, _STEADY = 100, 0.35  # steps, and the share of all steps before the rate falls
_CLIP = 1.0
_STEPS_BETWEEN_LOSSES = 10  # steps after which losses are fetched: every time the GPU waits for it
_PLOT_HEIGHT, _PLOT_WIDTH, _MARGIN = 360, 720, 40


@dataclass(frozen=True, slots=True)
class Plan:
    """How long, in which pieces.

    steps       of the whole training
    size, crop  pieces in a batch, and their side in pixels
    seed        of everything random
    every       steps between checkpoints
    rate        the highest learning rate
    """

    steps: int
    size: int = 16
    crop: int = 128
    seed: int = 1
    every: int = 200
    rate: float = 1e-3


class TrainingRun:
    """Trains `modules` in `folder`; goes on where a run with the same plan was stopped.

    `averaged` holds what to keep: the modules with the average of their last weights.
    """

    def __init__(self, folder: Path, plan: Plan, modules: Sequence[nn.Module]) -> None:
        """Reads the checkpoint of `folder`, if there is one."""
        self.folder, self.plan, self.modules = folder, plan, list(modules)
        self.averaged = [copy.deepcopy(module).eval() for module in modules]
        self.step = 0
        self.losses: list[float] = []
        self._fresh: list[Tensor] = []
        parameters = [p for module in modules for p in module.parameters()]
        self._parameters = parameters
        self._device = parameters[0].device
        self._optimizer = torch.optim.AdamW(
            parameters, plan.rate, (0.9, 0.98), weight_decay=0.01, foreach=True
        )
        folder.mkdir(parents=True, exist_ok=True)
        if self._checkpoint.is_file():
            self._resume()

    def train(self, loss: Callable[[int], Tensor]) -> None:
        """Step on until the plan's end; `loss` gets the number of the step."""
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        with Progress(*columns, TimeRemainingColumn()) as progress:
            task = progress.add_task(self.folder.name, total=self.plan.steps, completed=self.step)
            while self.step < self.plan.steps:
                self._one(loss)
                keep = self.step % self.plan.every == 0 or self.step == self.plan.steps
                if keep or self.step % _STEPS_BETWEEN_LOSSES == 0:
                    self._hear()
                    shown = f"{self.folder.name}  loss {self.losses[-1]:.4f}"
                    progress.update(task, completed=self.step, description=shown)
                if keep:
                    self._keep()
                    progress.console.print(f"step {self.step}: loss {self._recent():.4f}")

    def progress(self, step: int) -> float:
        """Share of the training that lies behind."""
        return step / self.plan.steps

    @property
    def _checkpoint(self) -> Path:
        return self.folder / "checkpoint.pt"

    def _one(self, loss: Callable[[int], Tensor]) -> None:
        for group in self._optimizer.param_groups:
            group["lr"] = self.plan.rate * self._share()
        # Every step has its own seed, so that a resumed run is the same run.
        torch.manual_seed(self.plan.seed * 1_000_003 + self.step)
        cuda = self._device.type == "cuda"
        with torch.autocast(self._device.type, torch.bfloat16, enabled=cuda):
            found = loss(self.step)
        self._optimizer.zero_grad(set_to_none=True)
        found.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self._parameters, _CLIP)
        self._optimizer.step()
        self.step += 1
        self._average()
        self._fresh.append(found.detach())

    def _hear(self) -> None:
        """Fetch the losses of the last steps. Raises FloatingPointError."""
        self.losses += torch.stack(self._fresh).tolist()
        self._fresh.clear()
        if not math.isfinite(self.losses[-1]):
            raise FloatingPointError(
                f"{self.folder}: the loss is {self.losses[-1]} at step {self.step}. Lower --rate."
            )

    def _share(self) -> float:
        """Of the highest rate: up, steady, and down along a cosine."""
        done = self.step / self.plan.steps
        fall = max(0.0, (done - _STEADY) / (1.0 - _STEADY))
        warm = min(1.0, (self.step + 1) / _WARM_UP)
        return warm * (0.01 + 0.99 * 0.5 * (1.0 + math.cos(math.pi * fall)))

    @torch.no_grad()
    def _average(self) -> None:
        keep = min(0.998, (self.step + 1) / (self.step + 15))
        for averaged, module in zip(self.averaged, self.modules, strict=True):
            torch._foreach_lerp_(list(averaged.parameters()), list(module.parameters()), 1.0 - keep)

    def _recent(self) -> float:
        return float(np.mean(self.losses[-self.plan.every :]))

    def _keep(self) -> None:
        states = [[m.state_dict() for m in group] for group in (self.modules, self.averaged)]
        checkpoint = {
            "step": self.step,
            "steps": self.plan.steps,
            "losses": self.losses,
            "states": states,
            "optimizer": self._optimizer.state_dict(),
        }
        with whole_file(self._checkpoint) as unfinished:
            torch.save(checkpoint, unfinished)
        (self.folder / "losses.json").write_text(json.dumps(self.losses), "utf-8")
        cv2.imwrite(str(self.folder / "loss.png"), plot(self.losses))

    def _resume(self) -> None:
        kept = torch.load(self._checkpoint, map_location="cpu", weights_only=True)
        if kept["steps"] != self.plan.steps:
            raise ValueError(
                f"{self._checkpoint} is of a training of {kept['steps']} steps, not "
                f"{self.plan.steps}. Take another folder, or delete it."
            )
        for group, states in zip((self.modules, self.averaged), kept["states"], strict=True):
            for module, state in zip(group, states, strict=True):
                module.load_state_dict(state)
        self._optimizer.load_state_dict(kept["optimizer"])
        self.step, self.losses = kept["step"], list(kept["losses"])


def plot(losses: Sequence[float]) -> np.ndarray:
    """Losses over steps as a picture, (height, width, 3) uint8: each one, and their running mean.

    The vertical axis is logarithmic.
    """
    board = np.full((_PLOT_HEIGHT, _PLOT_WIDTH, 3), 255, np.uint8)
    values = np.log10(np.maximum(np.asarray(losses, np.float64), 1e-6))
    window = max(1, len(values) // 60)
    padded = np.concatenate([np.full(window - 1, values[0]), values])
    smooth = np.convolve(padded, np.full(window, 1.0 / window), "valid")
    low, high = float(values.min()), float(values.max()) + 1e-6
    for line, shade, width in ((values, (225, 200, 180), 1), (smooth, (160, 70, 20), 2)):
        across = np.linspace(_MARGIN, _PLOT_WIDTH - 10, len(line))
        up = _PLOT_HEIGHT - 30 - (line - low) / (high - low) * (_PLOT_HEIGHT - 50)
        points = np.stack([across, up], -1).astype(np.int32)
        cv2.polylines(board, [points], isClosed=False, color=shade, thickness=width)
    for value, bottom in ((low, _PLOT_HEIGHT - 30), (high, 24)):
        _write(board, f"{10**value:.3g}", (2, bottom))
    _write(board, f"{len(values)} steps", (_PLOT_WIDTH - 110, _PLOT_HEIGHT - 8))
    return board


def _write(board: np.ndarray, text: str, place: tuple[int, int]) -> None:
    cv2.putText(board, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.42, (60, 60, 60), 1, cv2.LINE_AA)

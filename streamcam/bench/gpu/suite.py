"""The GPU suite: the figures of an NVIDIA card, part by part, into a file that one can go on with.

A part runs in a process of its own: what it breaks on the card ends with it.
"""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from functools import partial
from itertools import product
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from time import monotonic
from types import MappingProxyType
from typing import Any

from engines.api import GuidanceMode
from engines.artifacts import cache_folder
from engines.bench.peer_environment import prepare
from engines.bench.peers import peer_script
from engines.devices import card_of
from engines.errors import EngineError, PeerUnavailable
from engines.survey import NvidiaCard, nvidia_cards, packages
from engines.whole import whole_file
from streamcam import __version__
from streamcam.bench.gpu.measurement import PEERS, Measurement
from streamcam.bench.gpu.part import FIRST, SuitePart, options_of
from streamcam.errors import UsageError

_PART_SECONDS = 480.0  # seconds that one part may take
_POLL_SECONDS = 0.5
_SIZES = ((512, 512), (640, 368), (1280, 720))  # 368: sides are multiples of 16
_STEPS = (1, 4, 2)
_MODES: tuple[GuidanceMode, ...] = ("none", "self", "full")

Say = Callable[[str], None]
SuiteReport = dict[str, Any]
Measure = Callable[[SuitePart, float, Say], SuiteReport]


class PartFailed(Exception):
    """A part brought nothing. The message says why."""


def parts() -> list[SuitePart]:
    """All of them. Those that say most come first, as a card may be there only for a while."""
    turbo, square = "sd-turbo-random", (512, 512)
    first = [
        _part(turbo, square, 1, "none", app=True),
        _part(turbo, square, 4, "none", app=True),
        _part("nano", (448, 256), 1, "self", app=True),
        _part("sdxs-random", square, 1, "none", app=True),
    ]
    grid = [_part(turbo, *one) for one in product(_SIZES, _STEPS, _MODES)]
    others = [
        _part("nano", (448, 256), 1, "none"),
        _part("nano", (448, 256), 4, "none"),
        _part("nano", (1280, 720), 1, "none"),
        _part("sdxs-random", square, 1, "self"),
    ]
    unique: dict[str, SuitePart] = {}
    for part in (*first, *grid, *others):
        unique.setdefault(part.name, part)
    return list(unique.values())


def run_suite(file: Path, seconds: float, say: Say, measure: Measure | None = None) -> SuiteReport:
    """Measure every part that `file` does not have yet; it is written anew after each one.

    seconds  of measuring each part; what loading and compiling take comes on top
    measure  replaces the child process

    A part that fails is noted with its reason, and tried again by the next run. Raises
    `UsageError` without an NVIDIA card, for a file that cannot be written, and for one that is of
    another card or other versions, since figures of both do not belong into one table;
    `EngineError` for a model that cannot be written.
    """
    report = _opened(file, _conditions())
    todo = [part for part in parts() if part.name not in report["parts"]]
    say(f"{file}: {len(report['parts'])} parts are there, {len(todo)} to go")
    if measure is None:
        measure = partial(measure_in_child, absent=_made_ready(todo, say))
    for number, part in enumerate(todo, 1):
        say(f"part {number} of {len(todo)}: {part.name}")
        report["failed"].pop(part.name, None)
        try:
            found = measure(part, seconds, say)
        except PartFailed as error:
            say(f"{part.name}: failed: {error}")
            report["failed"][part.name] = str(error)
        else:
            report["parts"][part.name] = {
                "date": datetime.now(UTC).isoformat("T", "seconds"),
                **found,
            }
        _write(file, report)
    return report


def measure_in_child(
    part: SuitePart,
    seconds: float,
    say: Say,
    absent: Mapping[str, str] = MappingProxyType({}),
    limit: float = _PART_SECONDS,
) -> SuiteReport:
    """The figures of one part, from a process of its own; `absent` as Measurement has it.

    Raises `PartFailed`.
    """
    context = get_context("spawn")  # a fork would share what the card's driver holds
    ours, theirs = context.Pipe(duplex=False)
    child = context.Process(target=_measure, args=(part, seconds, dict(absent), theirs))
    child.start()
    theirs.close()
    try:
        return _follow(ours, say, monotonic() + limit)
    except EOFError:
        child.join()
        raise PartFailed(f"its process ended with code {child.exitcode}") from None
    except TimeoutError:
        raise PartFailed(f"it took longer than {limit:g} seconds") from None
    finally:
        child.kill()
        child.join()
        ours.close()


def _follow(messages: Connection, say: Say, deadline: float) -> SuiteReport:
    while (left := deadline - monotonic()) > 0:
        if not messages.poll(min(_POLL_SECONDS, left)):
            continue
        kind, content = messages.recv()
        if kind == "figures":
            return dict(content)
        if kind == "error":
            raise PartFailed(content)
        say(content)
    raise TimeoutError


def _measure(part: SuitePart, seconds: float, absent: dict[str, str], answers: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends it
    try:
        found = Measurement(part, lambda line: answers.send(("say", line)), absent).run(seconds)
    except (EngineError, OSError) as error:
        answers.send(("error", str(error)))
    else:
        answers.send(("figures", found.as_dict()))


def _made_ready(todo: list[SuitePart], say: Say) -> dict[str, str]:
    """Write the models and install the peers, which takes longer than a part may.

    Why a peer cannot be had, by name. Raises `EngineError` for a model that cannot be written.
    """
    for part in {part.model: part for part in todo}.values():
        options_of(part, say)
    absent: dict[str, str] = {}
    for name in PEERS if todo else ():
        try:
            prepare(peer_script(name), cache_folder("peers"), say)
        except PeerUnavailable as error:
            say(str(error))
            absent[name] = str(error)
    return absent


def _part(
    model: str, size: tuple[int, int], steps: int, mode: GuidanceMode, *, app: bool = False
) -> SuitePart:
    width, height = size
    return SuitePart(
        model=model, width=width, height=height, steps=steps, guidance_mode=mode, app=app
    )


def _conditions() -> SuiteReport:
    """What all figures of a file have in common. Raises `UsageError` without a card."""
    try:
        card = running_card() if nvidia_cards() else None
    except OSError as error:
        raise UsageError(f"--gpu-suite: the NVIDIA driver fails: {error}.") from error
    except EngineError as error:
        raise UsageError(f"--gpu-suite: {error}") from error
    if card is None:
        raise UsageError(
            "--gpu-suite needs an NVIDIA card, and nvidia-smi finds none here. Without one, "
            "streamcam bench measures what this machine has."
        )
    return {"card": _named(card), "versions": packages(), "streamcam": __version__}


def running_card() -> NvidiaCard:
    """The one that torch takes first, which need not be the driver's first. A child
    process asks, since asking opens the card. Raises `BackendUnavailable`, OSError."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(card_of, FIRST).result()


def _named(card: NvidiaCard) -> SuiteReport:
    return {"name": card.name, "driver": card.driver, "memory": card.memory, "uuid": card.uuid}


def _opened(file: Path, conditions: SuiteReport) -> SuiteReport:
    """The report in `file`, or an empty one. Raises `UsageError`."""
    try:
        report: SuiteReport = json.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        report = {**conditions, "parts": {}, "failed": {}}
        _write(file, report)  # now rather than after minutes
    except OSError as error:
        raise UsageError(f"--gpu-suite: {file} cannot be read: {error.strerror}.") from error
    except ValueError:
        report = {}
    if not {*conditions, "parts", "failed"} <= set(report):
        raise UsageError(f"--gpu-suite: {file} is no file of this suite. Give another name.")
    for key, value in conditions.items():
        if report[key] != value:
            raise UsageError(
                f"--gpu-suite: {file} was measured with {key} {report[key]}, and here is {value}. "
                "Give another name."
            )
    return report


def _write(file: Path, report: SuiteReport) -> None:
    try:
        with whole_file(file) as unfinished:
            unfinished.write_text(json.dumps(report, indent=2) + "\n", "utf-8")
    except OSError as error:
        raise UsageError(f"--gpu-suite: {file} cannot be written: {error.strerror}.") from error

"""A child process that builds plans, so that a stream goes on beside it.

It takes its memory with it when it ends, cannot take the program down, has a low priority, and
ends when the program does: its standard input closes. One line of JSON goes in, and lines of JSON
come out: {"stage": …} while it works, and last {"done": folder} or {"error": kind, "message": …}.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict, replace
from queue import Empty, SimpleQueue
from tempfile import TemporaryFile
from threading import Thread
from time import perf_counter
from typing import IO, Any

from engines import errors
from engines.api import EngineSpec, Watch
from engines.artifacts import cache_folder
from engines.backends.tensorrt.card import find_card
from engines.backends.tensorrt.flavour import CLASSIC, Flavour, open_flavour
from engines.backends.tensorrt.plans import find_plans, write_plans
from engines.errors import BackendUnavailable, BuildAbandoned, EngineError
from engines.families import open_model
from engines.model import Model

_POLL_SECONDS = 0.1  # seconds between looks at whether the build is still wanted
_PROGRESS_SECONDS = 1.0  # between two reports of the time it has taken
_SHOWN = 400  # characters of what a process said that broke

Message = dict[str, Any]


def with_plans(
    model: Model, spec: EngineSpec, flavour: Flavour, architecture: str, watch: Watch
) -> Model:
    """`model` with its plans, which are built in a child process if they are not there.

    Raises `BackendUnavailable` with what TensorRT says, `ModelUnavailable`, `BuildAbandoned`.
    """
    plans = find_plans(model, spec, flavour, architecture)
    if plans is None:
        build_in_child(spec, flavour.name, architecture, watch)
        plans = find_plans(model, spec, flavour, architecture)
    if plans is None:
        raise BackendUnavailable(
            f"{flavour.label}: the engine that was built for {model.name} is not whole in "
            f"{cache_folder('tensorrt')}. Check that disk."
        )
    return replace(model, plans=plans)


def build_in_child(spec: EngineSpec, flavour: str, architecture: str, watch: Watch) -> None:
    """Build the plans of `spec` and wait for them; `watch` hears the stage and its time.

    Raises what the build raised, `BuildAbandoned` once it is not wanted any more, and
    `BackendUnavailable` for a process that broke.
    """
    request = {"spec": asdict(spec), "flavour": flavour, "architecture": architecture}
    card = find_card(spec.device) if flavour == CLASSIC else None  # which builds on the card itself
    with TemporaryFile() as log, _start(log, card.uuid if card else "") as child:
        assert child.stdin is not None
        assert child.stdout is not None
        messages: SimpleQueue[Message | None] = SimpleQueue()
        reader = Thread(target=_read, args=(child.stdout, messages), daemon=True)
        reader.start()
        try:
            child.stdin.write(json.dumps(request) + "\n")
            child.stdin.flush()
            end = _follow(messages, watch)
        except BrokenPipeError:
            end = None
        finally:
            child.kill()
            child.wait()
        if end is None:
            log.seek(0)
            raise BackendUnavailable(_broken(child.returncode, log.read()))
    if "error" in end:
        kind = getattr(errors, end["error"], EngineError)
        raise kind(end["message"])


def _follow(messages: SimpleQueue[Message | None], watch: Watch) -> Message | None:
    """The last message, or None if the process ended without one."""
    began = perf_counter()
    stage, told = "starting", 0.0
    while watch.wanted():
        now = perf_counter()
        if now - told >= _PROGRESS_SECONDS:
            told = now
            watch.tell(f"{stage}, {now - began:.0f} s")
        try:
            message = messages.get(timeout=_POLL_SECONDS)
        except Empty:
            continue
        if message is None or "stage" not in message:
            return message
        stage, told = message["stage"], 0.0
    raise BuildAbandoned("the TensorRT engine is not wanted any more.")


def _start(log: IO[bytes], card: str = "") -> subprocess.Popen[str]:
    """`card`: UUID of the only one that the child sees; "" for all."""
    # What the parent has just found on this machine needs no network.
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "PYTHONUNBUFFERED": "1"}
    if card:
        environment["CUDA_VISIBLE_DEVICES"] = card
    return subprocess.Popen(
        [sys.executable, "-m", "engines.backends.tensorrt.plan_process"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        env=environment,
        text=True,
        encoding="utf-8",
        creationflags=_LOW_PRIORITY,
    )


if sys.platform == "win32":
    _LOW_PRIORITY = subprocess.BELOW_NORMAL_PRIORITY_CLASS | subprocess.CREATE_NO_WINDOW
else:
    _LOW_PRIORITY = 0


def _read(stream: IO[str], messages: SimpleQueue[Message | None]) -> None:
    for line in stream:
        messages.put(json.loads(line))
    messages.put(None)


def _broken(code: int, log: bytes) -> str:
    said = " ".join(log.decode("utf-8", "replace").split())[-_SHOWN:]
    killed = " (the system may have run out of memory)" if code in (-9, 137) else ""
    return (
        f"the process that builds the TensorRT engine ended with code {code}{killed}"
        f"{': …' + said if said else ''}. Use --backend torch, or try again."
    )


def main() -> None:
    request = json.loads(sys.stdin.readline())
    Thread(target=_end_with_parent, daemon=True).start()
    if sys.platform != "win32":
        os.nice(10)
    # What libraries print, their C++ code included, must not mix with the messages.
    replies = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    try:
        folder = _build(request, lambda stage: _send(replies, {"stage": stage}))
        _send(replies, {"done": folder})
    except EngineError as error:
        _send(replies, {"error": type(error).__name__, "message": str(error)})


def _build(request: Message, tell: Any) -> str:  # noqa: ANN401
    tell("reading the model")
    spec = request["spec"]
    lists = {"loras": tuple(map(tuple, spec["loras"])), "live_loras": tuple(spec["live_loras"])}
    spec = EngineSpec(**{**spec, **lists})
    flavour = open_flavour(request["flavour"])
    plans = write_plans(open_model(spec), spec, flavour, request["architecture"], tell)
    return str(plans.frame_step.parent)


def _send(stream: IO[str], message: Message) -> None:
    stream.write(json.dumps(message) + "\n")
    stream.flush()


def _end_with_parent() -> None:
    sys.stdin.read()
    os._exit(1)


if __name__ == "__main__":
    main()

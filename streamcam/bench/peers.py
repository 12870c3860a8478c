"""Peers: our engine and other programs restyle the same frames by turns, in one run.

Same model folder, frames, size, noise levels, guidance, prompt embeddings, device and precision.
A frame's time goes from uint8 on the host to uint8 on the host, on every side.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from itertools import cycle
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.api import Engine, EngineSpec, Params
from engines.artifacts import cache_folder
from engines.bench.peer_environment import prepare
from engines.bench.peer_process import PeerProcess
from engines.bench.peers import peer_script
from engines.errors import PeerUnavailable, quoted
from engines.model import Model
from engines.ranges import LCM_TABLE
from engines.step.schedule import LCM_SPACING, TRAIN_TIMESTEPS
from streamcam.bench.paced_run import bundled_clip
from streamcam.bench.turns import Rounds, Run, Side, side, take_turns
from streamcam.looks.aim import encoded
from streamcam.options import Options
from streamcam.provision.build import open_engine

OURS = "streamcam"

Say = Callable[[str], None]
PeerRequest = dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """`sides` by name, ours first; the rest is what they all had in common, and our backend."""

    size: str
    steps: int
    t_index: tuple[int, ...]
    guidance_mode: str
    guidance: float
    model: str
    backend: str
    precision: str
    device: str
    sides: Mapping[str, Side]

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return asdict(self)


class OurEngine:
    """One of our engines as a side: restyles frames one at a time, and keeps its stage times."""

    def __init__(self, engine: Engine, params: Params, frames: Iterator[NDArray[np.uint8]]) -> None:
        self._engine, self._params, self._frames = engine, params, frames
        self._picture = np.empty((engine.spec.height, engine.spec.width, 3), np.uint8)
        self._stages: list[Mapping[str, float]] = []

    def run(self, count: int) -> list[float]:
        """Milliseconds of each of the next `count` frames."""
        times = []
        for frame in (next(self._frames) for _ in range(count)):
            began = perf_counter()
            self._engine.run(frame, self._params, self._picture)
            times.append((perf_counter() - began) * 1e3)
            self._stages.append(self._engine.stage_ms())
        return times

    def stages(self) -> dict[str, float]:
        """Medians by stage; empty for an engine that does not time them."""
        timed = [one for one in self._stages if one]
        return {name: median(one[name] for one in timed) for name in timed[-1]} if timed else {}


def open_peer(name: str, request: PeerRequest, scratch: Path, say: Say) -> PeerProcess:
    """A peer that has loaded its model; its environment is made first, if need be."""
    script = peer_script(name)
    return PeerProcess(prepare(script, cache_folder("peers"), say), script, request, scratch)


def compare(
    options: Options,
    names: Sequence[str],
    seconds: float,
    say: Say,
    open_peer: Callable[[str, PeerRequest, Path, Say], PeerProcess] = open_peer,
) -> Comparison:
    """Measure for about `seconds`, and what loading takes.

    `options` say what to run; source, outputs and web do not matter. Raises `UsageError` or
    `EngineError`.
    """
    for name in names:
        peer_script(name)  # a mistyped name is refused before anything is installed
    cv2.setNumThreads(1)  # as in a run
    with ExitStack() as stack:
        provided = open_engine(options, lambda: options.format.width / options.format.height)
        engine, model = provided.engine, provided.recipe.model
        stack.callback(engine.close)
        say(provided.line)
        params, frames = params_for(options, engine, model), fitted_frames(engine.spec)
        scratch = Path(stack.enter_context(TemporaryDirectory(prefix="streamcam-peers-")))
        request = request_for(engine.spec, model, params, frames, scratch)
        sides: dict[str, Run] = {OURS: OurEngine(engine, params, cycle(frames)).run}
        peers: dict[str, PeerProcess] = {}
        for name in dict.fromkeys(names):
            peers[name] = open_peer(name, request, scratch, say)
            stack.callback(peers[name].close)
            sides[name] = peers[name].run
            say(f"peer {name}: {', '.join(f'{k} {v}' for k, v in peers[name].versions.items())}")
        rounds = take_turns(sides, seconds)
        for name, peer in peers.items():
            if peer.picture().std() == 0:
                say(f"peer {name}: its picture is blank, so its times may mean nothing")
    return _comparison(engine.spec, model.name, params, rounds, peers)


def on_table(timesteps: Sequence[int]) -> tuple[int, ...]:
    """The nearest LCM table entries, each once: noise levels that every peer can be asked for."""
    following, indices = LCM_TABLE, []
    for t in reversed(timesteps):
        following = min(round((TRAIN_TIMESTEPS - 1 - t) / LCM_SPACING), following - 1)
        indices.append(following)
    return tuple(reversed(indices))


def torch_device(spec: EngineSpec) -> str:
    """A built engine's device in torch's words. Raises `PeerUnavailable` for what torch has not."""
    device = spec.device.lower()
    if device == "cpu" or device.startswith("cuda"):
        return device
    raise PeerUnavailable(
        f"device {quoted(spec.device)} of backend {quoted(spec.backend)}: a peer runs on the CPU "
        "or on an NVIDIA GPU. Try --backend torch."
    )


def params_for(options: Options, engine: Engine, model: Model) -> Params:
    """The preset's, at noise levels that every peer can be asked for. `model`: the engine's."""
    params = encoded(options.preset.look(), engine.encode)
    if params.t_index is not None:
        return params
    levels = model.timesteps(params.strength, engine.spec.steps)
    return replace(params, t_index=on_table(levels))


def fitted_frames(spec: EngineSpec) -> list[NDArray[np.uint8]]:
    """The bundled clip at the engine's size."""
    size = (spec.width, spec.height)
    fitting = (cv2.resize(one, size, interpolation=cv2.INTER_AREA) for one in bundled_clip())
    return [np.asarray(frame, np.uint8) for frame in fitting]


def request_for(
    spec: EngineSpec,
    model: Model,
    params: Params,
    frames: list[NDArray[np.uint8]],
    scratch: Path,
) -> PeerRequest:
    """What a peer is asked for (engines/bench/peers), with its arrays in `scratch`.

    Raises `PeerUnavailable` for a model that the peers cannot run as we do.
    """
    if model.pooled or model.loras or model.live_loras:
        raise PeerUnavailable(
            f"model {model.name}: a peer runs no LoRAs and no SDXL. Choose another model, "
            "for example --model nano or --model sd-turbo-random."
        )
    arrays: dict[str, NDArray[np.generic]] = {
        "frames": np.stack(frames),
        "prompt": params.prompt.tokens_TD,
        "negative": params.negative.tokens_TD,
    }
    for name, array in arrays.items():
        np.save(scratch / f"{name}.npy", array)
    return {
        "model": str(model.folder),
        "autoencoder": str(model.autoencoder),
        "width": spec.width,
        "height": spec.height,
        "t_index": params.t_index,
        "guidance_mode": spec.guidance_mode,
        "guidance_scale": params.guidance_scale,
        "delta": params.delta,
        "seed": params.seed,
        "device": torch_device(spec),
        "precision": spec.precision,
        **{name: str(scratch / f"{name}.npy") for name in arrays},
    }


def _comparison(
    spec: EngineSpec,
    model: str,
    params: Params,
    rounds: Mapping[str, Rounds],
    peers: Mapping[str, PeerProcess],
) -> Comparison:
    sides = {name: side(rounds[OURS], blocks) for name, blocks in rounds.items()}
    for name, peer in peers.items():
        sides[name] = replace(sides[name], notes=tuple(peer.notes), versions=peer.versions)
    return Comparison(
        size=f"{spec.width}x{spec.height}",
        steps=spec.steps,
        t_index=params.t_index or (),
        guidance_mode=spec.guidance_mode,
        guidance=params.guidance_scale,
        model=model,
        backend=spec.backend,
        precision=spec.precision,
        device=spec.device,
        sides=sides,
    )

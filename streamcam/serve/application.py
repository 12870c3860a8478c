"""The application as Ray Serve runs it: replicas that hold sessions.

Also for Ray's own tools: `serve run streamcam.serve.application:application preset=anime`, with the
token in STREAMCAM_TOKEN.
"""

from __future__ import annotations

import os

from fastapi import FastAPI
from ray import serve
from ray.serve import metrics
from ray.serve.config import AutoscalingConfig

from engines.batch import build_batch
from streamcam.remote.address import TOKEN_VARIABLE
from streamcam.serve.app import create_app
from streamcam.serve.figures import COUNTED, SESSIONS, TOOK, WAITED, Figures
from streamcam.serve.replica import open_room
from streamcam.serve.session import Room
from streamcam.serve.settings import Settings

NAME = "streamcam"
_SECONDS = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0]  # bounds of the histograms
_BESIDE = 16  # requests beside sessions: those that are refused, and /status

# Of this process, which Ray starts for one replica.
_here: dict[str, Replica] = {}


class Replica:
    """One device, its batch, and the sessions of those who are connected to it: a WebSocket stays
    with the replica that took it."""

    def __init__(self, settings: Settings) -> None:
        self.token = settings.token.get_secret_value()
        self.room: Room = open_room(settings, _figures(), build_batch)
        _here["replica"] = self

    def check_health(self) -> None:
        """Ray asks now and then, and starts another replica in the place of one that raises."""
        if self.room.machine.failure:
            raise RuntimeError(self.room.machine.failure)

    def __del__(self) -> None:
        """Ray calls it as the replica ends."""
        if "replica" in _here:
            self.room.machine.close()


def _app() -> FastAPI:
    return create_app(lambda: _here["replica"].token, lambda: _here["replica"].room)


_Served = serve.ingress(_app)(Replica)


def application(settings: Settings) -> serve.Application:
    """What Ray is to run. Sessions count as requests that go on, so they are what replicas are
    added and taken away for."""
    if not settings.token.get_secret_value():
        token = {"token": os.environ[TOKEN_VARIABLE]}
        settings = Settings.model_validate(settings.model_dump() | token)
    scaling = None
    if settings.most_replicas is not None:
        scaling = AutoscalingConfig(
            min_replicas=settings.replicas,
            max_replicas=settings.most_replicas,
            target_ongoing_requests=settings.sessions_per_replica,
        )
    ending = 1.0 if not settings.ray else 20.0
    deployment = serve.deployment(
        _Served,
        name=NAME,
        num_replicas=None if scaling else settings.replicas,
        autoscaling_config=scaling,
        max_ongoing_requests=settings.seats + _BESIDE,
        ray_actor_options={"num_cpus": settings.cpus, "num_gpus": settings.gpus},
        graceful_shutdown_timeout_s=ending,
        graceful_shutdown_wait_loop_s=0.2,
        health_check_period_s=5.0,
    )
    return deployment.bind(settings)


def _figures() -> Figures:
    counters = {name: metrics.Counter(name, what) for name, what in COUNTED.items()}
    sessions = metrics.Gauge(SESSIONS, "Sessions that have a seat")
    spent = {
        WAITED: metrics.Histogram(WAITED, "Wait for the device", boundaries=_SECONDS),
        TOOK: metrics.Histogram(TOOK, "Time on the device", boundaries=_SECONDS),
    }

    def measure(name: str, value: float) -> None:
        if name == SESSIONS:
            sessions.set(value)
        else:
            spent[name].observe(value)

    return Figures(lambda name, more: counters[name].inc(more), measure)

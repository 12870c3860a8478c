"""A stand-in for OBS, and a connection to it."""

from __future__ import annotations

import asyncio

import pytest
from fake_obs import FakeObs

from streamcam.obs.connection import Connection
from streamcam.obs.program import Shown
from streamcam.obs.server import ObsServer
from streamcam.obs.source import virtualcam


@pytest.fixture(autouse=True)
def _on_linux(monkeypatch):
    """Whatever this machine is."""
    monkeypatch.setattr(virtualcam.wanted, "__defaults__", ("linux",))


@pytest.fixture
def obs():
    made = FakeObs()
    yield made
    made.close()


@pytest.fixture
def with_obs(obs):
    """Run `act(connection)`, a coroutine function, and give its result."""

    def run(act):
        async def connected():
            connection = await Connection.open(ObsServer(obs.port, obs.password))
            try:
                return await act(connection)
            finally:
                await connection.close()

        return asyncio.run(connected())

    return run


@pytest.fixture
def shown():
    """The program, as it is mostly."""
    return Shown(
        port=8737,
        picture=True,
        outputs=("virtualcam:/dev/video10", "web"),
        size=(1280, 720),
        fps=30.0,
        scenes={},
        look="anime",
        curtain="live",
        latency_ms=100.0,
    )

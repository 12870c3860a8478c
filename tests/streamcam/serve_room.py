"""A server without Ray: the app of a replica on a port of this machine, with a batch of our own."""

import asyncio
import socket
import threading
import time
from contextlib import contextmanager

import numpy as np
import uvicorn

from engines.api import Embedding, EngineSpec
from engines.prompts.syntax import parse
from streamcam.serve.admission import Admission
from streamcam.serve.app import create_app
from streamcam.serve.figures import Figures
from streamcam.serve.machine import Machine
from streamcam.serve.session import Room

TOKEN = "a token for the tests"
SIZE = (256, 144)


class FakeSeat:
    def __init__(self):
        self.closed = False

    def close(self):
        self.closed = True


class NegativeBatch:
    """A batch that makes negatives. `calls` holds the seats of each; `gate` holds calls up."""

    def __init__(self, size=SIZE, capacity=4, seconds=0.0):
        self.spec = EngineSpec(width=size[0], height=size[1], backend="null")
        self.capacity = capacity
        self.label = "negatives"
        self.seconds = seconds
        self.calls, self.params, self.seats = [], [], []
        self.gate = threading.Event()
        self.gate.set()
        self.failure = None
        self.closed = False

    def open(self):
        self.seats.append(FakeSeat())
        return self.seats[-1]

    def encode(self, prompt):
        parse(prompt)
        return Embedding(np.full((1, 4), len(prompt), np.float32))

    def run(self, frames):
        assert self.gate.wait(60)
        assert not [seat for seat, _, _ in frames if seat.closed]
        self.calls.append([seat for seat, _, _ in frames])
        self.params += [params for _, _, params in frames]
        if self.failure is not None:
            raise self.failure
        time.sleep(self.seconds)
        return [255 - frame for _, frame, _ in frames]

    def close(self):
        self.closed = True


def room_of(batch, rate=1000.0, seats=8):
    return Room(Machine(batch), Admission(rate, seats), Figures(), "negatives")


@contextmanager
def served(room):
    """Its port, until the end."""
    app = create_app(lambda: TOKEN, lambda: room)
    config = uvicorn.Config(app, ws="websockets-sansio", lifespan="off", log_level="critical")
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(
            target=lambda: asyncio.run(server.serve(sockets=[listener])), name="server"
        )
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            server.should_exit = server.force_exit = True
            thread.join(60)
    room.machine.close()

import threading
import time
from contextlib import ExitStack, suppress

import numpy as np
import pytest
from serve_room import SIZE, TOKEN, NegativeBatch, room_of, served
from tcp_proxy import Proxy

from engines.api import EngineSpec, Params
from engines.backends.null import NullEngine
from streamcam.notices import NoticeBoard
from streamcam.remote import link as link_module
from streamcam.remote.address import Address
from streamcam.remote.engine import RemoteEngine
from streamcam.remote.link import Link
from streamcam.stage import Stage

LONG = 60
FRAME = np.full((SIZE[1], SIZE[0], 3), (10, 120, 200), np.uint8)


def address_of(port, token=TOKEN):
    return Address(f"ws://127.0.0.1:{port}", "127.0.0.1", port, token)


class Laptop:
    """A run's engine, with the thread of its link. `step` restyles a frame."""

    def __init__(self, port, size=SIZE, token=TOKEN):
        self.board, self.said = NoticeBoard(), []
        self.link = Link(address_of(port, token), 30.0, self.board, self.said.append)
        self.engine = RemoteEngine(NullEngine(EngineSpec(width=size[0], height=size[1])), self.link)
        self.params = Params(prompt=self.engine.encode("a"), negative=self.engine.encode(""))
        self.frame = np.full((size[1], size[0], 3), (10, 120, 200), np.uint8)
        self.stage = Stage("link", self.link.work, [])
        self.stage.start()

    def step(self):
        """Whether the picture was made elsewhere. It is one or the other, never another."""
        picture = self.engine.run(self.frame, self.params)
        away = (picture == 255 - self.frame).all()
        assert away or (picture == self.frame).all()
        return bool(away)

    def until(self, away):
        """Frame after frame, until the picture is made elsewhere, or here."""
        end = time.perf_counter() + LONG
        while self.step() is not away:
            assert time.perf_counter() < end, self.board.for_users()
            time.sleep(0.01)

    def close(self):
        self.link.close()
        assert self.stage.join(LONG)
        assert self.stage.errors == []


@pytest.fixture
def opened():
    with ExitStack() as stack:
        yield stack


@pytest.fixture(autouse=True)
def eager(monkeypatch):
    """Trust is tried for at once, and lost within more than a slow machine takes for a frame."""
    monkeypatch.setattr(link_module, "_PROBE_SECONDS", 0.0)
    monkeypatch.setattr(link_module, "PATIENCE_SECONDS", 2.0)
    monkeypatch.setattr("streamcam.remote.trust.PATIENCE_SECONDS", 2.0)


def laptop_at(opened, port, **given):
    laptop = Laptop(port, **given)
    opened.callback(laptop.close)
    return laptop


def test_the_picture_is_made_elsewhere_once_the_link_is_good(opened):
    batch = NegativeBatch()
    port = opened.enter_context(served(room_of(batch)))
    laptop = laptop_at(opened, port)
    laptop.until(away=True)
    assert laptop.board.for_users() == ""
    assert laptop.said == [f"engine: negatives at ws://127.0.0.1:{port} shows the picture"]
    assert batch.params[-1].strength == 0.5


@pytest.mark.parametrize("size", [(512, 288), (256, 256), (144, 256)])
def test_an_engine_of_another_size_shows_the_same_part(opened, size):
    port = opened.enter_context(served(room_of(NegativeBatch())))
    laptop_at(opened, port, size=size).until(away=True)


def test_a_link_that_is_held_up_is_left_within_the_patience_and_taken_again(opened, monkeypatch):
    batch = NegativeBatch()
    port = opened.enter_context(served(room_of(batch)))
    proxy = Proxy(port)
    opened.callback(proxy.close)
    laptop = laptop_at(opened, proxy.port)
    laptop.until(away=True)
    proxy.hold()
    assert laptop.step() is False  # the very frame that was not answered
    assert "there was no answer within 2 s" in laptop.board.for_users()
    assert "this machine's own engine runs" in laptop.board.for_users()
    proxy.let_go()
    laptop.until(away=True)
    assert laptop.board.for_users() == ""


def test_a_link_that_is_cut_is_left_at_once_and_made_again(opened):
    port = opened.enter_context(served(room_of(NegativeBatch())))
    proxy = Proxy(port)
    opened.callback(proxy.close)
    laptop = laptop_at(opened, proxy.port)
    laptop.until(away=True)
    proxy.cut()
    laptop.until(away=False)
    assert "it is tried again" in laptop.board.for_users() or laptop.said[-1].endswith("off")
    proxy.mend()
    laptop.until(away=True)


def test_a_frame_that_waits_is_let_go_when_the_connection_breaks(opened):
    batch = NegativeBatch()
    port = opened.enter_context(served(room_of(batch)))
    proxy = Proxy(port)
    opened.callback(proxy.close)
    laptop = laptop_at(opened, proxy.port)
    laptop.until(away=True)
    batch.gate.clear()
    opened.callback(batch.gate.set)
    threading.Timer(0.2, proxy.cut).start()
    assert laptop.step() is False


def test_a_server_that_is_full_is_asked_again_when_it_said(opened):
    room = room_of(NegativeBatch(), rate=30)
    port = opened.enter_context(served(room))
    room.admission.admit("somebody", 30, 15)
    laptop = laptop_at(opened, port)
    end = time.perf_counter() + LONG
    while "frames a second left" not in laptop.board.for_users():
        assert laptop.step() is False
        assert time.perf_counter() < end
        time.sleep(0.01)
    assert "it is tried again in 5 s" in laptop.board.for_users()


def test_a_wrong_token_is_said(opened):
    port = opened.enter_context(served(room_of(NegativeBatch())))
    laptop = laptop_at(opened, port, token="another one for the tests")
    end = time.perf_counter() + LONG
    while "the token is not that of the server" not in laptop.board.for_users():
        assert laptop.step() is False
        assert time.perf_counter() < end
        time.sleep(0.01)


def test_nobody_there_leaves_this_machines_engine(opened):
    laptop = laptop_at(opened, 9)
    end = time.perf_counter() + LONG
    while "nothing listens there; it is tried again" not in laptop.board.for_users():
        assert laptop.step() is False
        assert time.perf_counter() < end
        time.sleep(0.01)


def test_a_device_that_fails_there_is_a_reason_to_go_on_here(opened):
    batch = NegativeBatch()
    port = opened.enter_context(served(room_of(batch)))
    laptop = laptop_at(opened, port)
    laptop.until(away=True)
    batch.failure = RuntimeError("the bus is gone")
    laptop.until(away=False)
    assert "the engine failed: RuntimeError" in laptop.said[-1]


def test_what_answers_nonsense_ends_neither_the_run_nor_the_tries(opened):
    import socket

    listener = opened.enter_context(socket.create_server(("127.0.0.1", 0)))

    def answer():
        with suppress(OSError):
            while True:
                near, _ = listener.accept()
                near.sendall(b"HTTP/1.1 200 OK\r\n\r\n" + b"\xff" * 10_000)
                near.close()

    threading.Thread(target=answer, name="nonsense", daemon=True).start()
    laptop = laptop_at(opened, listener.getsockname()[1])
    end = time.perf_counter() + LONG
    while "it is tried again" not in laptop.board.for_users():
        assert laptop.step() is False
        assert time.perf_counter() < end
        time.sleep(0.01)


def test_a_local_engine_with_frames_in_flight_begins_anew_when_it_takes_over(opened):
    """Else it would show what it saw before the link was good."""
    batch = NegativeBatch()
    port = opened.enter_context(served(room_of(batch)))
    laptop = laptop_at(opened, port)
    laptop.until(away=True)
    restarted = []
    laptop.engine.local.restart = lambda: restarted.append(1)
    batch.failure = RuntimeError("x")
    laptop.until(away=False)
    assert restarted == [1]
    laptop.step()
    assert restarted == [1]

import json
import time
import warnings

import cv2
import numpy as np
import pytest
from serve_room import SIZE, TOKEN, NegativeBatch, room_of
from starlette.websockets import WebSocketDisconnect

from streamcam.remote.pictures import packed
from streamcam.remote.wire import (
    CLOSED_FULL,
    CLOSED_MISSPOKEN,
    CLOSED_SILENT,
    PATH,
    TOKEN_HEADER,
    Codec,
    Here,
    Made,
    Missed,
    Sent,
    Why,
    pack,
    unpack,
)
from streamcam.serve import session
from streamcam.serve.app import create_app

with warnings.catch_warnings():  # of the oldest Starlette about the newest anyio
    warnings.simplefilter("ignore", DeprecationWarning)
    from fastapi.testclient import TestClient

KEY = {TOKEN_HEADER: TOKEN}
HELLO = {"streamcam": 1, "fps": 30.0, "least_fps": 15.0}
VALUES = {"strength": 0.5, "guidance": 1.0, "delta": 1.0, "seed": 2, "prompt": "a", "negative": ""}
FRAME = np.full((SIZE[1], SIZE[0], 3), (10, 120, 200), np.uint8)


@pytest.fixture
def place():
    """Opens (client, room) on a batch."""
    opened = []

    def make(batch=None, **room):
        made = room_of(batch or NegativeBatch(), **room)
        client = TestClient(create_app(lambda: TOKEN, lambda: made))
        client.__enter__()
        client.sessions = []
        opened.append((client, made))
        return client, made

    yield make
    for client, room in opened:
        for socket in client.sessions:
            socket.__exit__(None, None, None)
        client.__exit__(None, None, None)
        room.machine.close()


def seated(client, **changed):
    """A session that said hello; with its welcome."""
    socket = client.websocket_connect(PATH, headers=KEY)
    socket.__enter__()
    client.sessions.append(socket)
    socket.send_text(json.dumps(HELLO | changed))
    return socket, json.loads(socket.receive_text())


def sent(number=1, codec=Codec.RAW, frame=FRAME, **values):
    written = json.dumps(VALUES | values).encode()
    return pack(Sent(number, 0.25, written, codec, packed(frame, codec)))


def closed(socket):
    """The code and the reason with which it ends; answers before that do not matter."""
    while (message := socket.receive())["type"] != "websocket.close":
        pass
    return message["code"], message["reason"]


def wait_until(true):
    end = time.perf_counter() + 60
    while not true():
        assert time.perf_counter() < end
        time.sleep(0.01)


@pytest.mark.parametrize("headers", [{}, {TOKEN_HEADER: "a guess"}, {TOKEN_HEADER: b"\xe9"}])
def test_nobody_comes_in_without_the_token(place, headers):
    client, room = place()
    with pytest.raises(WebSocketDisconnect), client.websocket_connect(PATH, headers=headers):
        pass
    assert client.get("/status", headers=headers).status_code == 403
    assert room.admission.sessions == 0


@pytest.mark.parametrize("codec", list(Codec))
def test_a_frame_is_answered_by_its_picture(place, codec):
    client, room = place()
    socket, welcome = seated(client)
    assert welcome == {
        "streamcam": 1,
        "width": SIZE[0],
        "height": SIZE[1],
        "fps": 30.0,
        "credits": 2,
        "label": "negatives",
    }
    socket.send_bytes(sent(7, codec))
    made = unpack(socket.receive_bytes())
    assert isinstance(made, Made)
    assert (made.number, made.captured_at, made.codec) == (7, 0.25, codec)
    if codec is Codec.RAW:
        picture = np.frombuffer(made.picture, np.uint8).reshape(FRAME.shape)
    else:
        picture = cv2.imdecode(np.frombuffer(made.picture, np.uint8), cv2.IMREAD_COLOR_RGB)
    assert abs(picture.astype(int) - (255 - FRAME.astype(int))).max() <= 4
    assert room.figures.counts["streamcam_pictures"] == 1


def test_each_frame_is_made_with_the_look_that_came_with_it(place):
    batch = NegativeBatch()
    client, _ = place(batch)
    socket, _ = seated(client)
    for number, values in enumerate([{}, {}, {"strength": 0.9}, {"prompt": "longer"}]):
        socket.send_bytes(sent(number, **values))
        socket.receive_bytes()
    assert [one.strength for one in batch.params] == [0.5, 0.5, 0.9, 0.5]
    assert [one.prompt.tokens_TD[0, 0] for one in batch.params] == [1, 1, 1, 6]
    # An engine knows by the object that nothing has changed.
    assert batch.params[0] is batch.params[1]


def test_a_look_that_the_engine_cannot_show_is_said_and_the_session_goes_on(place):
    client, _ = place()
    socket, _ = seated(client)
    socket.send_bytes(sent(1, prompt="(unended:x"))
    missed = unpack(socket.receive_bytes())
    assert isinstance(missed, Missed)
    assert missed.why is Why.VALUES
    assert missed.text
    socket.send_bytes(sent(2))
    assert unpack(socket.receive_bytes()).number == 2


def test_when_it_is_full_the_next_one_hears_when_to_come_again(place):
    client, room = place(rate=40)
    first, _ = seated(client)
    socket, refused = seated(client)
    assert refused["retry_after_s"] > 0
    assert "frames a second left" in refused["refused"]
    assert closed(socket)[0] == CLOSED_FULL
    assert room.figures.counts["streamcam_refused"] == 1
    first.close()
    wait_until(lambda: room.admission.sessions == 0)
    _, welcome = seated(client)
    assert welcome["fps"] == 30


def test_a_seat_is_free_again_when_its_session_ends(place):
    batch = NegativeBatch()
    client, room = place(batch)
    socket, _ = seated(client)
    wait_until(lambda: batch.seats)
    socket.close()
    wait_until(lambda: batch.seats[0].closed and room.admission.sessions == 0)


def test_silence_ends_a_session_and_a_sign_of_life_does_not(place, monkeypatch):
    batch = NegativeBatch()
    client, room = place(batch)
    session_of = session.Session
    monkeypatch.setattr(
        "streamcam.serve.app.Session", lambda room, socket: session_of(room, socket, silence=2.0)
    )
    socket, _ = seated(client)
    for _ in range(6):
        time.sleep(0.4)
        socket.send_bytes(pack(Here()))
    assert room.admission.sessions == 1
    assert closed(socket) == (CLOSED_SILENT, "nothing was said for too long")
    wait_until(lambda: room.admission.sessions == 0)


def test_frames_that_come_too_fast_are_not_computed(place):
    batch = NegativeBatch()
    client, room = place(batch)
    socket, _ = seated(client, fps=1.0, least_fps=1.0)
    answers = []
    for number in range(12):
        socket.send_bytes(sent(number))
        answers.append(unpack(socket.receive_bytes()))
    missed = [one for one in answers if isinstance(one, Missed)]
    assert {one.why for one in missed} == {Why.RATE}
    assert len(batch.calls) == 12 - len(missed)
    assert missed
    assert room.admission.sessions == 1


def test_more_unanswered_frames_than_were_granted_end_the_session(place):
    batch = NegativeBatch()
    client, room = place(batch)
    socket, _ = seated(client)
    batch.gate.clear()
    for number in range(4):
        socket.send_bytes(sent(number))
    wait_until(lambda: room.figures.counts["streamcam_misspoken"])
    batch.gate.set()
    assert closed(socket) == (CLOSED_MISSPOKEN, "more than 2 frames are unanswered.")


@pytest.mark.parametrize(
    "hello",
    [
        "",
        "{}",
        "x" * 5000,
        "😀" * 100,
        json.dumps(HELLO | {"fps": 10**400}),
        json.dumps(HELLO | {"least_fps": 31.0}),
        json.dumps(HELLO | {"fps": 0}),
    ],
)
def test_what_is_no_hello_ends_the_session(place, hello):
    client, room = place()
    with client.websocket_connect(PATH, headers=KEY) as socket:
        socket.send_text(hello)
        code, why = closed(socket)
    assert code == CLOSED_MISSPOKEN
    assert "\n" not in why
    assert len(why.encode()) <= 123  # a WebSocket has no room for more
    assert room.admission.sessions == 0


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\1",
        b"\xff" * 64,
        pack(Made(1, 0.0, Codec.RAW, b"", 0.0, 0.0)),
        pack(Sent(1, 0.0, b"{}", Codec.RAW, packed(FRAME, Codec.RAW))),
        pack(Sent(1, 0.0, json.dumps(VALUES).encode(), Codec.RAW, b"short")),
        pack(Sent(1, 0.0, json.dumps(VALUES).encode(), Codec.JPEG, b"no picture")),
        bytes(3 * SIZE[0] * SIZE[1] + 40_000),
        "text",
    ],
)
def test_what_is_no_frame_ends_that_session_and_no_other(place, data):
    client, room = place()
    other, _ = seated(client)
    socket, _ = seated(client)
    socket.send_text(data) if isinstance(data, str) else socket.send_bytes(data)
    code, why = closed(socket)
    assert code == CLOSED_MISSPOKEN
    assert "\n" not in why
    wait_until(lambda: room.admission.sessions == 1)
    other.send_bytes(sent(1))
    assert isinstance(unpack(other.receive_bytes()), Made)


def test_a_device_that_fails_is_said_with_each_frame(place):
    batch = NegativeBatch()
    client, _ = place(batch)
    socket, _ = seated(client)
    batch.failure = RuntimeError("the bus is gone")
    socket.send_bytes(sent(1))
    missed = unpack(socket.receive_bytes())
    assert missed.why is Why.FAILED
    assert missed.text == "the engine failed: RuntimeError"
    assert client.get("/status", headers=KEY).json()["failure"] == missed.text


def test_a_bug_ends_its_own_session(place):
    batch = NegativeBatch()
    client, room = place(batch)
    batch.encode = lambda prompt: 1 / 0
    socket, _ = seated(client)
    socket.send_bytes(sent(1))
    assert closed(socket) == (CLOSED_MISSPOKEN, "the server failed: ZeroDivisionError.")
    wait_until(lambda: room.admission.sessions == 0)


def test_two_sessions_get_their_own_pictures_in_turn(place):
    batch = NegativeBatch(capacity=1, seconds=0.01)
    client, _ = place(batch)
    sockets = [seated(client)[0] for _ in range(2)]
    for number in range(15):
        for which, socket in enumerate(sockets):
            socket.send_bytes(sent(number, frame=np.full_like(FRAME, 100 * which + number)))
        for which, socket in enumerate(sockets):
            answer = unpack(socket.receive_bytes())
            assert answer.picture[0] == 255 - 100 * which - number
    counts = [batch.calls.count([seat]) for seat in batch.seats]
    assert counts == [15, 15]


def test_the_state_is_told_to_who_has_the_token(place):
    client, _ = place(rate=123.44)
    _, _ = seated(client)
    assert client.get("/status", headers=KEY).json() == {
        "engine": "negatives",
        "size": "256x144",
        "frames_per_second": 123.4,
        "seats": 8,
        "sessions": 1,
        "counts": {},
        "failure": "",
    }

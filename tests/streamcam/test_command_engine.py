"""The real command with its picture made elsewhere: by a server in this process."""

import pytest
from real_command import Command
from serve_room import TOKEN, NegativeBatch, room_of, served
from tcp_proxy import Proxy

RUN = ("--source", "demo", "--output", "null", "--backend", "null", "--size", "256x144")
AWAY, OWN = "shows the picture", "this machine's own shows the picture"


@pytest.fixture
def proxy():
    with served(room_of(NegativeBatch())) as port:
        made = Proxy(port)
        yield made
        made.close()


def test_the_picture_goes_on_when_the_link_does_not(tmp_path, proxy):
    run = Command(
        tmp_path,
        *RUN,
        "--no-web",
        "--engine",
        f"ws://127.0.0.1:{proxy.port}",
        STREAMCAM_TOKEN=TOKEN,
    )
    try:
        run.live()
        run.until(f"negatives at ws://127.0.0.1:{proxy.port} {AWAY}")
        for lose, have_again in ((proxy.hold, proxy.let_go), (proxy.cut, proxy.mend)):
            heard = len(run.said)
            lose()
            run.until(OWN, after=heard)
            run.until("notice: this machine's own engine runs", after=heard)
            heard = len(run.said)
            have_again()
            run.until(f"negatives at ws://127.0.0.1:{proxy.port} {AWAY}", after=heard)
        assert run.stop() == 0
    finally:
        run.close()
    assert run.errors == []


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--engine", "http://192.168.1.5"), "must be ws://HOST:PORT or wss://HOST"),
        (("--engine", "ws://192.168.1.5"), "environment variable STREAMCAM_TOKEN"),
        (("--engine", "ws://h", "--realtime", "off", "--output", "a.mp4"), "leave --engine out"),
    ],
)
def test_what_cannot_be_reached_is_refused_before_anything_opens(tmp_path, flags, said):
    run = Command(tmp_path, "--source", "demo", *flags)
    try:
        assert run.end() == 2
    finally:
        run.close()
    assert len(run.errors) == 1
    assert said in run.errors[0]

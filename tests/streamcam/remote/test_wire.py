import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamcam.remote.wire import (
    LARGEST_VALUES,
    Codec,
    Hello,
    Here,
    Made,
    Missed,
    Misspoken,
    Refusal,
    Sent,
    Welcome,
    Why,
    greeting,
    pack,
    unpack,
)

# Written down by hand: kind, codec or reason, length, number, time; then what follows.
GOLDEN = {
    "01 01 0200 01000000 000000000000f83f 7b7d ffd8": Sent(1, 1.5, b"{}", Codec.JPEG, b"\xff\xd8"),
    "02 00 0800 ffffffff 000000000000f83f 0000003f 0000803e 0a0b0c": Made(
        2**32 - 1, 1.5, Codec.RAW, b"\x0a\x0b\x0c", 0.5, 0.25
    ),
    "03 02 0300 07000000 0000000000000000 6e6f21": Missed(7, 0.0, Why.VALUES, "no!"),
    "04 00 0000 00000000 0000000000000000": Here(),
}

numbers = st.integers(0, 2**32 - 1)
times = st.floats(allow_nan=False, allow_infinity=False)
float32 = st.floats(0, 100, width=32)
codecs = st.sampled_from(list(Codec))
messages = st.one_of(
    st.builds(Sent, numbers, times, st.binary(max_size=200), codecs, st.binary(max_size=200)),
    st.builds(Made, numbers, times, codecs, st.binary(max_size=200), float32, float32),
    st.builds(Missed, numbers, times, st.sampled_from(list(Why)), st.text("aé…😀\n", max_size=80)),
    st.just(Here()),
)


@pytest.mark.parametrize(("written", "message"), GOLDEN.items())
def test_every_message_has_just_these_bytes(written, message):
    data = bytes.fromhex(written)
    assert pack(message) == data
    assert unpack(data) == message


@given(messages)
def test_what_is_packed_is_unpacked(message):
    assert unpack(pack(message)) == message


@given(st.binary(max_size=300))
def test_any_bytes_are_a_message_or_refused(data):
    try:
        found = unpack(data)
    except Misspoken:
        return
    if not isinstance(found, Missed):  # whose text may not have been UTF-8
        assert unpack(pack(found)) == found


@given(messages, st.integers(0, 15))
def test_what_is_cut_off_is_refused(message, length):
    with pytest.raises(Misspoken, match="too short"):
        unpack(pack(message)[:length])


def test_a_length_beyond_the_message_is_refused():
    with pytest.raises(Misspoken, match="or longer"):
        unpack(bytes.fromhex("01 01 ffff 01000000 000000000000f83f 7b7d"))


@pytest.mark.parametrize("time", ["000000000000f87f", "000000000000f07f"])
def test_a_time_that_is_no_number_is_refused(time):
    with pytest.raises(Misspoken, match="time"):
        unpack(bytes.fromhex(f"01 01 0000 01000000 {time}"))


def test_values_of_any_length_are_not_sent():
    with pytest.raises(Misspoken, match="bytes long"):
        pack(Sent(1, 0.0, b" " * (LARGEST_VALUES + 1), Codec.RAW, b""))


def test_greetings_are_read_as_what_they_are():
    welcome = Welcome(width=448, height=256, fps=20.0, credits=2, label="nano")
    refusal = Refusal(refused="all seats are taken", retry_after_s=5.0)
    for said in (welcome, refusal):
        assert greeting(said.model_dump_json(), Welcome, Refusal) == said
    assert json.loads(Hello(fps=30.0, least_fps=15.0).model_dump_json()) == {
        "streamcam": 1,
        "fps": 30.0,
        "least_fps": 15.0,
    }


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[" * 100_000,
        "null",
        '{"streamcam": 2, "fps": 30.0, "least_fps": 15.0}',
        '{"streamcam": 1, "fps": 30.0}',
        '{"streamcam": 1, "fps": "30", "least_fps": 15.0}',
        '{"streamcam": 1, "fps": NaN, "least_fps": 15.0}',
        '{"streamcam": 1, "fps": 1e9, "least_fps": 15.0}',
        '{"streamcam": 1, "fps": 30.0, "least_fps": 15.0, "more": 1}',
        '{"streamcam": 1, "fps": 30.0, "least_fps": 15.0}' + " " * 5000,
    ],
)
def test_what_is_no_greeting_is_refused_in_a_line(text):
    with pytest.raises(Misspoken, match="that is no Hello of version 1") as refused:
        greeting(text, Hello)
    assert len(str(refused.value)) < 300

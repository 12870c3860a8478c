"""A shared screen over a stand-in for PipeWire's library; tests/system has it over the real one."""

import os

import numpy as np
import pytest
from fake_desktop import BLUE, GREEN, RED, FakePipeWire

from streamcam.capture.screen.stream import ScreenStream
from streamcam.frames import FramePool
from streamcam.pipewire import library as pw
from streamcam.pipewire import pods
from streamcam.pipewire import stream as stream_module
from streamcam.pipewire.stream import Broken, Unreachable

WIDTH, HEIGHT = 48, 32
WHOLE = (slice(0, HEIGHT), slice(0, WIDTH))
CORRUPTED = pw.CORRUPTED


@pytest.fixture
def pipewire():
    return FakePipeWire()


@pytest.fixture
def remote():
    """A descriptor that the stream has to close."""
    reading, writing = os.pipe()
    os.close(writing)
    yield reading
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(reading)


@pytest.fixture
def stream(pipewire, remote):
    made = ScreenStream(pipewire, remote, 42, 30)
    yield made
    made.close()
    made.close()
    assert pipewire.alive == {}


@pytest.fixture
def pool():
    return FramePool(WIDTH, HEIGHT)


def whole(pool):
    return lambda _video: (pool, WHOLE)


def halves(left, right):
    picture = np.empty((HEIGHT, WIDTH, 3), np.uint8)
    picture[:, : WIDTH // 2], picture[:, WIDTH // 2 :] = left, right
    return picture


def test_it_takes_the_one_screen_that_was_shared(pipewire, stream):
    """Without DONT_RECONNECT it would get a camera once the screen is gone."""
    flags = pw.AUTOCONNECT | pw.MAP_BUFFERS | pw.DONT_RECONNECT
    assert pipewire.connected == (pw.INPUT, 42, flags)
    assert pipewire.properties["media.role"] == "Screen"
    assert pipewire.wishes == [pods.screen_buffers()]
    assert stream.video == pods.Video(pods.BGRX, WIDTH, HEIGHT)


@pytest.mark.parametrize("pixels", [pods.BGRX, pods.BGRA, pods.RGBX, pods.RGBA])
@pytest.mark.parametrize(("padding", "offset"), [(0, 0), (64, 0), (20, 128)])
def test_pictures_are_rgb_however_they_come(pool, remote, pixels, padding, offset):
    pipewire = FakePipeWire(pods.Video(pixels, WIDTH, HEIGHT))
    stream = ScreenStream(pipewire, remote, 42, 30)
    picture = halves(RED, BLUE)
    pipewire.deliver(picture, padding, offset)
    assert np.array_equal(stream.newest(whole(pool)), picture)
    stream.close()


def test_a_compositor_may_leave_the_stride_out(pipewire, stream, pool):
    pipewire.deliver(halves(RED, BLUE), stride=0)
    assert np.array_equal(stream.newest(whole(pool)), halves(RED, BLUE))


def test_a_part_of_it(pipewire, stream):
    picture = np.arange(HEIGHT * WIDTH * 3, dtype=np.uint32).astype(np.uint8)
    picture = picture.reshape(HEIGHT, WIDTH, 3)
    pipewire.deliver(picture, padding=12)
    part = stream.newest(lambda _: (FramePool(10, 7), (slice(5, 12), slice(30, 40))))
    assert np.array_equal(part, picture[5:12, 30:40])


def test_the_newest_wins_and_all_buffers_are_given_back(pipewire, stream, pool):
    assert stream.newest(whole(pool)) is None
    for colour in (RED, GREEN, BLUE):
        pipewire.deliver(halves(colour, colour))
    assert len(pipewire.free) == 2
    assert stream.newest(whole(pool))[0, 0].tolist() == list(BLUE)
    assert len(set(pipewire.free)) == 3
    assert stream.newest(whole(pool)) is None
    assert pipewire.locked == 0


@pytest.mark.parametrize("chunk", [{"size": 0}, {"flags": CORRUPTED}])
def test_buffers_without_a_picture_are_passed_over(pipewire, stream, pool, chunk):
    pipewire.deliver(halves(RED, RED))
    pipewire.deliver(halves(BLUE, BLUE), **chunk)
    assert len(pipewire.free) == 1
    assert stream.newest(whole(pool))[0, 0].tolist() == list(RED)


def test_a_buffer_that_is_taken_away_is_not_read(pipewire, stream, pool):
    first = pipewire.deliver(halves(RED, RED))
    second = pipewire.deliver(halves(GREEN, GREEN))
    pipewire.remove(first)
    pipewire.remove(second)
    assert stream.newest(whole(pool)) is None
    pipewire.deliver(halves(BLUE, BLUE))
    pipewire.remove(first)
    assert stream.newest(whole(pool))[0, 0].tolist() == list(BLUE)


def test_another_size_and_other_colours_go_on(pipewire, stream, pool):
    pipewire.deliver(halves(RED, BLUE))
    assert np.array_equal(stream.newest(whole(pool)), halves(RED, BLUE))
    larger = np.random.default_rng(2).integers(0, 256, (64, 96, 3), np.uint8)
    for pixels in (pods.BGRX, pods.RGBX):
        pipewire.video = pods.Video(pixels, 96, 64)
        pipewire.agree(pipewire.video)
        assert stream.newest(whole(pool)) is None
        pipewire.deliver(larger, padding=8)
        asked = []

        def fit(video, asked=asked):
            asked.append(video)
            return FramePool(96, 64), (slice(0, 64), slice(0, 96))

        assert np.array_equal(stream.newest(fit), larger)
        assert asked == [pipewire.video]
    assert pipewire.wishes == [pods.screen_buffers()] * 3
    assert (len(pipewire.free), pipewire.locked) == (3, 0)


def test_what_the_fit_raises_leaves_nothing_locked(pipewire, stream, pool):
    pipewire.deliver(halves(RED, BLUE))

    def fit(_video):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        stream.newest(fit)
    assert (len(pipewire.free), pipewire.locked) == (1, 0)
    pipewire.deliver(halves(GREEN, GREEN))
    assert np.array_equal(stream.newest(whole(pool)), halves(GREEN, GREEN))


def test_no_format_any_more_is_the_end(pipewire, stream, pool):
    pipewire.agree(None)
    with pytest.raises(Broken, match="the desktop ended it"):
        stream.newest(whole(pool))


def test_a_lost_daemon_is_the_end(pipewire, stream, pool):
    pipewire.become(pw.UNCONNECTED, b"connection error")
    with pytest.raises(Broken, match="connection error"):
        stream.newest(whole(pool))


@pytest.mark.parametrize(
    ("size", "chunk"),
    [
        (WIDTH * HEIGHT * 4 - 1, {"stride": WIDTH * 4}),
        (WIDTH * HEIGHT * 4, {"stride": WIDTH * 4, "offset": 4}),
        (WIDTH * HEIGHT * 4, {"stride": WIDTH * 4 - 4}),
        (WIDTH * HEIGHT * 4, {"stride": -WIDTH * 4}),
        (0, {"stride": WIDTH * 4}),
    ],
)
def test_nothing_is_read_beside_a_buffer(pipewire, stream, pool, size, chunk):
    pipewire.enqueue(np.zeros(size, np.uint8), pw.Chunk(size=1, **chunk))
    with pytest.raises(Broken, match=f"PipeWire gave {size} bytes for a picture"):
        stream.newest(whole(pool))
    assert (len(pipewire.free), pipewire.locked) == (1, 0)


@pytest.mark.parametrize(
    ("missing", "reason"),
    [
        ("loop", "gets no thread"),
        ("context", "cannot be set up"),
        ("core", "cannot be set up"),
        ("stream", "cannot be set up"),
    ],
)
def test_what_cannot_be_opened_leaves_nothing(pipewire, remote, missing, reason):
    pipewire.missing = missing
    with pytest.raises(Unreachable, match=reason):
        ScreenStream(pipewire, remote, 42, 30)
    assert pipewire.alive == {}


def test_a_screen_without_a_format_is_given_up(pipewire, remote, monkeypatch):
    monkeypatch.setattr(stream_module, "_TIMEOUT_SECONDS", 0.05)
    pipewire.video = None
    with pytest.raises(Unreachable, match="did not answer within"):
        ScreenStream(pipewire, remote, 42, 30)
    assert pipewire.alive == {}


def test_callbacks_find_the_stream_until_pipewires_thread_has_stopped(pipewire, stream, pool):
    """They come while it is closed, too, and without the stream they would crash the process."""
    stop = pipewire.pw_thread_loop_stop

    def late(loop):
        pipewire.deliver(halves(RED, RED))
        stop(loop)

    pipewire.pw_thread_loop_stop = late
    stream.close()
    assert stream._error is None
    with pytest.raises(Broken, match="it is closed"):
        stream.newest(whole(pool))

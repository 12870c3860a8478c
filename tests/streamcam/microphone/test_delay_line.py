"""Sound that comes out later: by how much, in one piece, and without a click when that changes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamcam.microphone.delay_line import DelayLine

RATE = 48_000
BLOCK = 512


def line(milliseconds=0.0):
    made = DelayLine(RATE, 2, longest=1.0)
    made.delay(milliseconds / 1000)
    return made


def play(made, sound, block=BLOCK, changes=(), coming=False):
    """What comes out for this sound. `changes`: (frame, milliseconds)."""
    changes, out = list(changes), []
    for begin in range(0, len(sound), block):
        while changes and begin >= changes[0][0]:
            made.delay(changes.pop(0)[1] / 1000)
        part = sound[begin : begin + block]
        heard = np.full_like(part, 9)
        if coming:
            made.read(heard, len(part))
        made.write(part)
        if not coming:
            made.read(heard)
        out.append(heard)
    return np.concatenate(out)


def noise(frames, seed=1):
    return np.random.default_rng(seed).uniform(-1, 1, (frames, 2)).astype(np.float32)


def tone(frames, hertz=200):
    one = np.sin(2 * np.pi * hertz / RATE * np.arange(frames)).astype(np.float32)
    return np.stack([one, one], 1)


@pytest.mark.parametrize("block", [1, 64, 511, 512, 4096])
@pytest.mark.parametrize("milliseconds", [0, 1, 60, 1000])
def test_it_is_exactly_as_late_as_asked(milliseconds, block):
    sound, late = noise(3 * RATE // 2 if milliseconds else 20_000), milliseconds * RATE // 1000
    heard = play(line(milliseconds), sound, block)
    assert np.array_equal(heard[late:], sound[: len(sound) - late])
    assert not heard[:late].any()


def test_a_reader_that_comes_before_the_writer_hears_the_same():
    sound = noise(40 * BLOCK)
    heard = play(line(60), sound, coming=True)
    assert np.array_equal(heard[2880:], sound[:-2880])
    shortest = play(line(0), sound, coming=True)
    assert np.array_equal(shortest[BLOCK:], sound[:-BLOCK]), "a block is the least"


@pytest.mark.parametrize("to", [20, 61, 140, 700])
def test_a_change_makes_no_click(to):
    """A step in a tone is as steep as the tone itself, and not a jump of up to 2."""
    sound = tone(2 * RATE)
    heard = play(line(60), sound, changes=[(RATE, to)])
    steepest = np.abs(np.diff(sound[:, 0])).max()
    assert np.abs(np.diff(heard[:, 0])).max() < 2 * steepest
    late = to * RATE // 1000
    # 1 ms is no reason to move
    late = 60 * RATE // 1000 if to == 61 else late
    assert np.array_equal(heard[-RATE // 4 :], sound[-RATE // 4 - late : len(sound) - late])


def test_a_change_that_comes_during_another():
    sound = tone(RATE)
    made = line(60)
    heard = play(made, sound, block=64, changes=[(9600, 100), (9700, 300), (9800, 100)])
    assert np.abs(np.diff(heard[:, 0])).max() < 3 * np.abs(np.diff(sound[:, 0])).max()
    assert np.array_equal(heard[-4800:], sound[-4800 - 4800 : -4800])


def test_lost_blocks_are_made_up_for():
    made, sound = line(60), noise(RATE)
    out = np.empty((BLOCK, 2), np.float32)
    for begin in range(0, 20 * BLOCK, BLOCK):
        made.write(sound[begin : begin + BLOCK])
        made.read(out)
    made.read(out)  # a cycle without a block of the microphone's
    made.read(out)
    for begin in range(20 * BLOCK, 40 * BLOCK, BLOCK):
        made.write(sound[begin : begin + BLOCK])
        made.read(out)
    assert np.array_equal(out, sound[39 * BLOCK - 2880 : 40 * BLOCK - 2880])


def test_what_was_said_before_a_pause_is_not_heard_after_it():
    made = line(60)
    play(made, noise(10_000))
    made.clear()
    heard = play(made, noise(10_000, seed=2))
    assert not heard[:2880].any()
    assert np.array_equal(heard[2880:], noise(10_000, seed=2)[:-2880])


@given(
    st.lists(st.tuples(st.integers(1, 3000), st.integers(1, 3000)), min_size=1, max_size=40),
    st.integers(0, 1200),
)
def test_what_comes_out_is_silence_or_was_said(blocks, milliseconds):
    """Whatever blocks come and go: never louder, never something of long ago."""
    made, loud = line(milliseconds), np.float32(0.5)
    for write, read in blocks:
        made.write(np.full((write, 2), loud, np.float32))
        out = np.full((read, 2), np.float32(9))
        made.read(out)
        assert np.all((out >= 0) & (out <= loud))

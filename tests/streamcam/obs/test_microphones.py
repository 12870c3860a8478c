"""Sync offsets of OBS's microphones: held, left to whoever moves them, and put back."""

import asyncio

import pytest

from streamcam.obs.connection import Connection
from streamcam.obs.microphones import Microphones, kept_offsets
from streamcam.obs.server import ObsServer


@pytest.fixture(autouse=True)
def _mixer(obs, monkeypatch):
    monkeypatch.setattr("streamcam.obs.microphones._FIRST_SECONDS", 0.01)
    obs.add("Mic/Aux", "pulse_input_capture")
    obs.add("Music", "ffmpeg_source")
    obs.add("Back", "alsa_input_capture")
    obs.offsets |= {"Mic/Aux": 50, "Music": 7, "Back": -20}


@pytest.fixture
def run(obs):
    """Run `act(microphones)` on a connection of its own: what it returns, and what was said."""

    def runner(act, *named):
        async def connected():
            connection = await Connection.open(ObsServer(obs.port, obs.password))
            said = []
            result = await act(Microphones(connection, named, said.append))
            await connection.close()
            return result, said

        return asyncio.run(connected())

    return runner


def test_all_microphones_wait_and_are_put_back(obs, run):
    async def act(microphones):
        assert sorted(await microphones.hold(120)) == ["Back", "Mic/Aux"]
        assert obs.offsets == {"Mic/Aux": 120, "Music": 7, "Back": 120}
        assert await microphones.hold(120) == []
        assert len(await microphones.hold(180)) == 2
        await microphones.restore()

    _, said = run(act)
    assert obs.offsets == {"Mic/Aux": 50, "Music": 7, "Back": -20}
    assert sorted(said) == ["audio: 'Back' is back at -20 ms", "audio: 'Mic/Aux' is back at 50 ms"]


def test_what_is_set_is_heard(obs, run):
    """In OBS an offset that follows on none is shown, and heard by nobody."""
    obs.offsets["Back"] = 0

    async def act(microphones):
        await microphones.hold(120)
        assert obs.heard == {"Mic/Aux": 120, "Back": 120}
        await microphones.restore()

    run(act)
    assert obs.heard == {"Mic/Aux": 50, "Back": 0}


def test_our_own_microphone_is_late_already(obs, run):
    obs.add("Ours", "pulse_input_capture", device_id="streamcam-microphone")
    assert "Ours" not in run(lambda microphones: microphones.hold(120))[0]
    assert obs.offsets["Ours"] == 0


def test_named_ones_alone(obs, run):
    async def act(microphones):
        await microphones.hold(120)
        await microphones.hold(120)

    _, said = run(act, "Music", "Mike")
    assert obs.offsets == {"Mic/Aux": 50, "Music": 120, "Back": -20}
    assert said == ["audio: OBS has no input 'Mike'; it has Back, Music, Mic/Aux"]


def test_one_that_comes_later_waits_too(obs, run):
    async def act(microphones):
        await microphones.hold(120)
        obs.add("Guest", "pulse_input_capture")
        assert await microphones.hold(120) == ["Guest"]
        del obs.inputs["Guest"], obs.offsets["Guest"]  # and goes again
        await microphones.restore()

    run(act)
    assert obs.offsets["Mic/Aux"] == 50


def test_what_somebody_sets_by_hand_stays(obs, run):
    async def act(microphones):
        await microphones.hold(120)
        obs.offsets["Mic/Aux"] = 300
        assert await microphones.hold(180) == ["Back"]
        assert await microphones.hold(60) == ["Back"]
        await microphones.restore()

    _, said = run(act)
    assert obs.offsets == {"Mic/Aux": 300, "Music": 7, "Back": -20}
    assert said[0] == "audio: 'Mic/Aux' was set to 300 ms by hand, and stays so"


def test_by_hand_at_the_last_moment(obs, run):
    async def act(microphones):
        await microphones.hold(120)
        obs.offsets["Mic/Aux"] = 300
        await microphones.restore()

    run(act)
    assert obs.offsets["Mic/Aux"] == 300


def test_a_kill_costs_nobody_an_offset(obs, run):
    """The next run knows what was there before the first."""
    run(lambda microphones: microphones.hold(120))
    assert obs.offsets["Mic/Aux"] == 120

    async def act(microphones):
        await microphones.hold(180)
        await microphones.restore()

    run(act)
    assert obs.offsets == {"Mic/Aux": 50, "Music": 7, "Back": -20}


def test_what_a_kill_left_behind_is_put_back_even_if_another_is_held_now(obs, run):
    run(lambda microphones: microphones.hold(120))

    async def act(microphones):
        await microphones.hold(180)
        await microphones.restore()

    run(act, "Music")
    assert obs.offsets == {"Mic/Aux": 50, "Music": 7, "Back": -20}


def test_an_obs_that_crashed_has_forgotten_what_was_set(obs, run):
    """It loads what it had saved, and that is what was there before."""
    run(lambda microphones: microphones.hold(120))
    obs.offsets |= {"Mic/Aux": 55, "Back": -20}

    async def act(microphones):
        await microphones.hold(120)
        await microphones.restore()

    run(act)
    assert obs.offsets == {"Mic/Aux": 55, "Music": 7, "Back": -20}


@pytest.mark.parametrize("stored", [None, [], "x", {"Mic/Aux": 3}, {"Mic/Aux": [1, "2"]}])
def test_a_store_that_makes_no_sense_is_no_store(obs, run, with_obs, stored):
    slot = ("OBS_WEBSOCKET_DATA_REALM_GLOBAL", "streamcam.sync_offsets")
    obs.stored[slot] = stored
    assert with_obs(kept_offsets) == {}
    run(lambda microphones: microphones.hold(120))
    assert obs.offsets["Mic/Aux"] == 120


@pytest.mark.parametrize(("asked", "taken"), [(-5, 0), (30_000, 20_000)])
def test_obs_gets_what_it_takes(obs, run, asked, taken):
    run(lambda microphones: microphones.hold(asked))
    assert obs.offsets["Mic/Aux"] == taken


def test_no_microphone(obs, run):
    obs.inputs.clear()
    assert run(lambda microphones: microphones.hold(120)) == ([], [])

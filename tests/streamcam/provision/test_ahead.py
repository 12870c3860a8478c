"""The note of an earlier start: what it names is read ahead, and nothing else is."""

import json
from dataclasses import replace

import pytest

from engines.api import EngineSpec
from engines.artifacts import cache_folder
from engines.backends.openvino import ahead as engine_ahead
from streamcam.options import Options
from streamcam.presets import load_preset
from streamcam.provision.earlier import ahead

SPEC = EngineSpec(width=128, height=128)
guess = engine_ahead.guess
NAMES = ["0123456789abcdef01234567", "89abcdef0123456789abcdef"]
FLAGS = (None, None, None, None)


@pytest.fixture
def read(tmp_path, monkeypatch):
    """What is read ahead, once its thread has ended."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    names = []
    monkeypatch.setattr(engine_ahead, "guess", names.extend)
    monkeypatch.setattr(engine_ahead, "read", lambda: None)
    monkeypatch.setattr(engine_ahead, "used", lambda spec: NAMES)
    return names


def noted(**options):
    settings = {"preset": load_preset("anime"), "source": "demo", "outputs": ("null",)}
    options = Options(**{**settings, **options})
    ahead.note(options, SPEC)


def notes():
    return list(cache_folder("notes").iterdir())


def test_the_next_start_like_it_reads_what_one_ended_up_with(read):
    ahead.begin("anime", *FLAGS)
    assert read == []
    noted()
    ahead.begin("Anime", *FLAGS)
    assert read == NAMES


@pytest.mark.parametrize(
    ("preset", "flags"),
    [
        ("noir", FLAGS),
        ("anime", ((256, 144), None, None, None)),
        ("anime", (None, "nano", None, None)),
        ("anime", (None, None, "openvino", None)),
        ("anime", (None, None, None, "CPU")),
    ],
)
def test_another_start_reads_nothing(read, preset, flags):
    noted()
    ahead.begin(preset, *flags)
    assert read == []


def test_flags_and_files_are_the_same_before_and_after_the_preset_was_read(read, tmp_path):
    file = tmp_path / "Look.toml"
    file.write_text('prompt = "mine"')
    noted(preset=load_preset(file), size=(256, 144), model="nano", backend="openvino", device="CPU")
    ahead.begin(str(file), (256, 144), "nano", "openvino", "CPU")
    assert read == NAMES


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        '{"graphs": 3}',
        '{"graphs": [3]}',
        '{"graphs": ["../../etc"]}',
        '{"graphs": ["0123456789abcdef01234567", "/"]}',
        "[" * 100_000,
        "\0",
    ],
)
def test_a_note_that_makes_no_sense_is_passed_over(read, content):
    noted()
    (file,) = notes()
    file.write_text(content)
    ahead.begin("anime", *FLAGS)
    assert read == []
    noted()
    ahead.begin("anime", *FLAGS)
    assert read == NAMES, "and written anew"


def test_a_note_that_stays_the_same_is_not_written_again(read, monkeypatch):
    noted()
    monkeypatch.setattr(ahead, "writing", None)
    noted()


def test_where_nothing_can_be_written_there_is_no_note(read, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    noted()
    ahead.begin("anime", *FLAGS)
    assert read == []


def test_openvino_that_cannot_be_loaded_is_for_others_to_say(read, monkeypatch):
    noted()

    def guess(names):
        raise ImportError("libopenvino.so")

    monkeypatch.setattr(engine_ahead, "guess", guess)
    ahead.begin("anime", *FLAGS)


def test_a_thread_that_cannot_be_started_is_waited_for_by_nobody(read, monkeypatch):
    noted()

    def refused(thread):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(engine_ahead, "guess", guess)
    monkeypatch.setattr(engine_ahead, "_guessed", {})
    monkeypatch.setattr(ahead.Thread, "start", refused)
    ahead.begin("anime", *FLAGS)
    assert engine_ahead.take(NAMES[0]) is None


def test_a_note_of_another_machine_is_not_meant(read, monkeypatch):
    """A home that several share: what it names was compiled for another processor."""
    noted()
    monkeypatch.setattr(ahead, "machine", lambda: ["another"])
    ahead.begin("anime", *FLAGS)
    assert read == []


def test_few_notes_are_kept(read, monkeypatch):
    monkeypatch.setattr(ahead, "_LIMIT", 300)
    for width in range(128, 1280, 16):
        noted(size=(width, 128))
    assert len(notes()) < 10
    assert json.loads(notes()[0].read_text())["graphs"] == NAMES
    ahead.begin("anime", (1264, 128), None, None, None)
    assert read == NAMES, "the newest"


def test_what_an_engine_of_another_size_uses_is_not_meant():
    assert replace(SPEC, width=144) != SPEC
    engine_ahead.use(engine_ahead.frame_step(SPEC), "a" * 24)
    assert engine_ahead.used(replace(SPEC, width=144))[:1] != ["a" * 24]

"""Several files in one call: which they are, what each becomes, and what is refused beforehand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamcam.cli import _gathered
from streamcam.cli.run.session.choices import Request, choose_runs
from streamcam.cli.run.session.files import outputs_of, spread
from streamcam.errors import UsageError


@pytest.fixture
def clips(tmp_path, monkeypatch):
    """A current folder with films in two folders of it."""
    monkeypatch.chdir(tmp_path)
    for name in ("clips/b.mp4", "clips/a.mov", "clips/c.webm", "clips/note.txt", "more/a.mp4"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(bytes(24) if name.endswith("txt") else FTYP)
    return tmp_path


FTYP = b"\0\0\0\x18ftypisom\0\0\0\0isomavc1"


def request(*sources, outputs=("out/",), **more):
    fields = {
        "preset": "anime",
        "size": None,
        "fps": None,
        "model": None,
        "backend": None,
        "device": None,
        "engine": None,
        "port": None,
        "listen": None,
        "web": True,
        "audio": None,
        "osc": None,
        "midi": None,
        "duration": None,
        "realtime": False,
    }
    return Request(sources=sources, outputs=outputs, **(fields | more))


def chosen(*sources, **more):
    """What each source becomes."""
    runs = choose_runs(request(*sources, **more), lambda _line: None)
    return {options.source: options.outputs for options in runs}


def test_a_pattern_is_the_files_that_match_it_in_their_order(clips):
    assert spread(["clips/*.m*"]) == ("clips/a.mov", "clips/b.mp4")
    assert spread(["more/a.mp4", "clips/?.mp4", "more/*"]) == ("more/a.mp4", "clips/b.mp4")
    assert spread([str(clips / "*" / "a.*")]) == (
        str(clips / "clips/a.mov"),
        str(clips / "more/a.mp4"),
    )
    assert spread(["clips/*.mp4#t=1,2"]) == ("clips/b.mp4#t=1,2",)
    assert spread(["http://a/b?c=*"]) == ("http://a/b?c=*",)


def test_a_file_whose_name_looks_like_a_pattern_is_that_file(clips):
    (clips / "[a].mp4").touch()
    assert spread(["[a].mp4"]) == ("[a].mp4",)


def test_a_pattern_that_nothing_matches_is_refused(clips):
    with pytest.raises(UsageError, match=r"no file matches 'clips/\*\.avi'"):
        spread(["clips/*.avi"])


def test_each_file_keeps_its_name_in_the_folder(clips):
    assert chosen("clips/a.mov", "clips/c.webm", "clips/b.mp4#t=1:00,1:30.5", "demo") == {
        "clips/a.mov": ("out/a.mov",),
        "clips/c.webm": ("out/c.mp4",),
        "clips/b.mp4#t=1:00,1:30.5": ("out/b-60-90.5.mp4",),
        "demo": ("out/demo.mp4",),
    }
    assert (clips / "out").is_dir()


def test_one_file_may_go_into_a_folder_too_and_into_several(clips):
    (clips / "there").mkdir()
    assert chosen("clips/b.mp4", outputs=("there", "null", "out/")) == {
        "clips/b.mp4": ("there/b.mp4", "null", "out/b.mp4")
    }


REFUSED = {
    "one name for several": (
        ["clips/a.mov", "clips/b.mp4"],
        ["out.mp4"],
        r"--output out\.mp4 is one file, and there are 2 sources: give a folder, like --output "
        "'out/'",
    ),
    "a part that cannot be": (["clips/a.mov#t=9,1"], ["out/"], "not understood"),
    "two that become one": (
        ["more/a.mp4", "./more/a.mp4"],
        ["out/"],
        r"'more/a\.mp4' and '\./more/a\.mp4' would both become out/a\.mp4",
    ),
    "a source in the folder": (["more/a.mp4"], ["more/"], "would replace the source more/a.mp4"),
    "what is there": (
        ["clips/b.mp4", "more/a.mp4"],
        ["full"],
        r"'more/a\.mp4' would replace full/a\.mp4, which is there already",
    ),
    "no such folder": (["more/a.mp4"], ["none/out/"], "cannot be made: no such file"),
    "a pipe": (["-"], ["out/"], "--source - has no name that its file could have"),
    "live": (["screen"], ["out/"], "--source screen is live"),
    "a missing file": (["clips/a.mov", "clips/z.mp4"], ["out/"], r"no file 'clips/z\.mp4'"),
    "a window": (["clips/b.mp4"], ["window"], "--output window keeps time"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_refused_before_anything_is_made(clips, kind):
    sources, outputs, why = REFUSED[kind]
    (clips / "full").mkdir()
    (clips / "full/a.mp4").touch()
    before = sorted(clips.rglob("*"))
    with pytest.raises(UsageError, match=why):
        chosen(*sources, outputs=tuple(outputs))
    assert sorted(clips.rglob("*")) == before


def test_a_live_run_has_one_source(clips):
    with pytest.raises(UsageError, match=r"a live run has one source.*add --realtime off"):
        chosen("clips/a.mov", "clips/b.mp4", realtime=True, outputs=("null",))


def test_what_a_shell_makes_of_a_pattern_is_several_sources(clips):
    words = ["--preset", "anime", "--source", "clips/a.mov", "clips/b.mp4", "--output", "out/"]
    assert _gathered(words) == [
        *("--preset", "anime", "--source", "clips/a.mov", "--source", "clips/b.mp4"),
        *("--output", "out/"),
    ]
    for left in (
        ["--source", "demo", "bench"],  # a command, which is refused
        ["clips/a.mov"],
        ["--output", "a.mp4", "clips/a.mov"],
        ["--source", "clips/a.mov", "--", "clips/b.mp4"],
    ):
        assert _gathered(left) == left


@given(st.lists(st.sampled_from(["--source", "a", "b.mp4", "--output", "-", "bench"]), max_size=8))
def test_gathering_loses_no_word(words):
    assert [one for one in _gathered(words) if one != "--source"] == [
        one for one in words if one != "--source"
    ]


@given(st.lists(st.from_regex(r"[ab]{1,2}\.(mp4|mov|avi)", fullmatch=True), min_size=1, max_size=6))
def test_no_two_sources_ever_share_an_output(names):
    sources = [f"http://host/{number}/{name}" for number, name in enumerate(names)]
    try:
        outputs = outputs_of(sources, ["nowhere/"])
    except UsageError:
        made = [name.replace(".avi", ".mp4") for name in names]
        assert len(set(made)) < len(made)
        return
    assert len({one for (one,) in outputs}) == len(sources)

"""`streamcam obs` before it meets OBS: what it is given, and what it needs."""

import builtins

import pytest

from streamcam.cli import main


@pytest.fixture
def refused(monkeypatch, capsys):
    """Run it while nothing runs: the line on stderr."""
    monkeypatch.setattr("streamcam.web.instances.instances", list)

    def run(*arguments: str) -> str:
        assert main(["obs", *arguments]) == 2
        out, err = capsys.readouterr()
        assert out == ""
        return err

    return run


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "no streamcam is running; start one with: streamcam --preset anime"),
        (("check",), "no streamcam is running"),
        (("chek",), "unknown action 'chek'. Did you mean 'check'?"),
        (("--as", "meida"), "unknown source 'meida'. Did you mean 'media'?"),
        (("--camera-delay", "nan"), "--camera-delay nan is not allowed: must be 0 to 1000"),
        (("--camera-delay", "-1"), "--camera-delay -1 is not allowed"),
        (("--port", "0"), "--port 0 is not allowed: must be a whole number from 1 to 65535"),
        (("--port", "٣"), "is not allowed: must be a whole number"),
    ],
)
def test_what_cannot_be_is_one_line(refused, arguments, said):
    line = refused(*arguments)
    assert said in line
    assert line.count("\n") == 1


def test_a_missing_library_is_named_with_its_remedy(refused, monkeypatch):
    real = builtins.__import__

    def without(name, *rest):
        if name == "simpleobsws":
            raise ModuleNotFoundError(f"No module named '{name}'", name=name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    assert "Install it: pip install 'streamcam[obs]'" in refused()


def test_of_several_programs_one_is_to_be_named(monkeypatch, capsys):
    from streamcam.web.client import Instance
    from streamcam.web.runtime import Running

    two = [
        Instance(Running(pid, (0.0, 0.0), 8000 + pid, "token", "anime", ("web",)), "anime")
        for pid in (1, 2)
    ]
    monkeypatch.setattr("streamcam.web.instances.instances", lambda: two)
    assert main(["obs"]) == 2
    line = capsys.readouterr().err
    assert "2 streamcams are running: 1 (anime to web, port 8001); 2" in line
    assert line.rstrip().endswith("Say which one: --to 2.")

"""`streamcam switch`, `curtain`, `set`, `get`, `save`: on which programs they act, what is said."""

from dataclasses import replace

import pytest

from streamcam.cli import main
from streamcam.errors import UnknownChoice, UsageError
from streamcam.web.client import Instance, NotReached
from streamcam.web.runtime import Running

NOBODY = "no streamcam is running"


class Program(Instance):
    """A running one, as its client sees it. `mood`: "well", "deaf", "gone"."""

    def __init__(self, pid: int, preset: str, mood: str = "well") -> None:
        running = Running(pid, (0.0, 0.0), 8000 + pid, "token", preset, ("virtualcam",))
        super().__init__(replace(running), preset)
        object.__setattr__(self, "asked", [])
        object.__setattr__(self, "mood", mood)

    def send_look(self, name: str) -> Instance:
        return self._answer("look", name, ("noir", "day"))

    def send_preset(self, name: str) -> Instance:
        return self._answer("preset", name, ("anime", "noir"))

    def send_curtain(self, name: str) -> Instance:
        return self._answer("curtain", name, ("card", "live"))

    def values(self) -> dict:
        return {"strength": 0.5, "prompt": "anime", "output.mirror": False}

    def change_values(self, wanted: dict) -> dict:
        if self.mood != "well":
            raise NotReached("it did not answer within 10 seconds")
        if "seed" in wanted:
            raise UsageError("values: there is no engine now; set them again later.")
        self.asked.append(("set", wanted))
        return self.values() | wanted

    def save(self, name: str) -> str:
        self.asked.append(("save", name))
        return f"/home/me/{name}.toml"

    def up_to_date(self) -> Instance:
        return self

    def _answer(self, kind: str, name: str, known: tuple[str, ...]) -> Instance:
        if self.mood != "well":
            raise NotReached("it did not answer within 10 seconds")
        if name not in known:
            raise UnknownChoice(kind, name, known)
        self.asked.append((kind, name))
        return Instance(self.running, name if kind == "preset" else self.preset)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys):
    """Run a command while these programs run: exit code, stdout, stderr."""

    def runner(programs: list[Program], *arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr("streamcam.web.instances.instances", lambda: list(programs))
        gone = {one.running.pid for one in programs if one.mood == "gone"}
        monkeypatch.setattr(Running, "alive", property(lambda one: one.pid not in gone))
        code = main(list(arguments))
        return code, *capsys.readouterr()

    return runner


@pytest.mark.parametrize(("name", "kind"), [("day", "look"), ("noir", "look"), ("anime", "preset")])
def test_switch(run, name: str, kind: str) -> None:
    program = Program(7, "ink")
    assert run([program], "switch", name) == (0, f"{kind}: {name}\n", "")
    assert program.asked == [(kind, name)]


def test_a_curtain(run) -> None:
    program = Program(7, "ink")
    assert run([program], "curtain", "card") == (0, "curtain: card\n", "")
    assert program.asked == [("curtain", "card")]


def test_a_curtain_covers_all_that_run_and_says_so(run) -> None:
    programs = [Program(7, "ink"), Program(8, "neon")]
    code, said, error = run(programs, "curtain", "card")
    assert (code, error) == (0, "")
    assert sorted(said.splitlines()) == [
        "curtain: card at 7 (ink to virtualcam, port 8007)",
        "curtain: card at 8 (neon to virtualcam, port 8008)",
    ]
    assert run(programs, "curtain", "live", "--to", "neon") == (0, "curtain: live\n", "")
    assert [one.asked[-1] for one in programs] == [("curtain", "card"), ("curtain", "live")]


def test_a_switch_is_for_one(run) -> None:
    programs = [Program(7, "ink"), Program(8, "neon")]
    assert run(programs, "switch", "day") == (
        2,
        "",
        "streamcam: 2 streamcams are running: 7 (ink to virtualcam, port 8007); 8 (neon to "
        "virtualcam, port 8008). Say which one: --to 8 (or --to all).\n",
    )
    code, _, error = run(programs, "switch", "day", "--to", "virtualcam")
    assert code == 2
    assert "2 streamcams that run are called 'virtualcam': 7 (ink" in error
    assert [one.asked for one in programs] == [[], []]
    assert run(programs, "switch", "day", "--to", "7") == (0, "look: day\n", "")
    assert run(programs, "switch", "anime", "--to", "8008") == (0, "preset: anime\n", "")
    code, said, _ = run(programs, "switch", "noir", "--to", "all")
    assert (code, len(said.splitlines())) == (0, 2)
    assert [one.asked for one in programs] == [
        [("look", "day"), ("look", "noir")],
        [("preset", "anime"), ("look", "noir")],
    ]


@pytest.mark.parametrize("others", [[], [Program(8, "neon")]])
def test_a_curtain_that_did_not_reach_all_is_a_failure(run, others) -> None:
    code, said, error = run([Program(7, "ink", "deaf"), *others], "curtain", "card")
    share = "1 of 2 did not follow: " if others else ""
    assert (code, error) == (
        1,
        f"streamcam: {share}process 7 (ink to virtualcam, port 8007): it did not answer within 10 "
        "seconds. What that shows may be as it was.\n",
    )
    assert len(said.splitlines()) == len(others)


def test_one_that_has_just_ended_shows_nothing(run) -> None:
    code, _, error = run([Program(7, "ink", "gone")], "curtain", "card")
    assert (code, error.startswith(f"streamcam: {NOBODY}")) == (2, True)
    assert run([Program(7, "ink", "gone"), Program(8, "neon")], "curtain", "card")[0] == 0


def test_a_curtain_that_there_is_not(run) -> None:
    programs = [Program(7, "ink"), Program(8, "neon")]
    assert run(programs, "curtain", "cart") == (
        2,
        "",
        "streamcam: unknown curtain 'cart'. Did you mean 'card'? Known: card, live.\n",
    )


def test_nobody_is_called_that(run) -> None:
    code, _, error = run([Program(7, "ink")], "curtain", "card", "--to", "noir")
    assert (code, error) == (
        2,
        "streamcam: no streamcam that runs is called 'noir'. Running: 7 (ink to virtualcam, port "
        "8007).\n",
    )


def test_a_file_cannot_be_sent(run) -> None:
    program = Program(7, "ink")
    code, _, error = run([program], "switch", "./mine.toml")
    assert code == 2
    assert "switch takes a name, not the file './mine.toml': put it into " in error
    assert error.endswith("then: streamcam switch mine\n")
    assert program.asked == []


def test_neither_a_look_nor_a_preset(run) -> None:
    code, _, error = run([Program(7, "ink")], "switch", "anmie")
    assert (code, error) == (
        2,
        "streamcam: unknown preset 'anmie'. Did you mean 'anime'? Known: anime, noir. And unknown "
        "look 'anmie'. Known: day, noir.\n",
    )


@pytest.mark.parametrize("command", ["switch", "curtain"])
def test_nobody_runs(run, command: str) -> None:
    code, _, error = run([], command, "card")
    assert (code, error.startswith(f"streamcam: {NOBODY}")) == (2, True)


@pytest.mark.parametrize(
    ("key", "typed", "value", "said"),
    [
        ("strength", "0.7", 0.7, "strength: 0.7"),
        ("strength", "1", 1.0, "strength: 1"),
        ("prompt", "film noir", "film noir", "prompt: film noir"),
        ("output.mirror", "on", True, "output.mirror: on"),
        ("gate.max_skip", "3", 3, "gate.max_skip: 3"),
        (
            "modulation.strength",
            "sine 0.2 4 beats",
            "sine 0.2 4 beats",
            "modulation.strength: sine",
        ),
    ],
)
def test_a_value_is_set(run, key, typed, value, said) -> None:
    program = Program(7, "ink")
    code, out, error = run([program], "set", key, typed)
    assert (code, error, out.startswith(said)) == (0, "", True)
    assert program.asked == [("set", {key: value})]
    assert type(program.asked[0][1][key]) is type(value)


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (
            ("strength", "7"),
            "strength = 7.0 is not allowed: must be a number above 0 and at most 1.",
        ),
        (("strength", "much"), 'strength = "much" is not allowed: must be a number above 0'),
        (("stregth", "1"), "unknown value 'stregth'. Did you mean 'strength'?"),
        (("steps", "2"), "steps needs another engine: save it in the preset file"),
        (("seed", "3"), "values: there is no engine now; set them again later."),
    ],
)
def test_what_cannot_be_set_is_one_line(run, arguments, why) -> None:
    program = Program(7, "ink")
    code, out, error = run([program], "set", *arguments)
    assert (code, out, program.asked) == (2, "", [])
    assert error.startswith(f"streamcam: {why}")
    assert error.count("\n") == 1


def test_values_are_shown(run) -> None:
    program = Program(7, "ink")
    assert run([program], "get", "prompt") == (0, "anime\n", "")
    assert run([program], "get", "output.mirror") == (0, "off\n", "")
    code, out, _ = run([program], "get")
    assert code == 0
    assert out.splitlines()[0] == "strength\t0.5\ta number above 0 and at most 1"
    code, _, error = run([program], "get", "stregth")
    assert (code, "Did you mean 'strength'?" in error) == (2, True)


def test_what_plays_is_saved(run) -> None:
    program = Program(7, "ink")
    assert run([program], "save", "evening") == (0, "saved: /home/me/evening.toml\n", "")
    code, _, error = run([program, Program(8, "neon")], "save", "evening")
    assert (code, "2 streamcams are running" in error) == (2, True)
    assert program.asked == [("save", "evening")]


def test_a_refusal_is_no_silence() -> None:
    assert issubclass(UnknownChoice, UsageError)
    assert not issubclass(NotReached, UsageError)

"""Bad input on the real command: exit code 2, one line that names value and fix, nothing done."""

import pytest

NOBODY = "no streamcam is running"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            "--preset anmie",
            "unknown preset 'anmie'. Did you mean 'anime'? Known: anime, blue",
        ),
        ("--preset other.toml", "preset file 'other.toml' does not exist. Presets by name: anime,"),
        ("--preset ./other", "preset file './other' does not exist."),
        ("--size 449x256", "--size 449x256 is not allowed: width 449 must be a multiple of 16"),
        ("--size 448x8192", "--size 448x8192 is not allowed: height 8192 must be a multiple of 16"),
        ("--size large", "--size large is not allowed: must be WIDTHxHEIGHT in pixels, for ex"),
        ("--fps 0", "--fps 0 is not allowed: must be a number from 1 to 240."),
        ("--fps nan", "--fps nan is not allowed: must be a number from 1 to 240."),
        ("--fps fast", "--fps fast is not allowed: must be a number from 1 to 240."),
        ("--port 70000", "--port 70000 is not allowed: must be a whole number from 1 to 65535."),
        ("--port 80.5", "--port 80.5 is not allowed: must be a whole number from 1 to 65535."),
        ("--duration -1", "--duration -1 is not allowed: must be seconds, more than 0"),
        ("--duration inf", "--duration inf is not allowed: must be seconds, more than 0"),
        ("--realtime maybe", "--realtime maybe is not allowed: must be on or off."),
        ("--source", "Option '--source' requires an argument."),
        ("--prest anime", "No such option: --prest (Possible options: "),
        ("anime", "unknown command 'anime'. To run that preset: streamcam --preset anime"),
        ("preset", "unknown command 'preset'. Did you mean 'presets'? Known: bench,"),
        ("--preset anime devices", "--preset is for a run and means nothing to `streamcam devic"),
        ("--no-web presets", "--no-web is for a run and means nothing to `streamcam presets`"),
        ("switch", "Missing argument 'PRESET_OR_LOOK'."),
        ("switch noir", NOBODY),
        ("switch look.toml", "switch takes a name, not the file 'look.toml': put it into "),
        ("presets --shema", "No such option: --shema"),
        ("--source demmo", "unknown source (and no such file) 'demmo'. Did you mean 'demo'? Kno"),
        ("--source clip.mp4", "there is no file 'clip.mp4' (looked for /"),
        ("--source .", "the source '.' is a folder: give a video or picture in it."),
        ("--source demo --output a.avi", "cannot record to 'a.avi': the name must end in one of"),
        ("--source demo --output /tmp", "the output '/tmp' is a folder: name a file in it, like "),
        ("--source demo --output virtualcm", "unknown output 'virtualcm'. Did you mean 'virtual"),
        (
            "--port 9000 --no-web",
            "--port 9000 is for the web page, and with --no-web there is none",
        ),
        (
            "--listen 192.168.1.5 --no-web",
            "--listen 192.168.1.5 is for the web page, and with --no-web there is none",
        ),
        ("--listen 0.0.0.0", "--listen 0.0.0.0 is not allowed: must be an address of this machine"),
        ("--source demo --output web --no-web", "--output web and --no-web contradict each other"),
        (
            "--source demo --no-web",
            "nowhere to show the picture: there is no virtual camera; to get",
        ),
    ],
)
def test_flags(command, tmp_path, arguments: str, message: str) -> None:
    refused(command, tmp_path, arguments.split(), message)


@pytest.mark.parametrize("flag", ["preset", "source", "output", "model", "backend"])
def test_an_empty_value_is_no_wish_for_the_default(command, tmp_path, flag: str) -> None:
    message = f"--{flag} is empty: give a value or leave it out."
    refused(command, tmp_path, [f"--{flag}", ""], message)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("prompt = 'a'\nsteps = = 1", "look.toml, line 2, column 9: not valid TOML: "),
        ("prompt = 'a", "look.toml, line 1, column 12: not valid TOML: "),
        ("prompt = 'a'\nstrength = 'high'", 'look.toml: strength = "high" is not allowed: must be'),
        ("prompt = 'a'\nstrength = 1.7", "look.toml: strength = 1.7 is not allowed: must be a num"),
        ("prompt = 'a'\nstrenght = 1", "look.toml: unknown key 'strenght'. Did you mean 'strengt"),
        ("prompt = 'a'\nsize = '450x256'", 'look.toml: size = "450x256" is not allowed: width 450'),
        (f"prompt = '{'a cat ' * 1700}'", 'look.toml: prompt = "a cat a cat '),
        ("", "look.toml: prompt is missing: it must be text of at most 2000 characters."),
    ],
)
def test_presets(command, tmp_path, text: str, message: str) -> None:
    (tmp_path / "look.toml").write_text(text)
    refused(command, tmp_path, ["--preset", "look.toml"], message)


def test_odd_characters_do_not_break_the_line(command, tmp_path) -> None:
    refused(
        command, tmp_path, ["--preset", "a\nb\x1b[31m\udcff.toml"], "preset file 'a\\nb\\x1b[31m"
    )
    refused(command, tmp_path, ["--source", "a\nb"], "unknown source (and no such file) 'a\\nb'.")
    refused(command, tmp_path, ["--preset", "x" * 300 + ".toml"], "preset file 'xxx")
    refused(command, tmp_path, ["--size", "\x1b[2J"], "--size �[2J is not allowed")


def refused(command, folder, arguments: list[str], message: str) -> None:
    before = sorted(folder.rglob("*"))
    done = command(*arguments)
    assert done.stderr.startswith(f"streamcam: {message}"), done.stderr
    assert done.stderr.count("\n") == 1
    assert len(done.stderr) < 600
    assert done.returncode == 2
    assert sorted(folder.rglob("*")) == before

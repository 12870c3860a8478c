"""Where OBS's WebSocket server is, as OBS has written it down. Its password is shown nowhere."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from configparser import ConfigParser
from configparser import Error as NoIniFile
from dataclasses import dataclass, field, replace
from pathlib import Path

import psutil
from platformdirs import user_config_path

PORT = 4455  # obs-websocket's own
PASSWORD_VARIABLE = "STREAMCAM_OBS_PASSWORD"  # no flag: everybody sees those
_PROGRAMS = {"obs", "obs64", "obs64.exe", "obs.exe"}
# Below OBS's folder. OBS 28 to 30.1 has it in the one file, later ones in the other.
_JSON = Path("plugin_config", "obs-websocket", "config.json")
_INI, _SECTION = Path("global.ini"), "OBSWebSocket"
# Linux: packages that keep their files away from ~/.config.
_FLATPAK = Path(".var", "app", "com.obsproject.Studio", "config", "obs-studio")
_SNAP = Path("snap", "obs-studio", "current", ".config", "obs-studio")


@dataclass(frozen=True, slots=True)
class ObsServer:
    """port, password ("": it wants none), and whether the server is switched on, all as the file
    says, which may be older than what OBS runs with."""

    port: int = PORT
    password: str = field(default="", repr=False)
    enabled: bool = False


@dataclass(frozen=True, slots=True)
class FoundObs:
    """What is known of OBS on this machine.

    running   whether its process is there
    servers   its WebSocket servers, most likely first; none if OBS has never run here
    """

    running: bool
    servers: tuple[ObsServer, ...]


def find_obs(port: int | None = None, environment: Mapping[str, str] = os.environ) -> FoundObs:
    """Look for it. `port` and the password in `environment` go before what OBS has written."""
    commands = list(_running())
    folders = [*_portable_folders(commands), *_folders(environment)]
    servers = [server for folder in folders if (server := read_settings(folder)) is not None]
    if commands and not servers:
        servers = [ObsServer()]  # its files are somewhere else
    overridden = [
        _overridden(one, commands, port, environment.get(PASSWORD_VARIABLE)) for one in servers
    ]
    if port is not None and not overridden:
        overridden = [ObsServer(port, environment.get(PASSWORD_VARIABLE, ""))]
    return FoundObs(bool(commands), tuple(dict.fromkeys(overridden)))


def read_settings(folder: Path) -> ObsServer | None:
    """What OBS has written into its `folder`; None if there is nothing of it."""
    for path, read in ((folder / _JSON, _from_json), (folder / _INI, _from_ini)):
        try:
            found = read(path.read_text(encoding="utf-8-sig", errors="replace"))
        except (OSError, ValueError, RecursionError, NoIniFile):
            continue
        if found is not None:
            return found
    return None


def _from_json(text: str) -> ObsServer | None:
    found = json.loads(text)
    if not isinstance(found, dict):
        return None
    port, password = found.get("server_port"), found.get("server_password")
    required = found.get("auth_required") is not False and isinstance(password, str)
    return ObsServer(
        port if isinstance(port, int) and 0 < port < 65_536 else PORT,
        str(password) if required else "",
        found.get("server_enabled") is True,
    )


def _from_ini(text: str) -> ObsServer | None:
    parser = ConfigParser(strict=False, interpolation=None, delimiters=("=",))
    parser.read_string(text)
    if not parser.has_section(_SECTION):
        return None
    section = parser[_SECTION]
    port = section.getint("ServerPort", PORT)
    required = section.getboolean("AuthRequired", fallback=True)
    return ObsServer(
        port if 0 < port < 65_536 else PORT,
        section.get("ServerPassword", "") if required else "",
        section.getboolean("ServerEnabled", fallback=False),
    )


def _folders(environment: Mapping[str, str]) -> list[Path]:
    """Where OBS keeps its files for this user."""
    own = user_config_path("obs-studio", appauthor=False, roaming=True)
    if sys.platform != "linux":
        return [own]
    home = Path(environment.get("HOME") or Path.home())
    return [own, home / _FLATPAK, home / _SNAP]


def _running() -> Iterator[tuple[Path, Sequence[str]]]:
    """The program file and the command line of each OBS that runs."""
    for process in psutil.process_iter(["name", "exe", "cmdline"]):
        known = process.info
        if (known["name"] or "").lower() in _PROGRAMS:
            yield Path(known["exe"] or ""), known["cmdline"] or ()


def _portable_folders(commands: Sequence[tuple[Path, Sequence[str]]]) -> list[Path]:
    """Of an OBS that keeps its files beside its program, in bin/64bit."""
    return [program.parents[2] / "config" / "obs-studio" for program, _ in commands if
            len(program.parents) > 2]  # fmt: skip


def _overridden(
    server: ObsServer,
    commands: Sequence[tuple[Path, Sequence[str]]],
    port: int | None,
    password: str | None,
) -> ObsServer:
    """With what OBS was started with, and with what the user says."""
    for _, words in commands:
        given = _option(words, "--websocket_port")
        if given is not None and given.isdecimal() and 0 < int(given) < 65_536:
            server = replace(server, port=int(given), enabled=True)
        its_password = _option(words, "--websocket_password")
        if its_password is not None:
            server = replace(server, password=its_password)
    if port is not None:
        server = replace(server, port=port)
    return server if password is None else replace(server, password=password)


def _option(words: Sequence[str], name: str) -> str | None:
    """`--name value`, as OBS reads it."""
    place = words.index(name) + 1 if name in words else len(words)
    return words[place] if place < len(words) else None

"""A desktop session of its own: D-Bus, PipeWire, WirePlumber, and the portal browsers ask.

Needs no systemd, no login and no display. The portal is started by the bus when somebody asks.
"""

import json
import os
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from tests.streamcam.real_command import LONG, wait_until

# The portal offers cameras only if somebody could be asked for permission. Nobody will be:
# `allow_cameras` has answered before.
_ASKS = """[portal]
DBusName=org.freedesktop.impl.portal.desktop.test
Interfaces=org.freedesktop.impl.portal.Access;
UseIn=test
"""
_MICROPHONE = (
    "create-node adapter {{ factory.name=support.null-audio-sink node.name={name} "
    "media.class=Audio/Source/Virtual audio.position=[FL FR] priority.driver=30000 "
    "object.linger=true }}\n"
)
_PROPERTIES = "org.freedesktop.DBus.Properties"
_PERMISSIONS = "org.freedesktop.impl.portal.PermissionStore"


class Session:
    """`close` it. `environment` is what programs in it need to have."""

    def __init__(self) -> None:
        # Not pytest's folder: a socket's path may have 107 characters.
        self._folder = tempfile.TemporaryDirectory(prefix="session-")
        self.folder = Path(self._folder.name)
        self._running: dict[str, subprocess.Popen] = {}
        portals = self.folder / "portals"
        portals.mkdir()
        (portals / "test.portal").write_text(_ASKS)
        self.environment = {
            "HOME": str(self.folder),
            "XDG_RUNTIME_DIR": str(self.folder),
            "XDG_CONFIG_HOME": str(self.folder / "config"),
            "XDG_STATE_HOME": str(self.folder / "state"),
            "XDG_DESKTOP_PORTAL_DIR": str(portals),
            "XDG_CURRENT_DESKTOP": "test",
            "DBUS_SESSION_BUS_ADDRESS": f"unix:path={self.folder}/bus",
        }
        try:
            self._start("dbus-daemon", "--session", "--nofork", f"--address=unix:path={self._bus}")
            wait_until(self._bus.exists, "the session bus")
            self.start_pipewire()
        except BaseException:
            self.close()
            raise

    @property
    def _bus(self) -> Path:
        return self.folder / "bus"

    def start_pipewire(self) -> None:
        """PipeWire, and WirePlumber, which links clients to cameras."""
        self._start("pipewire")
        wait_until((self.folder / "pipewire-0").exists, "PipeWire's socket")
        self._start("wireplumber")
        wait_until(lambda: self._objects("Client", "application.name", "WirePlumber"))

    def start_pulse(self) -> None:
        """PulseAudio's server of PipeWire, for programs that know no other."""
        self._start("pipewire-pulse")
        wait_until((self.folder / "pulse" / "native").exists, "PulseAudio's socket")

    def kill_pipewire(self) -> None:
        """As a crash does."""
        for name in reversed(list(self._running)):
            if name != "dbus-daemon":
                self._end(name, signal.SIGKILL)
        (self.folder / "pipewire-0").unlink()

    def add_microphone(self, name: str) -> None:
        """As a card with a clock of its own, which drives the graph while somebody listens. What
        is linked to its inputs is what it hears."""
        made = self.popen("pw-cli", stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
        made.stdin.write(_MICROPHONE.format(name=name))
        made.stdin.flush()
        self._running[f"microphone {name}"] = made
        wait_until(lambda: self._objects("Node", "node.name", name), name)

    def has(self, name: str) -> bool:
        """Whether there is a node of this name."""
        return bool(self._objects("Node", "node.name", name))

    def link(self, one: str, other: str) -> None:
        """The sound of a node into another."""
        for side in ("FL", "FR"):
            ports = (f"{one}:output_{side}", f"{other}:input_{side}")
            wait_until(lambda ports=ports: self._succeeds("pw-link", *ports), "a link")

    def cameras(self, name: str) -> list[str]:
        """The serial numbers of the cameras with this name."""
        found = self._objects("Node", "node.name", name)
        assert all(one["media.role"] == "Camera" for one in found)
        return [str(one["object.serial"]) for one in found]

    def node(self, name: str) -> int:
        """The number of the node with this name."""
        (found,) = wait_until(lambda: self._objects("Node", "node.name", name), name)
        return int(found["object.id"])

    def connection(self) -> socket.socket:
        """To PipeWire."""
        client = socket.socket(socket.AF_UNIX)
        client.connect(str(self.folder / "pipewire-0"))
        return client

    @contextmanager
    def gstreamer(self, name: str, *elements: str, count: int = -1) -> Iterator[subprocess.Popen]:
        """A program that passes `count` pictures of the camera on to `elements`; killed after."""
        (serial,) = wait_until(lambda: self.cameras(name), name)
        source = ["pipewiresrc", f"target-object={serial}", f"num-buffers={count}"]
        command = ["gst-launch-1.0", "-q", *source, "!", "videoconvert", "!", *elements]
        with self.popen(*command, stdout=subprocess.PIPE) as client:
            try:
                yield client
            finally:
                client.kill()

    def pictures(self, name: str, size: tuple[int, int], count: int) -> np.ndarray:
        """(count, height, width, 3): what GStreamer gets from the camera, RGB of that size."""
        width, height = size
        form = f"video/x-raw,format=RGB,width={width},height={height}"
        with self.gstreamer(name, form, "!", "fdsink", "fd=1", count=count) as client:
            seen, _ = client.communicate(timeout=LONG)
        assert client.returncode == 0
        return np.frombuffer(seen, np.uint8).reshape(-1, height, width, 3)

    def allow_cameras(self) -> None:
        """Once and for all, for every program, as a user would."""
        place = "/" + _PERMISSIONS.replace(".", "/")
        self._call(
            (_PERMISSIONS, place, f"{_PERMISSIONS}.SetPermission"),
            *("devices", "true", "camera", "", "['yes']"),
        )

    def portal_has_a_camera(self) -> bool:
        """What a program hears that asks the portal."""
        portal = "org.freedesktop.portal"
        said = self._call(
            (f"{portal}.Desktop", "/org/freedesktop/portal/desktop", f"{_PROPERTIES}.Get"),
            *(f"{portal}.Camera", "IsCameraPresent"),
        )
        return said == "(<true>,)"

    def popen(self, *command: str, **options) -> subprocess.Popen:
        """A program in this session."""
        return subprocess.Popen(command, env=os.environ | self.environment, **options)

    def close(self) -> None:
        for name in reversed(list(self._running)):
            self._end(name, signal.SIGTERM)
        # The portal mounts a file system of documents, which goes a moment after the bus.
        wait_until(lambda: str(self.folder) not in Path("/proc/mounts").read_text(), "its end")
        self._folder.cleanup()

    def _start(self, name: str, *arguments: str) -> None:
        with (self.folder / f"{name}.log").open("a") as log:
            self._running[name] = self.popen(name, *arguments, stdout=log, stderr=log)

    def _end(self, name: str, how: signal.Signals) -> None:
        process = self._running.pop(name)
        process.send_signal(how)
        process.wait(LONG)
        if process.stdin is not None:
            process.stdin.close()

    def _succeeds(self, *command: str) -> bool:
        with self.popen(*command, stderr=subprocess.DEVNULL) as process:
            return process.wait(LONG) == 0

    def _output(self, *command: str) -> str:
        with self.popen(*command, stdout=subprocess.PIPE, text=True) as process:
            return process.communicate(timeout=LONG)[0].strip()

    def _call(self, method: tuple[str, str, str], *arguments: str) -> str:
        """A method (destination, object, name) on the bus."""
        destination, path, name = method
        to = ("--dest", destination, "--object-path", path, "--method", name)
        return self._output("gdbus", "call", "--session", *to, *arguments)

    def _objects(self, kind: str, key: str, value: str) -> list[dict]:
        """The properties of what is in PipeWire's graph, if `key` of them is `value`."""
        said = self._output("pw-dump") or "[]"
        dumped, _ = json.JSONDecoder().raw_decode(said)  # changes meanwhile may come after it
        found = [one for one in dumped if one.get("type") == f"PipeWire:Interface:{kind}"]
        properties = [(one.get("info") or {}).get("props") or {} for one in found]
        return [one for one in properties if one.get(key) == value]

"""The real OBS Studio, driven through obs-websocket."""

import base64
import secrets
import socket
import subprocess
from contextlib import suppress
from pathlib import Path
from time import sleep

import cv2
import numpy as np
from debian import program
from obsws_python import ReqClient
from obsws_python.error import OBSSDKRequestError
from real_command import surroundings, wait_until

_NOT_READY = 207  # obs-websocket's status while OBS still loads its scenes
# On import, for the Qt inside opencv-python, which is not OBS's.
_OPENCV_SETS = {"QT_QPA_PLATFORM_PLUGIN_PATH", "QT_QPA_FONTDIR"}
_CONFIGURATION = """
[General]
FirstRun=true
EnableAutoUpdates=false
[OBSWebSocket]
FirstLoad=false
ServerEnabled=true
ServerPort={port}
AuthRequired=true
ServerPassword={password}
AlertsEnabled=false
"""


class ObsStudio:
    """OBS on the X display `display`, with all its files in `folder`. `close` it.

    scene  the name of the scene on air when it started
    home   the user's folder, in which it keeps its files
    """

    def __init__(self, display: str, folder: Path, **more: str) -> None:
        """`more`: of its environment."""
        folder.mkdir()
        environment = surroundings(folder) | {"DISPLAY": display, "LIBGL_ALWAYS_SOFTWARE": "1"}
        environment |= more
        for name in _OPENCV_SETS & environment.keys():
            del environment[name]
        Path(environment["XDG_RUNTIME_DIR"]).mkdir(mode=0o700)
        self.home = Path(environment["HOME"])
        settings = self.home / ".config" / "obs-studio"
        settings.mkdir(parents=True)
        self._port, self._password = _free_port(), secrets.token_hex(16)
        told = _CONFIGURATION.format(port=self._port, password=self._password)
        (settings / "global.ini").write_text(told)
        self._environment, self._log = environment, folder / "obs.log"
        self._client: ReqClient | None = None
        self.start()
        self.scene = str(self._scene())

    def start(self) -> None:
        """Again, after `close`, with what it saved then."""
        self.start_deaf()
        port, password = self._port, self._password
        wait_until(lambda: self._listens(port), "OBS's websocket")
        self._client = ReqClient(host="127.0.0.1", port=port, password=password, timeout=30)
        wait_until(self._scene, "OBS's scene")

    def start_deaf(self) -> None:
        """As `start`, whether or not its WebSocket server is on."""
        with self._log.open("a") as log:
            self._process = subprocess.Popen(
                [program("obs"), "--multi", "--disable-updater", "--minimize-to-tray"],
                env=self._environment,
                stdout=log,
                stderr=log,
            )

    def add_media_source(self, name: str, address: str, input_format: str = "") -> None:
        """What a person does under Sources, +, Media Source, with Local File unticked."""
        settings = {"is_local_file": False, "input": address, "input_format": input_format}
        self._client.create_input(self.scene, name, "ffmpeg_source", settings, True)

    def add_microphone(self, name: str) -> None:
        """One that hears nothing."""
        self._client.create_input(self.scene, name, "alsa_input_capture", {}, True)

    def change(self, name: str, **settings: object) -> None:
        """Settings of an input."""
        self._client.set_input_settings(name, settings, True)

    def set_canvas(self, width: int, height: int) -> None:
        """And the outputs, at 30 pictures a second."""
        self._client.set_video_settings(30, 1, width, height, width, height)

    def record(self, folder: Path, seconds: float) -> Path:
        """What is on air, as a file in `folder`."""
        client = self._client
        client.set_profile_parameter("SimpleOutput", "FilePath", str(folder))
        client.set_profile_parameter("SimpleOutput", "RecFormat", "mkv")
        client.start_record()
        sleep(seconds)  # the duration that obs-websocket 5.1 gives is none
        path = Path(client.stop_record().output_path)
        size = -1
        while path.stat().st_size > size:  # a process of its own writes the end
            size = path.stat().st_size
            sleep(1)
        return path

    def add_scene(self, name: str) -> None:
        self._client.create_scene(name)

    def switch_to(self, scene: str) -> None:
        self._client.set_current_program_scene(scene)

    def settings(self, name: str) -> dict:
        """Those of an input that are not the defaults."""
        return self._client.get_input_settings(name).input_settings

    def sync_offset(self, name: str) -> int:
        """Milliseconds."""
        return self._client.get_input_audio_sync_offset(name).input_audio_sync_offset

    def size(self, name: str) -> tuple[int, int]:
        """Of what an input shows, and (0, 0) before its first picture; in the first scene."""
        item = self._client.get_scene_item_id(self.scene, name).scene_item_id
        found = self._client.get_scene_item_transform(self.scene, item).scene_item_transform
        return int(found["sourceWidth"]), int(found["sourceHeight"])

    def remove(self, name: str) -> None:
        """Take a source away; its connections end."""
        self._client.remove_input(name)

    def picture(self, source: str, size: tuple[int, int]) -> np.ndarray | None:
        """What a source or scene shows now, RGB, scaled to `size`; None before its first."""
        try:
            answer = self._client.get_source_screenshot(source, "png", *size, -1)
        except OBSSDKRequestError:
            return None
        png = base64.b64decode(answer.image_data.partition(",")[2])
        return cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR_RGB)

    def close(self) -> None:
        if self._client is not None:
            self._client.disconnect()
            self._client = None
        self._process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(10)
        self._process.kill()
        self._process.wait()

    def _listens(self, port: int) -> bool:
        assert self._process.poll() is None, "OBS has ended"
        with socket.socket() as visitor:
            return visitor.connect_ex(("127.0.0.1", port)) == 0

    def _scene(self) -> str | None:
        try:
            return self._client.get_current_program_scene().current_program_scene_name
        except OBSSDKRequestError as error:
            if error.code != _NOT_READY:
                raise
            return None


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]

"""The real command line around a pipeline that only writes down what it is asked to do.

Run as a program: `python fake_run.py LOG ARGUMENTS`. Every call is a line in LOG. Of what the
real pipeline does it keeps the contract alone: see streamcam/pipeline/pipeline.py.
"""

import os
import sys
import threading
import types
from pathlib import Path

import streamcam
from streamcam.cli import main
from streamcam.clock.tempo import Tempo
from streamcam.errors import SinkFailed, StreamcamError, UsageError
from streamcam.notices import Notice
from streamcam.stats import Stats

LOG = Path(sys.argv[1])


def log(line: str) -> None:
    with LOG.open("a", encoding="utf-8") as file:
        file.write(f"{line}\n")


class Options:
    def __init__(self, **fields) -> None:
        self.__dict__.update(fields)


class Pipeline:
    web_sink = None
    quantise, tempo = "off", Tempo()
    written = None

    def __init__(self, options, say, hurry) -> None:
        self.preset, self.stats, self._say = options.preset, Stats(), say
        self.look, self.curtain = "", "live"
        self.stats.ask("look", lambda: self.look)
        self.stats.ask("curtain", lambda: "" if self.curtain == "live" else self.curtain)
        self._ended = threading.Event()
        self._realtime = options.realtime
        shown = {name: value for name, value in vars(options).items() if name != "preset"}
        log(f"options {options.preset.name} {shown}")

    def start(self) -> None:
        if os.environ.get("FAKE") == "slow start":
            log("starting")
            threading.Event().wait(60)
        if os.environ.get("FAKE") == "port taken":
            raise UsageError("port 8737 is taken\nby another program.")
        self._say("engine: fake, 448x256")
        self.look = self.preset.name
        for name in ("in", "engine", "out") * 3:
            self.stats.count(name)
        self.stats.took("motion", 0.05)
        if not self._realtime:  # half of a film is done
            self.stats.expect(100.0, 2500)
            self.stats.reached(50.0)
        log("started")

    def wait(self, timeout=None) -> bool:
        if os.environ.get("FAKE") == "breaks":
            raise StreamcamError("the camera is gone.")
        if os.environ.get("FAKE") == "several break":
            raise BaseExceptionGroup("", [StreamcamError("no camera."), StreamcamError("no disk.")])
        if os.environ.get("FAKE") == "bug":
            raise RuntimeError("unexpected")
        return self._ended.wait(timeout)

    def stop(self) -> None:
        log("stopped")
        if os.environ.get("FAKE") == "sticks":
            raise RuntimeError("it sticks")

    @property
    def errors(self) -> list[Exception]:
        if os.environ.get("FAKE") == "ends badly":
            return [SinkFailed("cannot finish a.mp4."), SinkFailed("cannot finish b.mp4.")]
        return []

    def apply_preset(self, preset) -> None:
        if preset.model == "missing":
            raise UsageError("there is no model 'missing'.")
        self.preset = preset
        log(f"apply {preset.prompt}")

    def draw_curtain(self, name: str) -> None:
        self.curtain = name
        log(f"curtain {name}")

    def take_plate(self) -> str:
        log("plate")
        return "/home/me/plate.png"

    def keep_time(self, tempo) -> None:
        log(f"tempo {tempo.bpm:.0f}")

    @property
    def preset_name(self) -> str:
        return self.preset.name

    def values(self) -> dict[str, object]:
        return {"strength": self.preset.look(self.look).strength}

    def look_names(self) -> list[str]:
        return list(self.preset.look_names)

    def select_look(self, name: str) -> None:
        self.preset.look(name)
        self.look = name
        self.stats.notices.put(Notice("preset", f"now {name}"))
        log(f"look {name}")

    def select_preset(self, name: str) -> None:
        log(f"preset {name}")


def install() -> None:
    """Put it where the command line will import it from; the rest of the package stays."""
    module = types.ModuleType("streamcam.pipeline")
    module.__path__ = [str(Path(streamcam.__file__).parent / "pipeline")]
    module.Options, module.Pipeline = Options, Pipeline
    sys.modules["streamcam.pipeline"] = module


if __name__ == "__main__":
    install()
    sys.exit(main(sys.argv[2:]))

"""Devices of the test's own for a whole pipeline: they record, and break when told to."""

import threading
from dataclasses import dataclass, field, replace
from threading import current_thread
from time import perf_counter, sleep

import numpy as np

from engines.api import Embedding
from engines.backends.null import NullEngine
from engines.recipe import Recipe
from streamcam.errors import UsageError
from streamcam.frames import Frame
from streamcam.pipeline import Options, Pipeline
from streamcam.presets import Preset

# The methods that the world replaces.
RECIPE = {name: getattr(Recipe, name) for name in ("build", "build_order", "ready_sizes")}


class Device:
    """Something that must be closed, once at least, on the thread that used it."""

    def __init__(self):
        self.closes, self.threads = 0, set()

    def used(self):
        assert self.closes == 0, "used after close"
        self.threads.add(current_thread().name)

    def close(self):
        self.closes += 1


class FakeSource(Device):
    """`count` frames, each of one grey that says its number; None for ever is a still device."""

    label, fps = "fake source", 25.0
    film = None
    notice = ""

    def __init__(self, count, *, size=(128, 128), pace=0.0, fails=None, still=False):
        super().__init__()
        self.width, self.height = size
        self.count, self.pace, self.fails, self.still = count, pace, fails, still
        self.seq = 0

    def read(self):
        self.used()
        sleep(self.pace)
        if self.fails is not None and self.seq == 3:
            raise self.fails
        if self.seq == self.count:
            raise EOFError
        if self.still and self.seq:
            sleep(0.01)
            return None
        grey = np.full((self.height, self.width, 3), self.seq % 200 + 1, np.uint8)
        frame = Frame(grey, self.seq, perf_counter(), self.seq / self.fps)
        self.seq += 1
        return frame


class FakeSink(Device):
    """Keeps (seq, first pixel, media time, repeat) of every frame; `reached(n)` waits for n."""

    def __init__(self, label="fake", *, paced=False, main_thread=False, fails=None, on=None):
        super().__init__()
        self.label, self.paced, self.main_thread = label, paced, main_thread
        self.fails, self.on = fails, on
        self.frames, self.sizes = [], set()
        self.close_error = None
        self.reopen_as, self.watched, self.finishes = None, True, None
        self._changed = threading.Condition()

    def write(self, frame):
        self.used()
        if self.fails is not None and len(self.frames) == 3:
            raise self.fails
        seen = (frame.seq, int(frame.pixels[0, 0, 0]), frame.media_time, frame.repeat)
        with self._changed:
            self.frames.append(seen)
            self.sizes.add(frame.size)
            self._changed.notify_all()
        if self.on:
            self.on(len(self.frames))

    def close(self):
        self.threads.add(f"closed on {current_thread().name}")
        super().close()
        if self.close_error is not None:
            raise self.close_error

    def reached(self, count):
        with self._changed:
            return self._changed.wait_for(lambda: len(self.frames) >= count, 10)

    def more(self, count=5):
        """Wait for so many frames from now on."""
        return self.reached(len(self.frames) + count)

    @property
    def greys(self):
        return [grey for _, grey, _, _ in self.frames]


class FakeEngine(NullEngine):
    """Adds 100 for "bright" prompts. Fails on its fourth run if told to."""

    def __init__(self, spec, fails=None, seconds=0.0):
        super().__init__(spec)
        self.label = f"fake S={spec.steps}"
        self.fails, self.seconds, self.runs, self.closes = fails, seconds, 0, 0
        self.prompts = {}

    def encode(self, prompt, loras=()):
        value = 1.0 if "bright" in prompt else 0.0
        return self.prompts.setdefault(prompt, Embedding(np.full((1, 4), value, np.float32)))

    def run(self, frame_HWC, params, out_HWC=None):
        assert self.closes == 0, "a closed engine was run"
        if self.fails is not None and self.runs == 3:
            raise self.fails
        self.runs += 1
        sleep(self.seconds)
        out = super().run(frame_HWC, params, out_HWC)
        if params.prompt.tokens_TD[0, 0] > 0.5:
            out += np.uint8(50)
        return out

    def close(self):
        self.closes += 1


@dataclass
class World:
    """What the pipeline under test opens."""

    source: object = None
    sinks: dict = field(default_factory=dict)
    engines: list = field(default_factory=list)
    opened: list = field(default_factory=list)
    forms: list = field(default_factory=list)
    said: list = field(default_factory=list)
    pipelines: list = field(default_factory=list)
    make_engine: object = FakeEngine
    backends: tuple = ()  # what an engine is built on, one after another
    kept: tuple = ()  # sizes for which a TensorRT engine is kept
    on_say: object = None

    def say(self, line):
        self.said.append(line)
        if self.on_say:
            self.on_say(line)

    def open_source(self, choice, wanted):
        self.opened.append(f"source {choice}")
        if isinstance(self.source, BaseException):
            raise self.source
        return self.source

    def open_sink(self, choice, form):
        self.opened.append(f"sink {choice}")
        self.forms.append(form)
        opened = self.sinks.get(choice) or UsageError(f"there is no {choice}")
        if isinstance(opened, BaseException):
            raise opened
        return opened

    def build_order(self, recipe):
        names = self.backends or [recipe.spec.backend]
        return [recipe.with_spec(replace(recipe.spec, backend=name)) for name in names]

    def ready_sizes(self, sizes):
        return [size for size in sizes if size in self.kept]

    def build(self, spec, watch):
        self.opened.append("engine")
        self.engines.append(self.make_engine(spec))
        return self.engines[-1]

    def pipeline(self, *, preset=None, **options):
        """A pipeline over this world: engine and outputs 128x128 unless the preset differs."""
        settings = {
            "source": "fake",
            "outputs": tuple(self.sinks),
            "size": (128, 128),
            "web": False,
            "open_source": self.open_source,
            "open_sink": self.open_sink,
        }
        options = Options(preset=preset or make_preset(), **{**settings, **options})
        self.pipelines.append(Pipeline(options, self.say))
        return self.pipelines[-1]

    def check_closed(self):
        """Everything that was opened is closed, and no thread is left."""
        stages = ("build", "capture", "infer", "post", "rebuild", "sink")
        assert [t.name for t in threading.enumerate() if t.name.startswith(stages)] == []
        if isinstance(self.source, Device):
            assert self.source.closes or "source fake" not in self.opened
        for name, opened in self.sinks.items():
            if isinstance(opened, Device):
                assert opened.closes or f"sink {name}" not in self.opened
        assert all(engine.closes for engine in self.engines)


def make_preset(**fields):
    """A preset that shows what comes in: every frame, no fade, no blend, outputs 128x128."""
    settings = {
        "prompt": "plain",
        "crossfade": 0.0,
        "gate": {"policy": "always"},
        "resolve": {"mode": "off"},
        "output": {"size": "128x128", "fps": 100.0},
    }
    return Preset.model_validate({**settings, **fields})

"""A machine with an NVIDIA card, played: its engines show their input, and fail as `fault` says.

As a program (`played_card.py FAULT PLANS ARGUMENTS`) it is the real streamcam on such a machine,
whose engines on the processor are the real ones. Every build is then a line on stderr.

fault       what happens on the card
illegal     a frame leads to an illegal address: nothing works there any more
hang        a frame never ends, and whatever waits for the card waits for ever
memory      frames of the first size, or a larger one, need more memory than there is
graph       CUDA graphs fail; the card goes on
capture     no graph can be captured
stubborn    every frame fails; the card goes on
blank       pictures are black in float16
blanker     pictures are black in float16 and bfloat16
plan        a TensorRT engine fails when it runs
plan-load   a TensorRT engine cannot be loaded
all         every frame fails, on the processor as well
"""

import sys
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from threading import Event
from types import SimpleNamespace

from engines.backends.null import NullEngine
from engines.backends.openvino import runner as openvino
from engines.backends.tensorrt.card import Card
from engines.backends.tensorrt.flavour import RTX, Flavour
from engines.backends.torch.failures import _failure, cause_of
from engines.errors import BackendUnavailable, EngineFailed
from engines.memory import Need, hold, let_go
from engines.stream import StreamEngine
from streamcam.cli import command

CARD = Card("played", (8, 9))
RTX_FLAVOUR = Flavour(RTX, None, None)
NEEDS = 4 << 30  # bytes
TEXTS = {
    "illegal": "CUDA error: an illegal memory access was encountered",
    "memory": "CUDA out of memory. Tried to allocate 2.00 GiB",
    "graph": "cuDNN error: CUDNN_STATUS_NOT_SUPPORTED",
    "capture": "CUDA error: operation not permitted when stream is capturing",
    "stubborn": "cuDNN error: CUDNN_STATUS_NOT_SUPPORTED",
    "plan": "Error Code 2: Internal Error (no kernel)",
    "plan-load": "Serialization assertion failed: the plan is truncated",
    "all": "it is not my day",
}
PRECISE = {"blank": ("bfloat16", "float32"), "blanker": ("float32",)}


class PlayedCard:
    """`built`: what was built, or begun, in turn: "torch graph float16 320x176"."""

    def __init__(self, fault, *, plans=False, processor=False, at=10, memory=1 << 60):
        """`plans`: TensorRT engines are kept, or None: they are built once they are wanted; False:
        there is no TensorRT. `processor`: its engines are the real ones. `at`: the frame that
        fails. `memory`: of the card, of which an engine takes NEEDS."""
        self.fault, self.plans, self.at = fault, plans, at
        self.processor, self.memory = processor, memory
        self.refused = 0  # builds to come that fail for want of memory, whatever was counted
        self.most_open = 0
        self.built, self.engines, self.area = [], [], 0
        self.dead = self.hung = False
        self.go_on = Event()

    def install(self, patch):
        """`patch`: called with the dotted name of everything that a card brings."""
        patch("engines.recipe.open_backend", self.backend)
        patch("engines.recipe.StreamEngine", _engine_of)
        patch("engines.outages._synchronise", self.synchronise)
        patch("engines.remedies.find_card", lambda device: CARD)
        patch("engines.choice._torch_has_gpu", lambda model: True)
        patch("engines.choice.tensorrt_here", lambda device: (RTX_FLAVOUR, CARD))
        patch("engines.choice.find_plans", lambda *about: Path("plan") if self.plans else None)
        if self.plans is False:
            patch("engines.choice._with_tensorrt", _without_tensorrt)

    def backend(self, name):
        """A module of engines/backends."""
        return SimpleNamespace(
            prepared=self.prepared,
            build_runner=lambda model, spec: self.build(model, spec),
            needs=self.needs,
        )

    def prepared(self, model, asked, watch):
        if asked.backend == "tensorrt":
            self.plans = True
        return model

    def needs(self, model, asked):
        """An engine that is open holds `NEEDS`; there is `memory` in all."""
        device = _chosen(asked).device
        held = sum(not engine.closes and engine.spec.device == device for engine in self.engines)
        return Need(device, NEEDS, self.memory - held * NEEDS)

    def build(self, model, asked):
        spec = _chosen(asked)
        name = spec.backend
        self.built.append(f"{name} {spec.execution} {spec.precision} {spec.width}x{spec.height}")
        self.report(self.built[-1])
        if name == "openvino" and self.processor:
            return openvino.build_runner(model, asked)
        if self.hung and name != "openvino":
            self.go_on.wait()  # as `torch.cuda.graph` does
        refused = {
            "capture": spec.execution == "graph" and name == "torch",
            "plan-load": name == "tensorrt",
        }
        if self.dead and name != "openvino":
            raise self.failure(BackendUnavailable, spec, TEXTS["illegal"])
        if self.refused:
            self.refused -= 1
            raise self.failure(BackendUnavailable, spec, TEXTS["memory"])
        if refused.get(self.fault):
            raise self.failure(BackendUnavailable, spec, TEXTS[self.fault])
        self.engines.append(PlayedEngine(self, spec))
        opened = sum(not engine.closes for engine in self.engines)
        self.most_open = max(self.most_open, opened)
        return self.engines[-1]

    def report(self, line):
        """For the program."""

    def failure(self, kind, spec, text):
        library = "TensorRT-RTX 1.7" if spec.backend == "tensorrt" else spec.backend
        where = SimpleNamespace(library=library, device=spec.device, execution=spec.execution)
        return _failure(kind, where, text, cause_of(text))

    def synchronise(self, device):
        if self.hung:
            self.go_on.wait()
        if self.dead:
            raise RuntimeError(TEXTS["illegal"])

    def run(self, engine, out):
        """A frame of an engine has come to where things go wrong."""
        spec, fault = engine.spec, self.fault
        on_card = spec.backend != "openvino"
        self.area = self.area or spec.width * spec.height
        fails = {
            "illegal": on_card,
            "memory": on_card and spec.width * spec.height >= self.area,
            "graph": on_card and spec.execution == "graph",
            "stubborn": on_card,
            "plan": spec.backend == "tensorrt",
            "all": True,
        }
        if fault == "hang" and on_card:
            self.hung = True
            self.go_on.wait()
        if fault in PRECISE and on_card and spec.precision not in PRECISE[fault]:
            out[:] = 0
        if fails.get(fault):
            self.dead = fault == "illegal"
            raise self.failure(EngineFailed, spec, TEXTS[fault])


class PlayedEngine(NullEngine):
    def __init__(self, card, spec):
        super().__init__(spec)
        self.spec = spec
        self.label = f"played on {spec.backend} {self.spec.device}, {self.spec.precision}"
        self.card, self.runs, self.closes = card, 0, 0
        hold(self, spec.device)

    def encode(self, prompt):
        if self.card.hung and self.spec.device != "CPU":
            self.card.go_on.wait()
        return super().encode(prompt)

    def run(self, frame_HWC, params, out_HWC=None):
        out = super().run(frame_HWC, params, out_HWC)
        self.runs += 1
        if self.runs > self.card.at:
            self.card.run(self, out)
        return out

    def close(self):
        self.closes += 1
        let_go(self)


def _engine_of(spec, model, runner):
    return runner if isinstance(runner, PlayedEngine) else StreamEngine(spec, model, runner)


def _chosen(spec):
    """The spec with what a machine makes of "auto"."""
    device, execution, precision = {
        "torch": ("cuda:0", "graph", "float16"),
        "tensorrt": ("cuda:0", "graph", "float16"),
        "openvino": ("CPU", "auto", "auto"),
    }[spec.backend]
    return replace(
        spec,
        device=device,
        execution=execution if spec.execution == "auto" else spec.execution,
        precision=precision if spec.precision == "auto" else spec.precision,
    )


def _without_tensorrt(spec, model):
    raise BackendUnavailable("TensorRT is not installed.")


def _set(name, value):
    module, _, attribute = name.rpartition(".")
    setattr(import_module(module), attribute, value)


def main():
    fault, plans, *arguments = sys.argv[1:]
    card = PlayedCard(fault, plans=plans == "plans", processor=True, at=30)
    card.report = lambda line: print(f"built: {line}", file=sys.stderr, flush=True)
    card.install(_set)
    sys.argv[1:] = arguments
    command()


if __name__ == "__main__":
    main()

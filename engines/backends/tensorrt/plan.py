"""From an ONNX graph to a plan: a serialized TensorRT engine for one shape. Needs no GPU for RTX.

The graph says the precision of every operation (networks are always strongly typed), and its
inputs get static shapes before anything is optimised, so that every size is a constant.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import chdir
from pathlib import Path
from typing import Any

from engines.backends.tensorrt.flavour import CLASSIC, RTX, Flavour
from engines.errors import BackendUnavailable, quoted
from engines.model.shapes import Shapes

FRAME_STEP, TEXT_ENCODER = "frame_step.plan", "text_encoder.plan"
PORTABLE = "portable"  # runs on every architecture from Ampere on that TensorRT-RTX knows

Tell = Callable[[str], None]


def build_plan(
    flavour: Flavour, graph_file: Path, shapes: Shapes, architecture: str, tell: Tell
) -> memoryview:
    """The plan of a graph; the same bytes every time.

    shapes        of the inputs that the graph leaves free
    architecture  one of `Flavour.architectures`, or PORTABLE; without effect on the other TensorRT
    tell          called with what is being done, on this thread

    Raises `BackendUnavailable` with what TensorRT says.
    """
    trt = flavour.module
    builder = trt.Builder(flavour.log)
    network = builder.create_network(0)
    tell("reading the graph")
    # Held until the build is over: the network points into the weights that it has read.
    parser = trt.OnnxParser(network, flavour.log)
    # By its bare name: the parser opens a path in the system's code page, so on Windows it finds
    # no file below a user name that is beyond it. This runs in a process of its own.
    with chdir(graph_file.parent):
        parsed = parser.parse_from_file(graph_file.name)
    if not parsed:
        for index in range(parser.num_errors):
            error = parser.get_error(index)
            flavour.log.add(f"{error.node_operator()} {error.node_name()}: {error.desc()}")
        raise flavour.failure(BackendUnavailable, f"read {graph_file}")
    _fix_shapes(flavour, network, shapes, graph_file)
    config = _config(flavour, builder, architecture)
    config.progress_monitor = monitor = _monitor(trt, tell)
    plan = builder.build_serialized_network(network, config)
    del monitor
    if plan is None:
        raise flavour.failure(BackendUnavailable, f"build an engine of {graph_file}")
    return memoryview(plan)


def _fix_shapes(flavour: Flavour, network: Any, shapes: Shapes, graph_file: Path) -> None:  # noqa: ANN401
    for index in range(network.num_inputs):
        tensor = network.get_input(index)
        if tensor.name in shapes:
            tensor.shape = shapes[tensor.name]
        if -1 in tuple(tensor.shape):
            raise BackendUnavailable(
                f"{flavour.label} was given no shape for the input {tensor.name} of {graph_file}, "
                f"which is {tuple(tensor.shape)} there."
            )


def _config(flavour: Flavour, builder: Any, architecture: str) -> Any:  # noqa: ANN401
    trt = flavour.module
    config = builder.create_builder_config()
    if flavour.name == RTX:
        # Has no effect on the engine any more, and would look for a GPU.
        config.set_flag(trt.BuilderFlag.DISABLE_TIMING_CACHE)
        # An engine built so allocates nothing when it runs, or the build fails with the reason.
        # That proves, on any machine, that a CUDA graph of it can be captured. Its size is the
        # same.
        config.set_flag(trt.BuilderFlag.REQUIRE_USER_ALLOCATION)
    if architecture == PORTABLE or flavour.name == CLASSIC:
        return config  # the other TensorRT builds for the card that it finds
    if architecture not in flavour.architectures:
        raise BackendUnavailable(
            f"{flavour.label} builds no engines for the GPU architecture {quoted(architecture)}. "
            f"Known: {', '.join([PORTABLE, *flavour.architectures])}."
        )
    config.num_compute_capabilities = 1
    capability = trt.ComputeCapability.__members__[architecture.upper()]
    if not config.set_compute_capability(capability, 0):
        raise flavour.failure(BackendUnavailable, f"build engines for {architecture}")
    return config


def _monitor(trt: Any, tell: Tell) -> Any:  # noqa: ANN401
    """Reports the outer phases of a build; there are thousands of inner ones."""

    class Monitor(trt.IProgressMonitor):  # type: ignore[misc]  # a class of a module that is chosen
        def __init__(self) -> None:
            super().__init__()
            self._depth: dict[str, int] = {}

        def phase_start(self, name: str, parent: str | None, steps: int) -> None:
            self._depth[name] = depth = self._depth.get(parent or "", 0) + 1
            if depth <= 2:
                tell(name[:1].lower() + name[1:])

        def step_complete(self, name: str, step: int) -> bool:
            return True  # go on

        def phase_finish(self, name: str) -> None: ...

    return Monitor()

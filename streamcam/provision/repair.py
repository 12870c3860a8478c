"""Repair: what to build after an engine broke, and what is said about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from time import perf_counter

from engines.api import EngineSpec
from engines.errors import Cause, EngineError
from engines.outages import compile_broke, plan_broke
from engines.remedies import alternatives, has_gpu, on_cpu
from streamcam.errors import told
from streamcam.notices import Notice, NoticeBoard
from streamcam.provision.size import default_size, smaller_size

# Seconds that an engine ran after which a failure counts as the first one, so that all is tried
# again.
_LASTED_SECONDS = 300.0
# After these the same engine would fail in the same way, if there is another one to try.
_HOPELESS: tuple[Cause, ...] = ("blank", "capture", "hang")

_STARTS_AGAIN = "The picture engine is being started again"  # for viewers

_Way = tuple[str, str, str, str, str]


class Repair:
    """Where the device answers: the same engine once more, then others for a picture of the same
    size, then a smaller one. Where it does not: the processor. The table is in streamcam/README.md.
    Not thread-safe.

    broken  no engine runs. May be read from any thread
    device  where the last engine ran
    """

    def __init__(
        self,
        notices: NoticeBoard,
        running: tuple[EngineSpec, EngineSpec],
        clock: Callable[[], float] = perf_counter,
    ) -> None:
        """`notices` get that of "engine", with all that is known. `running`: what was wanted and
        what came of it, as `running` takes it."""
        self._notices = notices
        self._clock = clock
        self._wanted, self._ran = running
        self._since: float | None = clock()  # None: it does not run any more
        self._reason = ""
        self._cause: Cause = ""
        # What is still to be tried, and for which spec; None before anything was.
        self._left: list[EngineSpec] | None = None
        self._base = self._wanted
        self._tried: EngineSpec | None = None
        self._gone = False  # what is left to be tried is for a device that is gone
        self._ways: dict[_Way, _Way] = {}

    @property
    def broken(self) -> bool:
        return self._since is None

    @property
    def device(self) -> str:
        return self._ran.device

    def running(self, wanted: EngineSpec, ran: EngineSpec) -> None:
        """An engine has taken over.

        wanted  what it was built for
        ran     its own spec, with every choice made
        """
        self._notices.settle("engine")
        if wanted is not self._tried:
            self._left = None
        elif _way(wanted) != _way(self._base):
            self._ways[_way(self._base)] = _way(wanted)
        self._wanted, self._ran, self._since = wanted, ran, self._clock()

    def left(self) -> None:
        """The engine was closed for another one that does not fit beside it."""
        self._reason, self._cause = "", ""
        self._left, self._since = None, None
        reason = "no engine runs while another one is made, for want of memory"
        self._notices.put(Notice("engine", reason, "The picture engine is being changed"))

    def instead(self, spec: EngineSpec) -> EngineSpec:
        """`spec`, in the way that was found to work where its own was found not to."""
        for _ in range(len(self._ways)):
            way = self._ways.get(_way(spec))
            if way is None:
                break
            spec = _in_way(spec, way)
        return spec

    def broke(self, error: Exception, *, other: bool) -> None:
        """The engine broke, or one that was to take its place could not be built.

        other  another one is being built already, for another preset
        """
        said = told(error, EngineError)
        self._cause = error.cause if isinstance(error, EngineError) else ""
        self._reason = f"the engine failed: {said}{'' if said.endswith(('.', '!', '?')) else '.'}"
        self._put_up(" Another one is being built." if other else "", _STARTS_AGAIN)
        if self._since is not None:
            if self._clock() - self._since >= _LASTED_SECONDS:
                self._left = None
            if self._ran.backend == "tensorrt":
                plan_broke(self._ran, said)
            elif self._ran.backend == "torch" and self._ran.execution == "compile":
                compile_broke(said)
        self._since = None

    def following(self, *, gone: bool, automatic: bool) -> EngineSpec | None:
        """What to build now; None: nothing.

        gone       the device does not answer any more
        automatic  the size is the program's choice
        """
        if gone and not self._gone:
            self._left = _elsewhere(self._wanted, automatic=automatic)
            self._base = self._wanted
        elif self._left is None:
            self._left = _here(self._wanted, self._ran, self._cause)
            self._base = self._wanted
        self._gone = gone
        self._tried = self._left.pop(0) if self._left else None
        if self._tried is None:
            what_now = " No other one is tried until a preset is saved or chosen."
            self._put_up(what_now, "The picture engine has stopped")
            self._left, self._gone = None, False
            self._ways.clear()
        else:
            self._put_up(f" It is built again, {self._described(self._tried)}.", _STARTS_AGAIN)
        return self._tried

    def _put_up(self, what_now: str, for_viewers: str) -> None:
        self._notices.put(Notice("engine", f"{self._reason}{what_now}", for_viewers))

    def _described(self, spec: EngineSpec) -> str:
        """The size, and the choices that differ from those wanted."""
        was = self._base
        names = ("backend", "execution", "precision")
        other = [
            f"{name} {getattr(spec, name)}"
            for name in names
            if getattr(spec, name) not in ("auto", getattr(was, name))
        ]
        return ", ".join([f"{spec.width}x{spec.height}", *other])


def _here(wanted: EngineSpec, ran: EngineSpec, cause: Cause) -> list[EngineSpec]:
    """What to try on a device that answers, in turn."""
    others = alternatives(wanted, ran, cause)
    # TensorRT's engine is not taken again: "auto" is torch then.
    once_more = not others or cause not in _HOPELESS
    if ran.backend == "tensorrt":
        once_more = wanted.backend == "auto" and cause != "blank"
    same_size = [*([wanted] if once_more else []), *others]
    processor = [on_cpu(wanted)] if has_gpu(ran) or ran.backend == "torch" else []
    if cause == "memory":  # a smaller picture needs less of it, on the faster device
        return [*same_size, *_smaller(same_size[-1]), *processor]
    last = [*same_size, *processor][-1]
    # The smallest size has none below: it is tried once more, as a device may need a moment.
    return [*same_size, *processor, *(_smaller(last) or [last])]


def _elsewhere(wanted: EngineSpec, *, automatic: bool) -> list[EngineSpec]:
    """What to try when the device is gone, in turn. An automatic size was chosen for a faster one
    than the processor."""
    spec = on_cpu(wanted)
    if automatic:
        width, height = default_size(spec.width / spec.height)
        if width * height < spec.width * spec.height:
            spec = replace(spec, width=width, height=height)
    return [spec, *_smaller(spec)]


def _smaller(spec: EngineSpec) -> list[EngineSpec]:
    size = smaller_size(spec.width, spec.height)
    return [replace(spec, width=size[0], height=size[1])] if size else []


def _way(spec: EngineSpec) -> _Way:
    """How a model is run, whatever the picture."""
    return (spec.model, spec.backend, spec.device, spec.precision, spec.execution)


def _in_way(spec: EngineSpec, way: _Way) -> EngineSpec:
    _, backend, device, precision, execution = way
    return replace(
        spec,
        backend=backend,
        device=device,
        precision=precision,  # type: ignore[arg-type]  # taken from a spec
        execution=execution,  # type: ignore[arg-type]
    )

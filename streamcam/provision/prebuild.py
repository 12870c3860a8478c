"""What `streamcam build` does: engines made beforehand, and the cache that keeps them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from engines.api import EngineSpec, Watch
from engines.artifacts import Artifact, artifacts, cache_root, clear, why_not_whole
from engines.backends.openvino import kept as openvino
from engines.backends.tensorrt import plans as tensorrt
from engines.build import prebuild
from streamcam.errors import UsageError, reason
from streamcam.options import Options
from streamcam.provision.size import default_size
from streamcam.provision.spec import spec_for

_MB, _GB = 1e6, 1e9


@dataclass(frozen=True, slots=True)
class Kept:
    """A line of the list: what kind of thing, its name, its size and what it is."""

    kind: str
    name: str
    megabytes: float
    about: str


def build_beforehand(
    options: Options, architecture: str | None, say: Callable[[str], None], watch: Watch
) -> Path:
    """Build the TensorRT engine that a run with these options takes; its file.

    With an automatic size, which a run chooses by measuring, that is the size it tries first.
    Raises `EngineError`.
    """
    spec = _spec(options)
    say(f"engine: {_shape(spec)}")
    began = perf_counter()
    file = prebuild(spec, architecture, watch)
    size = file.stat().st_size / _MB
    say(f"ready: {size:.0f} MB in {file.parent}, {perf_counter() - began:.0f} s")
    return file


def limit() -> str:
    """A line on how much is kept of TensorRT's and OpenVINO's engines, and may be."""
    limits = {"TensorRT": tensorrt.LIMIT, "OpenVINO": openvino.LIMIT}
    sizes = {
        name: sum(one.bytes for one in artifacts() if one.kind == name.lower()) for name in limits
    }
    taken = ", ".join(
        f"{name} engines take {sizes[name] / _GB:.1f} of at most {limits[name] / _GB:.1f} GB"
        for name in limits
    )
    return f"kept: {taken}; those that were not used for longest go first"


def kept() -> list[Kept]:
    """What the cache holds that is worth a line, biggest first."""
    found = [
        Kept(one.kind, one.path.name, one.bytes / _MB, _describe(one))
        for one in artifacts()
        if one.bytes >= _MB / 2 or one.kind == "tensorrt"
    ]
    return sorted(found, key=lambda one: -one.megabytes)


def clean() -> str:
    """Delete the whole cache; a line that says what that freed. Raises `UsageError`."""
    root = cache_root()
    try:
        freed = clear()
    except OSError as error:
        raise UsageError(
            f"{root} cannot be deleted: {reason(error)}. Stop streamcam where it runs, and try "
            "again."
        ) from error
    return f"cache: {freed / _MB:.0f} MB freed in {root}; what is needed is made again"


def _spec(options: Options) -> EngineSpec:
    form = options.format
    return spec_for(options.preset, options, default_size(form.width / form.height))


def _shape(spec: EngineSpec) -> str:
    model = "nano" if spec.model == "auto" else spec.model
    batching = f", {spec.batching}" if spec.steps > 1 else ""
    size, guidance = f"{spec.width}x{spec.height}", f"guidance {spec.guidance_mode}"
    return f"{model}, {size}, S = {spec.steps}{batching}, {guidance}"


def _describe(one: Artifact) -> str:
    about: Mapping[str, object] = one.about
    if one.kind not in ("tensorrt", "openvino"):
        return ", ".join(sorted(file.name for file in one.path.glob("*"))[:6])
    problem = why_not_whole(one.path)
    if problem:
        return f"damaged, will be built anew: {problem}"
    made_with = (
        f"{about['architecture']}, {about['flavour']} {about['version']}"
        if one.kind == "tensorrt"
        else f"{about['precision']}, OpenVINO {str(about['version']).partition('-')[0]}"
    )
    if "width" not in about:
        return f"{about['model']}, text encoder, {made_with}"
    return (
        f"{about['model']}, {about['width']}x{about['height']}, S = {about['steps']}, "
        f"guidance {about['guidance_mode']}, {made_with}"
    )

"""PipeWire: whether the output `pipewire` can show a camera here, beside the virtual cameras."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from streamcam.doctor import Finding
from streamcam.sink.pipewire.presence import pipewire_obstacle

_TOPIC = "virtual camera"


def check() -> Iterator[Finding]:
    if sys.platform != "linux":
        return
    found = pipewire_obstacle()
    if found is None:
        text = "runs: --output pipewire shows a camera to programs that read PipeWire's"
        yield Finding(_TOPIC, "PipeWire", "ok", text)
    else:
        yield Finding(_TOPIC, "PipeWire", "note", found.text, found.fix)

"""Workers: the parts of a run that a change of preset reaches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from streamcam.infer.rebuild import Rebuild
from streamcam.infer.worker import InferWorker
from streamcam.pipeline.options import Options
from streamcam.pipeline.parts import chain_for, gate_opener, view_for
from streamcam.post.worker import PostWorker
from streamcam.presets import Preset
from streamcam.stats import Stats


@dataclass(frozen=True, slots=True)
class Workers:
    """`watched`: whether anybody sees the picture now."""

    infer: InferWorker
    post: PostWorker
    rebuild: Rebuild
    watched: Callable[[], bool]
    stats: Stats

    def follow(self, now: Preset, before: Preset, options: Options) -> None:
        """Take over what `now` says beside look and engine. From any thread."""
        if now.gate != before.gate:
            self.infer.use_gate(gate_opener(now, options, self.watched, self.stats))
        output, was = now.output, before.output
        if (output.fit, output.mirror) != (was.fit, was.mirror):
            self.post.swap(chain_for(now, options))
        if output.fit != was.fit:
            self.infer.use_view(view_for(now, options))
        self.infer.passthrough = now.on_error == "passthrough"

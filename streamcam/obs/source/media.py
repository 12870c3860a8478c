"""Media: OBS's Media Source, which every OBS has, on the page's stream."""

from __future__ import annotations

import re
from collections.abc import Collection

from streamcam.errors import UsageError
from streamcam.obs.program import Shown
from streamcam.obs.source import Settings, Wanted

KINDS = ("ffmpeg_source",)
_STREAM = re.compile(r"http://(?:127\.0\.0\.1|localhost):(\d{1,5})/stream\.(?:mkv|mjpg)")

_WORDS = {
    "input": "it shows another address",
    "is_local_file": "it shows a file (untick Local File)",
    "input_format": "its Input Format is set, which makes it late",
    "buffering_mb": "it buffers (Network Buffering)",
    "reconnect_delay_sec": "it comes back late after a break (Reconnect Delay)",
    "restart_on_activate": "it connects anew with every scene (Restart playback when source "
    "becomes active)",
    "close_when_inactive": "it is closed while its scene is not on air (Close file when inactive)",
    "speed_percent": "it does not play at 100 %",
    "ffmpeg_options": "it has FFmpeg options",
}


def wanted(shown: Shown, kinds: Collection[str]) -> Wanted:
    """See the package."""
    if KINDS[0] not in kinds:
        raise UsageError("this OBS has no Media Source")
    if not shown.picture:
        raise UsageError("the page has no picture: start streamcam without --no-web")
    address = f"http://127.0.0.1:{shown.port}/stream.mkv"
    settings = {
        "is_local_file": False,
        "input": address,
        "input_format": "",
        "buffering_mb": 0,
        "reconnect_delay_sec": 1,
        "restart_on_activate": False,
        "close_when_inactive": False,
        "speed_percent": 100,
        "ffmpeg_options": "",
    }
    return Wanted(KINDS[0], settings, f"Media Source of {address}", words=_WORDS)


def shows(settings: Settings, shown: Shown, taken: Collection[int]) -> bool:
    """See the package. Its port was another one perhaps when OBS got it."""
    if settings.get("is_local_file", True):
        return False
    found = _STREAM.fullmatch(str(settings.get("input", "")).strip())
    return found is not None and int(found[1]) not in set(taken) - {shown.port}

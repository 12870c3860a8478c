"""Browser: OBS's Browser Source, on the page without its controls."""

from __future__ import annotations

import re
from collections.abc import Collection

from streamcam.errors import UsageError
from streamcam.obs.program import Shown
from streamcam.obs.source import Settings, Wanted

KINDS = ("browser_source",)
_PAGE = re.compile(r"http://(?:127\.0\.0\.1|localhost):(\d{1,5})/\?clean")

_WORDS = {
    "url": "it shows another address",
    "is_local_file": "it shows a file (untick Local file)",
    "width": "its width is not that of the picture",
    "height": "its height is not that of the picture",
    "shutdown": "it is closed while it is not visible (Shutdown source when not visible)",
    "restart_when_active": "it is loaded anew with every scene (Refresh browser when scene "
    "becomes active)",
}


def wanted(shown: Shown, kinds: Collection[str]) -> Wanted:
    """See the package."""
    if KINDS[0] not in kinds:
        raise UsageError("this OBS has no Browser Source")
    if not shown.picture:
        raise UsageError("the page has no picture: start streamcam without --no-web")
    address = f"http://127.0.0.1:{shown.port}/?clean"
    width, height = shown.size
    settings = {
        "is_local_file": False,
        "url": address,
        "width": width,
        "height": height,
        "shutdown": False,
        "restart_when_active": False,
    }
    return Wanted(KINDS[0], settings, f"Browser Source of {address}", words=_WORDS)


def shows(settings: Settings, shown: Shown, taken: Collection[int]) -> bool:
    """See the package."""
    found = _PAGE.fullmatch(str(settings.get("url", "")).strip())
    return found is not None and int(found[1]) not in set(taken) - {shown.port}

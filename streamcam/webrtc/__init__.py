"""WebRTC: a browser, a phone or OBS as the camera (WHIP), and viewers over WebRTC (WHEP).

`Incoming` and `Outgoing` are where the server's thread and the threads of a run meet. There is one
of each in a process, as there is one page: source `whip` reads from the one, output `whep` writes
to the other. `sessions.py` holds the connections, through aiortc (extra `webrtc`); only a first
offer loads it.
"""

from __future__ import annotations

from importlib.util import find_spec

from streamcam.webrtc.incoming import Incoming
from streamcam.webrtc.outgoing import Outgoing

INCOMING = Incoming()
OUTGOING = Outgoing()
MISSING = "WebRTC is not installed: pip install 'streamcam[webrtc]'"


def installed() -> bool:
    """Whether the extra is there. Loads nothing."""
    return find_spec("aiortc") is not None

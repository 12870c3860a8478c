"""Finding OBS: a connection to the one that runs on this machine, or why there is none."""

from __future__ import annotations

from streamcam.obs.connection import SETTINGS, Connection, NotThere, Refused
from streamcam.obs.server import FoundObs


async def connect(found: FoundObs) -> Connection:
    """To the first of its servers that takes us. Raises `NotThere` and `Refused`, with the fix."""
    refused: Refused | None = None
    silent = ""
    for server in found.servers:
        try:
            return await Connection.open(server)
        except NotThere as error:
            silent = silent or str(error)
        except Refused as error:
            refused = refused or error
    if refused is not None:
        raise refused
    raise NotThere(_why_silent(found, silent))


def _why_silent(found: FoundObs, said: str) -> str:
    if not found.running:
        never = "" if found.servers else "; it has never run for this user, so install it first"
        return f"OBS does not run: start it{never}"
    if not any(server.enabled for server in found.servers):
        return (
            f"OBS's WebSocket server is off: in OBS, {SETTINGS}, tick Enable WebSocket server "
            "and press OK"
        )
    return (
        f"OBS runs, and {said}: in OBS, {SETTINGS}, untick Enable WebSocket server, press Apply, "
        "and tick it again"
    )

"""Offers: WHIP (RFC 9725) and WHEP over the page's server. Imported by app.py alone.

A session is made by an offer, and ended by DELETE of the address that the answer names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from streamcam.errors import UsageError
from streamcam.webrtc import INCOMING, MISSING, OUTGOING, installed

if TYPE_CHECKING:
    from streamcam.webrtc.sessions import Sessions

SDP = "application/sdp"


def add_offers(app: FastAPI) -> None:
    """The routes /whip, /whep and those of their sessions. The guard has checked token, kind and
    length. Without the extra `webrtc` they say what to install."""
    made: list[Sessions] = []

    def sessions() -> Sessions:
        if not made:
            if not installed():
                raise UsageError(MISSING)
            from streamcam.webrtc.sessions import Sessions

            made.append(Sessions(INCOMING, OUTGOING, app.state.stopping))
        return made[0]

    async def answer(request: Request, path: str) -> Response:
        offer = (await request.body()).decode(errors="replace")
        found = sessions()
        made = await (found.publish(offer) if path == "/whip" else found.view(offer))
        headers = {"Location": f"{path}/{made.name}", "Cache-Control": "no-store"}
        return Response(made.sdp, 201, headers, SDP)

    @app.post("/whip", include_in_schema=False)
    async def publish(request: Request) -> Response:
        return await answer(request, "/whip")

    @app.post("/whep", include_in_schema=False)
    async def view(request: Request) -> Response:
        return await answer(request, "/whep")

    @app.delete("/whip/{name}", include_in_schema=False)
    @app.delete("/whep/{name}", include_in_schema=False)
    async def end(name: str) -> Response:
        if not made or not await made[0].end(name):
            raise HTTPException(404)
        return JSONResponse({})

"""The app of a replica: sessions, and its state as JSON. Knows nothing of Ray."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI, Request, WebSocket
from fastapi.responses import JSONResponse

from streamcam.remote.wire import PATH, TOKEN_HEADER
from streamcam.serve.session import Room, Session
from streamcam.web.guard import is_token


def create_app(token: Callable[[], str], room: Callable[[], Room]) -> FastAPI:
    """Both are asked once requests come. Whatever comes needs the token, from this machine as
    well: behind a reverse proxy everything comes from this machine."""
    app = FastAPI(title="streamcam", docs_url=None, redoc_url=None, openapi_url=None)

    @app.websocket(PATH)
    async def session(socket: WebSocket) -> None:
        if is_token(socket.headers.get(TOKEN_HEADER, ""), token()):
            await Session(room(), socket).run()
        else:
            await socket.close(1008)  # before it is open: the answer is 403

    @app.get("/status")
    async def status(request: Request) -> JSONResponse:
        if not is_token(request.headers.get(TOKEN_HEADER, ""), token()):
            return JSONResponse({"error": "the token is not that of this server"}, 403)
        return JSONResponse(described(room()))

    return app


def described(room: Room) -> dict[str, Any]:
    """What a replica does, for people and programs."""
    spec, admission = room.machine.spec, room.admission
    return {
        "engine": room.label,
        "size": f"{spec.width}x{spec.height}",
        "frames_per_second": round(admission.rate, 1),
        "seats": admission.seats,
        "sessions": admission.sessions,
        "counts": dict(room.figures.counts),
        "failure": room.machine.failure,
    }

"""The app: page, live picture, figures and switches over HTTP. Imported by server.py alone."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from importlib.resources import files
from threading import Event
from typing import Annotated

from anyio import to_thread
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, Response
from pydantic import BaseModel, StringConstraints
from starlette.exceptions import HTTPException

from engines.errors import EngineError
from streamcam.errors import StreamcamError
from streamcam.frames import RingClosed
from streamcam.sink.web import WebSink
from streamcam.web.controls import Controls
from streamcam.web.guard import Guard
from streamcam.web.live import FRESH, LivePicture, Wrapping, film, multipart

MOST_VIEWERS = 32  # each waits on a thread of its own
_READ = ["GET", "HEAD"]
_SNAPSHOT_TIMEOUT_SECONDS = 2.0


class Choice(BaseModel):
    """The body of a switch: {"name": "noir"}."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=200)]


def create_app(controls: Controls, sink: WebSink | None, token: str, *, page: bool) -> FastAPI:
    """The whole site, or with `page` False the API alone. `sink` is None if the picture is not
    shown here; switches need `token`.

    HEAD is answered like GET, by routes that do not begin what they would have to go on with.
    Setting the event `app.state.stopping` ends the live pictures within a quarter of a second.
    """
    app = FastAPI(title="streamcam", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.stopping = Event()
    app.add_middleware(Guard, token=token)
    app.add_exception_handler(StreamcamError, _bad_request)
    app.add_exception_handler(EngineError, _bad_request)
    app.add_exception_handler(RequestValidationError, _bad_body)
    app.add_exception_handler(HTTPException, _no_route)
    app.add_exception_handler(Exception, _failed)
    _add_api(app, controls, sink)
    if page:
        _add_page(app, token)
        _add_picture(app, sink)
    return app


def _add_page(app: FastAPI, token: str) -> None:
    page = files("streamcam.web").joinpath("page.html").read_text(encoding="utf-8")

    @app.api_route("/", methods=_READ)
    async def show_page() -> HTMLResponse:
        nonce = secrets.token_urlsafe(16)
        policy = (
            f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; "
            "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
            "frame-ancestors 'none'"
        )
        html = page.replace("{{nonce}}", nonce).replace("{{token}}", token)
        return HTMLResponse(html, headers={"Content-Security-Policy": policy, **FRESH})


def _add_api(app: FastAPI, controls: Controls, sink: WebSink | None) -> None:
    @app.api_route("/api/stats", methods=_READ)
    async def stats() -> JSONResponse:
        return JSONResponse(controls.stats.snapshot().as_dict(), headers=FRESH)

    @app.api_route("/api/state", methods=_READ)
    def state() -> JSONResponse:
        return JSONResponse(_state(controls, sink), headers=FRESH)

    @app.api_route("/api/instance", methods=_READ)
    def instance() -> JSONResponse:
        found = {"pid": os.getpid(), "preset": controls.preset_name}
        return JSONResponse(found, headers=FRESH)

    @app.post("/api/look")
    def select_look(choice: Choice) -> JSONResponse:
        controls.select_look(choice.name)
        return JSONResponse(_state(controls, sink))

    @app.post("/api/preset")
    def select_preset(choice: Choice) -> JSONResponse:
        controls.select_preset(choice.name)
        return JSONResponse(_state(controls, sink))

    @app.post("/api/curtain")
    def draw_curtain(choice: Choice) -> JSONResponse:
        controls.draw_curtain(choice.name)
        return JSONResponse(_state(controls, sink))


def _state(controls: Controls, sink: WebSink | None) -> dict[str, object]:
    reading, form = controls.stats.snapshot(), controls.form
    return {
        "preset": controls.preset_name,
        "presets": controls.preset_names(),
        "look": reading.look,
        "looks": controls.look_names(),
        "curtain": controls.curtain,
        "notice": reading.notice,
        "picture": sink is not None,
        "viewers": sink.viewers if sink else 0,
        "outputs": controls.outputs,
        "size": [form.width, form.height],
        "fps": form.fps,
        "scenes": controls.scenes,
    }


def _add_picture(app: FastAPI, sink: WebSink | None) -> None:
    if sink is None:
        return

    @app.api_route("/stream.mjpg", methods=_READ)
    async def stream(request: Request) -> Response:
        return _live(request, sink, multipart(request.headers))

    @app.api_route("/stream.mkv", methods=_READ)
    async def stream_film(request: Request) -> Response:
        return _live(request, sink, film(sink.form))

    @app.api_route("/snapshot.jpg", methods=_READ)
    async def snapshot(request: Request) -> Response:
        if request.method == "HEAD":  # no picture need be encoded
            return _head("image/jpeg")
        with sink.watch() as viewer:
            try:
                jpeg = await to_thread.run_sync(
                    viewer.next, _SNAPSHOT_TIMEOUT_SECONDS, abandon_on_cancel=True
                )
            except RingClosed:
                jpeg = None
        if jpeg is None:
            return _error(503, "there is no picture at the moment")
        return Response(jpeg, media_type="image/jpeg", headers=FRESH)


def _live(request: Request, sink: WebSink, wrapping: Wrapping) -> Response:
    if request.method == "HEAD":
        return _head(wrapping.media_type)
    if sink.viewers >= MOST_VIEWERS:
        return _error(503, f"{MOST_VIEWERS} viewers are watching already")
    return LivePicture(sink, request.app.state.stopping, wrapping)


def _head(media_type: str) -> Response:
    """The headers of what has no length beforehand."""
    response = Response(media_type=media_type, headers=FRESH)
    del response.headers["Content-Length"]
    return response


def _error(status: int, message: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    return JSONResponse({"error": message}, status, headers)


async def _bad_request(request: Request, error: Exception) -> Response:
    del request
    return _error(400, str(error))


async def _bad_body(request: Request, error: Exception) -> Response:
    del request, error
    return _error(400, 'the body must be {"name": "…"} with a name of 1 to 200 characters')


async def _no_route(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    path = request.url.path
    if error.status_code != 405:
        return _error(error.status_code, f"there is no {path} here")
    methods = ", ".join(sorted((error.headers or {})["Allow"].split(", ")))
    if request.method == "OPTIONS":
        return Response(status_code=204, headers={"Allow": f"{methods}, OPTIONS"})
    return _error(405, f"{path} answers {methods} alone", {"Allow": methods})


async def _failed(request: Request, error: Exception) -> Response:
    """A bug, whose traceback the server logs."""
    return _error(500, f"{request.url.path} failed: {type(error).__name__}: {error}")

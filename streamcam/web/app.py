"""The app: page, live picture, figures and switches over HTTP. Imported by server.py alone."""

from __future__ import annotations

from collections.abc import Mapping
from threading import Event

from anyio import to_thread
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from engines.errors import EngineError
from streamcam.control.doors import Doors
from streamcam.errors import StreamcamError, quoted
from streamcam.frames import RingClosed
from streamcam.sink.web import WebSink
from streamcam.web.api import add_api
from streamcam.web.feed import add_feed
from streamcam.web.guard import Guard
from streamcam.web.live import FRESH, LivePicture, Wrapping, film, multipart
from streamcam.web.offers import add_offers
from streamcam.web.page import add_page

MOST_VIEWERS = 32  # each waits on a thread of its own
_READ = ["GET", "HEAD"]
_SNAPSHOT_TIMEOUT_SECONDS = 2.0


def create_app(
    doors: Doors, sink: WebSink | None, token: str, *, page: bool, phone: str = ""
) -> FastAPI:
    """The whole site, or with `page` False the API alone. `sink` is None if the picture is not
    shown here; switches need `token`. `phone`: what another device opens, if one may.

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
    add_api(app, doors, sink)
    add_feed(app, doors.desk, token)
    add_offers(app)
    if page:
        add_page(app, token, phone)
        _add_picture(app, sink)
        _add_previews(app, doors)
    return app


def _add_picture(app: FastAPI, sink: WebSink | None) -> None:
    if sink is None:
        return

    @app.api_route("/stream.mjpg", methods=_READ, include_in_schema=False)
    async def stream(request: Request) -> Response:
        return _live(request, sink, multipart(request.headers))

    @app.api_route("/stream.mkv", methods=_READ, include_in_schema=False)
    async def stream_film(request: Request) -> Response:
        return _live(request, sink, film(sink.form))

    @app.api_route("/snapshot.jpg", methods=_READ, include_in_schema=False)
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


def _add_previews(app: FastAPI, doors: Doors) -> None:
    @app.api_route("/preview.jpg", methods=_READ, include_in_schema=False)
    def preview(look: str = "") -> Response:
        jpeg = doors.desk.program.previews.jpeg(look)
        if jpeg is None:
            return _error(404, f"there is no preview of the look {quoted(look)}")
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
    del error
    wanted = '{"name": "…"} with a name of 1 to 200 characters'
    if request.method == "PATCH":
        wanted = 'values by key: {"strength": 0.7}'
    elif request.url.path == "/api/looks":
        wanted = '{"looks": [{"name": "ink", "was": "noir"}]}'
    return _error(400, f"the body must be {wanted}")


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

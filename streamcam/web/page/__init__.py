"""The page: its text, style and modules, as they lie in this folder. No step builds them."""

from __future__ import annotations

from importlib.resources import files
from io import BytesIO

import segno
from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, Response
from starlette.exceptions import HTTPException

_READ = ["GET", "HEAD"]
# Not asked of the system: on Windows any program may have said that .js is plain text.
_TYPES = {".css": "text/css", ".js": "text/javascript"}
_CHECKED = {"Cache-Control": "no-cache"}  # asked for anew: the program may be another version


def add_page(app: FastAPI, token: str, phone: str) -> None:
    """The routes / and /page/NAME, and /phone.svg, a code that leads another device here. The page
    knows the token; its files need not."""
    here = files(__name__)
    html = here.joinpath("page.html").read_text(encoding="utf-8").replace("{{token}}", token)
    parts = {
        one.name: one.read_bytes() for one in here.iterdir() if one.name.endswith(tuple(_TYPES))
    }

    @app.api_route("/", methods=_READ, include_in_schema=False)
    async def show_page(request: Request) -> HTMLResponse:
        headers = {"Content-Security-Policy": _policy(request.headers["host"])}
        return HTMLResponse(html, headers=headers | {"Cache-Control": "no-store"})

    @app.api_route("/page/{name}", methods=_READ, include_in_schema=False)
    async def send_part(name: str) -> Response:
        if name not in parts:
            raise HTTPException(404)
        kind = _TYPES[name[name.rindex(".") :]]
        return Response(parts[name], media_type=f"{kind}; charset=utf-8", headers=_CHECKED)

    @app.api_route("/phone.svg", methods=_READ, include_in_schema=False)
    async def send_code() -> Response:
        if not phone:
            raise HTTPException(404)
        svg = BytesIO()
        segno.make(phone).save(svg, kind="svg", scale=8, border=4, light="white")
        headers = {"Cache-Control": "no-store"}
        return Response(svg.getvalue(), media_type="image/svg+xml", headers=headers)


def _policy(host: str) -> str:
    """Nothing from elsewhere. `host`: as asked for, which the guard has checked; not every browser
    takes a WebSocket for 'self'."""
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        f"connect-src 'self' ws://{host}; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    )

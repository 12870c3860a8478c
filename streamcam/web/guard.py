"""Guard: lets only our own page and this machine's own programs use the server, and another device
that knows the token.

Any web page that the user has open can send requests to 127.0.0.1. It cannot forge `Host`,
`Origin` and `Sec-Fetch-Site`, and it cannot read our page, so it does not know the token.

What comes in on another address than 127.0.0.1 (`--listen`) needs the token for everything. A
device brings it along once, as /?token=…, and keeps it as a cookie.
"""

from __future__ import annotations

import re
import secrets
from ipaddress import ip_address

from starlette.datastructures import Headers, MutableHeaders, QueryParams
from starlette.requests import cookie_parser
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from streamcam.errors import quoted

_NAMES = ("127.0.0.1", "localhost", "[::1]")
# A name in any case, with the dot that may end one, and a port; a browser leaves out port 80.
_AUTHORITY = re.compile(r"([a-z0-9.]+?)\.?(?::([1-9][0-9]{0,4}))?|(\[::1\])(?::([1-9][0-9]{0,4}))?")
_CHANGING = ("POST", "PATCH")
_LARGEST_BODY = 16_384
# Offers of WebRTC sessions, whose programs send their token as HTTP has it (RFC 9725, RFC 6750).
_OFFERS = ("/whip", "/whep")
_SESSIONS = ("/whip/", "/whep/")  # which DELETE ends
_BEARER = "bearer "
# No other page may embed our page or read our answers.
_ISOLATION = {
    "X-Frame-Options": "DENY",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


class Guard:
    """ASGI middleware. Refuses foreign requests with 403, a WebSocket's too, and what would change
    something without the token, or is no small JSON."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer it with the reason why not."""
        if scope["type"] == "websocket":
            if self._refusal_of_foreign(scope) is None:
                await self._app(scope, receive, send)
            else:
                await send({"type": "websocket.close", "code": 1008})  # before it is open: 403
            return
        if scope["type"] != "http":
            return
        refusal = self._refusal(scope)
        if refusal is None and self._enters(scope):
            await self._welcome(scope)(scope, receive, send)
            return

        async def isolated(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_ISOLATION)
            await send(message)

        if refusal is None:
            await self._app(scope, receive, isolated)
        else:
            status, reason = refusal
            await JSONResponse({"error": reason}, status)(scope, receive, isolated)

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        refusal = self._refusal_of_foreign(scope)
        ends = scope["method"] == "DELETE" and scope["path"].startswith(_SESSIONS)
        if refusal is None and (ends or scope["method"] in _CHANGING):
            return self._refusal_of_change(scope, Headers(scope=scope))
        return refusal

    def _refusal_of_foreign(self, scope: Scope) -> tuple[int, str] | None:
        headers = Headers(scope=scope)
        address, port = scope["server"]
        host = headers.get("host", "")
        asked = _authority(host)
        names = _NAMES if _is_here(address) else (address,)
        if asked not in [(name, port) for name in names]:
            return (
                403,
                f"the host {quoted(host)} is not this server; open http://{names[0]}:{port}/",
            )
        origin = headers.get("origin", f"http://{host}")
        scheme, _, asking = origin.partition("://")
        if scheme.lower() != "http" or _authority(asking) != asked or _embedded(headers):
            return 403, "requests from other web pages are refused"
        if not _is_here(address) and not self._knows_token(scope):
            return 403, "this device is not known: scan the code that the page on the machine shows"
        return None

    def _knows_token(self, scope: Scope) -> bool:
        headers = Headers(scope=scope)
        cookie = cookie_parser(headers.get("cookie", "")).get(_cookie(scope), "")
        given = (*_tokens_in(headers), cookie, _token_in_address(scope))
        return any(is_token(one, self._token) for one in given)

    def _enters(self, scope: Scope) -> bool:
        """Another device brings its token: its browser is to keep it, and to forget the address."""
        return not _is_here(scope["server"][0]) and bool(_token_in_address(scope))

    def _welcome(self, scope: Scope) -> Response:
        answer = RedirectResponse("/", 303, _ISOLATION | {"Cache-Control": "no-store"})
        answer.set_cookie(_cookie(scope), self._token, httponly=True, samesite="lax")
        return answer

    def _refusal_of_change(self, scope: Scope, headers: Headers) -> tuple[int, str] | None:
        if scope["method"] != "DELETE":  # which has no body
            refusal = _refusal_of_body(scope, headers)
            if refusal is not None:
                return refusal
        if not any(is_token(one, self._token) for one in _tokens_in(headers)):
            return 403, "the token is not that of the running program; reload the page"
        return None


def _refusal_of_body(scope: Scope, headers: Headers) -> tuple[int, str] | None:
    kind, called = "application/json", "JSON"
    if scope["path"] in _OFFERS:
        kind, called = "application/sdp", "SDP"
    if headers.get("content-type", "").partition(";")[0].strip() != kind:
        return 415, f"the body must be {called} (Content-Type: {kind})"
    length = headers.get("content-length", "")
    if not length.isdecimal() or int(length) > _LARGEST_BODY:
        return 413, f"the body must have a length of at most {_LARGEST_BODY} bytes"
    return None


def is_token(given: str, token: str) -> bool:
    """Whether `given` is `token`; how much of it is right cannot be told by the time it takes."""
    return secrets.compare_digest(given.encode(errors="replace"), token.encode())


def _tokens_in(headers: Headers) -> tuple[str, str]:
    """As our page and programs send it, and as others do."""
    given = headers.get("authorization", "")
    bearer = given[len(_BEARER) :] if given.lower().startswith(_BEARER) else ""
    return headers.get("x-streamcam-token", ""), bearer.strip()


def _is_here(address: str) -> bool:
    """Whether it is of this machine alone."""
    return ip_address(address).is_loopback


def _cookie(scope: Scope) -> str:
    """Cookies know no ports, and several programs may run."""
    return f"streamcam-{scope['server'][1]}"


def _token_in_address(scope: Scope) -> str:
    """Of the page's alone."""
    asked = QueryParams(scope.get("query_string", b"")) if scope["path"] == "/" else {}
    return str(asked.get("token", ""))


def _authority(text: str) -> tuple[str, int] | None:
    """Name and port of a Host header, or of an origin behind its scheme; None if it is neither."""
    found = _AUTHORITY.fullmatch(text.lower())
    if found is None:
        return None
    name, port, address, its_port = found.groups()
    return name or address, int(port or its_port or 80)


def _embedded(headers: Headers) -> bool:
    """Whether another site's page asks, as with <img>. A link on it may lead here, though."""
    foreign = headers.get("sec-fetch-site", "none") not in ("same-origin", "none")
    return foreign and headers.get("sec-fetch-mode") != "navigate"

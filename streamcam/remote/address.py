"""Address: where an engine elsewhere is, and the token that opens it."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from ipaddress import ip_address
from urllib.parse import urlsplit

from streamcam.errors import UsageError, quoted
from streamcam.remote.published import found_at

TOKEN_VARIABLE = "STREAMCAM_TOKEN"
DEFAULT_PORT = 8738
_EXAMPLE = "for example ws://192.168.1.5:8738, or wss://engine.example.org"
_LOCAL = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Address:
    """`url` is that of the server, without a path; `token` is shown to nobody."""

    url: str
    host: str
    port: int
    token: str = field(repr=False)

    @property
    def local(self) -> bool:
        """The engine is a process on this machine: pictures need not be packed small."""
        return self.host in _LOCAL

    def __str__(self) -> str:
        return self.url


def parse(text: str) -> Address:
    """`ws://HOST:PORT` or `wss://HOST`, with the token of STREAMCAM_TOKEN or, for this machine, of
    the `streamcam serve` that runs there. Raises `UsageError`."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise UsageError(f"--engine {text} is not allowed: {error}; {_EXAMPLE}.") from error
    host = parts.hostname or ""
    if parts.scheme not in ("ws", "wss") or not host:
        raise UsageError(
            f"--engine {text} is not allowed: must be ws://HOST:PORT or wss://HOST, {_EXAMPLE}."
        )
    if parts.username is not None or parts.query or parts.fragment or parts.path not in ("", "/"):
        raise UsageError(
            f"--engine {quoted(f'{parts.scheme}://{host}')} must be no more than that and a port: "
            f"the token comes in the environment variable {TOKEN_VARIABLE}."
        )
    port = port or (443 if parts.scheme == "wss" else DEFAULT_PORT)
    token = os.environ.get(TOKEN_VARIABLE, "") or _known(host, port)
    if not token or not (token.isascii() and token.isprintable()):
        raise UsageError(
            f"--engine {text} needs the token that `streamcam serve` shows there: set it in the "
            f"environment variable {TOKEN_VARIABLE}."
        )
    shown = f"[{host}]" if ":" in host else host
    return Address(f"{parts.scheme}://{shown}:{port}", host, port, token)


def _known(host: str, port: int) -> str:
    """The token of a server of this user on this machine."""
    address, token = found_at(port)
    return token if host in (*_LOCAL, address) else ""


def is_loopback(address: str) -> bool:
    """Whether an IP address, or "localhost", is of this machine alone."""
    return address == "localhost" or ip_address(address).is_loopback

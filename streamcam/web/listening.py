"""Listening: the sockets of the server, on this machine alone or on one of its addresses too."""

from __future__ import annotations

import errno
import socket
import sys
from contextlib import ExitStack
from ipaddress import IPv4Address

import psutil

from streamcam.errors import UsageError

LOOPBACK = "127.0.0.1"
BACKLOG = 64
# Bytes that the system keeps for a viewer that reads slowly: about two pictures, so that the ones
# after are new. The default holds seconds of video.
_SEND_BUFFER = 256 * 1024


def take_port(port: int, tries: int, address: str = "") -> list[socket.socket]:
    """A socket on 127.0.0.1, and one on `address` unless that is "", with the same port: the first
    of `tries` from `port` on that is free. Raises `UsageError`, and `OSError` for what is no matter
    of the port."""
    if not 0 <= port <= 65_535:
        raise UsageError(f"there is no port {port}; use --port with a number from 1024 to 65535")
    for candidate in range(port, min(port + tries, 65_536)):
        try:
            return _taken(candidate, address)
        except OSError as error:
            if error.errno == errno.EACCES and sys.platform != "win32":
                raise UsageError(
                    f"port {port} is reserved for the system; use --port with 1024 or more"
                ) from error
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise
    raise UsageError(f"port {port} is taken; use --port N or --no-web")


def check_address(text: str) -> str:
    """`text`, if another device can reach this machine under it. Raises `UsageError` that names the
    addresses that there are."""
    own = own_addresses()
    if text in own:
        return text
    known = ", ".join(f"{address} ({name})" for address, name in own.items())
    raise UsageError(
        f"--listen {text} is not allowed: must be an address of this machine on its network, and "
        f"there {f'is {known}' if known else 'is none'}."
    )


def own_addresses() -> dict[str, str]:
    """The IPv4 addresses that other devices may reach, each with its interface's name."""
    found = {}
    for name, addresses in psutil.net_if_addrs().items():
        for one in addresses:
            if one.family is socket.AF_INET and not IPv4Address(one.address).is_loopback:
                found[one.address] = name
    return found


def _taken(port: int, address: str) -> list[socket.socket]:
    with ExitStack() as closing:
        first = closing.enter_context(_bind(LOOPBACK, port))
        sockets = [first]
        if address:
            other = _bind(address, first.getsockname()[1])
            sockets.append(closing.enter_context(other))
        closing.pop_all()
    return sockets


def _bind(address: str, port: int) -> socket.socket:
    listener = socket.socket()
    try:
        if sys.platform == "win32":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:  # a port is free again at once when its program has ended
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
        listener.bind((address, port))
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener

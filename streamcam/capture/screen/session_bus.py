"""The D-Bus session of this login, which the desktop's portal is on."""

from __future__ import annotations

import os

from jeepney.io.blocking import DBusConnection, open_dbus_connection

from streamcam.errors import words


def connect() -> DBusConnection:
    """Connect. Raises `ConnectionError` saying why there is none."""
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    address = os.environ.get("DBUS_SESSION_BUS_ADDRESS") or (runtime and f"unix:path={runtime}/bus")
    if not address:
        raise ConnectionError(
            "there is no D-Bus session here (DBUS_SESSION_BUS_ADDRESS is not set)"
        )
    try:
        return open_dbus_connection(address, enable_fds=True)
    except Exception as error:
        said = words(error, OSError, ValueError, RuntimeError)  # as jeepney says that it cannot
        raise ConnectionError(f"the D-Bus session at {address} does not answer ({said})") from error

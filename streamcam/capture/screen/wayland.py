"""Wayland: programs see the screen through the desktop's portal, or not at all."""

from __future__ import annotations

import os
import sys

from streamcam.errors import words
from streamcam.packages import install_command
from streamcam.pipewire import library

_PORTALS = {  # by the names in XDG_CURRENT_DESKTOP
    "gnome": "xdg-desktop-portal-gnome",
    "kde": "xdg-desktop-portal-kde",
    "sway": "xdg-desktop-portal-wlr",
    "wlroots": "xdg-desktop-portal-wlr",
    "hyprland": "xdg-desktop-portal-hyprland",
}
_NO_SCREEN = (
    "a Wayland session shows programs its screen through PipeWire and the desktop's portal, "
    "but {obstacle}; to have both: {remedy}. Or log in with the Xorg session (the gear on the "
    "login screen), or capture the screen in OBS, start its virtual camera and use "
    '--source camera:"OBS Virtual Camera".'
)


def is_wayland() -> bool:
    """Whether the environment says that this is a Wayland session. After su, in tmux and in a
    service it says nothing: see `desktop.is_hidden`.
    """
    return os.environ.get("XDG_SESSION_TYPE") == "wayland" or "WAYLAND_DISPLAY" in os.environ


def portal_obstacle() -> str | None:
    """Why the screen cannot be shared through the portal; None if it can. Asks the user nothing."""
    if sys.platform != "linux":
        return "streamcam knows portals on Linux only"
    # Imported here: other systems do not have its library.
    from streamcam.capture.screen.portal import NoPortal, ScreenCast

    try:
        library.load()
    except OSError:
        return f"{library.NAME} is not installed"
    except Exception as error:  # noqa: BLE001  # such as one so old that it lacks a function
        return f"{library.NAME} cannot be used ({words(error)})"
    try:
        ScreenCast().close()
    except NoPortal as error:
        return str(error)
    return None


def no_screen() -> str:
    """What to do in a Wayland session whose screen cannot be captured, for people."""
    obstacle = portal_obstacle() or "X programs, of which this is one here, are shown nothing"
    return _NO_SCREEN.format(obstacle=obstacle, remedy=_remedy())


def _remedy() -> str:
    if not is_wayland():  # the X server alone has told
        return (
            "start streamcam in a terminal of that desktop, as its user (su, sudo, ssh, tmux and "
            "services are outside of its session)"
        )
    again = "then log out and in again"
    for name in os.environ.get("XDG_CURRENT_DESKTOP", "").lower().split(":"):
        if name in _PORTALS:
            packages = f"pipewire wireplumber xdg-desktop-portal {_PORTALS[name]}"
            command = install_command(apt=packages, dnf=packages, pacman=packages, zypper=packages)
            return f"{command}, {again}"
    packages = "pipewire wireplumber xdg-desktop-portal"  # called the same everywhere
    command = install_command(apt=packages, dnf=packages, pacman=packages, zypper=packages)
    return (
        f"{command} and the part for your desktop, which is xdg-desktop-portal-gnome, -kde, "
        f"-hyprland or (sway and its like) -wlr, {again}"
    )

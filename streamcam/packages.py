"""The command that installs something, in the words of this machine's Linux distribution."""

from __future__ import annotations

import platform


def install_command(*, apt: str, dnf: str, pacman: str, zypper: str) -> str:
    """The command with the package names that belong to it; apt's where nothing is known."""
    try:
        release = platform.freedesktop_os_release()
    except OSError:  # no such file: no distribution that we could name a command for
        release = {}
    family = {release.get("ID", ""), *release.get("ID_LIKE", "").split()}
    if family & {"fedora", "rhel"}:
        return f"sudo dnf install {dnf}"
    if "arch" in family:
        return f"sudo pacman -S {pacman}"
    if any("suse" in name for name in family):
        return f"sudo zypper install {zypper}"
    return f"sudo apt install {apt}"

"""Virtual camera devices: which ones this machine has, and how to get one."""

from __future__ import annotations

import platform
import sys
from dataclasses import dataclass
from pathlib import Path

from streamcam.packages import install_command

_SYSFS = Path("/sys/class/video4linux")
OBS = "OBS Virtual Camera"
_OBS_APP = Path("/Applications/OBS.app")
_OBS_CLASS = "CLSID\\{A3FCE0F5-3493-419F-958A-ABA1250EC20B}"
_UNITY_CLASSES = ["CLSID\\{5C2CD55C-92AD-4999-8666-912BD3E70010}"] + [
    f"CLSID\\{{5C2CD55C-92AD-4999-8666-912BD3E700{number:02X}}}" for number in range(0x12, 0x1B)
]
MODPROBE = "sudo modprobe v4l2loopback devices=1 card_label=streamcam exclusive_caps=1"


@dataclass(frozen=True, slots=True)
class VirtualDevice:
    """One virtual camera.

    path   what `--output virtualcam:PATH` takes: "/dev/video10", "OBS Virtual Camera"
    label  the name under which other programs list it: "streamcam"
    """

    path: str
    label: str


def list_devices(sysfs: Path = _SYSFS) -> list[VirtualDevice]:
    """The virtual cameras of this machine that pictures can be sent to, free or not."""
    if sys.platform == "win32":
        return _registered()
    if sys.platform == "darwin":
        return _extensions()
    return _loopbacks(sysfs)


def _loopbacks(sysfs: Path) -> list[VirtualDevice]:
    """v4l2loopback devices, known by an attribute that no other driver has."""
    found = [entry for entry in sysfs.glob("video*") if (entry / "max_openers").exists()]
    found.sort(key=lambda entry: int(entry.name.removeprefix("video")))
    return [
        VirtualDevice(f"/dev/{entry.name}", (entry / "name").read_text().strip()) for entry in found
    ]


def _registered() -> list[VirtualDevice]:
    """Windows: DirectShow filters, by the class ids that OBS and Unity Capture register."""
    found: list[str] = []
    if sys.platform == "win32":
        import winreg

        for key in [_OBS_CLASS, *_UNITY_CLASSES]:
            try:
                name = winreg.QueryValue(winreg.HKEY_CLASSES_ROOT, key).strip("\0 ")
            except OSError:  # not installed
                continue
            found.append(OBS if key == _OBS_CLASS else name)
    return [VirtualDevice(name, name) for name in found]


def _extensions() -> list[VirtualDevice]:
    """macOS: the camera extension that OBS 30 installs when its virtual camera first starts."""
    pattern = "*/com.obsproject.obs-studio.mac-camera-extension.systemextension"
    present = any(Path("/Library/SystemExtensions").glob(pattern))
    return [VirtualDevice(OBS, OBS)] if present else []


def how_to_get_one() -> str:
    """What to do on this machine for a virtual camera, as commands to paste where there are any."""
    if sys.platform == "win32":
        return (
            "install OBS Studio (https://obsproject.com), which brings OBS Virtual Camera, "
            "or Unity Capture"
        )
    if sys.platform == "darwin":
        begin = "open OBS" if _OBS_APP.exists() else "install OBS Studio 30 or newer, open it"
        return (
            f'{begin}, press "Start Virtual Camera", allow its extension in System Settings, then '
            '"Stop Virtual Camera"'
        )
    return MODPROBE if _module_installed() else f"{_install_command()} && {MODPROBE}"


def _module_installed() -> bool:
    index = Path("/lib/modules", platform.release(), "modules.dep")
    return index.is_file() and "v4l2loopback" in index.read_text()


def _install_command() -> str:
    return install_command(
        apt="v4l2loopback-dkms",
        dnf="v4l2loopback",
        pacman="v4l2loopback-dkms",
        zypper="v4l2loopback-kmp-default",
    )

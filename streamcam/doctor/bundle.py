"""Bundle: what a bug report needs, in one zip file, free of pictures, secrets and names."""

from __future__ import annotations

import getpass
import json
import platform
import re
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import distributions
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

from streamcam.doctor import Finding
from streamcam.errors import UsageError

REPORT, PACKAGES = "doctor.json", "packages.txt"
_SECRET = re.compile(r"(?<=://)[^/@\s]+@")  # user:password@ of an address


def write(path: Path, findings: Sequence[Finding]) -> None:
    """Write the bundle. Raises `UsageError` for a place that cannot be written."""
    report = json.dumps([asdict(one) for one in findings], indent=2, ensure_ascii=False)
    installed = sorted(f"{one.name}=={one.version}" for one in distributions())
    try:
        with ZipFile(path, "w", ZIP_DEFLATED) as bundle:
            bundle.writestr(REPORT, without_names(report) + "\n")
            bundle.writestr(PACKAGES, "\n".join(installed) + "\n")
    except OSError as error:
        raise UsageError(f"the bundle {path} cannot be written: {error.strerror}.") from error


def without_names(text: str) -> str:
    """`text` without the user's home, name and machine, and without passwords in addresses."""
    text = _SECRET.sub("", text).replace(str(Path.home()), "~")
    for name, instead in ((_user(), "USER"), (platform.node(), "HOST")):
        if name and name != "root":
            text = re.sub(rf"\b{re.escape(name)}\b", instead, text)
    return text


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a process without a user, as in some containers
        return ""

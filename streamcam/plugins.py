"""The file name is the registry: every module of a package is one choice, imported when chosen."""

from __future__ import annotations

import pkgutil
from importlib import import_module
from types import ModuleType

from streamcam.errors import UnknownChoice


def names(package: str) -> list[str]:
    """The choices in `package`: its public module names, sorted. Imports only the package."""
    found = pkgutil.iter_modules(import_module(package).__path__)
    return sorted(module.name for module in found if not module.name.startswith("_"))


def load(package: str, name: str) -> ModuleType:
    """Import the module of the choice `name`. Raises `UnknownChoice` for anything else."""
    known = names(package)
    if name not in known:
        raise UnknownChoice(package.rpartition(".")[2], name, known)
    return import_module(f"{package}.{name}")

"""What torch.compile needs on a CUDA device, asked without loading torch."""

from __future__ import annotations

import os
import shutil
import sys
from importlib.util import find_spec

_COMPILERS = ("gcc", "clang", "cc")


def compiler_obstacle() -> str | None:
    """Why torch.compile cannot work on an NVIDIA card here, with what to do; None if it can.

    Triton writes the kernels. On Linux it compiles a launcher of each with a C compiler, when it
    runs: the one in $CC, or gcc or clang (triton/runtime/build.py). On Windows it brings one.
    """
    if find_spec("triton") is None:
        return (
            "torch.compile needs the package triton, which is not installed: pip install triton "
            "(on Windows: triton-windows)"
        )
    if not sys.platform.startswith("linux"):
        return None
    asked = os.environ.get("CC")
    if asked and shutil.which(asked) is None:
        return f"torch.compile needs a C compiler, and there is none by the name in $CC, {asked}"
    if asked or any(shutil.which(name) for name in _COMPILERS):
        return None
    return "torch.compile needs a C compiler: sudo apt install gcc, or set $CC to one"

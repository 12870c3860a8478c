"""Runs in the guest: each scene of its arguments in turn, what was seen as SCENE.json.

The current folder has numbered.mp4, small.toml and large.toml, and takes what is written.
"""

import json
import sys
import time
import traceback
from importlib import import_module
from pathlib import Path

if __name__ == "__main__":
    for name in sys.argv[1:]:
        try:
            seen = import_module(name).run()
        except Exception:  # noqa: BLE001  # its test fails with the traceback
            seen = {"failed": traceback.format_exc()}
        Path(f"{name}.json").write_text(json.dumps(seen, indent=2))
        print(f"{name}: seen after {time.monotonic():.0f} s", flush=True)

"""What the graphics card draws while something runs, as its driver says (NVML, by nvidia-smi)."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import mean
from threading import Thread
from time import perf_counter

_EVERY_MS = 100
_SETTLE_SECONDS = 1.5  # seconds: the driver's figure is a mean over the second before it


class PowerMeter:
    """Readings of one card while `measuring`. For one thread.

    watts  their mean without the first seconds; None where the driver does not say
    """

    def __init__(
        self, card: str = "0", command: str = "nvidia-smi", settle: float = _SETTLE_SECONDS
    ) -> None:
        """`card`: its number or UUID, as the driver has it."""
        self.watts: float | None = None
        self._settle = settle
        self._command = [command, f"--id={card}", "--query-gpu=power.draw"]
        self._command += ["--format=csv,noheader,nounits", f"--loop-ms={_EVERY_MS}"]

    @contextmanager
    def measuring(self) -> Iterator[None]:
        """Read while the block runs; `watts` is there after it. Raises OSError without a driver."""
        readings: list[tuple[float, str]] = []
        began = perf_counter()
        with subprocess.Popen(self._command, stdout=subprocess.PIPE, text=True) as child:
            reader = Thread(target=_read, args=(child, readings), daemon=True)
            reader.start()
            try:
                yield
            finally:
                child.terminate()
                reader.join()
        settled = [_watts(text) for when, text in readings if when - began >= self._settle]
        known = [watts for watts in settled if watts is not None]
        self.watts = mean(known) if known else None


def _read(child: subprocess.Popen[str], readings: list[tuple[float, str]]) -> None:
    assert child.stdout is not None
    for line in child.stdout:
        readings.append((perf_counter(), line.strip()))


def _watts(text: str) -> float | None:
    """Some cards say [N/A]."""
    try:
        return float(text)
    except ValueError:
        return None

"""Client: asks one program that runs, in another process, to change what it shows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from http.client import HTTPConnection, HTTPException
from pathlib import PurePath
from typing import Any

from streamcam.errors import StreamcamError, UsageError, reason
from streamcam.web.runtime import Running

_TIMEOUT_SECONDS = 10.0  # seconds; the first connection loads the server's code, on a busy machine
_NAMES_TIMEOUT_SECONDS = 3.0  # to learn its name, while others may have to be covered
_DEAD_TIMEOUT_SECONDS = 1.0  # for a program that seems dead


class NotReached(StreamcamError):
    """A program that runs did not do what it was asked to."""


@dataclass(frozen=True, slots=True)
class Instance:
    """A program that runs. `preset`: the one that it runs now, as far as is known."""

    running: Running
    preset: str

    def __str__(self) -> str:
        """For people: its process, and what tells it from the others."""
        outputs = ", ".join(self.running.outputs)
        return f"{self.running.pid} ({self.preset} to {outputs}, port {self.running.port})"

    @property
    def numbers(self) -> tuple[str, str]:
        return str(self.running.pid), str(self.running.port)

    @property
    def names(self) -> set[str]:
        """What a user may call it, case folded: its preset; an output as it was asked for, the
        output's kind, or its device or file alone."""
        called = {self.preset}
        for output in self.running.outputs:
            kind, _, which = output.partition(":")
            called |= {output, kind, which, PurePath(output).name}
        return {one.casefold() for one in called if one}

    @property
    def there(self) -> bool:
        """Whether it runs: its process is there, or its port answers where the process cannot be
        seen."""
        if self.running.alive:
            return True
        try:
            answer = _ask(self.running, "/api/instance", patience=_DEAD_TIMEOUT_SECONDS)
        except StreamcamError:
            return False
        return bool(answer.get("pid") == self.running.pid)

    def up_to_date(self) -> Instance:
        """With the preset that it runs now, if it answers."""
        try:
            return self._after(_ask(self.running, "/api/instance", patience=_NAMES_TIMEOUT_SECONDS))
        except StreamcamError:
            return self

    def state(self) -> dict[str, Any]:
        """What can be chosen, what is, and where it goes. Raises `NotReached`."""
        return _ask(self.running, "/api/state")

    def figures(self) -> dict[str, Any]:
        """Its figures, see `streamcam.stats.Snapshot`. Raises `NotReached`."""
        return _ask(self.running, "/api/stats")

    def send_look(self, name: str) -> Instance:
        """Switch to the look `name`. Raises `UsageError` (it has none) and `NotReached`."""
        return self._after(_ask(self.running, "/api/look", name))

    def send_preset(self, name: str) -> Instance:
        """Switch to the preset `name`. Raises `UsageError` and `NotReached`."""
        return self._after(_ask(self.running, "/api/preset", name))

    def send_curtain(self, name: str) -> Instance:
        """Cover the picture, or show it again. Raises `UsageError` and `NotReached`."""
        return self._after(_ask(self.running, "/api/curtain", name))

    def values(self) -> dict[str, Any]:
        """What can be changed, by key, as it is set now. Raises `NotReached`."""
        return _values_in(_ask(self.running, "/api/values"))

    def change_values(self, wanted: Mapping[str, object]) -> dict[str, Any]:
        """Change values by key, all or none; all as they are then. Raises `UsageError` and
        `NotReached`."""
        return _values_in(_ask(self.running, "/api/values", dict(wanted), method="PATCH"))

    def save(self, name: str) -> str:
        """Have it write the preset `name`; its path. Raises `UsageError` and `NotReached`."""
        return str(_ask(self.running, "/api/save", name).get("path"))

    def _after(self, answer: dict[str, Any]) -> Instance:
        return replace(self, preset=str(answer.get("preset", self.preset)))


def _values_in(answer: dict[str, Any]) -> dict[str, Any]:
    """Raises `NotReached`: an older program, which has none."""
    found = answer.get("values")
    if not isinstance(found, dict):
        raise NotReached("it answers without values")
    return found


def _ask(
    running: Running,
    path: str,
    wanted: str | dict[str, object] | None = None,
    *,
    method: str = "POST",
    patience: float | None = None,
) -> dict[str, Any]:
    """GET, or `method` with a name or a table. Raises `UsageError` for what is refused, and
    `NotReached`."""
    patience = patience or _TIMEOUT_SECONDS
    connection = HTTPConnection("127.0.0.1", running.port, timeout=patience)
    table = {"name": wanted} if isinstance(wanted, str) else wanted
    method, body = ("GET", None) if table is None else (method, json.dumps(table))
    headers = {"Content-Type": "application/json", "X-Streamcam-Token": running.token}
    try:
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        status, answer = response.status, json.loads(response.read())
    except TimeoutError:
        raise NotReached(f"it did not answer within {patience:g} seconds") from None
    except (HTTPException, ValueError, RecursionError):
        status, answer = 0, None
    except OSError as error:
        raise NotReached(f"nothing answers on port {running.port}: {reason(error)}") from None
    finally:
        connection.close()
    if not isinstance(answer, dict):
        raise NotReached(f"what answers on port {running.port} is not streamcam")
    if status in (400, 422):
        raise UsageError(str(answer.get("error")))
    if status != 200:
        raise NotReached(f"port {running.port} answers: {answer.get('error')}")
    return answer

"""Cluster: Ray, started on this machine or joined, with the application on it; and its end."""

from __future__ import annotations

import json
import logging
import os
import secrets
import socket
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import ExitStack, suppress
from http.client import HTTPConnection, HTTPException
from tempfile import TemporaryDirectory
from threading import Event, Thread
from typing import Any

import psutil

from streamcam.errors import StreamcamError, UsageError, reason, told
from streamcam.remote.wire import TOKEN_HEADER
from streamcam.serve.settings import Settings

INSTALL = "pip install 'streamcam[serve]'"
_TRIES = 3  # Ray 2.60's raylet gives up after 15 seconds, which a busy machine needs to load it
_PATIENCE_SECONDS = 8.0  # with Ray's own end; what is left then is killed
_METRICS_PORT = 8739  # if it is free: Ray does not start where that is taken


class NotServed(StreamcamError):
    """Ray does not run what it was asked to."""


def check_library() -> None:
    """Raises `UsageError` if Ray is not installed. Looks, and loads nothing: Ray reads the
    environment as it is loaded, and a look for ray.serve would load it."""
    from importlib.util import find_spec

    if find_spec("ray") is None:
        raise UsageError(f"streamcam serve needs Ray Serve, which is not installed: {INSTALL}.")


class Served:
    """Ray with the application, on a thread of its own: a signal that interrupts Ray's compiled
    code ends the process by a segmentation fault.

    opened  set once the application answers; or has what hindered it: `UsageError`, `NotServed`
    """

    def __init__(self, settings: Settings, say: Callable[[str], None]) -> None:
        """Begins. Raises `UsageError` if the port is taken."""
        check_port(settings)
        self.opened: Future[None] = Future()
        self._settings = settings
        self._say = say
        self._stop = Event()
        self._folder = TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True)
        self._thread = Thread(target=self._work, name="ray", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End all, within seconds, and leave no process and no file. Called once."""
        self._stop.set()
        started = _processes()
        if self.opened.done():
            self._thread.join(_PATIENCE_SECONDS)
        else:  # Ray's own threads would tell at length that its processes are gone
            threading.excepthook = lambda _hooked: None
        _kill([*started, *_processes()])
        self._folder.cleanup()

    def _work(self) -> None:
        settings = self._settings
        try:
            with ExitStack() as ending:
                if settings.ray:
                    _join(settings, ending, self._say)
                else:
                    _start(settings, ending, self._say, self._folder.name)
                ending.callback(_end)
                _deploy(settings)
                self.opened.set_result(None)
                self._stop.wait()
        except Exception as error:
            if self.opened.done():
                raise
            self.opened.set_exception(error)


def check_port(settings: Settings) -> None:
    """Raises `UsageError` if it is taken: Ray would say so after half a minute."""
    try:
        with socket.create_server((settings.listen, settings.port)):
            return
    except OSError as error:
        where = f"{settings.listen}:{settings.port}"
        raise UsageError(
            f"{where} cannot be listened on: {reason(error)}; use --port N."
        ) from error


def status(address: str, port: int, token: str) -> dict[str, Any]:
    """What a replica there says of itself. Raises `NotServed`."""
    connection = HTTPConnection(address, port, timeout=10.0)
    try:
        connection.request("GET", "/status", headers={TOKEN_HEADER: token})
        response = connection.getresponse()
        answer = json.loads(response.read())
    except (OSError, HTTPException, ValueError) as error:
        raise NotServed(f"{address}:{port} does not answer: {reason(error)}") from error
    finally:
        connection.close()
    if response.status != 200 or not isinstance(answer, dict):
        raise NotServed(f"{address}:{port} answers with HTTP status {response.status}")
    return answer


def _start(settings: Settings, ending: ExitStack, say: Callable[[str], None], folder: str) -> None:
    """Ray on this machine alone, with its files in `folder`: its own ports are on loopback, and ask
    for a token of its own."""
    os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"  # Ray's word for that, on Linux as well
    os.environ["RAY_AUTH_MODE"] = "token"
    os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)
    ray = _loaded()
    metrics = _free_port(_METRICS_PORT)
    ending.callback(ray.shutdown)
    for left in reversed(range(_TRIES)):
        try:
            ray.init(
                include_dashboard=False,
                num_gpus=None if settings.gpus else 0,
                object_store_memory=80 * 2**20,
                log_to_driver=False,
                logging_level=logging.ERROR,
                _temp_dir=folder,
                _metrics_export_port=metrics,
            )
        # Ray raises Exception itself where one of its processes does not start.
        except Exception as error:
            started = _processes()  # once the raylet is gone its agents have no parent any more
            ray.shutdown()
            _kill(started)
            if not left:
                raise NotServed(f"Ray does not start: {told(error)}") from error
            say(f"ray: it did not start, and is started again: {reason(error)}")
        else:
            say(f"metrics: http://127.0.0.1:{metrics}/metrics")
            return


def _processes() -> list[psutil.Process]:
    """What this one has started, with all that those have."""
    found: list[psutil.Process] = psutil.Process().children(recursive=True)
    return found


def _kill(processes: list[psutil.Process]) -> None:
    """Those that still run. Known by their birth as well: another one may have the number now."""
    for one in processes:
        with suppress(psutil.Error, OSError):
            one.kill()
    psutil.wait_procs(processes, timeout=_PATIENCE_SECONDS)


def _free_port(wanted: int) -> int:
    """`wanted`, or any other if that is taken."""
    for port in (wanted, 0):
        with suppress(OSError), socket.create_server(("127.0.0.1", port)) as listener:
            return int(listener.getsockname()[1])
    return wanted


def _join(settings: Settings, ending: ExitStack, say: Callable[[str], None]) -> None:
    ray = _loaded()
    address = settings.ray
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
    except Exception as error:
        raise NotServed(f"the Ray cluster {address} cannot be joined: {told(error)}") from error
    ending.callback(ray.shutdown)
    say(f"ray: {address}, {len(ray.nodes())} nodes")


def _loaded() -> Any:  # noqa: ANN401  # a module
    """Ray, quiet and with nothing to tell its makers. Raises `UsageError`."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    for name in ("ray", "ray.serve"):  # a filter stays when Ray sets its levels anew
        logging.getLogger(name).addFilter(lambda record: record.levelno >= logging.ERROR)
    try:
        import ray
        from ray import serve
    except ImportError as error:
        raise UsageError(f"Ray Serve cannot be loaded: {reason(error)}; {INSTALL}.") from error
    del serve
    return ray


def _deploy(settings: Settings) -> None:
    from ray import serve
    from ray.serve.config import HTTPOptions, ProxyLocation
    from ray.serve.schema import LoggingConfig

    from streamcam.serve.application import NAME, application

    where = ProxyLocation.HeadOnly if settings.where == "head" else ProxyLocation.EveryNode
    options = HTTPOptions(host=settings.listen, port=settings.port)
    calm = LoggingConfig(log_level="WARNING", enable_access_log=False)
    try:
        serve.start(proxy_location=where, http_options=options, logging_config=calm)
        serve.run(application(settings), name=NAME, logging_config=calm)
    except Exception as error:
        raise NotServed(f"Ray does not serve: {told(error)}") from error


def _end() -> None:
    """Sessions end with their replicas. What is left of Serve ends with Ray; a cluster keeps it for
    what else it serves. (`serve.shutdown` makes Ray complain that its controller was killed.)"""
    from ray import serve

    from streamcam.serve.application import NAME

    serve.delete(NAME)

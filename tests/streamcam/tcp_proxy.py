"""A way to a port of this machine that can be held up, cut and closed, like a network."""

import socket
import threading
from contextlib import suppress


class Proxy:
    """`port` leads to `target`, through threads that `close` ends."""

    def __init__(self, target):
        self._target = target
        self._flows = threading.Event()
        self._flows.set()
        self._open = True
        self._sockets = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, name="proxy", daemon=True).start()

    def hold(self):
        """Nothing comes through, and nobody is told."""
        self._flows.clear()

    def let_go(self):
        self._flows.set()

    def cut(self):
        """Connections break off, and new ones do at once."""
        self._open = False
        for one in self._sockets:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        self._sockets.clear()

    def mend(self):
        self._open = True

    def close(self):
        self._flows.set()
        self.cut()
        self._listener.close()

    def _accept(self):
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                if not self._open:
                    near.close()
                    continue
                far = socket.create_connection(("127.0.0.1", self._target))
                self._sockets += [near, far]
                for one, other in ((near, far), (far, near)):
                    threading.Thread(
                        target=self._pump, args=(one, other), name="pump", daemon=True
                    ).start()

    def _pump(self, source, into):
        with suppress(OSError):
            while data := source.recv(65536):
                self._flows.wait()
                into.sendall(data)
        for one in (source, into):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        source.close()

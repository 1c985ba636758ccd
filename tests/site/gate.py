"""A TCP forwarder before a server, which tests shut and block: the server that is away, and the one that is silent."""

import contextlib
import socket
import threading
from types import TracebackType
from typing import Self

PIECE = 65_536


class Gate:
    """`with Gate(port) as gate:` forwards `gate.port` to a port of this machine, open at first.

    Shut, it cuts every connection and refuses new ones, as a server does that has ended. Silent, it takes connections
    and bytes and passes nothing on, as a server does that hangs.
    """

    def __init__(self, target: int) -> None:
        self.target = target
        self.port = 0
        self._passing = threading.Event()
        self._listener: socket.socket | None = None
        self._open: set[socket.socket] = set()

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._passing.set()
        self.shut()

    def open(self) -> None:
        """Forwards from now on, what was held back included."""
        self._passing.set()
        if self._listener is None:
            self._listener = socket.create_server(("127.0.0.1", self.port))
            self.port = self._listener.getsockname()[1]
            threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def shut(self) -> None:
        listener, self._listener = self._listener, None
        if listener is not None:
            _end(listener)
        while self._open:
            _end(self._open.pop())

    def silence(self) -> None:
        self._passing.clear()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                near, _ = listener.accept()
                far = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                return
            self._open |= {near, far}
            for here, there in ((near, far), (far, near)):
                threading.Thread(target=self._pump, args=(here, there), daemon=True).start()

    def _pump(self, here: socket.socket, there: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while piece := here.recv(PIECE):
                self._passing.wait()
                there.sendall(piece)
        _end(here)
        _end(there)


def _end(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()

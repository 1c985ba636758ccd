"""The real server in a thread of the test process: uvicorn, real sockets, one event loop for the whole run."""

import asyncio
import socket
import threading
import time
from typing import Any, Literal

import uvicorn

from lukhas_site.http.connections import Connection
from lukhas_site.http.listening import listeners
from lukhas_site.management.commands.serve import KEEP_ALIVE_SECONDS
from tests.measuring import LOOPS


class Server:
    """`with Server(application) as url`: serves on a free loopback port until the block ends. `http` is the class of
    its connections."""

    def __init__(
        self, application: Any, *, lifespan: Literal["on", "off"] = "on", http: type[asyncio.Protocol] = Connection
    ) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}"
        config = uvicorn.Config(
            application,
            loop="uvloop",
            http=http,
            lifespan=lifespan,
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=5,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
        )
        self.uvicorn = uvicorn.Server(config)
        self.thread = threading.Thread(target=self._run, name="server", daemon=True)

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=self.uvicorn.config.get_loop_factory()) as runner:
            loop = runner.get_loop()
            LOOPS.add(loop)
            try:
                runner.run(self.uvicorn.serve(sockets=listeners(self.socket)))
            finally:
                LOOPS.discard(loop)

    def __enter__(self) -> "Server":
        self.thread.start()
        deadline = time.monotonic() + 30
        while not self.uvicorn.started:
            if time.monotonic() > deadline or not self.thread.is_alive():
                raise RuntimeError("the server did not start")
            time.sleep(0.01)
        return self

    def __exit__(self, *_: object) -> None:
        self.uvicorn.should_exit = True
        self.thread.join(30)
        self.socket.close()

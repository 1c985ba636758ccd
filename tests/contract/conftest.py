"""The backends under contract, each behind a model of the running server.

`relay` is an upstream: another name for this server's own echo, reached over a socket as any other server is.
"""

import time

import pytest

from api.backends import registry
from api.backends.embedded_chat import EmbeddedChatBackend
from tests.api.commands import run
from tests.serving import Server

CHAT_MODELS = ("lukhas-echo-1", "lukhas-chat-1", "relay")
EMBEDDING_MODELS = ("lukhas-echo-1", "lukhas-embed-1", "relay")
MODERATION_MODELS = ("lukhas-echo-1", "lukhas-moderation-1", "relay")


@pytest.fixture(autouse=True)
def relay(server: Server, api_key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Adds the upstream as a user would."""
    monkeypatch.setenv("RELAY_API_KEY", api_key)
    run("add_upstream", "another", f"{server.url}/v1", "--api-key-env", "RELAY_API_KEY")
    run("add_model", "relay", "--upstream", "another", "--upstream-model", "lukhas-echo-1", "--moderations")
    run("add_model", "lukhas-echo-1", "--upstream", "echo", "--moderations")


@pytest.fixture
def loaded(server: Server) -> None:
    """The embedded models are in memory, so that no test waits for them."""
    for kind in ("embedded-chat", "embedded-embeddings", "embedded-moderation"):
        registry.backend(kind).load()


def wait_until_idle(seconds: float = 10.0) -> None:
    """Waits until the embedded chat model generates nothing for anybody; fails when it does not come to that."""
    backend = registry.backend("embedded-chat")
    assert isinstance(backend, EmbeddedChatBackend)
    queue = backend.engine.queue
    deadline = time.monotonic() + seconds
    while queue.running or queue.waiting:
        assert time.monotonic() < deadline, "the model is still busy"
        time.sleep(0.005)

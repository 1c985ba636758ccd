"""Which backend answers for which kind of upstream."""

import asyncio
from collections.abc import Iterator

import pytest

from api.backends import registry
from api.backends.base import Backend
from api.backends.echo import EchoBackend
from api.models import Model, Upstream
from tests.threads import in_thread


class Closable(EchoBackend):
    def __init__(self) -> None:
        self.closed = 0

    async def close(self) -> None:
        self.closed += 1


@pytest.fixture(autouse=True)
def own_instances(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Backend]]:
    """The backends of the running server are left alone."""
    instances: dict[str, Backend] = {}
    monkeypatch.setattr(registry, "_instances", instances)
    yield instances
    asyncio.run(registry.close())


def test_every_kind_of_the_catalog_has_a_backend_made_once() -> None:
    for kind in Upstream.Kind.values:
        backend = registry.backend(kind)
        assert isinstance(backend, Backend)
        assert registry.backend(kind) is backend


def test_there_is_no_backend_for_a_kind_that_there_is_not() -> None:
    with pytest.raises(KeyError):
        registry.backend("abacus")


async def test_what_the_catalog_needs_and_is_not_loaded_is_named(database: None) -> None:
    assert await registry.not_loaded() == ["embedded-chat", "embedded-embeddings", "embedded-moderation"]
    await asyncio.to_thread(registry.backend("embedded-embeddings").load)
    assert await registry.not_loaded() == ["embedded-chat", "embedded-moderation"]


async def test_what_is_not_in_use_need_not_be_loaded(database: None) -> None:
    await in_thread(Model.objects.exclude(upstream__kind="echo").update, enabled=False)
    assert await registry.not_loaded() == []


async def test_closing_closes_each_backend_once_and_forgets_it(own_instances: dict[str, Backend]) -> None:
    closable = own_instances["echo"] = Closable()
    await registry.close()
    await registry.close()
    assert closable.closed == 1
    assert own_instances == {}


async def test_a_backend_with_nothing_to_load_or_hold_is_ready_and_closes() -> None:
    backend = registry.backend("echo")
    backend.load()
    assert backend.loaded
    await backend.close()

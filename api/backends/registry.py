"""Which class answers for which kind of upstream: one instance of each a process, made on first use."""

from django.utils.module_loading import import_string

from api import catalog
from api.backends.base import Backend

BACKENDS = {
    "openai": "api.backends.upstream.UpstreamBackend",
    "embedded-chat": "api.backends.embedded_chat.EmbeddedChatBackend",
    "embedded-embeddings": "api.backends.embedded_embeddings.EmbeddedEmbeddingsBackend",
    "embedded-moderation": "api.backends.embedded_moderation.EmbeddedModerationBackend",
    "echo": "api.backends.echo.EchoBackend",
}

_instances: dict[str, Backend] = {}


def backend(kind: str) -> Backend:
    """The backend of an upstream kind; raises KeyError for a kind that there is not."""
    known = _instances.get(kind)
    if known is None:
        known = _instances.setdefault(kind, import_string(BACKENDS[kind])())
    return known


async def _in_use() -> dict[str, Backend]:
    """The backends that the catalog needs, by kind."""
    targets = (await catalog.current()).targets.values()
    return {kind: backend(kind) for kind in sorted({target.kind for target in targets})}


async def not_loaded() -> list[str]:
    """The kinds that the catalog needs and that have yet to load."""
    return [kind for kind, one in (await _in_use()).items() if not one.loaded]


def waiting() -> dict[str, int]:
    """How much waits for each backend that was made, by its kind."""
    return {kind: one.waiting for kind, one in _instances.items()}


async def close() -> None:
    """Closes every backend that was made, and forgets it."""
    while _instances:
        await _instances.popitem()[1].close()

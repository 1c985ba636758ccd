"""The model catalog as requests see it: one immutable snapshot a process, read without SQL.

A snapshot is at most two seconds old when a request starts, so a change made anywhere is seen everywhere by then;
one made in this process is seen at once. While the database is away the last snapshot goes on answering.
"""

import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
import structlog
from django.db import DatabaseError

from lukhas_site.http.orm import in_database

MAX_AGE = 2.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Target:
    """A model that can answer: what it is called here, and where and as what it is reached.

    `context_window` is in tokens, None when unknown; `encoding` names the tiktoken encoding that callers' token ids
    are in; `api_key_env` names the environment variable that holds the upstream's key; `capabilities` are among
    `chat`, `completions` and `embeddings`.
    """

    model: str
    upstream: str
    kind: str
    base_url: str = ""
    upstream_model: str = ""
    api_key_env: str = ""
    context_window: int | None = None
    encoding: str = "cl100k_base"
    capabilities: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Catalog:
    """What can be asked for: targets by every name that leads to them, and the list of GET /v1/models."""

    targets: Mapping[str, Target]
    listed: Mapping[str, dict[str, Any]]
    body: bytes
    etag: str
    read_at: float


def read() -> Catalog:
    """Reads the catalog from the database: two queries."""
    from api.models import Alias, Model  # noqa: PLC0415 - this module is imported before the app registry is ready

    targets: dict[str, Target] = {}
    listed: dict[str, dict[str, Any]] = {}
    models = {model.pk: model for model in Model.objects.served()}
    for model in models.values():
        targets[model.model_id] = _target(model)
        listed[model.model_id] = model.as_listed()
    for name, target_id in Alias.objects.order_by("name").values_list("name", "target_id"):
        if target_id in models:
            targets.setdefault(name, targets[models[target_id].model_id])
            listed.setdefault(name, models[target_id].as_listed(name))
    body = orjson.dumps({"object": "list", "data": list(listed.values())})
    etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    return Catalog(targets, listed, body, etag, time.monotonic())


def _target(model: Any) -> Target:
    kinds = ("chat", "completions", "embeddings")
    return Target(
        model=model.model_id,
        upstream=model.upstream.name,
        kind=model.upstream.kind,
        base_url=model.upstream.base_url.rstrip("/"),
        upstream_model=model.upstream_model or model.model_id,
        api_key_env=model.upstream.api_key_env,
        context_window=model.context_window,
        encoding=model.encoding,
        capabilities=frozenset(kind for kind in kinds if getattr(model, kind)),
    )


class _Holder:
    """The process's snapshot. One reader refreshes it while the others go on with the old one."""

    def __init__(self) -> None:
        self.catalog: Catalog | None = None
        self.refreshing = False
        self.generation = 0

    async def current(self) -> Catalog:
        known = self.catalog
        if known is not None and (self.refreshing or time.monotonic() - known.read_at < MAX_AGE):
            return known
        self.refreshing = True
        generation = self.generation
        try:
            fresh = await in_database(read)
        except DatabaseError as error:
            if known is None:
                raise
            log.warning("catalog_not_refreshed", error=type(error).__name__)
            return known
        finally:
            self.refreshing = False
        if generation == self.generation:  # else it was read before a change that this process knows of
            self.catalog = fresh
        return fresh

    def forget(self) -> None:
        self.catalog = None
        self.generation += 1


_holder = _Holder()
current = _holder.current


def forget(**_: object) -> None:
    """Drops the process's snapshot: the next request reads anew. Connected to the catalog's signals."""
    _holder.forget()

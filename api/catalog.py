"""The model catalog as requests see it: one immutable snapshot a process, read without SQL.

A snapshot is at most two seconds old when a request starts, so a change made anywhere is seen everywhere by then;
one made in this process is seen at once. While the database is away the last snapshot goes on answering.
"""

import hashlib
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import orjson
import structlog
from django.db import DatabaseError

from api.defaults import by_path
from lukhas_site.http.orm import in_database

MAX_AGE = 2.0
MILLION = 1_000_000

PRICED = ("input", "cached_input", "output")

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Limits:
    """What one upstream is allowed, times in seconds; None where the setting says. `first` is until an answer begins,
    `silence` between two pieces of a stream."""

    connections: int | None = None
    connect: float | None = None
    first: float | None = None
    silence: float | None = None
    whole: float | None = None


NO_LIMITS = Limits()
Place = tuple[str, str, str]
"""A deployment: the model, the upstream, and what that calls it."""


@dataclass(frozen=True, slots=True)
class Target:
    """A model that can answer: what it is called here, and where and as what it is reached.

    `context_window` is in tokens, None when unknown; `encoding` names the tiktoken encoding that callers' token ids
    are in; `api_key_env` names the environment variable that holds the upstream's key; `capabilities` are among
    `chat`, `completions`, `embeddings` and `moderations`; targets of one `vector_space`, if it has a name, give vectors
    that can be compared. Prices are in micro-dollars per million tokens, and so whole and exact.

    `defaults` are parameters that the caller may leave out, by the path of the upstream. `deployments` are the places
    where the model is reached beside this one; each is a target itself, and knows none. `weight` is this place's share
    of the traffic. `fallbacks` are the ids of models that may answer in its place, in their order.
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
    vector_space: str = ""
    input_price: int = 0
    cached_input_price: int = 0
    output_price: int = 0
    limits: Limits = NO_LIMITS
    weight: int = 1
    defaults: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, hash=False)
    deployments: "tuple[Target, ...]" = ()
    fallbacks: tuple[str, ...] = ()

    @property
    def place(self) -> Place:
        return self.model, self.upstream, self.upstream_model

    @property
    def places(self) -> tuple[Place, ...]:
        """All the places where the model is reached."""
        return self.place, *(each.place for each in self.deployments)

    def can_replace(self, other: "Target") -> bool:
        """Whether it may answer in the place of `other`: it answers the same endpoints, and nobody gets vectors of two
        spaces under one name."""
        if self.capabilities != other.capabilities:
            return False
        alike = bool(self.vector_space) and self.vector_space == other.vector_space
        return alike or self.model == other.model or "embeddings" not in self.capabilities

    def cost(self, input_tokens: int, output_tokens: int, cached_tokens: int = 0) -> int:
        """Returns what these tokens cost, in micro-dollars, rounded up. Cached ones are part of the input."""
        cached = min(cached_tokens, input_tokens)
        total = (input_tokens - cached) * self.input_price + cached * self.cached_input_price
        return -(-(total + output_tokens * self.output_price) // MILLION)


@dataclass(frozen=True, slots=True)
class Permissions:
    """Which models a project may use: those of `models`, or, where they are denied, all others."""

    deny: bool
    models: frozenset[str]

    def permit(self, asked: str, target: Target) -> bool:
        """Whether a model may be asked for by this name: its own, or an alias, which is meant along with it."""
        return (asked in self.models or target.model in self.models) != self.deny


@dataclass(frozen=True, slots=True)
class Catalog:
    """What can be asked for: targets by every name that leads to them, and the list of GET /v1/models.

    `permissions` are those of the projects that may not use everything, by their public ids; `rollouts` the keys of the
    flags that aliases roll out with.
    """

    targets: Mapping[str, Target]
    listed: Mapping[str, dict[str, Any]]
    body: bytes
    etag: str
    read_at: float
    permissions: Mapping[str, Permissions] = field(default_factory=dict)
    rollouts: Mapping[str, str] = field(default_factory=dict)

    def find(self, name: str, project_id: str | None) -> Target | None:
        """The target of this name, for callers of this project; None where it leads nowhere, or not for them."""
        target = self.targets.get(name)
        return target if target is not None and self.permits(name, target, project_id) else None

    def permits(self, name: str, target: Target, project_id: str | None) -> bool:
        """Whether this target may answer callers of this project who ask for `name`."""
        permissions = self.permissions.get(project_id or "")
        return permissions is None or permissions.permit(name, target)

    def model(self, id: object) -> Target | None:
        """The target whose own id this is; None where it is no model's, or an alias's name."""
        target = self.targets.get(id) if isinstance(id, str) else None
        return target if target is not None and target.model == id else None

    def visible_to(self, project_id: str | None) -> dict[str, dict[str, Any]]:
        """What callers of this project can ask for, by name, in the order in which it is listed."""
        return {name: each for name, each in self.listed.items() if self.find(name, project_id) is not None}

    def listing(self, project_id: str | None) -> tuple[bytes, str]:
        """The body of GET /v1/models for callers of this project, and its tag."""
        if (project_id or "") not in self.permissions:
            return self.body, self.etag
        body = listing_of(self.visible_to(project_id))
        return body, etag_of(body)


def listing_of(listed: Mapping[str, dict[str, Any]]) -> bytes:
    return orjson.dumps({"object": "list", "data": list(listed.values())})


def etag_of(body: bytes) -> str:
    return f'"{hashlib.sha256(body).hexdigest()[:32]}"'


def read() -> Catalog:
    """Reads the catalog from the database: five queries."""
    # This module is imported before the app registry is ready.
    from api.models import Alias, Deployment, Fallback, Model, ModelPermissions  # noqa: PLC0415 - see above

    targets: dict[str, Target] = {}
    listed: dict[str, dict[str, Any]] = {}
    models = {model.pk: model for model in Model.objects.served()}
    further: dict[int, list[Any]] = defaultdict(list)
    for deployment in Deployment.objects.filter(model__enabled=True).select_related("upstream"):
        further[deployment.model_id].append(deployment)
    fallbacks: dict[int, list[str]] = defaultdict(list)
    for model_key, target_key in Fallback.objects.values_list("model_id", "target_id"):
        if target_key in models:
            fallbacks[model_key].append(models[target_key].model_id)
    for key, model in models.items():
        targets[model.model_id] = _target(model, further[key], tuple(fallbacks[key]))
        listed[model.model_id] = model.as_listed()
    rollouts: dict[str, str] = {}
    for name, target_id, rollout in Alias.objects.order_by("name").values_list("name", "target_id", "rollout"):
        if target_id in models:
            if rollout and name not in targets:
                rollouts[name] = rollout
            targets.setdefault(name, targets[models[target_id].model_id])
            listed.setdefault(name, models[target_id].as_listed(name))
    body = listing_of(listed)
    rules = ModelPermissions.objects.values_list("project__public_id", "mode", "model_ids")
    permissions = {
        project: Permissions(mode == ModelPermissions.Mode.DENY, frozenset(names)) for project, mode, names in rules
    }
    return Catalog(targets, listed, body, etag_of(body), time.monotonic(), permissions, rollouts)


def _target(model: Any, further: Sequence[Any], fallbacks: tuple[str, ...]) -> Target:
    """The target of a model, which knows its further deployments."""
    prices: dict[str, Any] = {f"{what}_price": int(getattr(model, f"{what}_price") * MILLION) for what in PRICED}
    first = Target(
        model=model.model_id,
        **_reached(model, model),
        context_window=model.context_window,
        encoding=model.encoding,
        capabilities=model.capabilities,
        vector_space=model.vector_space,
        defaults=by_path(model.default_parameters, model.capabilities),
        fallbacks=fallbacks,
        **prices,
    )
    return replace(first, deployments=tuple(replace(first, **_reached(each, model)) for each in further))


def _reached(row: Any, model: Any) -> dict[str, Any]:
    """Where, and as what, a model is reached: by itself or by a further deployment of it."""
    upstream = row.upstream
    return {
        "upstream": upstream.name,
        "kind": upstream.kind,
        "base_url": upstream.base_url.rstrip("/"),
        "upstream_model": row.upstream_model or model.model_id,
        "api_key_env": upstream.api_key_env,
        "limits": _limits(
            upstream.max_connections,
            upstream.connect_seconds,
            upstream.first_seconds,
            upstream.silence_seconds,
            upstream.whole_seconds,
        ),
        "weight": row.weight,
    }


@lru_cache(maxsize=256)
def _limits(*values: Any) -> Limits:
    """The same object for the same limits, so that whoever compares them need not look at each."""
    return Limits(*values)


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
        if known is not None and replace(known, read_at=fresh.read_at) == fresh:
            fresh = replace(known, read_at=fresh.read_at)  # of the same objects: new ones would scatter over memory
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

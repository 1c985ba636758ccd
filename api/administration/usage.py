"""OpenAI's usage and costs: what its kinds are here, and the buckets of a page, read from the roll-ups.

A bucket is a whole minute, hour or day of UTC. Where nothing was used its results are empty.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from analytics.models import Width
from analytics.records import EPOCH, bounded
from analytics.rollups.reading import Question, Summed, sums
from analytics.rollups.rows import moment_of

MICRO = Decimal(1_000_000)
ENDPOINT = "endpoint"
NEVER = ""
"""The field of what nothing here has: a filter by it finds nothing, and no result can be grouped by it."""
PROJECT = {"project_id": "project_id"}
CALLER = {**PROJECT, "user_id": "user_id", "api_key_id": "key_id"}
MODEL = {**CALLER, "model": "model"}
CONSTANTS: Mapping[str, Any] = {"batch": False, "service_tier": "default"}
"""What is the same for all requests of this server, and is told where it is grouped by."""
ABSENT: Mapping[str, Any] = dict.fromkeys(CONSTANTS, NEVER)


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of usage, or costs. `result` is the `object` of its results, `counts` are their numbers, by the names of
    the sums that they are; None where nothing here is counted so. `groups` and `filters` are what can be grouped by
    and looked for, with the field of a dimension that it is. `endpoints` are the paths whose requests count, None for
    all.
    """

    result: str
    endpoints: tuple[str, ...] | None
    counts: Mapping[str, str | None]
    groups: Mapping[str, str]
    filters: Mapping[str, str]
    widths: tuple[Width, ...] = (Width.MINUTE, Width.HOUR, Width.DAY)
    has_batches: bool = False


def _kind(
    name: str, endpoints: tuple[str, ...], counts: Mapping[str, str | None], groups: Mapping[str, str], **more: Any
) -> Kind:
    """A kind of usage that can be filtered by all that it can be grouped by, under the names' plural."""
    filters = {f"{group}s": found for group, found in groups.items() if group not in CONSTANTS}
    return Kind(f"organization.usage.{name}.result", endpoints, counts, groups, filters, **more)


REQUESTS = {"num_model_requests": "requests"}
TOKENS: Mapping[str, str | None] = {"input_tokens": "input_tokens", **REQUESTS}
COMPLETIONS = _kind(
    "completions",
    ("/v1/chat/completions", "/v1/completions", "/v1/responses"),
    {
        "input_tokens": "input_tokens",
        "input_cached_tokens": "cached_tokens",
        "input_cache_write_tokens": None,
        "input_uncached_tokens": "uncached_tokens",
        "output_tokens": "output_tokens",
        "input_text_tokens": "uncached_tokens",
        "output_text_tokens": "output_tokens",
        "input_cached_text_tokens": "cached_tokens",
        "input_audio_tokens": None,
        "input_cached_audio_tokens": None,
        "output_audio_tokens": None,
        "input_image_tokens": None,
        "input_cached_image_tokens": None,
        "output_image_tokens": None,
        **REQUESTS,
    },
    {**MODEL, **ABSENT},
    has_batches=True,
)
EMBEDDINGS = _kind("embeddings", ("/v1/embeddings",), TOKENS, MODEL)
MODERATIONS = _kind("moderations", ("/v1/moderations",), TOKENS, MODEL)
IMAGES = _kind("images", (), {"images": None, **REQUESTS}, {**MODEL, "size": NEVER, "source": NEVER})
AUDIO_SPEECHES = _kind("audio_speeches", (), {"characters": None, **REQUESTS}, MODEL)
AUDIO_TRANSCRIPTIONS = _kind("audio_transcriptions", (), {"seconds": None, **REQUESTS}, MODEL)
VECTOR_STORES = _kind("vector_stores", (), {"usage_bytes": None}, PROJECT)
CODE_INTERPRETER_SESSIONS = _kind("code_interpreter_sessions", (), {"num_sessions": None}, PROJECT)
FILE_SEARCH_CALLS = _kind("file_searches", (), {"num_requests": None}, {**CALLER, "vector_store_id": NEVER})
WEB_SEARCH_CALLS = _kind("web_searches", (), {**REQUESTS, "num_requests": None}, {**MODEL, "context_level": NEVER})
COSTS = Kind(
    "organization.costs.result",
    None,
    {},
    {"project_id": "project_id", "line_item": "model", "api_key_id": "key_id"},
    {"project_ids": "project_id", "api_key_ids": "key_id"},
    widths=(Width.DAY,),
)


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of a kind: the buckets of a width from the one that begins at `first`, and holds the start, until
    `end`, in seconds since 1970, at most `limit` of them. `batch` is whether only batches, or only others, count."""

    width: Width
    first: int
    end: int
    limit: int
    group_by: tuple[str, ...] = ()
    filters: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    batch: bool | None = None


@dataclass(frozen=True, slots=True)
class Bucket:
    """The results of the requests from `start` to before `end`, in seconds since 1970."""

    start: int
    end: int
    results: list[dict[str, Any]]


def buckets(organization_id: str, kind: Kind, asked: Asked) -> tuple[list[Bucket], int | None]:
    """The buckets of a page, and where the next page begins, None where there is none."""
    width = asked.width.value
    last = min(asked.end, asked.first + width * asked.limit)
    results: defaultdict[int, list[dict[str, Any]]] = defaultdict(list)
    for found in _found(organization_id, kind, asked, last):
        results[int((found.start - EPOCH).total_seconds())].append(_result(kind, asked.group_by, found))
    starts = range(asked.first, last, width)
    following = asked.first + width * len(starts)
    return (
        [Bucket(start, start + width, results[start]) for start in starts],
        following if following < asked.end else None,
    )


def _found(organization_id: str, kind: Kind, asked: Asked, end: int) -> list[Summed]:
    filters = {kind.filters[name]: values for name, values in asked.filters.items()}
    if kind.endpoints is not None:
        filters[ENDPOINT] = kind.endpoints
    if NEVER in filters or asked.batch or kind.endpoints == ():
        return []
    fields = [kind.groups[name] for name in asked.group_by if kind.groups[name] != NEVER]
    return sums(Question(organization_id, asked.width, moment_of(asked.first), moment_of(end), fields, filters))


def _result(kind: Kind, group_by: tuple[str, ...], found: Summed) -> dict[str, Any]:
    """The specification's object of one group of a bucket."""
    names = iter(found.names)
    grouped = {name: CONSTANTS[name] if kind.groups[name] == NEVER else next(names) for name in group_by}
    counts = _costs(found, "line_item" in group_by) if kind is COSTS else dict(_counts(kind, found.sums))
    return {"object": kind.result, **counts, **{name: grouped.get(name) for name in kind.groups}}


def _counts(kind: Kind, told: Mapping[str, int]) -> Iterator[tuple[str, int]]:
    known = {**told, "uncached_tokens": told["input_tokens"] - told["cached_tokens"]}
    for name, of in kind.counts.items():
        yield name, 0 if of is None else bounded(known[of])


def _costs(found: Summed, by_line_item: bool) -> dict[str, Any]:
    """The amount in dollars; the line items are models, and their quantity the tokens that went in and out."""
    tokens = bounded(found.sums["input_tokens"] + found.sums["output_tokens"])
    return {
        "amount": {"value": float(found.sums["cost_micro"] / MICRO), "currency": "usd"},
        "quantity": tokens if by_line_item else None,
        "quantity_unit": "tokens" if by_line_item else None,
    }

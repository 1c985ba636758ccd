"""What Prometheus is told of requests that reached a model, and of those that a limit or a policy kept from
it.

Labels are ids of the catalog, names of its upstreams and reason codes of policies, never what callers make up.
"""

from functools import lru_cache
from typing import NamedTuple

from prometheus_client import Counter, Histogram

from analytics.records import Record
from lukhas_site.http.metrics import SECONDS, Batch

MILLION = 1_000_000
TOKEN_KINDS = ("input", "cached", "output", "reasoning")

requests = Counter(
    "lukhas_inference_requests",
    "Requests that reached a model, by the model and the upstream that answered and the status.",
    ["model", "upstream", "status"],
)
durations = Histogram(
    "lukhas_inference_duration_seconds",
    "From when a request that reached a model came in to the end of its answer.",
    ["model", "upstream"],
    buckets=SECONDS,
)
first_tokens = Histogram(
    "lukhas_time_to_first_token_seconds",
    "From when a request came in to the first piece of its streamed answer.",
    ["model", "upstream"],
    buckets=SECONDS,
)
tokens = Counter(
    "lukhas_tokens", "Tokens; cached ones are part of the input, reasoning ones of the output.", ["model", "kind"]
)
cost = Counter("lukhas_cost_dollars", "What the tokens cost at the prices of the catalog.", ["model"])
limited = Counter(
    "lukhas_limit_refusals",
    "Requests that a rate limit or a budget refused, by whose it was: project, key, user or organization.",
    ["limit"],
)
vetoes = Counter(
    "lukhas_vetoes",
    "Requests that a policy refused, or in shadow would have refused, by its reason code, kind and mode.",
    ["reason", "kind", "mode"],
)
guardian_failures = Counter(
    "lukhas_guardian_failures",
    "How often a policy could not tell, by its kind; `policies` where they could not be read.",
    ["kind"],
)


class _OfModel(NamedTuple):
    requests: Counter
    durations: Histogram
    first_tokens: Histogram
    tokens: tuple[Counter, ...]
    cost: Counter


def observe(record: Record) -> None:
    """Counts one request that reached a model, or was to."""
    batch.add(record)


def _count(record: Record) -> None:
    of = _of_model(record.model, record.upstream, record.status)
    of.requests.inc()
    of.durations.observe(record.duration_us / MILLION)
    if record.first_token_us is not None:
        of.first_tokens.observe(record.first_token_us / MILLION)
    used = (record.input_tokens, record.cached_tokens, record.output_tokens, record.reasoning_tokens)
    for counter, number in zip(of.tokens, used, strict=True):
        if number:
            counter.inc(number)
    if record.cost_micro:
        of.cost.inc(record.cost_micro / MILLION)


batch = Batch(_count)


def refuse(scope: str) -> None:
    """Counts one request that a limit of `scope` (`project:proj_…`) refused."""
    limited.labels(scope.partition(":")[0]).inc()


@lru_cache(maxsize=1024)
def _of_model(model: str, upstream: str, status: int) -> _OfModel:
    """What counts requests of one kind: found once, for finding it costs as much as counting."""
    return _OfModel(
        requests.labels(model, upstream, str(status)),
        durations.labels(model, upstream),
        first_tokens.labels(model, upstream),
        tuple(tokens.labels(model, kind) for kind in TOKEN_KINDS),
        cost.labels(model),
    )

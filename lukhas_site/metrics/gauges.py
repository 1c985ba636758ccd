"""How things stand in this process, told to Prometheus each time it asks; and flag evaluations, in batches.

What is counted of each request is in `lukhas_site.http.metrics` and `api.metrics`.
"""

from collections import Counter as Counted
from collections.abc import Mapping
from functools import lru_cache

from prometheus_client import Counter, Gauge

from accounts.limits.keeper import Keeper
from analytics import intake, usage
from api import metrics as inference
from api.backends import registry
from api.breakers import breakers
from features.exposures import exposed
from features.models.exposures import Exposure
from features.ruleset import watch
from lukhas_site import __version__
from lukhas_site.http import metrics as http
from lukhas_site.http.metrics import OTHER
from lukhas_site.metrics import sharing

EVERY = 5.0
"""Seconds after which other processes know how things are in this one."""

MOST_KINDS = 2_000
"""Different labels of evaluations; what would be one more counts under `other`."""

build = Gauge("lukhas_build_info", "1, with the version as a label.", ["version"], multiprocess_mode="livemax")
waiting = Gauge(
    "lukhas_queue_waiting",
    "Requests, or pieces of them, that wait for an embedded model.",
    ["backend"],
    multiprocess_mode="livesum",
)
backlog = Gauge(
    "lukhas_journal_backlog_bytes",
    "What waits in a journal for the database.",
    ["journal"],
    multiprocess_mode="livemax",
)
oldest = Gauge(
    "lukhas_journal_oldest_seconds",
    "How long the oldest of it has waited.",
    ["journal"],
    multiprocess_mode="livemax",
)
refusing = Gauge(
    "lukhas_journal_refusing",
    "1 while nothing can be written down, so that requests are refused.",
    ["journal"],
    multiprocess_mode="livemax",
)
left_alone = Gauge(
    "lukhas_deployments_left_alone",
    "Deployments whose breaker is open or half-open, summed over the processes.",
    ["model", "upstream"],
    multiprocess_mode="livesum",
)
ruleset_version = Gauge(
    "lukhas_flags_version", "The version of the feature flags that answers.", multiprocess_mode="livemin"
)
ruleset_age = Gauge(
    "lukhas_flags_age_seconds", "Since when it has not been looked whether they changed.", multiprocess_mode="livemax"
)
evaluations = Counter(
    "lukhas_flag_evaluations",
    "How often feature flags answered; told every few seconds.",
    ["environment", "flag", "variant", "reason"],
)

JOURNALS = {"usage": usage.journal, "events": intake.journal}


def look() -> None:
    """Sets the gauges to how things are now, and counts what waits to be counted."""
    http.batch.flush()
    inference.batch.flush()
    build.labels(__version__).set(1)
    for kind, number in registry.waiting().items():
        waiting.labels(kind).set(number)
    for name, journal in JOURNALS.items():
        backlog.labels(name).set(journal.backlog)
        oldest.labels(name).set(journal.oldest)
        refusing.labels(name).set(bool(journal.refusing))
    broken = Counted(place[:2] for place in list(breakers.troubled) if breakers.state(place) != "closed")
    _ever_left_alone.update(broken)
    for labels in _ever_left_alone:
        left_alone.labels(*labels).set(broken[labels])
    if watch.rulesets is not None:
        ruleset_version.set(watch.rulesets.version)
        ruleset_age.set(watch.age)


keeper = Keeper(look, "metrics", EVERY)


def start() -> None:
    """Counts evaluations from now on; and where another process may be asked, leaves there how things are here."""
    exposed.connect(count, dispatch_uid="lukhas_site.metrics")
    if sharing.directory() is not None:
        keeper.start()


def count(counts: Mapping[Exposure, int], **_: object) -> None:
    """Counts what flags answered since the last time."""
    for exposure, number in counts.items():
        _of(exposure.environment, exposure.flag, exposure.variant, exposure.reason).inc(number)


_ever_left_alone: set[tuple[str, str]] = set()
_kinds: set[tuple[str, ...]] = set()


@lru_cache(maxsize=MOST_KINDS)
def _of(*labels: str) -> Counter:
    """The counter of these labels; flags come and go, but what was counted stays until the process ends."""
    if labels not in _kinds:
        if len(_kinds) >= MOST_KINDS:
            labels = (OTHER,) * len(labels)
        else:
            _kinds.add(labels)
    return evaluations.labels(*labels)

"""Is a variant worse than it may be: thresholds, absolute or against the control, over the same minutes. Asks no
database.

What is over a threshold is so in all of the minutes together, and in more than half of them each by itself: neither a
short spike nor a single slow request is enough. A share of errors has to be so beyond chance, too.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from analytics.dashboard import writing
from analytics.dashboard.comparing import FEWEST, difference, wilson
from analytics.dashboard.periods import floor
from analytics.histograms import quantile
from analytics.models.rollups import Width

MINUTE = timedelta(minutes=1)
LOOKED_BACK = 15
"""For so many minutes what becomes known late is looked at; longer than upstreams have to answer."""
SHARE = 0.95
MOST, ABOVE, TIMES = "most", "above", "times"
"""Kinds of thresholds: the value itself; so many points above the control's; so many times the control's."""


@dataclass(slots=True)
class Side:
    """What the requests of a variant came to: sums by their names, and histograms of microseconds."""

    sums: Counter[str] = field(default_factory=Counter)
    duration: Counter[int] = field(default_factory=Counter)
    first_token: Counter[int] = field(default_factory=Counter)

    @property
    def requests(self) -> int:
        return self.sums["requests"]

    def add(self, other: "Side") -> None:
        self.sums.update(other.sums)
        self.duration.update(other.duration)
        self.first_token.update(other.first_token)


Minutes = Mapping[datetime, Side]
"""By when they begin; those without requests are not there."""


@dataclass(frozen=True, slots=True)
class Metric:
    """What is watched. `value` is of a side, None where there is none; `count` of how many requests it is. One unit of
    a threshold is `unit` of it; `relative` is the kind of threshold against the control."""

    name: str
    title: str
    value: Callable[[Side], float | None]
    count: Callable[[Side], int]
    write: writing.Write
    unit: float
    relative: str


ERROR_RATE = Metric(
    "error_rate", "error rate", lambda side: side.sums["failed"] / side.requests if side.requests else None,
    lambda side: side.requests, writing.percent, 0.01, ABOVE,
)  # fmt: skip
METRICS = (
    ERROR_RATE,
    Metric(
        "latency_p95", "p95 latency", lambda side: quantile(side.duration, SHARE), lambda side: side.requests,
        writing.took, 1_000_000, TIMES,
    ),
    Metric(
        "first_token_p95", "p95 time to first token", lambda side: quantile(side.first_token, SHARE),
        lambda side: side.sums["first_tokens"], writing.took, 1_000_000, TIMES,
    ),
    Metric(
        "cost", "cost a request", lambda side: side.sums["cost_micro"] / side.requests if side.requests else None,
        lambda side: side.requests, writing.dollars, 1_000_000, TIMES,
    ),
)  # fmt: skip
BY_NAME = {metric.name: metric for metric in METRICS}
THRESHOLDS = tuple(f"{metric.name}_{kind}" for metric in METRICS for kind in (MOST, metric.relative))
"""The names of all thresholds: `error_rate_most`, `error_rate_above`, `latency_p95_most` and so on."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How many minutes are looked at, how many requests a variant must have in them, and the thresholds that are set,
    by their names."""

    minutes: int
    min_requests: int
    thresholds: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Finding:
    """A variant that is worse than it may be: the numbers that decide."""

    metric: Metric
    kind: str
    threshold: float
    variant: str
    control: str
    value: float
    limit: float
    requests: int
    control_value: float | None
    control_requests: int

    def told(self) -> str:
        """In words."""
        write = self.metric.write
        value = f"the {self.metric.title} of {self.variant} was {write(self.value)} in {self.requests} requests"
        if self.kind == MOST:
            limit = f"the limit is {write(self.limit)}"
        else:
            more = f"{self.threshold:g} points above" if self.kind == ABOVE else f"{self.threshold:g} times"
            limit = f"the limit was {write(self.limit)}, {more} that of {self.control}"
        if self.control_value is None:
            return f"{value}; {limit}. {self.control} had too few requests to be compared with."
        return f"{value}; {limit}. {self.control} had {write(self.control_value)} in {self.control_requests} requests."


@dataclass(frozen=True, slots=True)
class Judgement:
    """What is to be said of a variant. `compared` says whether there was a control to compare it with."""

    variant: str
    requests: int
    compared: bool = False
    enough: bool = True
    finding: Finding | None = None

    def told(self) -> str:
        """In words."""
        if self.finding is not None:
            return self.finding.told()
        if not self.enough:
            return f"{self.variant} had {self.requests} requests, too few to be judged."
        against = "" if self.compared else ", absolute thresholds only: the control had too few requests"
        return f"{self.variant} is within its thresholds in {self.requests} requests{against}."


def windows(now: datetime, late: timedelta, minutes: int, since: datetime) -> list[tuple[datetime, datetime]]:
    """The stretches of so many whole minutes that are looked at, the last one first: those that end within LOOKED_BACK,
    and `late` ago, without what began before `since`. A request counts when it came in, and is known when it is over:
    what was waiting for an answer was missing when its minutes were looked at first."""
    end = floor(now - late, Width.MINUTE)
    first = floor(since, Width.MINUTE)
    if first < since:
        first += MINUTE
    ends = (end - MINUTE * back for back in range(LOOKED_BACK))
    return [(max(last - MINUTE * minutes, first), last) for last in ends if first < last]


def judge(limits: Limits, variant: str, control: str, minutes: Minutes, of_control: Minutes) -> Judgement:
    """What is to be said of a variant, by what it and the control did in these minutes. The control counts in those
    only in which the variant answered."""
    whole, other = together(minutes), together({at: of_control[at] for at in minutes if at in of_control})
    if whole.requests < limits.min_requests:
        return Judgement(variant, whole.requests, enough=False)
    compared = other.requests >= FEWEST
    for metric in METRICS:
        if metric.count(whole) < limits.min_requests:
            continue
        base = metric.value(other) if metric.count(other) >= FEWEST else None
        for kind in (MOST, metric.relative):
            threshold = limits.thresholds.get(f"{metric.name}_{kind}")
            if threshold is None:
                continue
            limit = limit_of(metric, kind, threshold, base)
            if limit is None or not exceeded(metric, kind, limit, whole, other):
                continue
            over = [side for side in minutes.values() if (metric.value(side) or 0) > limit]
            if 2 * len(over) > limits.minutes:
                value = metric.value(whole) or 0
                found = Finding(
                    metric, kind, threshold, variant, control, value, limit, metric.count(whole), base,
                    metric.count(other),
                )  # fmt: skip
                return Judgement(variant, whole.requests, compared, finding=found)
    return Judgement(variant, whole.requests, compared)


def together(minutes: Minutes) -> Side:
    """All of these minutes as one."""
    whole = Side()
    for side in minutes.values():
        whole.add(side)
    return whole


def limit_of(metric: Metric, kind: str, threshold: float, base: float | None) -> float | None:
    """What the value may be at most; None where that rests on a control that tells nothing."""
    if kind == MOST:
        return threshold * metric.unit
    if base is None:
        return None
    if kind == ABOVE:
        return base + threshold * metric.unit
    return base * threshold or None  # nothing is so many times nothing


def exceeded(metric: Metric, kind: str, limit: float, whole: Side, other: Side) -> bool:
    """Whether the value is over the limit in all of the minutes together; a share of errors, beyond chance."""
    if (metric.value(whole) or 0) <= limit:
        return False
    if metric is not ERROR_RATE:
        return True
    failed = whole.sums["failed"]
    if kind == MOST:
        return wilson(failed, whole.requests)[1] > limit
    found = difference(failed, whole.requests, other.sums["failed"], other.requests)
    return found is not None and found.low > 0

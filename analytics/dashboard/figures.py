"""The charts of the page, and the figures above them: requests, errors, tokens, cost and latencies over time."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from analytics.dashboard import writing
from analytics.dashboard.charts import WIDE, Chart, Series
from analytics.dashboard.periods import Period
from analytics.histograms import quantile
from analytics.rollups.reading import Question, Summed, latencies, sums, totals

Sums = Mapping[str, int]
Histograms = Mapping[tuple[Any, ...], Counter[int]]
"""By bucket, as `analytics.rollups.reading.latencies` returns them."""
QUANTILES = ((0.5, "p50", "blue"), (0.95, "p95", "orange"), (0.99, "p99", "purple"))
NOBODY = "No request in this time."
NO_STREAM = "No stream in this time: the time to the first token is that of streams."
NO_COST = "Nothing was spent in this time. Models without prices cost nothing."


@dataclass(frozen=True, slots=True)
class Tile:
    """A figure of the whole time. `change` is against as much time before it; empty where that had none."""

    title: str
    value: str
    note: str
    change: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How requests end: the sum that counts them, what they are called, and their colour."""

    name: str
    tone: str
    number: Callable[[Sums], int]


def answered(sums: Sums) -> int:
    """How many requests were answered well."""
    return sums["requests"] - sums["failed"] - sums["cut"] - sums["refused"]


OUTCOMES = (
    Outcome("answered", "blue", answered),
    Outcome("refused", "orange", lambda sums: sums["refused"]),
    Outcome("caller hung up", "grey", lambda sums: sums["cut"]),
    Outcome("failed", "red", lambda sums: sums["failed"]),
)
TOKENS = (
    Outcome("input", "blue", lambda sums: sums["input_tokens"] - sums["cached_tokens"]),
    Outcome("cached input", "teal", lambda sums: sums["cached_tokens"]),
    Outcome("output", "purple", lambda sums: sums["output_tokens"]),
)


@dataclass(frozen=True, slots=True)
class Overview:
    tiles: tuple[Tile, ...]
    charts: tuple[Chart, ...]
    drawing: "Drawing"


def overview(question: Question, period: Period, now: datetime) -> Overview:
    """Everything over time. Four queries."""
    earlier = period.before()
    before = totals(replace(question, start=earlier.start, end=earlier.end))
    draw = Drawing(period, now, sums(question))
    times = {name: latencies(question, name, by_bucket=True) for name in ("duration", "first_token")}
    charts = (
        draw.counted("requests", "Requests", OUTCOMES, NOBODY),
        draw.errors(),
        draw.counted("tokens", "Tokens", TOKENS, "No token was used in this time."),
        draw.cost(),
        draw.latency("latency", "Latency", times["duration"], NOBODY),
        draw.latency("first-token", "Time to the first token", times["first_token"], NO_STREAM),
    )
    return Overview(tiles(draw.total, before[0].sums if before else {}, times), charts, draw)


def tiles(total: Sums, before: Sums, times: Mapping[str, Histograms]) -> tuple[Tile, ...]:
    """The figures of the whole time."""
    requests = total["requests"] or 1

    def tile(title: str, number: Callable[[Sums], int], write: writing.Write, note: str) -> Tile:
        return Tile(title, write(number(total)), note, writing.change(number(total), number(before) if before else 0))

    def p95(title: str, name: str) -> Tile:
        whole: Counter[int] = Counter()
        for bins in times[name].values():
            whole.update(bins)
        return Tile(title, writing.or_nothing(writing.took, quantile(whole, 0.95)), "95 of 100 are not slower")

    return (
        tile(
            "Requests",
            lambda sums: sums["requests"],
            writing.short_count,
            f"{writing.percent(answered(total) / requests)} answered well",
        ),
        Tile("Failed", writing.percent(total["failed"] / requests), f"{writing.count(total['failed'])} requests"),
        tile(
            "Tokens",
            tokens,
            writing.short_count,
            f"{writing.percent(total['cached_tokens'] / (total['input_tokens'] or 1))} of the input cached",
        ),
        tile(
            "Cost",
            lambda sums: sums["cost_micro"],
            writing.short_dollars,
            f"{writing.dollars(total['cost_micro'] / requests)} a request",
        ),
        p95("Latency, p95", "duration"),
        p95("First token, p95", "first_token"),
    )


def tokens(sums: Sums) -> int:
    """All tokens: those that are cached or thought are among the others."""
    return sums["input_tokens"] + sums["output_tokens"]


class Drawing:
    """The charts of some sums by bucket. `total` is what they come to."""

    def __init__(self, period: Period, now: datetime, found: Sequence[Summed]) -> None:
        self.period, self.now = period, now
        self.buckets = period.buckets()
        self.sums = {one.start: one.sums for one in found}
        total: Counter[str] = Counter()
        for one in found:
            total.update(one.sums)
        self.total: Sums = total

    def values(self, number: Callable[[Sums], int]) -> list[int]:
        """By bucket; nothing happened in those that are not there."""
        return [number(self.sums[at]) if at in self.sums else 0 for at in self.buckets]

    def counted(self, key: str, title: str, parts: Sequence[Outcome], empty: str) -> Chart:
        """What can be counted, in columns of these parts."""
        series = [Series(part.name, part.tone, self.values(part.number)) for part in parts]
        numbers = [f"{part.name} {writing.count(part.number(self.total))}" for part in parts]
        return Chart(
            key, f"{title} per {self.period.unit}", "bars", series, self.period, self.now, writing.count,
            writing.short_count, f"In all: {', '.join(numbers)}.", empty, whole=True,
        )  # fmt: skip

    def errors(self) -> Chart:
        """The share of requests that failed or were refused; none where nobody asked."""

        def share(name: str) -> list[float | None]:
            of = [self.sums.get(at) for at in self.buckets]
            return [sums[name] / sums["requests"] if sums else None for sums in of]

        series = [Series("failed", "red", share("failed")), Series("refused", "orange", share("refused"))]
        whole = self.total["requests"] or 1
        told = [f"{one.name} {writing.percent(self.total[one.name] / whole)}" for one in series]
        return Chart(
            "errors", "Errors, share of requests", "lines", series, self.period, self.now, writing.percent,
            writing.short_percent, f"Over the whole time: {', '.join(told)}.", NOBODY,
        )  # fmt: skip

    def cost(self) -> Chart:
        series = [Series("cost", "green", self.values(lambda sums: sums["cost_micro"]))]
        return Chart(
            "cost", f"Cost per {self.period.unit}, US dollars", "bars", series, self.period, self.now, writing.dollars,
            writing.marked_dollars, f"In all {writing.dollars(self.total['cost_micro'])}.", NO_COST, whole=True,
        )  # fmt: skip

    def latency(self, key: str, title: str, times: Histograms, empty: str) -> Chart:
        """Percentiles of each bucket."""
        by_bucket = [times.get((at,), Counter()) for at in self.buckets]
        series = [Series(name, tone, [quantile(bins, at) for bins in by_bucket]) for at, name, tone in QUANTILES]
        slowest = max((value for value in series[1].values if value is not None), default=0)
        return Chart(
            key, f"{title}, percentiles", "lines", series, self.period, self.now, writing.took, writing.took,
            f"The highest p95 of a {self.period.unit} is {writing.took(slowest)}.", empty,
        )  # fmt: skip

    def stacked(self, key: str, title: str, series: Sequence[Series], summary: str) -> Chart:
        """Requests, in columns of these series, as wide as the page."""
        return Chart(
            key, title, "bars", series, self.period, self.now, writing.count, writing.short_count, summary, NOBODY,
            whole=True, across=WIDE,
        )  # fmt: skip

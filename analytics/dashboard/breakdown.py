"""Who or what the usage is of: those with the most requests, by project, key, model or variant."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from accounts.models import ApiKey, Project
from analytics.dashboard import writing
from analytics.dashboard.asking import FIELDS, Asked
from analytics.dashboard.charts import Chart, Series
from analytics.dashboard.figures import Drawing, Sums
from analytics.histograms import quantile
from analytics.rollups.reading import Summed, Totalled, latencies, sums, totals

SHOWN = 10
DRAWN = 6
TONES = ("blue", "orange", "green", "purple", "teal", "red")
OTHERS = "all others"
WITHOUT = {"project": "no project", "key": "no key", "model": "no model", "variant": "no rollout"}

Names = tuple[str, ...]
Histograms = Mapping[str, Counter[int]]
"""By the name of what they are of: `duration` or `first_token`."""


@dataclass(frozen=True, slots=True)
class Place:
    """A line of the list. `link` is the query of the same page with this project alone; empty where there is none."""

    name: str
    id: str
    link: str
    requests: int
    share: float
    cells: tuple[str, ...]

    @property
    def told(self) -> str:
        return writing.count(self.requests)

    @property
    def percent(self) -> str:
        return writing.percent(self.share)


PERCENTILES = (("duration", 0.5), ("duration", 0.95), ("first_token", 0.95))
HEADERS = ("Failed", "Input tokens", "Cached", "Output tokens", "Cost", "Latency p50", "Latency p95", "First token p95")


@dataclass(frozen=True, slots=True)
class Breakdown:
    places: tuple[Place, ...]
    chart: Chart


def breakdown(asked: Asked, drawing: Drawing) -> Breakdown:
    """The list and its chart; `drawing` is of all there is, in the same time. At most five queries."""
    question, total = replace(asked.question, group_by=FIELDS[asked.by]), drawing.total
    top = totals(question, SHOWN)
    known = names_of(asked.by, [one.names[0] for one in top])
    wanted = {field: {one.names[place] for one in top} for place, field in enumerate(FIELDS[asked.by])}
    narrowed = replace(question, filters={**(question.filters or {}), **wanted})
    times = {name: latencies(narrowed, name) for name in ("duration", "first_token")}
    places = [_place(asked, one, total, known, {name: bins[one.names] for name, bins in times.items()}) for one in top]
    if rest := total["requests"] - sum(one.sums["requests"] for one in top):
        places.append(_others(total, top, rest))
    series = _series(drawing, [one.names for one in top[:DRAWN]], [place.name for place in places], sums(narrowed))
    told = ", ".join(f"{place.name} {writing.count(place.requests)}" for place in places)
    title = f"Requests per {asked.period.unit}, by {asked.by}"
    return Breakdown(tuple(places), drawing.stacked("by", title, series, f"In all: {told}."))


def _series(drawing: Drawing, drawn: Sequence[Names], called: Sequence[str], found: Sequence[Summed]) -> list[Series]:
    """The first ones each by itself, and what is left of all requests."""
    by_bucket: dict[Names, dict[datetime, int]] = {names: {} for names in drawn}
    for one in found:
        if one.names in by_bucket:
            by_bucket[one.names][one.start] = one.sums["requests"]
    series = [
        Series(name, tone, [by_bucket[names].get(at, 0) for at in drawing.buckets])
        for name, tone, names in zip(called, TONES, drawn, strict=False)
    ]
    whole = drawing.values(lambda sums: sums["requests"])
    left = [value - sum(column) for value, *column in zip(whole, *(one.values for one in series), strict=True)]
    return [*series, Series(OTHERS, "grey", left)] if any(left) else series


def names_of(by: str, ids: Sequence[str]) -> Mapping[str, str]:
    """What people call these projects or keys; one query. Models and variants are called what they are."""
    if by == "project":
        return dict(Project.objects.filter(public_id__in=ids).values_list("public_id", "name"))
    if by == "key":
        return dict(ApiKey.objects.filter(public_id__in=ids).values_list("public_id", "name"))
    return {}


def _place(asked: Asked, one: Totalled, total: Sums, known: Mapping[str, str], times: Histograms) -> Place:
    id, requests = one.names[0], one.sums["requests"]
    name = known.get(id) or ": ".join(filter(None, one.names)) or WITHOUT[asked.by]
    link = asked.address(project=id) if asked.by == "project" and id in known else ""
    told = [writing.or_nothing(writing.took, quantile(times[metric], share)) for metric, share in PERCENTILES]
    cells = (*_cells(one.sums), *told)
    return Place(name, id if id in known else "", link, requests, requests / total["requests"], cells)


def _cells(sums: Sums) -> tuple[str, ...]:
    return (
        writing.percent(sums["failed"] / sums["requests"]),
        *(writing.count(sums[name]) for name in ("input_tokens", "cached_tokens", "output_tokens")),
        writing.dollars(sums["cost_micro"]),
    )


def _others(total: Sums, top: Sequence[Totalled], rest: int) -> Place:
    left = {name: total[name] - sum(one.sums[name] for one in top) for name in total}
    return Place(OTHERS, "", "", rest, rest / total["requests"], (*_cells(left), *[writing.NOTHING] * len(PERCENTILES)))

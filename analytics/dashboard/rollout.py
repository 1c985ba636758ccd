"""Did the rollout help: the variants of a flag beside each other, each against the control."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from analytics.dashboard import comparing, writing
from analytics.dashboard.asking import Asked
from analytics.dashboard.comparing import Estimate, Times
from analytics.dashboard.figures import Sums
from analytics.histograms import quantile
from analytics.rollups.reading import Totalled, latencies, totals
from features.models import FlagState
from features.models.environments import PRODUCTION

NO_VALUE = "no variant"
"""What the empty variant is called: the flag said nothing."""
BEYOND, WITHIN = "beyond chance", "within chance"
TOO_FEW = f"fewer than {comparing.FEWEST} requests"


@dataclass(frozen=True, slots=True)
class Cell:
    """A number of a variant; how it differs from the control's, with what interval, and what to make of that."""

    value: str
    difference: str = ""
    interval: str = ""
    verdict: str = ""

    @property
    def sure(self) -> bool:
        return self.verdict == BEYOND


@dataclass(frozen=True, slots=True)
class Measure:
    title: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Rollout:
    """`flags` had answers in this time, those with the most requests first. `variants` are those of `flag`, the control
    first, by the names that people see."""

    flags: tuple[str, ...]
    flag: str
    control: str
    others: tuple[str, ...]
    measures: tuple[Measure, ...]
    complaints: tuple[str, ...]

    @property
    def variants(self) -> tuple[str, ...]:
        return (self.control, *self.others)


@dataclass(frozen=True, slots=True)
class Side:
    """What a variant came to. Histograms are by the name of what they are of."""

    sums: Sums
    times: Mapping[str, Counter[int]]

    def taken(self, name: str) -> Times:
        """`duration` or `first_token`."""
        count = self.sums["requests" if name == "duration" else "first_tokens"]
        return Times(count, self.sums[name], self.sums[f"{name}_squares"])

    def each(self, name: str) -> float:
        """One of the sums, a request."""
        return self.sums[name] / self.sums["requests"]


def rollout(asked: Asked) -> Rollout | None:
    """The flag that was asked for, or else the one that most requests are of; None where no flag chose a model. At most
    four queries."""
    question = replace(asked.question, group_by=("flag", "variant"))
    found: dict[str, list[Totalled]] = {}
    for one in totals(question):
        if one.names[0]:
            found.setdefault(one.names[0], []).append(one)
    if not found:
        return None
    flags = sorted(found, key=lambda flag: -sum(one.sums["requests"] for one in found[flag]))
    flag = asked.flag if asked.flag in found else flags[0]
    complaints = []
    if asked.flag and asked.flag != flag:
        complaints.append(f"The flag “{asked.flag}” chose no model in this time. “{flag}” is shown.")
    variants = [one.names[1] for one in found[flag]]
    control = _control(asked, flag, variants, complaints)
    narrowed = replace(question, filters={**(question.filters or {}), "flag": [flag]})
    times = {name: latencies(narrowed, name) for name in ("duration", "first_token")}
    sides = {
        one.names[1]: Side(one.sums, {name: bins[one.names] for name, bins in times.items()}) for one in found[flag]
    }
    others = [variant for variant in variants if variant != control]
    measures = tuple(compare(sides[control], [sides[variant] for variant in others]))
    return Rollout(tuple(flags), flag, _name(control), tuple(map(_name, others)), measures, tuple(complaints))


def _name(variant: str) -> str:
    return variant or NO_VALUE


def _control(asked: Asked, flag: str, variants: Sequence[str], complaints: list[str]) -> str:
    """What the others are compared to: what was asked for, or else the flag's default in production, or else the one
    with the most requests. One query."""
    named = {_name(variant): variant for variant in variants}
    states = FlagState.objects.filter(flag__key=flag, flag__organization__public_id=asked.organization.id)
    default = states.filter(environment__key=PRODUCTION).values_list("default_variant", flat=True).first()
    control = default if default is not None and default in variants else variants[0]
    if asked.control and asked.control not in named:
        complaints.append(f"“{flag}” answered nothing with “{asked.control}” in this time.")
    return named.get(asked.control, control)


def compare(control: Side, others: Sequence[Side]) -> list[Measure]:
    """What is told of the control and, against it, of the others."""
    sides = (control, *others)
    requests = sum(side.sums["requests"] for side in sides)

    def measure(title: str, tell: Callable[[Side], Cell]) -> Measure:
        return Measure(title, tuple(map(tell, sides)))

    def percentile(name: str, share: float) -> Callable[[Side], Cell]:
        return lambda side: _number(
            quantile(side.times[name], share), quantile(control.times[name], share), writing.took, side is control
        )

    def each(name: str, write: writing.Write) -> Callable[[Side], Cell]:
        return lambda side: _number(side.each(name), control.each(name), write, side is control)

    return [
        measure("Requests", lambda side: _requests(side, requests)),
        measure("Failed", lambda side: _share(side, control, "failed")),
        measure("Refused", lambda side: _share(side, control, "refused")),
        measure("Latency, mean", lambda side: _mean(side, control, "duration")),
        measure("Latency, p50", percentile("duration", 0.5)),
        measure("Latency, p95", percentile("duration", 0.95)),
        measure("First token, mean", lambda side: _mean(side, control, "first_token")),
        measure("First token, p95", percentile("first_token", 0.95)),
        measure("Input tokens a request", each("input_tokens", writing.short_count)),
        measure("Output tokens a request", each("output_tokens", writing.short_count)),
        measure("Cost a request", each("cost_micro", writing.dollars)),
        measure("Cost in all", lambda side: Cell(writing.dollars(side.sums["cost_micro"]))),
    ]


def _requests(side: Side, whole: int) -> Cell:
    return Cell(f"{writing.count(side.sums['requests'])} ({writing.percent(side.sums['requests'] / whole)})")


def _number(value: float | None, control: float | None, write: writing.Write, is_control: bool) -> Cell:
    """What has no interval: roll-ups hold no squares of it."""
    told = "" if is_control or value is None or not control else writing.change(value, control)
    return Cell(writing.or_nothing(write, value), told)


def _mean(side: Side, control: Side, name: str) -> Cell:
    value = writing.or_nothing(writing.took, side.taken(name).mean)
    if side is control:
        return Cell(value)
    return _estimated(value, comparing.ratio(side.taken(name), control.taken(name)))


def _share(side: Side, control: Side, name: str) -> Cell:
    value = writing.percent(side.each(name))
    if side is control:
        return Cell(value)
    hits, count = side.sums[name], side.sums["requests"]
    found = comparing.difference(hits, count, control.sums[name], control.sums["requests"])
    return _estimated(value, found, unit=" points", digits=2)


def _estimated(value: str, found: Estimate | None, *, unit: str = " %", digits: int = 1) -> Cell:
    if found is None:
        return Cell(value, verdict=TOO_FEW)
    told, low, high = (writing.signed(at, unit=unit, digits=digits) for at in (found.value, found.low, found.high))
    return Cell(value, told, f"{low.removesuffix(unit)} to {high}", BEYOND if found.sure else WITHIN)

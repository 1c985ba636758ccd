"""The result of an experiment, as it is known now."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from analytics.experiments import inference
from analytics.experiments.counting import NOBODY, Units, units
from analytics.experiments.inference import Comparison, Mean, Split
from analytics.experiments.requests import Answered, Sums, answered
from analytics.models import Experiment
from analytics.models.experiments import Metric
from analytics.rollups.gathering import TICK_US

SECONDS = TICK_US / 1_000_000
DOLLARS = 1 / 1_000_000
UNITS = {
    Metric.EVENT_RATE: "share",
    Metric.ERROR_RATE: "share",
    Metric.LATENCY: "seconds",
    Metric.FIRST_TOKEN: "seconds",
    Metric.COST: "dollars",
}
"""What the values of each metric are in."""


@dataclass(frozen=True, slots=True)
class Arm:
    """What is known of a variant. `units` got it. The value is of `count` units or requests, `hits` of which did what
    is measured, where it is a share; None of none. `comparison` is with the control."""

    variant: str
    units: int
    count: int
    hits: int | None
    value: float | None
    comparison: Comparison | None = None


@dataclass(frozen=True, slots=True)
class Results:
    """The arms, the control first. `until` is up to when it counts; `several` and `earlier` are units that are left
    out, see `analytics.experiments.counting`. `split` is None where it cannot be judged."""

    experiment: Experiment
    until: datetime
    arms: Sequence[Arm]
    several: int
    earlier: int
    split: Split | None

    @property
    def unit(self) -> str:
        return UNITS[Metric(self.experiment.metric)]

    @property
    def control(self) -> Arm:
        return self.arms[0]

    @property
    def others(self) -> Sequence[Arm]:
        return self.arms[1:]


@dataclass(frozen=True, slots=True)
class Measured:
    """How many units or requests there are; how many of them did what is measured, where that is a share; and their
    mean, where it is none, and where they are not too few."""

    count: int
    hits: int | None = None
    mean: Mean | None = None

    @property
    def value(self) -> float | None:
        if self.hits is not None:
            return self.hits / self.count if self.count else None
        return None if self.mean is None else self.mean.value

    def against(self, control: "Measured") -> Comparison | None:
        if self.hits is None or control.hits is None:
            return inference.means(self.mean, control.mean)
        return inference.shares(self.hits, self.count, control.hits, control.count)


Measure = Callable[[str], Measured]
"""What is known of a variant."""


def results_of(experiment: Experiment, now: datetime, project: str = "") -> Results:
    """What is known of an experiment; only of one project, if that is named. At most three queries, where its flag is
    known."""
    since, until = experiment.started_at, experiment.until(now)
    found: Units = NOBODY if since is None else units(experiment, since, until, project)
    if experiment.of_usage:
        requests = {} if since is None else answered(experiment, since, until, project)
        measure = _of_requests(Metric(experiment.metric), requests)
        known = {*found.exposed, *requests}
    else:
        measure = _of_units(found)
        known = {*found.exposed}
    control = measure(experiment.control)
    first = _arm(experiment.control, found, control)
    others = [variant for variant in _variants(experiment, known) if variant != experiment.control]
    arms = (first, *(_arm(name, found, measure(name), measure(name).against(control)) for name in others))
    split = inference.split(found.exposed, experiment.weights) if experiment.weights else None
    return Results(experiment, until, arms, found.several, found.earlier, split)


def _variants(experiment: Experiment, known: set[str]) -> list[str]:
    """Those that are to be shown, by name: that units should get, or got. Not in the flag's order, which databases
    forget."""
    asked = {variant for variant, weight in experiment.weights.items() if weight} or {*experiment.flag.variants}
    return sorted(asked | known)


def _of_units(found: Units) -> Measure:
    return lambda variant: Measured(found.exposed.get(variant, 0), found.converted.get(variant, 0))


def _of_requests(metric: Metric, requests: Mapping[str, Answered]) -> Measure:
    def measure(variant: str) -> Measured:
        found = requests.get(variant, Answered({}))
        sums: Sums = found.sums
        count = sums.get("requests", 0)
        if metric == Metric.ERROR_RATE:
            return Measured(count, sums.get("failed", 0))
        if metric == Metric.COST:
            return Measured(count, mean=inference.ratio_of(found.stretches, DOLLARS))
        if metric == Metric.FIRST_TOKEN:
            count = sums.get("first_tokens", 0)
        name = "duration" if metric == Metric.LATENCY else "first_token"
        total, squares = sums.get(name, 0), sums.get(f"{name}_squares", 0)
        return Measured(count, mean=inference.mean_of(count, total, squares, SECONDS))

    return measure


def _arm(variant: str, found: Units, measured: Measured, comparison: Comparison | None = None) -> Arm:
    return Arm(variant, found.exposed.get(variant, 0), measured.count, measured.hits, measured.value, comparison)

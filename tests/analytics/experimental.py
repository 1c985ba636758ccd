"""Experiments for tests: a flag that splits its callers, and what they get and do."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from accounts.bootstrap import ensure_defaults
from accounts.models import Organization, Project
from analytics.draining import store
from analytics.keeping import keep
from analytics.models import Experiment, RawExposure
from analytics.models.exposures import Unit
from analytics.records import EPOCH, Record
from features.bootstrap import ensure_environment
from features.models import Environment, Flag, FlagState
from tests.analytics.judged import entry
from tests.analytics.recorded import record

NOW = datetime(2026, 3, 20, 12, tzinfo=UTC)
START = NOW - timedelta(days=1)
HALVES: list[dict[str, Any]] = [
    {"split": {"weights": [{"variant": "on", "weight": 1}, {"variant": "off", "weight": 1}]}}
]
NUMBERS = iter(range(1, 10**9))


def home() -> tuple[Organization, Project]:
    return ensure_defaults()


def make_flag(key: str = "green", environment: Environment | None = None, **state: Any) -> Flag:
    """A boolean flag that is on in production, and splits its callers into halves unless told otherwise."""
    place = environment or ensure_environment()
    flag = Flag.objects.create(
        organization=place.organization, key=key, kind="boolean", variants={"on": True, "off": False}
    )
    fields = {"enabled": True, "default_variant": "off", "off_variant": "off", "rules": HALVES, **state}
    FlagState.objects.create(flag=flag, environment=place, **fields)
    return flag


def make(flag: Flag | None = None, **fields: Any) -> Experiment:
    """A draft that measures how many click."""
    flag = flag or make_flag()
    usual = {
        "name": "Green",
        "flag": flag,
        "environment": ensure_environment(),
        "metric": "event_rate",
        "event": "cta_clicked",
        "control": "off",
        "created_at": START - timedelta(days=1),
    }
    if fields.get("metric", "event_rate") != "event_rate":
        usual["event"] = ""
    return Experiment.objects.create(**{**usual, **fields})


def running(flag: Flag | None = None, **fields: Any) -> Experiment:
    """One that was started a day before NOW."""
    experiment = make(flag, **fields)
    experiment.start(START)
    return experiment


def expose(
    experiment: Experiment, variant: str, units: Iterable[str], at: datetime = START, project: Project | None = None
) -> None:
    """These units, by their identities, got this variant then."""
    flag, place = experiment.flag, project or home()[1]
    RawExposure.keep(
        Unit(flag.organization.public_id, place.public_id, experiment.environment.key, flag.key, variant, unit, at)
        for unit in units
    )


def happen(
    units: Iterable[str],
    at: datetime = START + timedelta(hours=1),
    name: str = "cta_clicked",
    project: Project | None = None,
    who: str = "person",
) -> None:
    """Each of these units sent this event then, as a user or, with `who`, as a session."""
    place, moment = project or home()[1], (at - EPOCH) // timedelta(microseconds=1)
    usual = {"project_id": place.public_id, "name": name, "counted": name, "at": moment, "person": "", "session": ""}
    keep([entry(next(NUMBERS), **{**usual, who: unit}) for unit in units])


def asked(variant: str, at: datetime = START + timedelta(hours=1), **fields: Any) -> Record:
    """A request that a variant of the flag answered then."""
    organization, project = home()
    usual = {"organization_id": organization.public_id, "project_id": project.public_id, "flag": "green"}
    moment = (at - EPOCH) // timedelta(microseconds=1)
    return record(next(NUMBERS), **{**usual, "variant": variant, "at": moment, **fields})


def answer(records: Iterable[Record]) -> None:
    store(list(records))


def names(prefix: str, count: int) -> list[str]:
    return [f"{prefix}{number}" for number in range(count)]

"""Experiments made and changed from plain JSON: all of what is asked for, or nothing."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from rest_framework import exceptions

from accounts.exceptions import Conflicting
from analytics.models import Experiment
from analytics.models.events import EVENT_NAME_LENGTH
from analytics.models.experiments import (
    HYPOTHESIS_LENGTH,
    NAME_LENGTH,
    NOT_RUNNING,
    STARTED,
    Metric,
    Status,
)
from features.access import Access
from features.models import Environment, Flag
from features.models.environments import PRODUCTION
from features.problems import Reader, is_key

LATEST = 4_102_444_800
"""The end of 2099, in seconds since 1970."""
NEEDED = ("name", "flag", "metric", "control")
KNOWN = (*NEEDED, "hypothesis", "environment", "event", "planned_end", "status")
Data = Mapping[str, Any]


def create(data: Data, access: Access, environment: str) -> Experiment:
    """Makes an experiment in an organisation, in the environment with this key unless it names another one, and starts
    it where it says so. Raises Invalid, DRF's ValidationError, and Conflicting."""
    experiment = Experiment()
    values = read({"environment": environment, **data}, access, NEEDED)
    with transaction.atomic():
        save(experiment, values)
        follow(experiment, data)
    return experiment


def change(experiment: Experiment, data: Data, access: Access) -> None:
    """Gives an experiment these values, and starts or stops it where they say so; what is not named stays. Raises
    likewise."""
    values = read(data, access)
    with transaction.atomic():
        save(experiment, values)
        follow(experiment, data)


def read(data: Data, access: Access, needed: tuple[str, ...] = ()) -> dict[str, Any]:
    """Returns the values by field. Raises Invalid."""
    reader = Reader()
    table = reader.table(data, KNOWN, needed)
    found: dict[str, Any] = {}
    for name, longest in (("name", NAME_LENGTH), ("hypothesis", HYPOTHESIS_LENGTH), ("event", EVENT_NAME_LENGTH)):
        if name in table:
            found[name] = reader.text(table, name, longest)
    if "control" in table:
        found["control"] = reader.key(table, "control")
    if "metric" in table:
        found["metric"] = reader.choice(table, "metric", Metric.values)
    if "status" in table:
        reader.choice(table, "status", Status.values)
    if "planned_end" in table:
        given = table["planned_end"]
        found["planned_end"] = None if given is None else _moment(reader.whole(table, "planned_end", LATEST))
    if "flag" in table:
        found["flag"] = _flag(reader.key(table, "flag"), access, reader)
    if "environment" in table:
        found["environment"] = _environment(reader.key(table, "environment"), access, reader)
    reader.finish()
    return found


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _flag(key: str, access: Access, reader: Reader) -> Flag | None:
    found = access.organization.flags.filter(key=key).first() if is_key(key) else None
    if found is None:
        reader.wrong("is the key of no flag", "flag")
    return found


def _environment(key: str, access: Access, reader: Reader) -> Environment | None:
    found = None
    if is_key(key) and access.own in (None, key):
        if key == PRODUCTION:
            return access.environment(key)
        found = access.organization.environments.filter(key=key).first()
    if found is None:
        reader.wrong("is the key of no environment", "environment")
    return found


def save(experiment: Experiment, values: Data) -> None:
    """Gives the row these values, if they are others than it has. Raises DRF's ValidationError."""
    if experiment.pk and all(getattr(experiment, name) == value for name, value in values.items()):
        return
    for name, value in values.items():
        setattr(experiment, name, value)
    with refusing():
        experiment.full_clean()
    experiment.save()


@contextmanager
def refusing() -> Iterator[None]:
    """Within this, what is wrong with a row is told as what is wrong with the request. Raises DRF's ValidationError."""
    try:
        yield
    except ValidationError as error:
        raise exceptions.ValidationError(error.message_dict, code="invalid_value") from error


def follow(experiment: Experiment, data: Data) -> None:
    """Starts or stops the experiment, as the status says that was asked for. One that it has already is none to follow.
    Raises Conflicting."""
    asked = data.get("status", experiment.status.value)
    if asked == experiment.status.value:
        return
    if asked == Status.DRAFT:
        raise Conflicting("What was started is no draft any more: make another experiment.", code=STARTED)
    if asked == Status.RUNNING:
        with refusing():
            experiment.start()
    elif experiment.status == Status.DRAFT:
        raise Conflicting("The experiment is not running.", code=NOT_RUNNING)
    else:
        experiment.stop()

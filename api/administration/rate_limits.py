"""Rate limits of a project, one for each model that it can see."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.conf import settings
from django.db import transaction

from accounts.models import Project, RateLimit
from accounts.publicids import rate_limit_id
from api import catalog
from api.administration.projects import check_open
from api.administration.rows import made
from api.exceptions import NotFound

Limit = tuple[str, str]
"""Unit and period, as in `RateLimit`."""
REQUESTS_A_MINUTE: Limit = ("requests", "minute")
TOKENS_A_MINUTE: Limit = ("tokens", "minute")
REQUESTS_A_DAY: Limit = ("requests", "day")
SHOWN = (REQUESTS_A_MINUTE, TOKENS_A_MINUTE, REQUESTS_A_DAY)


@dataclass(frozen=True, slots=True)
class ModelLimits:
    """What holds for a model in a project: its own limits, else those of all its models together, else the defaults
    of the server. There is no default for a day."""

    id: str
    model: str
    values: Mapping[Limit, int]


def limits_of(project: Project) -> list[ModelLimits]:
    """One for each model and alias that the project may use, in the order in which GET /v1/models lists them."""
    found: dict[str, dict[Limit, int]] = {}
    for row in RateLimit.objects.filter(project=project):
        found.setdefault(row.model, {})[row.unit, row.period] = row.value
    basic = {REQUESTS_A_MINUTE: settings.LUKHAS_DEFAULT_RPM, TOKENS_A_MINUTE: settings.LUKHAS_DEFAULT_TPM}
    shared = basic | found.get("", {})
    return [
        ModelLimits(rate_limit_id(project.public_id, model), model, shared | found.get(model, {}))
        for model in catalog.read().visible_to(project.public_id)
    ]


def find_limits(project: Project, limit_id: str) -> ModelLimits:
    """The limits with this id. Raises NotFound."""
    found = next((each for each in limits_of(project) if each.id == limit_id), None)
    if found is None:
        raise NotFound("rate limit", limit_id)
    return found


def change_limits(project: Project, limit_id: str, values: Mapping[Limit, int]) -> ModelLimits:
    """Gives a model limits of its own in an open project: those of `values`. Returns what holds now.

    Raises NotFound, and InvalidRequest for an archived project.
    """
    check_open(project)
    model = find_limits(project, limit_id).model
    made(lambda: _put(project, model, values))
    return find_limits(project, limit_id)


@transaction.atomic
def _put(project: Project, model: str, values: Mapping[Limit, int]) -> None:
    for (unit, period), value in values.items():
        RateLimit.objects.put(project, {"value": value}, model=model, unit=unit, period=period)

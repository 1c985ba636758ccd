"""How events of a project are treated: what its staff have set, and what its data retention allows."""

from dataclasses import dataclass, fields

from django.db.models import Q

from accounts.models import Project
from accounts.models.organizations import ProjectRetention, Retention
from analytics.remembering import PerProject


@dataclass(frozen=True, slots=True)
class Policy:
    """`admits_unknown` says that events are kept whose name the taxonomy has not. `honours_dnt` and `honours_gpc` say
    that nothing is kept of requests with `DNT: 1` and `Sec-GPC: 1`, `requires_consent` that nothing is kept of events
    without consent. `keeps_raw` says that single events are kept; else they are only counted.
    """

    admits_unknown: bool = False
    honours_dnt: bool = True
    honours_gpc: bool = True
    requires_consent: bool = False
    keeps_raw: bool = True


DEFAULTS = Policy()
NAMES = tuple(field.name for field in fields(Policy))


def in_force(project_id: str) -> Policy:
    """Reads the policy of the project with this public id: one query. One that is not there has the defaults."""
    retention = ("data_retention", "organization__data_retention")
    columns = (*(f"analytics_policy__{name}" for name in NAMES), *retention)
    row = Project.objects.filter(public_id=project_id).values_list(*columns).first()
    if row is None:
        return DEFAULTS
    *values, of_project, of_organization = row
    # All of them are None where the project has no row.
    chosen = dict(zip(NAMES, values, strict=True)) if values[0] is not None else {}
    policy = Policy(**chosen)
    if forbids_raw(of_project, of_organization):
        return Policy(**{**chosen, "keeps_raw": False})
    return policy


def forbids_raw(of_project: str, of_organization: str) -> bool:
    """Returns whether data retention lets single events not be kept: where the project keeps nothing, or leaves it to
    an organisation that does."""
    if of_project == ProjectRetention.ORGANIZATION:
        return of_organization == Retention.NOTHING
    return of_project == ProjectRetention.NOTHING


def keeping_nothing() -> list[str]:
    """Returns the public ids of the projects of which that is so. Raises django.db.Error."""
    left = Q(data_retention=ProjectRetention.ORGANIZATION, organization__data_retention=Retention.NOTHING)
    projects = Project.objects.filter(Q(data_retention=ProjectRetention.NOTHING) | left)
    return list(projects.order_by("pk").values_list("public_id", flat=True))


policies = PerProject[Policy](in_force)
"""Those that this process remembers."""


async def policy_of(project_id: str) -> Policy:
    """Returns the policy of the project with this public id, at most four seconds old, without SQL where it is
    remembered. Raises django.db.Error where the database is away and it is not."""
    return await policies.get(project_id)

"""Who took what out is on the audit log, before anything goes out: so it is there also where the rest is cut off."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.db import transaction

from accounts.audit.recording import record
from accounts.models import Organization, Project
from accounts.models.audit import SERVER


def tell_of_project(project: Project, told: Mapping[str, Any]) -> None:
    """Writes down that something of one project is taken out."""
    record(
        "project.analytics_exported",
        target_type="accounts.project",
        target_id=project.public_id,
        target_name=project.name,
        after=dict(told),
        organizations=(project.organization.public_id,),
        project=(project.public_id, project.name),
    )


def tell_of_organizations(organizations: Iterable[Organization], told: Mapping[str, Any]) -> None:
    """Writes down in the chain of each of these that something of theirs may be taken out; in the server's where there
    is none."""
    places = [(each.public_id, each.name) for each in organizations] or [(SERVER, "")]
    with transaction.atomic():
        for public_id, name in sorted(places):
            record(
                "organization.analytics_exported",
                target_type="accounts.organization",
                target_id=public_id,
                target_name=name,
                after=dict(told),
                organizations=(public_id,),
            )

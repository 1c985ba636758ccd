"""Deleting what is older than it is to be kept, or is of a project that keeps nothing: see `analytics.retention`.

It goes in steps, each a short transaction, the oldest first. What is done is done: a run that is cut off leaves the
rest to the next one, and what it did is counted, for the audit log.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Count, QuerySet

from accounts.audit.recording import record
from accounts.models import Project
from accounts.models.audit import SERVER
from analytics.keeping import tidy
from analytics.models import Pruned
from analytics.retention import EVENTS, Table

CHUNK = 1_000
"""How many rows one transaction deletes."""


def pending(table: Table, now: datetime, age: timedelta | None = None, project: str = "") -> Counter[str]:
    """Returns how many rows of each project are to go. Raises django.db.Error."""
    found: Counter[str] = Counter()
    for rows in table.due(table.cutoff(now, age), project):
        found.update(dict(rows.values_list(table.project).annotate(Count("pk"))))
    return found


def prune(table: Table, now: datetime, age: timedelta | None = None, project: str = "") -> Iterator[Counter[str]]:
    """Deletes what is to go, and yields after each step how many rows it were of each project. Any number may do so at
    once. Raises django.db.Error; the steps before it are done."""
    cutoff = table.cutoff(now, age)
    for rows in table.due(cutoff, project):
        since: datetime | None = None
        while True:
            left = rows if since is None else rows.filter(**{f"{table.moment}__gte": since})
            counts, since = _step(table, left, cutoff)
            if since is None:
                break
            yield counts
    if table is EVENTS:
        while tidy():
            yield Counter()


def _step(table: Table, rows: QuerySet[Any], cutoff: datetime) -> tuple[Counter[str], datetime | None]:
    """Deletes the oldest of these, and returns how many of each project, and how far it came: nowhere where there are
    none. What is being changed just now is passed over, to be met by the next run."""
    with transaction.atomic():
        oldest = rows.order_by(table.moment).select_for_update(skip_locked=True)
        found = list(oldest.values_list("pk", table.project, table.moment)[:CHUNK])
        if not found:
            return Counter(), None
        counts = Counter(project for _, project, _ in found)
        table.remove([pk for pk, _, _ in found], counts, cutoff)
        Pruned.add(table.name, counts)
    return counts, found[-1][2]


def write_down() -> None:
    """Puts on the audit log what was pruned and is not there yet, an entry a project: by this run, or by one before
    that was cut off. What is of no project, or of one that is no more, is in the server's chain."""
    for project_id in Pruned.objects.order_by("project_id").values_list("project_id", flat=True).distinct():
        project = Project.objects.filter(public_id=project_id).select_related("organization").first()
        name = project.name if project else ""
        with transaction.atomic():
            rows = list(Pruned.objects.filter(project_id=project_id).order_by("table").select_for_update())
            if rows:  # else another run was faster
                record(
                    "project.analytics_pruned",
                    target_type="accounts.project",
                    target_id=project_id,
                    target_name=name,
                    after={row.table: row.count for row in rows},
                    organizations=(project.organization.public_id if project else SERVER,),
                    project=(project_id, name),
                )
                Pruned.objects.filter(pk__in=[row.pk for row in rows]).delete()

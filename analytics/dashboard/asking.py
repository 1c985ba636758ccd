"""What the address of the page "Usage" asks for, as far as it may be shown to whoever is signed in."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime

from accounts.models import Organization, Project
from accounts.reach import Reach
from analytics.dashboard.looking import Look, Sight, look
from analytics.rollups.reading import Question

ACTION = "organization.usage.read"
PARAMETERS = ("by", "flag", "control")
FIELDS = {
    "project": ("project_id",),
    "key": ("key_id",),
    "model": ("model",),
    "variant": ("flag", "variant"),
}
"""What usage can be broken down by, and the fields of the roll-ups that this is."""
BY = "model"


@dataclass(frozen=True, slots=True)
class Asked(Look):
    """`flag` and `control` are as they were asked for: whether there are such is seen in the usage."""

    by: str
    flag: str
    control: str

    @property
    def question(self) -> Question:
        """All of it, not grouped."""
        filters = {"project_id": [self.project.id]} if self.project else {}
        period = self.period
        return Question(self.organization.id, period.width, period.start, period.end, (), filters)


def ask(reach: Reach, query: Mapping[str, str], now: datetime) -> Asked | None:
    """What is asked for; None for whoever sees the usage of no organisation. Two queries."""
    found = look(sight(reach), query, now, PARAMETERS)
    if found is None:
        return None
    by = found.values.get("by", BY)
    if by not in FIELDS:
        found = found.refusing(f"Usage is broken down by {', '.join(FIELDS)}. It is shown by {BY}.", "by")
        by = BY
    shown = {field.name: getattr(found, field.name) for field in fields(found)}
    return Asked(**shown, by=by, flag=found.values.get("flag", ""), control=found.values.get("control", ""))


def sight(reach: Reach) -> Sight:
    """The organisations whose usage somebody may read, and all of their projects."""
    rows = Organization.objects.all()
    visible = rows if reach.everything else rows.filter(pk__in=reach.organizations_for(ACTION))
    return Sight(visible, Project.objects.all())

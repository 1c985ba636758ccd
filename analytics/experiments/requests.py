"""What the requests came to that each variant answered: from the roll-ups, by minutes or by hours."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Q

from accounts.models import Project
from analytics.dashboard.periods import floor
from analytics.models import Experiment
from analytics.models.experiments import Metric
from analytics.models.rollups import Width
from analytics.rollups.reading import Question, sums, totals
from features.models.environments import PRODUCTION

BY_MINUTES = timedelta(days=2)
"""Up to how long a time is read by minutes; what is longer, by hours, which are sixty times fewer."""
Sums = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Answered:
    """What the requests of one variant came to, named as in `analytics.rollups.gathering.Sums`; and, where cost is
    measured, how many there were and what they cost in each stretch of time."""

    sums: Sums
    stretches: Sequence[tuple[int, int]] = ()


def answered(experiment: Experiment, since: datetime, until: datetime, project: str = "") -> dict[str, Answered]:
    """By variant: the requests of the whole minutes, or hours, from `since` to before `until`; only of one project, if
    that is named."""
    width = Width.MINUTE if until - since <= BY_MINUTES else Width.HOUR
    question = Question(
        experiment.flag.organization.public_id,
        width,
        since,  # what began before that begins with a bucket that is not read
        floor(until, width),
        group_by=("variant",),
        filters={"flag": [experiment.flag.key], "project_id": [project] if project else projects(experiment)},
    )
    if experiment.metric != Metric.COST:
        return {one.names[0]: Answered(one.sums) for one in totals(question) if one.names[0]}
    found: dict[str, list[Sums]] = {}
    for one in sums(question):
        if one.names[0]:
            found.setdefault(one.names[0], []).append(one.sums)
    return {
        variant: Answered(
            {name: sum(each[name] for each in rows) for name in ("requests", "cost_micro")},
            [(each["requests"], each["cost_micro"]) for each in rows],
        )
        for variant, rows in found.items()
    }


def projects(experiment: Experiment) -> list[str]:
    """The public ids of the projects that are in the experiment's environment."""
    here = Q(environment__environment=experiment.environment)
    if experiment.environment.key == PRODUCTION:
        here |= Q(environment=None)
    found = Project.objects.filter(here, organization=experiment.flag.organization)
    return list(found.order_by("pk").values_list("public_id", flat=True))

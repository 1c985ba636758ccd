"""Which unit got which variant, and which of them sent an event afterwards: one query, the same on every database.

A unit is in an experiment where it got its first variant while that ran. One that got several is in none of them: what
it did cannot be said to come of either. One that had got one before is left out, for it is not new to what is tried.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from analytics.models import Experiment

COUNTING = """
WITH seen AS (
    SELECT project, unit, MIN(variant) AS variant, MAX(variant) AS other,
        MIN(first_seen_at) AS since, MAX(first_seen_at) AS latest
    FROM analytics_rawexposure
    WHERE organization = %s AND flag = %s AND environment = %s AND first_seen_at < %s AND (%s = '' OR project = %s)
    GROUP BY project, unit
), done AS (
    SELECT project, unit, MAX(at) AS latest
    FROM (
        SELECT project_id AS project, person AS unit, at FROM analytics_event
        WHERE at >= %s AND at < %s AND name = %s AND %s <> '' AND person <> ''
        UNION ALL
        SELECT project_id AS project, session AS unit, at FROM analytics_event
        WHERE at >= %s AND at < %s AND name = %s AND %s <> '' AND session <> ''
    ) AS events
    WHERE project IN (SELECT project FROM seen)
    GROUP BY project, unit
)
SELECT seen.variant, seen.variant <> seen.other AS several, seen.latest < %s AS earlier,
    COUNT(*), COUNT(done.latest)
FROM seen LEFT JOIN done ON done.project = seen.project AND done.unit = seen.unit AND done.latest >= seen.since
GROUP BY seen.variant, several, earlier
"""


@dataclass(frozen=True, slots=True)
class Units:
    """How many units got each variant, and how many of them sent the event from then on. `several` got more than one
    variant, `earlier` got theirs before the experiment began."""

    exposed: Mapping[str, int]
    converted: Mapping[str, int]
    several: int
    earlier: int


NOBODY = Units({}, {}, 0, 0)


def units(experiment: Experiment, since: datetime, until: datetime, project: str = "") -> Units:
    """Those of an experiment that ran from `since` to before `until`; only of one project, by its public id, if that is
    named. A unit is known in events as their user, or as their session."""
    start, end = (connection.ops.adapt_datetimefield_value(moment) for moment in (since, until))
    flag = experiment.flag
    place = (flag.organization.public_id, flag.key, experiment.environment.key, end, project, project)
    events = (start, end, experiment.event, experiment.event)  # once more: where none is named, none is read
    exposed, converted, left = Counter[str](), Counter[str](), Counter[str]()
    with connection.cursor() as cursor:
        cursor.execute(COUNTING, (*place, *events, *events, start))
        for variant, several, earlier, number, sent in cursor.fetchall():
            if earlier:
                left["earlier"] += number
            elif several:
                left["several"] += number
            else:
                exposed[variant] += number
                converted[variant] += sent
    return Units(exposed, converted, left["several"], left["earlier"])

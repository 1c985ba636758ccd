"""Rejected events judged anew, after staff have mended the taxonomy or a project's policy."""

from collections import Counter
from collections.abc import Iterator

from django.db import transaction
from django.db.models import QuerySet

from accounts.models import Project
from analytics import judging, policies, vocabularies
from analytics.entries import HOUR, Entry
from analytics.judging import Unacceptable, fitting
from analytics.keeping import HOURLY_LIMIT, keep
from analytics.models import RejectedEvent
from analytics.policies import Policy
from analytics.records import EPOCH
from analytics.taxonomy import Vocabulary

REPLAYABLE = (judging.UNKNOWN, judging.INVALID_PROPERTIES, judging.TOO_LARGE, HOURLY_LIMIT)
"""What a fix can help against. What was wrong with the event itself stays so."""
CHUNK = 500


def replayable(name: str = "") -> QuerySet[RejectedEvent]:
    """Returns the rejected events that may be judged anew: all, or those of a name."""
    rows = RejectedEvent.objects.filter(code__in=REPLAYABLE)
    return rows.filter(name=name) if name else rows


def replay(rows: QuerySet[RejectedEvent], *, dry: bool = False) -> Iterator[Counter[str]]:
    """Judges rejected events by what is in force now, and keeps those that are good, as if they had been from the
    first; limits do not count, for somebody wants these. Yields what became of each portion, by `accepted`,
    `duplicate` or the reason why not. A dry run keeps nothing."""
    known: dict[str, tuple[Vocabulary, Policy]] = {}
    last = 0
    while portion := list(rows.filter(pk__gt=last).order_by("pk")[:CHUNK]):
        last = portion[-1].pk
        yield _portion(portion, known, dry=dry)


def _portion(portion: list[RejectedEvent], known: dict[str, tuple[Vocabulary, Policy]], *, dry: bool) -> Counter[str]:
    told: Counter[str] = Counter()
    good: list[tuple[RejectedEvent, Entry]] = []
    for row in portion:
        if row.project_id not in known:
            known[row.project_id] = in_force(row.project_id)
        try:
            good.append((row, anew(row, *known[row.project_id])))
        except Unacceptable as reason:
            told[reason.code] += 1
    with transaction.atomic():
        told.update(outcome.value for outcome in keep([entry for _, entry in good], anew=True))
        RejectedEvent.objects.filter(pk__in=[row.pk for row, _ in good]).delete()
        transaction.set_rollback(dry)
    return told


def in_force(project_id: str) -> tuple[Vocabulary, Policy]:
    """Reads what events of a project are judged by."""
    home = Project.objects.filter(public_id=project_id).values_list("organization__public_id", flat=True).first()
    return vocabularies.read(home or ""), policies.in_force(project_id)


def anew(row: RejectedEvent, vocabulary: Vocabulary, policy: Policy) -> Entry:
    """Returns the entry that a rejected event is now. Raises Unacceptable."""
    _, properties = fitting(row.name, row.properties, vocabulary, policy)
    at, received_at = ((moment - EPOCH) // judging.MICROSECOND for moment in (row.at, row.received_at))
    entry = Entry(
        row.project_id, row.event_id, row.name, properties, at, received_at, row.session, row.person, row.browser,
        row.network, True, row.name, at // HOUR * HOUR,
    )  # fmt: skip
    return entry if policy.keeps_raw else entry.bare()

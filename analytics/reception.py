"""A batch of events from its request to its answer."""

from collections import Counter
from collections.abc import Sequence
from functools import cache
from time import time_ns
from typing import Any

from django.conf import settings
from django.http import HttpRequest

from accounts.principal import Principal
from analytics.entries import Entry
from analytics.envelopes import Batch
from analytics.identities import identities_of
from analytics.intake import intake
from analytics.judging import INVALID_EVENT, Sender, Unacceptable, gate, judge
from analytics.keeping import Outcome, over_limit
from analytics.policies import policy_of
from analytics.redacting import browser_family, redactor, truncated
from analytics.vocabularies import vocabularies
from lukhas_site.http.addresses import address_of

Answer = dict[str, Any]
ACCEPTED, DUPLICATE, REJECTED = "accepted", "duplicate", "rejected"


async def received(request: HttpRequest, caller: Principal, batch: Batch) -> Answer:
    """Takes a batch in, and returns the answer once its events are durable. Raises what `Intake.take` raises."""
    now = time_ns() // 1_000
    project_id = caller.project_id or ""
    policy = await policy_of(project_id)
    closed = gate(policy, request.headers.get("DNT", ""), request.headers.get("Sec-GPC", ""), batch.consent)
    if closed is not None:
        return answered([turned_away(event, closed) for event in batch.events])
    sender = Sender(
        project_id=project_id,
        received_at=now,
        skew=0 if batch.sent_at is None else now - batch.sent_at,
        browser=browser_family(request.headers.get("User-Agent", "")),
        network=truncated(address_of(request)),
        vocabulary=await vocabularies.get(caller.organization_id),
        policy=policy,
        # The same session stands in many events of a batch.
        identity=cache((await identities_of(project_id)).of),
        redacted=redactor().redacted,
        window=settings.LUKHAS_EVENT_WINDOW_DAYS,
    )
    entries = judge(batch.events, sender)
    outcomes = await intake.take(entries)
    return answered([result(entry, outcome) for entry, outcome in zip(entries, outcomes, strict=True)])


def result(entry: Entry, outcome: Outcome) -> Answer:
    """What is said of one event."""
    if outcome == Outcome.LIMITED:
        entry = over_limit(entry)
    elif outcome == Outcome.UNFIT:
        entry = entry._replace(code=INVALID_EVENT, message="The database does not take it.")
    if entry.code:
        return {"id": entry.event_id, "status": REJECTED, "code": entry.code, "message": entry.message}
    return {"id": entry.event_id, "status": outcome.value, "code": None, "message": None}


def turned_away(event: Any, reason: Unacceptable) -> Answer:
    """What is said of one event of which nothing may be kept."""
    own = event.get("id") if isinstance(event, dict) else None
    told = own if isinstance(own, str) else None
    return {"id": told, "status": REJECTED, "code": reason.code, "message": reason.message}


def answered(results: Sequence[Answer]) -> Answer:
    """The answer of a batch."""
    numbers = Counter(one["status"] for one in results)
    rejected = numbers[REJECTED]
    return {
        "status": ACCEPTED if not rejected else REJECTED if rejected == len(results) else "partial",
        "accepted": numbers[ACCEPTED],
        "duplicates": numbers[DUPLICATE],
        "rejected": rejected,
        "results": results,
    }

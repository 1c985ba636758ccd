"""Judging for tests: who sends, when, and by which rules."""

from datetime import UTC, datetime, timedelta
from typing import Any

from analytics.entries import Entry
from analytics.judging import Sender, judge
from analytics.policies import Policy
from analytics.redacting import redactor
from analytics.taxonomy import Name, compiled

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
RECEIVED = int(NOW.timestamp()) * 1_000_000


def at(**since: float) -> str:
    """A time that is so much after now, as a caller writes it."""
    return (NOW + timedelta(**since)).isoformat()


def sender(policy: Policy | None = None, skew: timedelta = timedelta(), **names: Any) -> Sender:
    """Somebody of the project `proj_1`, whose taxonomy has `page_view` and these, each with its schema."""
    return Sender(
        project_id="proj_1",
        received_at=RECEIVED,
        skew=skew // timedelta(microseconds=1),
        browser="Firefox",
        network="192.0.2.0/24",
        vocabulary={"page_view": Name(), **{name: Name(compiled(schema)) for name, schema in names.items()}},
        policy=policy or Policy(),
        identity=lambda text: f"hash of {len(text)}" if text else "",
        redacted=redactor().redacted,
        window=7,
    )


def entry(number: int = 1, **fields: Any) -> Entry:
    """A good entry with an id of its own."""
    good = Entry("proj_1", f"e{number}", "page_view", '{"path":"/docs"}', RECEIVED - 5_000_000, RECEIVED, "s", "p",
                 "Firefox", "192.0.2.0/24", True, "page_view", RECEIVED - 3_600_000_000)  # fmt: skip
    return good._replace(**fields)


def judged(event: Any, by: Sender | None = None) -> Entry:
    """What becomes of one event."""
    return judge([event], by or sender())[0]

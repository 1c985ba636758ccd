"""Events for tests: a good one, and batches of them, sent to the server in the same process without a socket."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

EVENTS = "/api/analytics/events"


def ago(**since: float) -> str:
    """A time so long ago, as a caller writes it."""
    return (datetime.now(UTC) - timedelta(**since)).isoformat()


def event(number: int = 1, **members: Any) -> dict[str, Any]:
    """A good event with an id of its own; members that are None are left out."""
    good = {"id": f"e{number}", "event": "page_view", "properties": {"path": "/docs"}, "timestamp": ago(seconds=5)}
    return {name: value for name, value in {**good, **members}.items() if value is not None}


def send(client: httpx.Client, *events: Any, **members: Any) -> Any:
    """The answer to a batch, which must be 202."""
    answer = client.post(EVENTS, json={"events": list(events), **members})
    assert answer.status_code == 202, answer.text
    return answer.json()

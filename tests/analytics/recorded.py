"""Usage records for tests, and a journal that takes none."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from analytics.journal import Journal
from analytics.records import Record

GOOD = Record(
    request_id="req_1",
    at=1_764_392_705_123_456,
    organization_id="org-1",
    project_id="proj_1",
    key_id="key_1",
    user_id="user-1",
    endpoint="/v1/chat/completions",
    model_asked="fast",
    model="big-1",
    upstream="vendor",
    attempts=1,
    flag="",
    variant="",
    stream=True,
    status=200,
    error_code="",
    input_tokens=10,
    cached_tokens=2,
    output_tokens=5,
    reasoning_tokens=1,
    estimated=False,
    cost_micro=42,
    first_token_us=1_500,
    duration_us=9_000,
    cache_hit=True,
    client_language="python",
    client_version="2.1.0",
)


def record(number: int = 1, **fields: Any) -> Record:
    """A good record with an id of its own."""
    return GOOD._replace(request_id=f"req_{number}", **fields)


@contextmanager
def full(journal: Journal) -> Iterator[None]:
    """Within this the journal takes nothing in, and no round of its keeper changes that."""
    most, journal.max_bytes = journal.max_bytes, -1
    journal.refusing = "no space left"
    try:
        yield
    finally:
        journal.max_bytes, journal.refusing = most, ""

"""What a visit is: the events of one visitor with no more than half an hour between any two that follow each other.

Pure. A stay is what some events of a visitor come to, as far as a visit tells of it. Stays are joined in any order and
come to the same, so that an event that is late counts as if it had been in time. Of what happened at the same moment
the lesser text is the first.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

GAP = timedelta(minutes=30)
"""The longest time between two events of a visit."""
PAGE_VIEW = "page_view"
"""The name of the events that tell of pages, by their property `path`."""
MOST_OF_PAGE = 200
"""Characters of a page that are kept."""


class Stay(NamedTuple):
    """`entry_page` and `exit_page` are the first and the last page that was seen, `entry_at` and `exit_at` when that
    was; empty and None where no page was. `browser` and `network` are those of the first event."""

    started_at: datetime
    ended_at: datetime
    events: int
    entry_page: str
    entry_at: datetime | None
    exit_page: str
    exit_at: datetime | None
    browser: str
    network: str


Kept = tuple[int, Stay]
"""A visit that is kept: its key, and what it comes to."""
Part = tuple[int | None, Stay]
"""The same of what may not be kept yet: then there is no key."""


def page_of(name: str, path: object) -> str:
    """Returns the page that an event tells of, without what follows `?` or `#`; empty where it tells of none."""
    if name != PAGE_VIEW or not isinstance(path, str):
        return ""
    return path.partition("#")[0].partition("?")[0][:MOST_OF_PAGE]


def stay_of(at: datetime, page: str, browser: str, network: str) -> Stay:
    """Returns what one event comes to."""
    seen = at if page else None
    return Stay(at, at, 1, page, seen, page, seen, browser, network)


def joined(one: Stay, other: Stay) -> Stay:
    """Returns what the events of both come to."""
    first = min(one, other, key=lambda stay: (stay.started_at, stay.browser, stay.network))
    entries = [(stay.entry_at, stay.entry_page) for stay in (one, other) if stay.entry_at is not None]
    exits = [(stay.exit_at, stay.exit_page) for stay in (one, other) if stay.exit_at is not None]
    entry_at, entry_page = min(entries, default=(None, ""))
    exit_at, exit_page = max(exits, default=(None, ""))
    return Stay(
        first.started_at, max(one.ended_at, other.ended_at), one.events + other.events, entry_page, entry_at,
        exit_page, exit_at, first.browser, first.network,
    )  # fmt: skip


def chained(parts: Iterable[Part]) -> Iterator[tuple[list[int], Stay]]:
    """Yields the visits of one visitor: the keys of those that each was joined of, and what it comes to. The parts have
    to come in the order in which they start."""
    keys: list[int] = []
    whole: Stay | None = None
    for key, stay in parts:
        if whole is not None and stay.started_at - whole.ended_at > GAP:
            yield keys, whole
            keys, whole = [], None
        whole = stay if whole is None else joined(whole, stay)
        if key is not None:
            keys.append(key)
    if whole is not None:
        yield keys, whole

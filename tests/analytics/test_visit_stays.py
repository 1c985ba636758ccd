"""What visits are made of events, without a database."""

import random
from datetime import UTC, datetime, timedelta

import pytest

from analytics.visits.stays import GAP, MOST_OF_PAGE, Stay, chained, joined, page_of, stay_of

START = datetime(2026, 11, 29, 12, tzinfo=UTC)


def stay(minute: float, page: str = "/", browser: str = "Firefox", network: str = "192.0.2.0/24") -> Stay:
    return stay_of(START + timedelta(minutes=minute), page, browser, network)


def chain(*stays: Stay) -> list[Stay]:
    return [whole for _, whole in chained((None, each) for each in stays)]


@pytest.mark.parametrize(
    ("name", "path", "page"),
    [
        ("page_view", "/docs", "/docs"),
        ("page_view", "/reset?token=secret#top", "/reset"),
        ("page_view", "/a#b?c", "/a"),
        ("page_view", "x" * 300, "x" * MOST_OF_PAGE),
        ("page_view", None, ""),
        ("page_view", {"a": 1}, ""),
        ("cta_clicked", "/docs", ""),
    ],
)
def test_a_page_is_the_path_of_a_page_view_without_its_query_and_fragment(name: str, path: object, page: str) -> None:
    assert page_of(name, path) == page


def test_half_an_hour_without_an_event_is_the_longest_within_a_visit() -> None:
    late = stay_of(START + GAP + timedelta(microseconds=1), "/", "Firefox", "")
    assert [one.events for one in chain(stay(0), stay(30), stay(60))] == [3]
    assert [one.events for one in chain(stay(0), late)] == [1, 1]
    assert chain() == []


def test_a_visit_tells_of_its_first_and_last_page_and_of_its_first_event() -> None:
    found = chain(stay(0, "", "Chrome", "10.0.0.0/24"), stay(1, "/a"), stay(2, "/b"), stay(3, "", "Edge", ""))
    assert found == [
        Stay(START, START + timedelta(minutes=3), 4, "/a", START + timedelta(minutes=1),
             "/b", START + timedelta(minutes=2), "Chrome", "10.0.0.0/24")
    ]  # fmt: skip


def test_without_a_page_it_tells_of_none() -> None:
    (found,) = chain(stay(0, ""), stay(1, ""))
    assert (found.entry_page, found.entry_at, found.exit_page, found.exit_at) == ("", None, "", None)


def test_however_stays_are_joined_they_come_to_the_same() -> None:
    chance = random.Random(7)
    for _ in range(200):
        parts = [
            stay(chance.randrange(3), chance.choice(["", "/a", "/b"]), chance.choice("ef"), chance.choice("xy"))
            for _ in range(6)
        ]
        results = set()
        for _ in range(4):
            left = chance.sample(parts, len(parts))
            while len(left) > 1:
                left.append(joined(left.pop(chance.randrange(len(left))), left.pop(chance.randrange(len(left)))))
            results.add(left[0])
        assert len(results) == 1


def test_visits_that_are_kept_are_told_with_what_joins_them() -> None:
    parts = [(1, stay(0)), (None, stay(20)), (2, stay(40)), (3, stay(200))]
    assert [(keys, whole.events) for keys, whole in chained(parts)] == [([1, 2], 3), ([3], 1)]

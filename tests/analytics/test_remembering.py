"""What is known of each project is remembered for four seconds, and goes on while the database is away."""

import asyncio

import pytest
from django.db import OperationalError, transaction

from analytics import remembering
from analytics.remembering import MAX_AGE, PerProject
from tests.accounts.conftest import Clock

pytestmark = pytest.mark.usefixtures("database")


class Source:
    """Counts how often it is asked, and fails when told to."""

    def __init__(self) -> None:
        self.asked = 0
        self.away = False

    def __call__(self, project_id: str) -> str:
        self.asked += 1
        if self.away:
            raise OperationalError("away")
        return f"{project_id} {self.asked}"


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def known(source: Source, clock: Clock) -> PerProject[str]:
    return PerProject(source, clock)


def ask(known: PerProject[str], project_id: str, blocking: bool) -> str:
    return known.get_blocking(project_id) if blocking else asyncio.run(known.get(project_id))


both = pytest.mark.parametrize("blocking", [True, False])


@both
def test_it_is_read_once_in_four_seconds_for_each_project(known: PerProject[str], clock: Clock, blocking: bool) -> None:
    assert [ask(known, "a", blocking) for _ in range(3)] == ["a 1"] * 3
    assert ask(known, "b", blocking) == "b 2"
    clock.seconds += MAX_AGE
    assert ask(known, "a", blocking) == "a 3"


@both
def test_the_last_one_goes_on_while_the_database_is_away(
    known: PerProject[str], source: Source, clock: Clock, blocking: bool
) -> None:
    ask(known, "a", blocking)
    source.away = True
    clock.seconds += MAX_AGE
    assert ask(known, "a", blocking) == "a 1"
    with pytest.raises(OperationalError):
        ask(known, "b", blocking)
    source.away = False
    assert ask(known, "a", blocking) == "a 4"


def test_one_reads_anew_while_the_others_go_on_with_what_there_was(source: Source, clock: Clock) -> None:
    asked: list[str] = []

    def read(project_id: str) -> str:
        if known._entries:
            asked.append(known.get_blocking(project_id))
        return source(project_id)

    known = PerProject(read, clock)
    known.get_blocking("a")
    clock.seconds += MAX_AGE
    assert known.get_blocking("a") == "a 2"
    assert asked == ["a 1"]


def test_what_was_being_read_when_it_changed_is_not_remembered(source: Source, clock: Clock) -> None:
    def read(project_id: str) -> str:
        found = source(project_id)
        if source.asked == 1:
            known.forget()
        return found

    known = PerProject(read, clock)
    assert [known.get_blocking("a") for _ in range(3)] == ["a 1", "a 2", "a 2"]


def test_a_change_is_seen_within_its_transaction_and_after_it(known: PerProject[str]) -> None:
    known.get_blocking("a")
    with transaction.atomic():
        known.forget_soon()
        assert known.get_blocking("a") == "a 2"
    assert known.get_blocking("a") == "a 3"


def test_the_oldest_gives_way_where_there_are_too_many(known: PerProject[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remembering, "MAX_ENTRIES", 2)
    for name in "abc":
        known.get_blocking(name)
    assert len(known) == 2
    assert known.get_blocking("c") == "c 3"
    assert known.get_blocking("a") == "a 4"

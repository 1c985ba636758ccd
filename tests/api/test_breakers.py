"""Circuit breakers, on a clock of the tests' own."""

import pytest
from pytest_django import Settings
from structlog.testing import capture_logs

from api.breakers import Breakers

GPU, SPARE = ("big", "gpu", "org/big"), ("big", "spare", "big")


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(autouse=True)
def numbers(settings: Settings) -> None:
    settings.LUKHAS_BREAKER_FAILURES = 3
    settings.LUKHAS_BREAKER_WINDOW_SECONDS = 30.0
    settings.LUKHAS_BREAKER_OPEN_SECONDS = 15.0


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breakers(clock: Clock) -> Breakers:
    return Breakers(clock)


def opened(breakers: Breakers) -> Breakers:
    for _ in range(3):
        breakers.failed(GPU)
    return breakers


def test_it_opens_after_enough_failures_and_only_where_they_were(breakers: Breakers) -> None:
    for _ in range(2):
        breakers.failed(GPU)
        assert breakers.admits(GPU)
    breakers.failed(GPU)
    assert not breakers.admits(GPU)
    assert breakers.admits(SPARE)
    assert (breakers.state(GPU), breakers.state(SPARE)) == ("open", "closed")


def test_failures_count_for_the_time_of_a_window_from_the_first_on(breakers: Breakers, clock: Clock) -> None:
    breakers.failed(GPU)
    breakers.failed(GPU)
    clock.now += 31
    breakers.failed(GPU)
    breakers.failed(GPU)
    assert breakers.admits(GPU)
    breakers.failed(GPU)
    assert not breakers.admits(GPU)


def test_it_stays_closed_while_more_is_answered_than_fails(breakers: Breakers) -> None:
    for _ in range(9):
        breakers.failed(GPU)
        breakers.answered(GPU)
        breakers.answered(GPU)
    assert breakers.state(GPU) == "closed"
    for _ in range(9):
        breakers.failed(GPU)
    assert breakers.state(GPU) == "open"


def test_nothing_is_kept_of_one_that_works(breakers: Breakers, clock: Clock) -> None:
    breakers.answered(GPU)
    assert breakers.troubled == {}
    breakers.failed(GPU)
    clock.now += 31
    breakers.answered(GPU)
    assert breakers.troubled == {}


def test_when_its_time_is_over_one_request_tries_and_the_others_wait(breakers: Breakers, clock: Clock) -> None:
    opened(breakers)
    clock.now += 14.9
    assert not breakers.admits(GPU)
    clock.now += 0.1
    assert breakers.state(GPU) == "half-open"
    assert breakers.admits(GPU)
    assert breakers.enter(GPU)
    assert not breakers.admits(GPU)


def test_where_the_one_that_tried_is_answered_it_closes(breakers: Breakers, clock: Clock) -> None:
    opened(breakers)
    clock.now += 15
    breakers.enter(GPU)
    breakers.answered(GPU)
    breakers.leave(GPU)
    assert breakers.troubled == {}
    assert not breakers.enter(GPU)


def test_where_the_one_that_tried_fails_it_opens_for_as_long_again(breakers: Breakers, clock: Clock) -> None:
    opened(breakers)
    clock.now += 15
    breakers.enter(GPU)
    breakers.failed(GPU)
    breakers.leave(GPU)
    clock.now += 14.9
    assert not breakers.admits(GPU)
    clock.now += 0.1
    assert breakers.admits(GPU)


def test_where_the_one_that_tried_finds_nothing_out_the_next_one_tries(breakers: Breakers, clock: Clock) -> None:
    opened(breakers)
    clock.now += 15
    breakers.enter(GPU)
    breakers.leave(GPU)
    assert breakers.state(GPU) == "half-open"
    assert breakers.admits(GPU)


def test_what_was_sent_before_it_opened_neither_closes_it_nor_keeps_it_open_longer(
    breakers: Breakers, clock: Clock
) -> None:
    opened(breakers)
    clock.now += 10
    breakers.answered(GPU)
    breakers.failed(GPU)
    assert breakers.state(GPU) == "open"
    clock.now += 5
    assert breakers.state(GPU) == "half-open"


def test_what_nobody_asks_any_more_is_forgotten_when_another_is_heard_of(breakers: Breakers, clock: Clock) -> None:
    breakers.failed(("gone", "gpu", "a"))
    opened(breakers)
    clock.now += 15 + 30
    breakers.enter(GPU)
    breakers.answered(SPARE)
    assert set(breakers.troubled) == {GPU}
    breakers.leave(GPU)
    clock.now += 0.1
    with capture_logs() as logs:
        breakers.failed(SPARE)
    assert set(breakers.troubled) == {SPARE}
    assert [(line["state"], line["upstream"]) for line in logs] == [("closed", "gpu")]


def test_it_tells_when_the_first_of_several_may_be_tried(breakers: Breakers, clock: Clock) -> None:
    opened(breakers)
    clock.now += 5
    assert breakers.wait([GPU]) == 10
    assert breakers.wait([GPU, SPARE]) == 0
    breakers.failed(SPARE)
    assert breakers.wait([GPU, SPARE]) == 0
    clock.now += 20
    assert breakers.wait([GPU]) == 0


def test_every_change_is_logged_once(breakers: Breakers, clock: Clock) -> None:
    with capture_logs() as logs:
        opened(breakers)
        breakers.failed(GPU)
        clock.now += 15
        breakers.admits(GPU)
        breakers.enter(GPU)
        breakers.failed(GPU)
        clock.now += 15
        breakers.enter(GPU)
        breakers.answered(GPU)
    assert [line["state"] for line in logs] == ["open", "half-open", "open", "half-open", "closed"]
    assert logs[0] == {
        "event": "breaker_changed",
        "log_level": "warning",
        "state": "open",
        "model": "big",
        "upstream": "gpu",
        "upstream_model": "org/big",
        "failures": 3,
        "seconds": 15.0,
    }

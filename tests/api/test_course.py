"""The way of one request through deployments and models, without asking any."""

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from pytest_django import Settings

from api import pauses
from api.backends.base import Failure
from api.balancing import traffic
from api.breakers import breakers
from api.catalog import Catalog, Permissions, Target
from api.course import Course
from api.exceptions import UpstreamError
from api.refusals import UpstreamsDown

CHAT = frozenset({"chat"})
PROJECT = "proj_1"


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    yield
    breakers.forget()
    traffic.forget()


def target(model: str, upstream: str = "gpu", **fields: Any) -> Target:
    return Target(model, upstream, "openai", capabilities=CHAT, **fields)


BIG = target("big", deployments=(target("big", "spare", weight=0), target("big", "last", weight=0)))


def known(*others: Target, permissions: dict[str, Permissions] | None = None) -> Catalog:
    return Catalog({each.model: each for each in others}, {}, b"", "", time.monotonic(), permissions or {})


def course(first: Target, *others: Target, **fields: Any) -> Course:
    return Course(known(first, *others, **fields), first, PROJECT)


def way(through: Course) -> list[tuple[str, str]]:
    """Where it leads, while every deployment fails."""
    found = []
    while (asked := through.next()) is not None:
        found.append((asked.model, asked.upstream))
    return found


def down(each: Target) -> None:
    for _ in range(5):
        breakers.failed(each.place)


def test_the_deployments_of_the_model_come_first_and_then_those_of_its_fallbacks_in_their_order() -> None:
    one, two = target("one", deployments=(target("one", "other", weight=0),)), target("two")
    found = way(course(replace(BIG, fallbacks=("two", "one")), one, two))
    assert found[0] == ("big", "gpu")
    assert sorted(found[1:3]) == [("big", "last"), ("big", "spare")]
    assert found[3:] == [("two", "gpu"), ("one", "gpu"), ("one", "other")]


def test_fallbacks_of_fallbacks_are_not_asked() -> None:
    small = target("small", fallbacks=("tiny", "big"))
    assert way(course(target("big", fallbacks=("small",)), small, target("tiny"))) == [("big", "gpu"), ("small", "gpu")]


@pytest.mark.parametrize(
    ("fields", "permissions"),
    [
        ({"capabilities": frozenset({"chat", "completions"})}, None),
        ({}, Permissions(True, frozenset({"small"}))),
        ({}, Permissions(False, frozenset({"big"}))),
        ({"model": "renamed"}, None),
    ],
)
def test_who_cannot_or_may_not_answer_the_caller_is_not_asked(
    fields: dict[str, Any], permissions: Permissions | None
) -> None:
    small = replace(target("small"), **fields)
    rules = {} if permissions is None else {PROJECT: permissions}
    assert way(course(target("big", fallbacks=("small",)), small, permissions=rules)) == [("big", "gpu")]


def test_embeddings_are_answered_by_models_of_the_same_vector_space_only() -> None:
    both = frozenset({"embeddings"})
    big = Target("big", "gpu", "openai", capabilities=both, vector_space="a", fallbacks=("same", "other"))
    others = [Target(name, "gpu", "openai", capabilities=both, vector_space=name[0]) for name in ("same", "other")]
    others[0] = replace(others[0], vector_space="a")
    assert way(course(big, *others)) == [("big", "gpu"), ("same", "gpu")]


def test_deployments_whose_breaker_is_open_are_left_out() -> None:
    down(BIG)
    assert course(BIG).begin().upstream in {"spare", "last"}
    assert ("big", "gpu") not in way(course(BIG))


def test_where_all_are_open_the_caller_is_told_when_to_come_back_and_what_was_tried() -> None:
    small = target("small")
    big = target("big", fallbacks=("small",), base_url="http://10.0.0.1/v1")
    for each in (big, small):
        down(each)
    with pytest.raises(UpstreamsDown) as caught:
        course(big, small).begin()
    error = caught.value
    assert (error.status_code, error.code) == (503, "upstreams_down")
    assert error.message == (
        "No server for this model answers at the moment. Models tried: `big`, `small`. Please try again later."
    )
    assert 1 <= int(error.headers["retry-after"]) <= 15


def test_what_is_chosen_is_in_flight_until_something_else_is_or_it_is_left() -> None:
    through = course(BIG)
    first = through.begin()
    assert traffic.in_flight(first.place) == 1
    second = through.next()
    assert second is not None
    assert [traffic.in_flight(each.place) for each in (first, second)] == [0, 1]
    through.leave()
    through.leave()
    assert traffic.in_flight(second.place) == 0


def test_one_request_tries_a_half_open_deployment_and_the_next_may_when_it_has_left(settings: Settings) -> None:
    settings.LUKHAS_BREAKER_OPEN_SECONDS = 0.0
    down(BIG)
    first = course(BIG)
    assert first.begin() is BIG
    others = course(BIG)
    assert others.begin().upstream != "gpu"
    others.leave()
    assert not breakers.admits(BIG.place)
    first.leave()
    assert breakers.admits(BIG.place)


def test_a_deployment_is_asked_again_as_often_as_the_setting_says_and_each_anew(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.LUKHAS_UPSTREAM_RETRIES = 2
    monkeypatch.setattr(pauses, "jittered", float)
    through = course(BIG)
    for _ in range(2):
        through.next()
        assert [through.pause(Failure(again=True), BIG.place) for _ in range(3)] == [0.0, 1.0, None]
    assert through.pause(Failure(again=False), BIG.place) is None


def test_it_waits_as_long_as_the_upstream_says_within_what_a_request_may_wait_in_all(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.LUKHAS_UPSTREAM_RETRY_SECONDS = 5.0
    monkeypatch.setattr(pauses, "jittered", lambda times: 0.5)
    through = course(BIG)
    through.next()
    assert through.pause(Failure(again=True, after=6.0), BIG.place) is None
    assert through.pause(Failure(again=True, after=3.0), BIG.place) == 3.0
    assert through.pause(Failure(again=True, after=0.1), BIG.place) == 0.5
    through.next()
    assert through.pause(Failure(again=True, after=1.6), BIG.place) is None
    assert through.pause(Failure(again=True, after=1.5), BIG.place) == 1.5
    settings.LUKHAS_UPSTREAM_RETRY_SECONDS = 0.0
    assert course(BIG).pause(Failure(again=True), BIG.place) is None


def test_one_that_was_found_broken_meanwhile_is_not_asked_again() -> None:
    through = course(BIG)
    first = through.begin()
    through.leave()
    assert through.again(first.place)
    through.leave()
    down(first)
    assert not through.again(first.place)
    assert through.pause(Failure(again=True), first.place) is None


def test_in_the_end_the_last_failure_is_told_with_the_models_where_there_were_several() -> None:
    first, last = UpstreamError("First."), UpstreamError("Last.")
    alone = course(BIG)
    alone.asked(BIG)
    assert alone.final(first).message == "First."
    through = course(target("big", fallbacks=("small",)), target("small"))
    through.begin()
    assert not through.stands_in(target("big"))
    through.next()
    assert through.stands_in(target("small"))
    through.error = last
    assert through.final(first) is last
    assert last.message == "Last. Models tried: `big`, `small`."

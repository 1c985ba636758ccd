"""A change of flags is told to other processes through a real Redis, and is not lost with it."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import models, transaction
from django.db.models import F

from features.changes import Changes
from features.models import FlagsVersion
from features.ruleset import Watch
from features.waking_redis import Ears, publish
from tests.accounts.test_limits_redis import RedisServer
from tests.processes import eventually, free_port


@pytest.fixture(scope="module")
def redis_server() -> Iterator[RedisServer]:
    server = RedisServer()
    yield server
    server.stop()


def test_what_is_published_is_heard(redis_server: RedisServer) -> None:
    heard: list[bool] = []
    ears = Ears(redis_server.url, lambda: heard.append(True))
    try:
        assert ears.listening.wait(20)
        before = len(heard)
        publish(redis_server.url)
        eventually(lambda: len(heard) > before, 20, "the bell is heard")
    finally:
        ears.stop()
    assert not ears.alive


def test_once_redis_is_back_everything_that_may_have_been_missed_is_read(redis_server: RedisServer) -> None:
    heard: list[bool] = []
    ears = Ears(redis_server.url, lambda: heard.append(True))
    try:
        assert ears.listening.wait(20)
        redis_server.stop()
        eventually(lambda: not ears.listening.is_set(), 20, "it is noticed that Redis is lost")
        before = len(heard)
        redis_server.start()
        eventually(lambda: len(heard) > before, 20, "it is noticed that Redis is back")
    finally:
        ears.stop()


def test_where_there_is_no_redis_nobody_is_told_and_nothing_fails() -> None:
    url = f"redis://127.0.0.1:{free_port()}/0"
    publish(url)
    ears = Ears(url, lambda: None)
    assert not ears.listening.wait(0.1)
    ears.stop()
    assert not ears.alive


def test_a_change_wakes_the_watch_of_another_process(
    redis_server: RedisServer, database: None, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.REDIS_URL = redis_server.url
    monkeypatch.setattr("features.ruleset.EVERY", 600.0)
    watch, here = Watch(told=Changes()), Changes()
    try:
        watch.look().result(30)
        ears = watch.ears
        assert ears is not None
        assert ears.listening.wait(20)
        before = FlagsVersion.current()
        with transaction.atomic():
            FlagsVersion.objects.get_or_create(pk=1)
            models.QuerySet(FlagsVersion).update(number=F("number") + 1)
            here.note()
        eventually(lambda: watch.rulesets and watch.rulesets.version == before + 1, 20, "the change is seen")
    finally:
        watch.stop()

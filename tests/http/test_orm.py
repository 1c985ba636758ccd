"""Async code reaches the database through a thread whose connections are kept fit."""

import asyncio
import threading
import time

import pytest
from asgiref.sync import sync_to_async
from django.db import OperationalError, connection

from lukhas_site.http import orm
from lukhas_site.http.orm import in_database

pytestmark = pytest.mark.django_db(transaction=True)


def is_connected() -> bool:
    return connection.connection is not None


def connect_and_outlive() -> bool:
    """Opens this thread's connection and lets its time be up."""
    connection.ensure_connection()
    connection.close_at = 0.0
    return is_connected()


async def test_a_function_runs_in_another_thread_and_its_result_comes_back() -> None:
    here = threading.get_ident()

    assert await in_database(lambda a, *, b: (a, b, threading.get_ident() != here), 1, b=2) == (1, 2, True)


async def test_what_a_function_raises_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        await in_database(lambda: 1 // 0)


async def test_a_connection_that_is_too_old_is_closed_afterwards() -> None:
    assert await in_database(connect_and_outlive)
    assert not await sync_to_async(is_connected)()


async def test_a_connection_that_grew_too_old_is_not_used() -> None:
    assert await sync_to_async(connect_and_outlive)()
    assert not await in_database(is_connected)


def fails(after: float) -> None:
    time.sleep(after)
    raise OperationalError("connection refused")


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A failure counts as slow after 50 ms, and the pause is a second."""
    monkeypatch.setattr(orm, "SLOW_SECONDS", 0.05)
    monkeypatch.setattr(orm, "PAUSE_SECONDS", 1.0)


@pytest.mark.usefixtures("quick")
async def test_those_behind_one_who_waited_in_vain_fail_at_once_and_a_little_later_it_is_tried_again() -> None:
    failures = await asyncio.gather(*(in_database(fails, 0.2) for _ in range(20)), return_exceptions=True)
    assert {type(failure) for failure in failures} == {OperationalError}
    assert [str(failure) for failure in failures].count("connection refused") == 1
    await asyncio.sleep(1.05)
    assert await in_database(lambda: "back") == "back"


@pytest.mark.usefixtures("quick")
async def test_a_statement_that_fails_at_once_holds_nobody_up() -> None:
    with pytest.raises(OperationalError):
        await in_database(fails, 0)
    assert await in_database(lambda: "done") == "done"

"""Async code reaches the database through a thread whose connections are kept fit."""

import threading

import pytest
from asgiref.sync import sync_to_async
from django.db import connection

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

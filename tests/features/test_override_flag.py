"""Flags that tests override."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from asgiref.sync import sync_to_async
from openfeature import api
from openfeature.client import OpenFeatureClient
from openfeature.exception import ErrorCode
from openfeature.flag_evaluation import Reason

from features import client as module
from features.testing import override_flag
from tests.features.conftest import MakeFlag
from tests.features.exposing import written
from tests.features.ofrep import ADA, EVALUATE


@pytest.fixture(autouse=True)
def flags() -> Iterator[OpenFeatureClient]:
    """A client of an organisation that there is not."""
    yield module.client("org-none")
    api.shutdown()


def size(default: int = 0) -> int:
    return module.client("org-none").get_integer_value("size", default)


@pytest.mark.parametrize(
    ("kind", "value", "default"),
    [("boolean", True, False), ("string", "a", "b"), ("integer", 3, 0), ("float", 2, 0.0), ("object", {"a": [1]}, {})],
)
def test_a_flag_answers_as_it_is_told_to_without_a_database(
    flags: OpenFeatureClient, kind: str, value: Any, default: Any
) -> None:
    with override_flag("it", value):
        found = getattr(flags, f"get_{kind}_details")("it", default)
        later = asyncio.run(getattr(flags, f"get_{kind}_details_async")("it", default))
    assert found == later
    assert (found.value, found.variant, found.reason, found.error_code) == (value, "override", Reason.STATIC, None)
    assert type(found.value) is type(default)


def test_none_is_no_value_and_another_kind_is_a_mismatch(flags: OpenFeatureClient) -> None:
    with override_flag("it", None):
        found = flags.get_boolean_details("it", True)
        assert (found.value, found.reason, found.error_code) == (True, Reason.DISABLED, None)
    with override_flag("it", "text"):
        assert flags.get_boolean_details("it", True).error_code == ErrorCode.TYPE_MISMATCH


def test_the_inner_one_counts_and_after_it_the_outer_one() -> None:
    with override_flag("size", 1), override_flag("other", 7):
        with override_flag("size", 2):
            assert size() == 2
        assert size() == 1
        with pytest.raises(KeyError), override_flag("size", 3):
            raise KeyError
        assert size() == 1


def test_one_may_be_entered_again_within_itself() -> None:
    again = override_flag("size", 1)
    with again:
        with again, override_flag("size", 2), again:
            assert size() == 1
        assert size() == 1


@override_flag("size", 1)
@override_flag("other", True)
def test_it_decorates_functions() -> None:
    """What it decorates keeps its name."""
    assert size() == 1
    assert test_it_decorates_functions.__name__ == "test_it_decorates_functions"


@override_flag("size", 1)
async def test_it_decorates_coroutine_functions() -> None:
    await asyncio.sleep(0)
    assert await module.client("org-none").get_integer_value_async("size", 0) == 1


def test_what_it_decorated_can_be_called_again_and_within_itself() -> None:
    @override_flag("size", 1)
    def down(times: int) -> int:
        return size() + (down(times - 1) if times else 0)

    for _ in range(2):
        assert down(3) == 4


class Base:
    def test_inherited(self) -> int:
        return size()


@override_flag("size", 1)
class Decorated(Base):
    tested = "no function"

    def test_sync(self) -> int:
        return size()

    async def test_async(self) -> int:
        await asyncio.sleep(0)
        return size()

    @staticmethod
    def test_static() -> int:
        return size()

    def other(self) -> int:
        return size()


def test_it_decorates_the_tests_of_a_class() -> None:
    made = Decorated()
    assert made.test_sync() == made.test_inherited() == made.test_static() == asyncio.run(made.test_async()) == 1
    assert made.other() == Base().test_inherited() == 0
    assert Decorated.tested == "no function"


def test_it_decorates_no_generator() -> None:
    def steps() -> Iterator[int]:
        yield size()

    async def later() -> AsyncIterator[int]:
        yield size()

    for generator in (steps, later):
        with pytest.raises(TypeError, match="use it as a context manager within"):
            override_flag("size", 1)(generator)


def test_each_thread_has_its_own() -> None:
    together = threading.Barrier(4)

    @override_flag("size", 7)
    def inside() -> int:
        together.wait()
        return size()

    def ask(number: int) -> tuple[int, int, int]:
        with override_flag("size", number):
            together.wait()
            return size(), inside(), size()

    with override_flag("size", 9), ThreadPoolExecutor(4) as pool:
        assert pool.submit(size).result() == 0
        assert list(pool.map(ask, range(4))) == [(number, 7, number) for number in range(4)]
        assert size() == 9


async def test_each_task_has_its_own_and_those_that_are_begun_within_have_it_too() -> None:
    together = asyncio.Barrier(4)

    async def ask(number: int) -> list[int]:
        with override_flag("size", number):
            await together.wait()
            within = await asyncio.create_task(asyncio.to_thread(size))
            return [size(), within, await sync_to_async(size)()]

    found = await asyncio.gather(*map(ask, range(4)))
    assert found == [[number] * 3 for number in range(4)]
    assert size() == 0


def test_nothing_is_counted_and_what_is_asked_over_http_is_as_ever(client: httpx.Client, make_flag: MakeFlag) -> None:
    flag = make_flag()
    here = module.client(flag.organization)
    with override_flag("dark-mode", False):
        assert here.get_boolean_value("dark-mode", True) is False
        assert written() == {}
        assert client.post(f"{EVALUATE}/dark-mode", json=ADA).json()["value"] is True

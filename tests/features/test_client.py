"""OpenFeature's SDK in this process: the same answers as over HTTP, from any thread and any task."""

import asyncio
import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from enum import Enum
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.db.backends.utils import CursorWrapper
from openfeature import api
from openfeature.client import OpenFeatureClient
from openfeature.contrib.provider.ofrep import OFREPProvider
from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import ErrorCode
from openfeature.flag_evaluation import FlagEvaluationDetails, Reason

from accounts.models import Organization
from features import client as module
from features.client import RulesetProvider, client
from features.models import Environment, FlagState, FlagsVersion
from features.ruleset import watch
from tests.features.conftest import MakeFlag
from tests.features.exposing import written
from tests.features.test_ofrep_flag import SPLIT
from tests.serving import Server
from tests.threads import in_thread

ADA = EvaluationContext("ada", {"plan": "pro", "age": 36})
PRO = [{"attribute": "plan", "operator": "equals", "values": ["pro"]}]
Ask = Callable[..., FlagEvaluationDetails[Any]]


class Plan(Enum):
    PRO = "pro"


@pytest.fixture(autouse=True)
def sdk_as_it_was() -> Iterator[None]:
    yield
    api.shutdown()


@pytest.fixture
def flags(organization: Organization) -> OpenFeatureClient:
    return client(organization)


@pytest.fixture(params=["sync", "async"])
def ask(request: pytest.FixtureRequest, flags: OpenFeatureClient) -> Ask:
    """Evaluates a flag, in both ways: `ask("boolean", "dark-mode", False, ADA)`."""

    def now(kind: str, *arguments: Any) -> Any:
        return getattr(flags, f"get_{kind}_details")(*arguments)

    def later(kind: str, *arguments: Any) -> Any:
        return asyncio.run(getattr(flags, f"get_{kind}_details_async")(*arguments))

    return now if request.param == "sync" else later


# --- Answers ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "asked", "value", "default"),
    [
        ("boolean", "boolean", True, False),
        ("boolean", "boolean", False, True),
        ("string", "string", "night", "day"),
        ("number", "integer", 3, 0),
        ("number", "float", 2.5, 0.0),
        ("number", "float", 3.0, 0.0),
        ("object", "object", {"steps": [1, {"a": None}]}, {}),
    ],
)
def test_every_kind_has_value_variant_reason_and_metadata(
    ask: Ask, make_flag: MakeFlag, kind: str, asked: str, value: Any, default: Any
) -> None:
    make_flag(kind=kind, variants={"v": value}, default_variant="v", off_variant="", metadata={"team": "web"})
    found = ask(asked, "dark-mode", default, ADA)
    assert (found.value, type(found.value)) == (value, type(value))
    assert (found.variant, found.reason, found.flag_metadata) == ("v", Reason.STATIC, {"team": "web"})
    assert found.error_code is None


def test_every_reason_is_one_that_the_sdk_knows(ask: Ask, make_flag: MakeFlag) -> None:
    make_flag("static")
    make_flag("match", default_variant="off", rules=[{"variant": "on", "conditions": PRO}])
    make_flag("split", rules=SPLIT)
    make_flag("default", rules=[{"variant": "off", "conditions": [{**PRO[0], "values": ["free"]}]}])
    make_flag("disabled", enabled=False)
    keys = {"static": Reason.STATIC, "match": Reason.TARGETING_MATCH, "split": Reason.SPLIT}
    keys |= {"default": Reason.DEFAULT, "disabled": Reason.DISABLED}
    assert {key: ask("boolean", key, True, ADA).reason for key in keys} == keys


def test_where_there_is_no_value_the_callers_default_counts(ask: Ask, make_flag: MakeFlag) -> None:
    make_flag(enabled=False, off_variant="")
    for default in (True, False):
        found = ask("boolean", "dark-mode", default, ADA)
        assert (found.value, found.variant, found.reason, found.error_code) == (default, None, Reason.DISABLED, None)


def test_errors_are_those_that_the_sdk_has_names_for(ask: Ask, make_flag: MakeFlag) -> None:
    make_flag("split", rules=SPLIT, metadata={"team": "web"})
    make_flag("text", kind="string", variants={"v": "a"}, default_variant="v", metadata={"team": "web"})
    found = {key: ask("boolean", key, True) for key in ("nothing", "split", "text")}
    assert {key: (each.value, each.reason, each.error_code) for key, each in found.items()} == {
        "nothing": (True, Reason.ERROR, ErrorCode.FLAG_NOT_FOUND),
        "split": (True, Reason.ERROR, ErrorCode.TARGETING_KEY_MISSING),
        "text": (True, Reason.ERROR, ErrorCode.TYPE_MISMATCH),
    }
    assert found["nothing"].error_message == "there is no such flag"
    assert found["text"].error_message == "the flag's value is no boolean"
    assert found["split"].flag_metadata == found["text"].flag_metadata == {"team": "web"}


@pytest.mark.parametrize(
    ("asked", "default", "others"),
    [
        ("boolean", True, ["text", "whole", "half", "object"]),
        ("string", "x", ["bool", "whole", "half", "object"]),
        ("integer", 7, ["bool", "text", "half", "object"]),
        ("float", 7.5, ["bool", "text", "object"]),
        ("object", {"x": 1}, ["bool", "text", "whole", "half"]),
    ],
)
def test_a_flag_of_another_kind_is_a_mismatch_and_the_default_counts(
    ask: Ask, make_flag: MakeFlag, asked: str, default: Any, others: list[str]
) -> None:
    for key, kind, value in (
        ("bool", "boolean", True), ("text", "string", "a"), ("whole", "number", 1), ("half", "number", 0.5),
        ("object", "object", {}),
    ):  # fmt: skip
        make_flag(key, kind=kind, variants={"v": value}, default_variant="v", off_variant="")
    for key in others:
        found = ask(asked, key, default)
        assert (found.value, found.error_code) == (default, ErrorCode.TYPE_MISMATCH), key


def test_numbers_are_whole_or_not_by_the_flag_and_a_whole_one_is_also_a_float(ask: Ask, make_flag: MakeFlag) -> None:
    make_flag("rate", kind="number", variants={"half": 0.5, "all": 1}, default_variant="all")
    make_flag("size", kind="number", variants={"all": 1}, default_variant="all")
    for key in ("rate", "size"):
        found = ask("float", key, 0.0)
        assert (found.value, type(found.value), found.error_code) == (1.0, float, None)
    assert ask("integer", "rate", 0).error_code == ErrorCode.TYPE_MISMATCH
    assert ask("integer", "size", 0).value == 1


def test_an_object_is_the_callers_own(ask: Ask, make_flag: MakeFlag) -> None:
    make_flag(kind="object", variants={"v": {"steps": [1]}}, default_variant="v", off_variant="")
    ask("object", "dark-mode", {}).value["steps"].append(2)
    assert ask("object", "dark-mode", {}).value == {"steps": [1]}


def test_the_answers_are_those_over_http(
    flags: OpenFeatureClient, server: Server, api_key: str, make_flag: MakeFlag
) -> None:
    make_flag("split", rules=SPLIT, metadata={"team": "web"})
    make_flag("match", default_variant="off", rules=[{"variant": "on", "conditions": PRO}])
    make_flag("none", enabled=False, off_variant="")
    make_flag("size", kind="number", variants={"v": 3}, default_variant="v", off_variant="")
    provider = OFREPProvider(server.url, headers_factory=lambda: {"Authorization": f"Bearer {api_key}"})
    api.set_provider_and_wait(provider, "http")
    http = api.get_client("http")
    for key in ("split", "match", "none", "nothing", "size"):
        for context in (None, *(EvaluationContext(f"user-{at}", {"plan": "pro"}) for at in range(10))):
            here, there = (each.get_boolean_details(key, True, context) for each in (flags, http))
            told = (here.value, here.variant, here.reason, here.error_code, here.flag_metadata)
            if key == "size":  # the provider leaves out the variant
                assert (here.error_code, here.value) == (there.error_code, True)
            elif here.error_code:  # likewise the metadata
                assert told[:4] == (there.value, there.variant, there.reason, there.error_code)
            else:
                assert told == (
                    there.value, there.variant or None, there.reason, there.error_code, there.flag_metadata
                )  # fmt: skip
    provider.session.close()


# --- Contexts --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("condition", "value"),
    [
        ({"operator": "equals", "values": ["pro"]}, Plan.PRO),
        ({"operator": "equals", "values": ["pro"]}, type("Safe", (str,), {})("pro")),
        ({"operator": "after", "values": ["2026-01-01T00:00:00Z"]}, datetime(2026, 3, 1, tzinfo=UTC)),
        ({"operator": "equals", "values": ["00000000-0000-0000-0000-000000000007"]}, uuid.UUID(int=7)),
        ({"operator": "contains", "values": ["b"]}, ("a", "b")),
        ({"operator": "gt", "values": [1]}, 2.5),
    ],
    ids=["enumeration", "a kind of text", "datetime", "uuid", "tuple", "number"],
)
def test_what_python_has_more_kinds_of_is_asked_as_json_has_it(
    ask: Ask, make_flag: MakeFlag, condition: dict[str, Any], value: Any
) -> None:
    make_flag(default_variant="off", rules=[{"variant": "on", "conditions": [{"attribute": "it", **condition}]}])
    assert ask("boolean", "dark-mode", False, EvaluationContext(None, {"it": value})).value is True


@pytest.mark.parametrize("value", [object(), {1, 2}, 1 + 2j, {"a": [object()]}])
def test_what_json_does_not_hold_is_an_invalid_context(ask: Ask, make_flag: MakeFlag, value: Any) -> None:
    make_flag()
    found = ask("boolean", "dark-mode", False, EvaluationContext("ada", {"it": value}))
    assert (found.value, found.error_code) == (False, ErrorCode.INVALID_CONTEXT)
    assert found.error_message == "it must be something that JSON holds"


def test_who_asks_may_be_told_apart_by_a_number_or_a_uuid(ask: Ask, make_flag: MakeFlag) -> None:
    make_flag(rules=SPLIT)
    for who in (7, uuid.UUID(int=7)):
        found, as_text = (ask("boolean", "dark-mode", False, EvaluationContext(each)) for each in (who, str(who)))
        assert (found.reason, found.value) == (Reason.SPLIT, as_text.value)


# --- Places ----------------------------------------------------------------------------------------------------


def test_each_client_asks_in_its_organisation_and_environment(
    organization: Organization, stranger: Organization, make_flag: MakeFlag
) -> None:
    flag = make_flag()
    staging = Environment.objects.create(organization=organization, key="staging")
    FlagState.objects.create(flag=flag, environment=staging, enabled=True, default_variant="off")
    clients = [client(organization), client(organization.public_id, "staging"), client(stranger), client("org-none")]
    found = [each.get_boolean_details("dark-mode", True) for each in clients]
    assert [(each.value, each.error_code) for each in found] == [
        (True, None), (False, None), (True, ErrorCode.FLAG_NOT_FOUND), (True, ErrorCode.FLAG_NOT_FOUND)
    ]  # fmt: skip


def test_clients_of_one_place_share_a_provider_and_leave_others_as_they_are() -> None:
    before = api.get_client().provider
    first, again, other = client("org-a"), client("org-a"), client("org-b")
    assert first.provider is again.provider
    assert isinstance(other.provider, RulesetProvider)
    assert other.provider is not first.provider
    assert api.get_client().provider is before
    assert first.provider.get_metadata().name == "LUKHAS"


def test_after_the_sdk_was_shut_down_a_client_can_be_had_again(make_flag: MakeFlag, organization: Organization) -> None:
    make_flag()
    client(organization)
    api.shutdown()
    assert client(organization).get_boolean_value("dark-mode", False) is True


def test_the_provider_may_be_the_one_of_the_whole_process(make_flag: MakeFlag, organization: Organization) -> None:
    make_flag()
    api.set_provider_and_wait(RulesetProvider("org-other"))
    api.set_provider_and_wait(RulesetProvider(organization))
    assert api.get_client().get_boolean_value("dark-mode", False) is True
    assert client("org-other").get_boolean_value("dark-mode", False) is False


# --- The process -----------------------------------------------------------------------------------------------


def test_a_change_is_seen_by_the_next_evaluation(ask: Ask, make_flag: MakeFlag) -> None:
    make_flag()
    for enabled in (True, False, True):
        FlagState.objects.update(enabled=enabled)
        assert ask("boolean", "dark-mode", not enabled, ADA).value is enabled


def test_any_thread_may_ask(flags: OpenFeatureClient, make_flag: MakeFlag) -> None:
    make_flag()
    watch.forget()
    together = threading.Barrier(8)

    def ask(_: int) -> bool:
        together.wait()
        return flags.get_boolean_value("dark-mode", False, ADA)

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, range(8))) == [True] * 8


async def test_a_task_may_ask_in_both_ways(flags: OpenFeatureClient, make_flag: MakeFlag) -> None:
    await in_thread(make_flag)
    assert flags.get_boolean_value("dark-mode", False, ADA) is True
    assert await flags.get_boolean_value_async("dark-mode", False, ADA) is True


def test_an_evaluation_makes_no_sql(ask: Ask, make_flag: MakeFlag, monkeypatch: pytest.MonkeyPatch) -> None:
    make_flag(rules=SPLIT)
    ask("boolean", "dark-mode", False, ADA)
    asked, real = list[str](), CursorWrapper.execute

    def execute(self: Any, *arguments: Any) -> Any:
        asked.append(threading.current_thread().name)
        return real(self, *arguments)

    monkeypatch.setattr(CursorWrapper, "execute", execute)
    for _ in range(20):
        ask("boolean", "dark-mode", False, ADA)
    assert threading.current_thread().name not in asked
    connection.ensure_connection()
    Environment.objects.count()
    assert threading.current_thread().name in asked


def test_each_evaluation_counts_once(ask: Ask, make_flag: MakeFlag) -> None:
    make_flag("plain")
    make_flag("split", rules=SPLIT)
    for _ in range(2):
        ask("boolean", "plain", False, ADA)
    ask("string", "plain", "")
    ask("boolean", "split", False)
    ask("boolean", "nothing", False)
    assert written() == {("plain", "on", "STATIC"): 3, ("split", "", "ERROR"): 1}


def test_while_the_database_is_away_the_last_flags_answer_and_without_any_the_default_counts(
    ask: Ask, make_flag: MakeFlag, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> int:
        raise OperationalError("the server closed the connection unexpectedly")

    make_flag()
    assert ask("boolean", "dark-mode", False).value is True
    monkeypatch.setattr(FlagsVersion, "current", fail)
    module.watch.told.announce()
    assert ask("boolean", "dark-mode", False).value is True
    watch.forget()
    found = ask("boolean", "dark-mode", False)
    assert (found.value, found.error_code) == (False, ErrorCode.PROVIDER_NOT_READY)
    assert found.error_message == "the database is away, and the flags were never read"

"""The OpenFeature SDK with its OFREP provider, as users have them, against the running server."""

from collections.abc import Iterator
from typing import Any

import pytest
from openfeature import api
from openfeature.client import OpenFeatureClient
from openfeature.contrib.provider.ofrep import OFREPProvider
from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import ErrorCode
from openfeature.flag_evaluation import Reason

from accounts.models import ApiKey, RateLimit
from features.models import FlagState
from tests.features.conftest import MakeFlag
from tests.features.test_ofrep_flag import SPLIT
from tests.serving import Server

ADA = EvaluationContext("ada", {"plan": "pro", "age": 36})


@pytest.fixture
def flags(server: Server, api_key: str) -> Iterator[OpenFeatureClient]:
    """A client of the SDK."""
    provider = OFREPProvider(server.url, headers_factory=lambda: {"Authorization": f"Bearer {api_key}"})
    api.set_provider(provider)
    yield api.get_client()
    api.clear_providers()
    provider.session.close()


@pytest.mark.parametrize(
    ("kind", "method", "value", "default"),
    [
        ("boolean", "get_boolean_details", True, False),
        ("boolean", "get_boolean_details", False, True),
        ("string", "get_string_details", "night", "day"),
        ("number", "get_integer_details", 3, 0),
        ("number", "get_float_details", 2.5, 0.0),
        ("number", "get_float_details", 3.0, 0.0),
        ("object", "get_object_details", {"steps": [1, {"a": None}]}, {}),
    ],
)
def test_every_kind_has_value_variant_reason_and_metadata(
    flags: OpenFeatureClient, make_flag: MakeFlag, kind: str, method: str, value: Any, default: Any
) -> None:
    make_flag(kind=kind, variants={"v": value}, default_variant="v", off_variant="", metadata={"team": "web"})
    found = getattr(flags, method)("dark-mode", default, ADA)
    assert (found.value, type(found.value)) == (value, type(value))
    assert (found.variant, found.reason, found.flag_metadata) == ("v", Reason.STATIC, {"team": "web"})
    assert found.error_code is None


def test_every_reason_is_one_that_the_sdk_knows(flags: OpenFeatureClient, make_flag: MakeFlag) -> None:
    pro = [{"attribute": "plan", "operator": "equals", "values": ["pro"]}]
    make_flag("static")
    make_flag("match", default_variant="off", rules=[{"variant": "on", "conditions": pro}])
    make_flag("split", rules=SPLIT)
    make_flag("default", rules=[{"variant": "off", "conditions": [{**pro[0], "values": ["free"]}]}])
    make_flag("disabled", enabled=False)
    reasons = {
        key: flags.get_boolean_details(key, True, ADA).reason
        for key in ("static", "match", "split", "default", "disabled")
    }
    assert reasons == {
        "static": Reason.STATIC,
        "match": Reason.TARGETING_MATCH,
        "split": Reason.SPLIT,
        "default": Reason.DEFAULT,
        "disabled": Reason.DISABLED,
    }


def test_where_there_is_no_value_the_callers_default_counts(flags: OpenFeatureClient, make_flag: MakeFlag) -> None:
    make_flag(enabled=False, off_variant="")
    for default in (True, False):
        found = flags.get_boolean_details("dark-mode", default, ADA)
        assert (found.value, found.reason, found.error_code) == (default, Reason.DISABLED, None)


def test_a_float_flag_is_a_float_also_where_its_value_is_whole(flags: OpenFeatureClient, make_flag: MakeFlag) -> None:
    make_flag("rate", kind="number", variants={"half": 0.5, "all": 1}, default_variant="all")
    found = flags.get_float_details("rate", 0.0)
    assert (found.value, found.error_code) == (1.0, None)


def test_errors_are_those_that_the_sdk_has_names_for(flags: OpenFeatureClient, make_flag: MakeFlag) -> None:
    make_flag("split", rules=SPLIT)
    make_flag("text", kind="string", variants={"v": "a"}, default_variant="v")
    found = {
        "nothing": flags.get_boolean_details("nothing", True, ADA),
        "split": flags.get_boolean_details("split", True),
        "text": flags.get_boolean_details("text", True, ADA),
    }
    assert {key: (each.value, each.error_code) for key, each in found.items()} == {
        "nothing": (True, ErrorCode.FLAG_NOT_FOUND),
        "split": (True, ErrorCode.TARGETING_KEY_MISSING),
        "text": (True, ErrorCode.TYPE_MISMATCH),
    }
    assert found["nothing"].error_message == "there is no such flag"


def test_a_change_is_seen_by_the_next_evaluation(flags: OpenFeatureClient, make_flag: MakeFlag) -> None:
    make_flag()
    assert flags.get_boolean_value("dark-mode", False, ADA) is True
    FlagState.objects.update(enabled=False)
    assert flags.get_boolean_value("dark-mode", True, ADA) is False


def test_a_limit_makes_the_provider_wait_and_the_default_count(flags: OpenFeatureClient, make_flag: MakeFlag) -> None:
    make_flag()
    key = ApiKey.objects.get(name="tests")
    RateLimit.objects.put(key, {"value": 1}, unit="requests", period="minute", model="")
    assert flags.get_boolean_value("dark-mode", False, ADA) is True
    found = flags.get_boolean_details("dark-mode", False, ADA)
    assert (found.value, found.error_code) == (False, ErrorCode.GENERAL)
    again = flags.get_boolean_details("dark-mode", False, ADA)
    assert "paused" in (again.error_message or "")

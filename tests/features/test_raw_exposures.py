"""Raw exposures, as far as flags go: who got which variant is handed over once, for flags that ask for that."""

from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import pytest

from accounts.models import Project
from analytics.identities import identity
from analytics.models import RawExposure
from features import exposures as module
from features.compiling import compile_ruleset
from features.definitions import FlagDefinition
from features.exposures import Exposures, exposed, exposures
from features.loading import Stage
from features.units import LONGEST, Seen, unit_of, withheld
from tests.features.conftest import MakeFlag
from tests.features.exposing import HOUR
from tests.features.flags import ENVIRONMENT
from tests.features.ofrep import ADA, EVALUATE
from tests.features.test_ofrep_flag import SPLIT

PROJECT = "proj_tests"


def stage(**asking: bool) -> Stage:
    """Boolean flags that are on and answer `on`, by key whether they ask for raw exposures."""
    state = {"enabled": True, "default_variant": "on"}
    flags = [
        FlagDefinition.from_data(
            {
                "key": key, "kind": "boolean", "variants": {"on": True, "off": False}, "raw_exposures": raw,
                "environments": {ENVIRONMENT: state},
            }
        )
        for key, raw in asking.items()
    ]  # fmt: skip
    return Stage("org-tests", ENVIRONMENT, b"", compile_ruleset(flags, [], ENVIRONMENT))


def seen(unit: str = "ada", flag: str = "raw", variant: str = "on") -> Seen:
    return Seen("org-tests", PROJECT, ENVIRONMENT, flag, variant, unit)


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Exposures:
    """Exposures at a moment of these tests, that nobody tells unless the test does."""
    monkeypatch.setattr(module, "time", lambda: HOUR.timestamp() + 1234.5)
    counted = Exposures()
    counted.keeper.started = True
    return counted


@pytest.fixture
def told() -> Iterator[list[Mapping[Seen, float]]]:
    """What the signal told of raw ones."""
    told: list[Mapping[Seen, float]] = []

    def listen(seen: Mapping[Seen, float], **_: Any) -> None:
        told.append(seen)

    kept, exposed.receivers = exposed.receivers, []
    exposed.connect(listen)
    yield told
    exposed.disconnect(listen)
    exposed.receivers = kept
    exposed.sender_receivers_cache.clear()


def test_only_flags_that_ask_for_it_tell_who_got_what_and_each_once(
    counted: Exposures, told: list[Mapping[Seen, float]], monkeypatch: pytest.MonkeyPatch
) -> None:
    here = stage(raw=True, plain=False)
    answers = here.ruleset.evaluate_all({})
    counted.count_all(here, answers, {"targetingKey": "ada"}, PROJECT)
    monkeypatch.setattr(module, "time", lambda: HOUR.timestamp() + 9999)
    counted.count_all(here, answers, {"targetingKey": "ada"}, PROJECT)
    counted.count(here, "raw", answers["raw"], {"targetingKey": "bob"}, PROJECT)
    counted.count(here, "plain", answers["plain"], {"targetingKey": "bob"}, PROJECT)
    counted.flush()
    assert told == [{seen("ada"): HOUR.timestamp() + 1234.5, seen("bob"): HOUR.timestamp() + 9999}]
    counted.flush()
    assert told[1:] == [{}], "told once"


@pytest.mark.parametrize(
    ("context", "project"),
    [({}, PROJECT), (None, PROJECT), ({"targetingKey": "ada"}, None), ({"targetingKey": "ada"}, "")],
)
def test_of_nobody_nothing_is_told(
    counted: Exposures, told: list[Mapping[Seen, float]], context: object, project: str | None
) -> None:
    here = stage(raw=True)
    counted.count(here, "raw", here.ruleset.evaluate("raw", context), context, project)
    counted.flush()
    assert told == [{}]


def test_an_answer_without_a_variant_is_none(counted: Exposures, told: list[Mapping[Seen, float]]) -> None:
    here = stage(raw=True)
    counted.count(here, "raw", here.ruleset.evaluate("raw", None), {"targetingKey": "ada"}, PROJECT)
    counted.flush()
    assert told == [{}]


def test_memory_is_bounded_and_those_who_are_there_already_take_none(
    counted: Exposures, told: list[Mapping[Seen, float]], monkeypatch: pytest.MonkeyPatch
) -> None:
    warnings: list[dict[str, Any]] = []
    monkeypatch.setattr(module.log, "warning", lambda event, **facts: warnings.append({"event": event, **facts}))
    monkeypatch.setattr(module, "MOST", 2)
    here = stage(raw=True)
    for who in ("ada", "bob", "cleo", "ada", "dan"):
        counted.count(here, "raw", here.ruleset.evaluate("raw", {}), {"targetingKey": who}, PROJECT)
    counted.flush()
    assert [list(each) for each in told] == [[seen("ada"), seen("bob")]]
    assert warnings == [{"event": "exposures_dropped", "exposures": 2}]


def test_what_is_forgotten_is_never_told(counted: Exposures, told: list[Mapping[Seen, float]]) -> None:
    here = stage(raw=True)
    counted.count(here, "raw", here.ruleset.evaluate("raw", {}), {"targetingKey": "ada"}, PROJECT)
    counted.forget()
    counted.flush()
    assert told == [{}]


@pytest.mark.parametrize(
    ("context", "unit"),
    [
        ({"targetingKey": "ada"}, "ada"),
        ({"targetingKey": 7}, "7"),
        ({"targetingKey": 7.0}, "7"),
        ({"targetingKey": "\ud800"}, "\ud800"),
        ({"targetingKey": ""}, ""),
        ({"targetingKey": ["ada"]}, ""),
        ({"targetingKey": "x" * LONGEST}, "x" * LONGEST),
        ({"targetingKey": "x" * (LONGEST + 1)}, ""),
        ({"targeting_key": "ada"}, ""),
        (["targetingKey"], ""),
    ],
)
def test_a_unit_is_the_targeting_key(context: object, unit: str) -> None:
    assert unit_of(context) == unit


@pytest.mark.parametrize(
    ("meta", "asked"),
    [({}, False), ({"HTTP_DNT": "0"}, False), ({"HTTP_DNT": "1"}, True), ({"HTTP_SEC_GPC": "1"}, True)],
)
def test_browsers_ask_that_nothing_be_kept(meta: dict[str, str], asked: bool) -> None:
    assert withheld(meta) is asked


# --- Over HTTP -------------------------------------------------------------------------------------------------


def kept() -> list[tuple[str, str, str]]:
    exposures.flush()
    return sorted(RawExposure.objects.values_list("flag", "variant", "unit"))


def test_who_asked_over_http_is_kept_once_as_an_identity_of_the_project(
    client: httpx.Client, make_flag: MakeFlag, project: Project
) -> None:
    make_flag("raw", raw_exposures=True)
    make_flag("split", raw_exposures=True, rules=SPLIT)
    make_flag("plain")
    for _ in range(2):
        assert client.post(f"{EVALUATE}/raw", json=ADA).status_code == 200
        assert client.post(f"{EVALUATE}/plain", json=ADA).status_code == 200
        assert client.post(f"{EVALUATE}/split", json={"context": {}}).status_code == 400
    unit = identity(project.public_id, "ada")
    assert kept() == [("raw", "on", unit)]
    row = RawExposure.objects.get()
    assert (row.organization, row.project, row.environment) == (
        project.organization.public_id, project.public_id, "production",
    )  # fmt: skip
    variant = client.post(EVALUATE, json=ADA).json()["flags"][-1]["variant"]
    assert kept() == [("raw", "on", unit), ("split", variant, unit)]


@pytest.mark.parametrize("header", ["DNT", "Sec-GPC"])
def test_of_browsers_that_ask_for_it_nothing_is_kept(client: httpx.Client, make_flag: MakeFlag, header: str) -> None:
    make_flag("raw", raw_exposures=True)
    for path in (f"{EVALUATE}/raw", EVALUATE):
        assert client.post(path, json=ADA, headers={header: "1"}).status_code == 200
    assert kept() == []


def test_from_when_a_flag_does_not_ask_any_more_nobody_is_added(client: httpx.Client, make_flag: MakeFlag) -> None:
    flag = make_flag("raw", raw_exposures=True)
    client.post(f"{EVALUATE}/raw", json=ADA)
    assert len(kept()) == 1
    flag.raw_exposures = False
    flag.save()
    client.post(f"{EVALUATE}/raw", json={"context": {"targetingKey": "bob"}})
    assert len(kept()) == 1

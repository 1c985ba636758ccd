"""How often flags answered: counted in memory, told by one signal, and written in batches that add up."""

import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from django.db import DatabaseError, IntegrityError, OperationalError, connection
from django.db.backends.utils import CursorWrapper
from django.test.utils import CaptureQueriesContext

from accounts.models import Organization
from features import exposures as module
from features import recording
from features.exposures import Exposures, exposed
from features.loading import NOTHING, read
from features.models import Environment, ExposureCount, FlagState
from features.models.exposures import Exposure, Use
from features.ofrep.answers import Answers
from features.recording import Recorder, recorder
from tests.features.conftest import MakeFlag
from tests.features.exposing import HOUR, exposure, stage, written
from tests.features.ofrep import ADA, EVALUATE
from tests.features.test_ofrep_flag import SPLIT


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Exposures:
    """Exposures in the hour of these tests, that nobody tells unless the test does."""
    monkeypatch.setattr(module, "time", lambda: HOUR.timestamp() + 1234.5)
    counted = Exposures()
    counted.keeper.started = True
    return counted


@pytest.fixture
def told() -> Iterator[list[Mapping[Exposure, int]]]:
    """What the signal told, in place of the recorder."""
    told: list[Mapping[Exposure, int]] = []

    def listen(counts: Mapping[Exposure, int], **_: Any) -> None:
        told.append(counts)

    exposed.disconnect(dispatch_uid="features.recording")
    exposed.connect(listen)
    yield told
    exposed.disconnect(listen)
    recorder.listen()


@pytest.fixture
def warnings(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What is logged."""
    told: list[dict[str, Any]] = []
    for log in (module.log, recording.log):
        monkeypatch.setattr(log, "warning", lambda event, **facts: told.append({"event": event, **facts}))
    return told


def numbers() -> dict[str, int]:
    return dict(ExposureCount.objects.values_list("flag", "number"))


# --- Counting --------------------------------------------------------------------------------------------------


def test_answers_are_counted_by_flag_variant_reason_and_hour(
    counted: Exposures, told: list[Mapping[Exposure, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = stage("a", "b"), stage("a", organization="org-other")
    off, none = here.ruleset.evaluate("a", {}), here.ruleset.evaluate("a", None)
    for _ in range(3):
        counted.count(here, "a", off)
    counted.count(here, "b", off)
    counted.count(here, "a", none)
    counted.count(there, "a", off)
    monkeypatch.setattr(module, "time", lambda: HOUR.timestamp() + 3600)
    counted.count(here, "a", off)
    counted.flush()
    assert told == [
        {
            exposure("a", "off"): 3,
            exposure("b", "off"): 1,
            exposure("a", "", "ERROR"): 1,
            exposure("a", "off")._replace(organization="org-other"): 1,
            exposure("a", "off", hour=HOUR + timedelta(hours=1)): 1,
        }
    ]
    counted.flush()
    assert told[1:] == [{}], "told once"


def test_a_key_that_no_flag_has_is_not_counted(counted: Exposures, told: list[Mapping[Exposure, int]]) -> None:
    for place in (stage("a"), NOTHING):
        counted.count(place, "made-up", place.ruleset.evaluate("made-up", {}))
    counted.flush()
    assert told == [{}]


def test_all_flags_are_counted_at_once(counted: Exposures, told: list[Mapping[Exposure, int]]) -> None:
    here = stage("a", "b")
    for _ in range(2):
        counted.count_all(here, here.ruleset.evaluate_all({}))
    counted.flush()
    assert told == [{exposure("a", "off"): 2, exposure("b", "off"): 2}]


def test_threads_that_count_at_once_lose_nothing(counted: Exposures, told: list[Mapping[Exposure, int]]) -> None:
    here, threads, times = stage("a"), 4, 5000
    found, together = here.ruleset.evaluate("a", {}), threading.Barrier(threads)

    def count(_: int) -> None:
        together.wait()
        for turn in range(times):
            counted.count(here, "a", found)
            if turn % 1000 == 0:
                counted.flush()

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(count, range(threads)))
    counted.flush()
    assert sum(sum(counts.values()) for counts in told) == threads * times


def test_what_would_be_too_much_is_dropped_and_said(
    counted: Exposures,
    told: list[Mapping[Exposure, int]],
    warnings: list[dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MOST", 2)
    here = stage("a", "b", "c")
    for _ in range(2):
        counted.count_all(here, here.ruleset.evaluate_all({}))
    counted.flush()
    assert told == [{exposure("a", "off"): 2, exposure("b", "off"): 2}]
    assert warnings == [{"event": "exposures_dropped", "exposures": 2}]
    counted.count(here, "c", here.ruleset.evaluate("c", {}))
    counted.flush()
    assert told[1:] == [{exposure("c", "off"): 1}]


def test_what_is_forgotten_is_never_told(counted: Exposures, told: list[Mapping[Exposure, int]]) -> None:
    counted.count(stage("a"), "a", stage("a").ruleset.evaluate("a", {}))
    counted.forget()
    counted.flush()
    assert told == [{}]


def test_a_first_count_starts_the_thread_that_tells_and_its_end_is_a_last_round(
    told: list[Mapping[Exposure, int]],
) -> None:
    for count in ("count", "count_all"):
        counted, here = Exposures(), stage("a")
        answers = here.ruleset.evaluate_all({})
        getattr(counted, count)(here, *(["a", answers["a"]] if count == "count" else [answers]))
        assert counted.keeper.started
        counted.keeper.stop()
        assert [key.flag for key in told.pop()] == ["a"]


def test_where_no_thread_is_to_be_had_answers_are_counted_all_the_same(
    told: list[Mapping[Exposure, int]], warnings: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    counted, here = Exposures(), stage("a")
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", fail)
        counted.count(here, "a", here.ruleset.evaluate("a", {}))
    assert warnings == [{"event": "exposures_not_kept", "error": "can't start new thread"}]
    counted.flush()
    assert [list(counts.values()) for counts in told] == [[1]]


# --- Telling ---------------------------------------------------------------------------------------------------


def test_a_receiver_that_fails_keeps_nothing_from_being_written(
    counted: Exposures, database: None, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(**_: Any) -> None:
        raise RuntimeError("no")

    here = stage("a")
    receivers = exposed.receivers
    exposed.connect(fail)
    exposed.receivers = exposed.receivers[::-1]  # it is asked first
    try:
        counted.count(here, "a", here.ruleset.evaluate("a", {}))
        counted.flush()
    finally:
        exposed.receivers = receivers
        exposed.disconnect(fail)
    assert numbers() == {"a": 1}
    assert "RuntimeError: no" in caplog.text


# --- Writing ---------------------------------------------------------------------------------------------------


def test_what_is_written_is_added_to_what_is_there(database: None) -> None:
    ExposureCount.add({exposure(): 2, exposure(variant=""): 1})
    ExposureCount.add({exposure(): 40, exposure(hour=HOUR + timedelta(hours=1)): 2**40})
    found = ExposureCount.objects.order_by("hour", "variant")
    assert [(row.variant, row.hour, row.number) for row in found] == [
        ("", HOUR, 1), ("on", HOUR, 42), ("on", HOUR + timedelta(hours=1), 2**40)
    ]  # fmt: skip
    assert str(found[0]) == "dark in production: -, STATIC, 2026-03-01T09Z"


def test_processes_add_up(database: None) -> None:
    for process in (Recorder(), Recorder()):
        for _ in range(2):
            process.write({exposure(): 3})
    assert numbers() == {"dark": 12}


def test_a_batch_is_one_transaction_and_one_statement(database: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording, "AT_ONCE", 3)
    with CaptureQueriesContext(connection) as queries:
        Recorder().write({exposure(f"f{at}"): 1 for at in range(5)})
    assert sum("INSERT" in query["sql"] for query in queries) == 2
    assert len(numbers()) == 5


def test_where_there_is_nothing_to_write_the_database_is_not_asked(database: None) -> None:
    with CaptureQueriesContext(connection) as queries:
        Recorder().write({})
    assert len(queries) == 0


def test_what_the_database_does_not_take_is_kept_and_written_once_it_is_back(
    database: None, warnings: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise OperationalError("the server closed the connection unexpectedly")

    monkeypatch.setattr(recording, "AT_ONCE", 1)
    kept, real, times = Recorder(), ExposureCount.add, list[int]()

    def once(counts: Mapping[Exposure, int]) -> None:
        times.append(1)
        (real if len(times) == 1 else fail)(counts)

    with monkeypatch.context() as patched:
        patched.setattr(ExposureCount, "add", once)
        kept.write({exposure("a"): 1, exposure("b"): 2})
        kept.write({exposure("b"): 3, exposure("c"): 4})
    assert warnings == [
        {"event": "exposures_not_written", "error": "OperationalError", "exposures": left} for left in (1, 2)
    ]
    assert numbers() == {"a": 1}
    kept.write({})
    assert numbers() == {"a": 1, "b": 5, "c": 4}
    kept.write({})
    assert numbers() == {"a": 1, "b": 5, "c": 4}, "written once"


def test_while_the_database_is_away_only_so_much_is_kept(
    database: None, warnings: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise DatabaseError("database is locked")

    monkeypatch.setattr(recording, "MOST", 2)
    kept = Recorder()
    with monkeypatch.context() as patched:
        patched.setattr(ExposureCount, "add", fail)
        kept.write({exposure("a"): 1, exposure("b"): 1})
        kept.write({exposure("a"): 1, exposure("c"): 7})
    assert {"event": "exposures_dropped", "exposures": 7} in warnings
    kept.write({})
    assert numbers() == {"a": 2, "b": 1}


def test_what_a_recorder_forgets_is_never_written(database: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise DatabaseError("database is locked")

    kept = Recorder()
    with monkeypatch.context() as patched:
        patched.setattr(ExposureCount, "add", fail)
        kept.write({exposure(): 1})
    kept.forget()
    kept.write({})
    assert numbers() == {}


@pytest.mark.parametrize(
    "change",
    [{"environment": ""}, {"flag": "ä"}, {"variant": "a b"}, {"reason": "BECAUSE"}, {"reason": ""}],
    ids="".join,
)
def test_a_count_of_nothing_that_there_could_be_is_refused(database: None, change: dict[str, str]) -> None:
    with pytest.raises(IntegrityError):
        ExposureCount.add({Exposure(**{**exposure()._asdict(), **change}): 1})


def test_a_count_of_zero_is_refused(database: None) -> None:
    with pytest.raises(IntegrityError):
        ExposureCount.add({exposure(): 0})


# --- Reading ---------------------------------------------------------------------------------------------------


def test_how_often_and_when_flags_were_evaluated_can_be_asked(database: None) -> None:
    later = HOUR + timedelta(hours=2)
    ExposureCount.add(
        {
            exposure("a"): 1,
            exposure("a", hour=later): 2,
            exposure("a", "off", hour=later): 4,
            exposure("old"): 8,
            exposure("a")._replace(environment="staging"): 16,
            exposure("a")._replace(organization="org-other"): 32,
        }
    )
    counts = ExposureCount.objects
    assert counts.uses("org-tests", "production", HOUR) == {"a": Use(7, later), "old": Use(8, HOUR)}
    assert counts.uses("org-tests", "production", later) == {"a": Use(6, later), "old": Use(0, HOUR)}
    assert counts.uses("org-none", "production", HOUR) == {}
    assert counts.by_variant("org-tests", "a") == {
        "production": {"off": Use(4, later), "on": Use(3, later)},
        "staging": {"on": Use(16, HOUR)},
    }


# --- Who counts ------------------------------------------------------------------------------------------------


def test_each_answer_over_http_counts_once(client: httpx.Client, make_flag: MakeFlag) -> None:
    make_flag("plain")
    make_flag("split", rules=SPLIT)
    make_flag("none", enabled=False, off_variant="")
    before = datetime.now().astimezone() - timedelta(hours=1)
    for _ in range(2):
        assert client.post(f"{EVALUATE}/plain", json=ADA).status_code == 200
    assert client.post(f"{EVALUATE}/split", json={"context": {}}).status_code == 400
    assert client.post(f"{EVALUATE}/none", json=ADA).status_code == 200
    assert client.post(f"{EVALUATE}/nothing", json=ADA).status_code == 404
    assert client.post(f"{EVALUATE}/plain", json={}).status_code == 400
    assert written() == {("plain", "on", "STATIC"): 2, ("split", "", "ERROR"): 1, ("none", "", "DISABLED"): 1}
    assert all(row.hour > before and row.hour.minute == row.hour.second == 0 for row in ExposureCount.objects.all())


def test_asking_for_all_flags_counts_each_and_a_304_counts_none(client: httpx.Client, make_flag: MakeFlag) -> None:
    make_flag("a")
    make_flag("b", enabled=False)
    tag = client.post(EVALUATE, json=ADA).headers["etag"]
    once = {("a", "on", "STATIC"): 1, ("b", "off", "DISABLED"): 1}
    assert written() == once
    assert client.post(EVALUATE, json=ADA, headers={"If-None-Match": tag}).status_code == 304
    assert written() == once


def test_organisations_and_environments_are_counted_apart(
    organization: Organization, stranger: Organization, make_flag: MakeFlag
) -> None:
    flag = make_flag("a")
    staging = Environment.objects.create(organization=organization, key="staging")
    FlagState.objects.create(flag=flag, environment=staging, enabled=True, default_variant="off")
    make_flag("a", environment=Environment.objects.production(stranger))
    rulesets = read()
    for home, environment in ((organization, "production"), (organization, "staging"), (stranger, "production")):
        Answers(rulesets.of_environment(home.public_id, environment)).one("a", {})
    written()
    found = ExposureCount.objects.values_list("organization", "environment", "variant", "number")
    assert sorted(found) == sorted(
        [
            (organization.public_id, "production", "on", 1),
            (organization.public_id, "staging", "off", 1),
            (stranger.public_id, "production", "on", 1),
        ]
    )


def test_an_evaluation_that_is_counted_makes_no_sql(make_flag: MakeFlag, monkeypatch: pytest.MonkeyPatch) -> None:
    home = make_flag("a").organization.public_id
    answers, asked, real = Answers(read().of_environment(home, "production")), list[str](), CursorWrapper.execute

    def execute(self: Any, *arguments: Any) -> Any:
        asked.append(threading.current_thread().name)
        return real(self, *arguments)

    monkeypatch.setattr(CursorWrapper, "execute", execute)
    for _ in range(100):
        answers.one("a", {})
        answers.all({}, HOUR)
    assert threading.current_thread().name not in asked
    assert written() == {("a", "on", "STATIC"): 200}
    assert threading.current_thread().name in asked


def test_a_database_that_fails_fails_no_answer(
    client: httpx.Client, make_flag: MakeFlag, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise OperationalError("the server closed the connection unexpectedly")

    make_flag("a")
    with monkeypatch.context() as patched:
        patched.setattr(ExposureCount, "add", fail)
        for _ in range(2):
            assert client.post(f"{EVALUATE}/a", json=ADA).json()["value"] is True
            module.exposures.flush()
    assert written() == {("a", "on", "STATIC"): 2}

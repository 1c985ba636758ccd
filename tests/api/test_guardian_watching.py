"""The policies of a process: read once, kept current, and kept while the database is away."""

import asyncio
import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import structlog
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext

from api.guardian import watching
from api.guardian.watching import NONE, Policies, Watch
from api.models import Policy, Veto
from tests.api.guarded import policy

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def watch() -> Any:
    made = Watch()
    yield made
    made.keeper.stop()


def away(*_: Any) -> Any:
    raise OperationalError("no connection")


def test_two_queries_read_everything_and_what_did_not_change_is_compiled_once(watch: Watch) -> None:
    policy()
    with CaptureQueriesContext(
        connection,
    ) as queries:
        watch.look()
    assert len(queries) == 2
    first = watch.policies
    watch.look()
    assert watch.policies is first
    Policy.objects.update(pattern="else")
    watch.look()
    assert watch.policies is not first


def test_without_policies_that_are_on_there_is_nothing(watch: Watch) -> None:
    watch.look()
    assert watch.policies is NONE
    policy(enabled=False)
    watch.look()
    assert watch.policies is NONE
    assert watch.state() == (False, None)


async def test_requests_read_what_nobody_has_read_yet_once_for_all_and_start_the_thread(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[Policies] = []
    read = watching.read

    def counted(known: Policies | None = None) -> Policies:
        calls.append(read(known))
        return calls[-1]

    monkeypatch.setattr(watching, "read", counted)
    monkeypatch.setattr(watch.keeper, "every", 60.0)
    found = await asyncio.gather(*(watch.current() for _ in range(5)))
    assert set(map(id, found)) == {id(NONE)}
    assert len(calls) == 1
    assert watch.keeper.started
    assert await watch.current() is NONE
    assert len(calls) == 1


def test_another_process_sees_a_change_within_the_next_round(watch: Watch) -> None:
    watch.look()
    row = policy()
    assert watch.policies is NONE, "this watch is of another process"
    watch.look()
    [rule] = watch.policies.rules[row.project.public_id]  # type: ignore[union-attr]
    assert (rule.name, rule.enforced, rule.reason) == (row.name, True, row.reason_code)
    assert watch.state() == (True, None)


def test_what_was_read_before_a_change_of_this_process_is_not_kept(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = watching.read

    def overtaken(known: Policies | None = None) -> Policies:
        found = read(known)
        watch.changed()
        return found

    monkeypatch.setattr(watching, "read", overtaken)
    watch.look()
    assert watch.policies is None


async def test_an_outage_is_logged_once_and_the_last_policies_go_on(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "read", away)
    monkeypatch.setattr(watch.keeper, "every", 60.0)
    with structlog.testing.capture_logs() as lines:
        await asyncio.to_thread(watch.look)
        with pytest.raises(OperationalError):
            await watch.current()
    assert [line["event"] for line in lines] == ["policies_not_refreshed"]
    with pytest.raises(LookupError):
        watch.state()
    monkeypatch.undo()
    assert await watch.current() is NONE
    assert watch.failed == ""
    monkeypatch.setattr(watching, "read", away)
    watch.changed()
    assert await watch.current() is NONE
    assert watch.state() == (False, None)


async def test_whoever_waits_while_another_reads_does_not_read_again(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A request comes while the thread of the watch reads."""
    begun, go_on, calls = threading.Event(), threading.Event(), []
    read = watching.read

    def slow(known: Policies | None = None) -> Policies:
        calls.append(1)
        begun.set()
        assert go_on.wait(10)
        return read(known)

    monkeypatch.setattr(watching, "read", slow)
    thread = threading.Thread(target=watch.look)
    thread.start()
    await asyncio.to_thread(begun.wait, 10)
    monkeypatch.setattr(watch.keeper, "every", 60.0)
    asked = asyncio.ensure_future(watch.current())
    await asyncio.sleep(0)
    go_on.set()
    assert await asked is NONE
    await asyncio.to_thread(thread.join)
    assert len(calls) == 1


def test_the_last_refusal_is_that_of_any_process_and_never_an_older_one(watch: Watch) -> None:
    now = datetime.now(UTC)
    named: dict[str, Any] = {"policy_id": 1, "kind": "pattern", "endpoint": "/v1/embeddings"}
    Veto.objects.create(at=now, mode="enforce", reason_code="theirs", **named)
    Veto.objects.create(at=now + timedelta(1), mode="shadow", reason_code="shadow", **named)
    watch.look()
    assert watch.state() == (False, (now, "theirs"))
    watch.vetoed(now + timedelta(2), "ours")
    watch.look()
    assert watch.state() == (False, (now + timedelta(2), "ours"))
    watch.forget()
    assert watch.state() == (False, None)
